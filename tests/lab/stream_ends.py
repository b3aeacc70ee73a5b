"""Programs at the two ends of a stream; member_program.py runs them in members. Each prints what it sees, a line each.

echo PATH           a service: every connection gets its bytes back
hold PATH COUNT     opens COUNT connections to an echo, has each give back bytes of its own, now and once more for each
                    line on standard input; all stay open
receive PATH        a service for one connection: how it ended, how many bytes came, their SHA-256
send PATH BYTES     so many random bytes to a receive: the same words

Every program but send ends when its standard input does.
"""

import errno
import hashlib
import os
import selectors
import socket
import sys
import time

CHUNK = 64 * 1024
MOST_WAITING = 4096


def say(text: str) -> None:
    print(text, flush=True)


def listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(MOST_WAITING)
    say("ready")
    return listener


def connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def echo(path: str) -> None:
    listener = listen(path)
    selector = selectors.EpollSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                return
            if key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ)
            elif received := key.fileobj.recv(CHUNK):
                key.fileobj.sendall(received)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()


def hold(path: str, count: int) -> None:
    connections = [connect(path) for _ in range(count)]
    echo_round(connections, 0)
    for number, _ in enumerate(sys.stdin, 1):
        echo_round(connections, number)


def echo_round(connections: list[socket.socket], number: int) -> None:
    begun = time.monotonic()
    sent = [f"connection {index} round {number}\n".encode() for index in range(len(connections))]
    for connection, text in zip(connections, sent):
        connection.sendall(text)
    right = sum(connection.recv(len(text), socket.MSG_WAITALL) == text for connection, text in zip(connections, sent))
    say(f"{right} right in {time.monotonic() - begun:.3f} s")


def receive(path: str) -> None:
    connection, _ = listen(path).accept()
    connection.sendall(b"!")  # who never wrote is not told of an error by the kernel: docs/architecture.md
    digest, count = hashlib.sha256(), 0
    try:
        while received := connection.recv(CHUNK):
            digest.update(received)
            count += len(received)
        say(f"whole {count} {digest.hexdigest()}")
    except OSError as error:
        say(f"{errno.errorcode[error.errno]} {count} {digest.hexdigest()}")
    sys.stdin.read()


def send(path: str, size: int) -> None:
    connection = connect(path)
    digest, count = hashlib.sha256(), 0
    try:
        while count < size:
            chunk = os.urandom(min(CHUNK, size - count))
            connection.sendall(chunk)
            digest.update(chunk)
            count += len(chunk)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        say(f"whole {count} {digest.hexdigest()}")
    except OSError as error:
        say(f"{errno.errorcode[error.errno]} {count} {digest.hexdigest()}")


def main() -> None:
    verb, path, *number = sys.argv[1:]
    {"echo": echo, "hold": hold, "receive": receive, "send": send}[verb](path, *map(int, number))


main()
