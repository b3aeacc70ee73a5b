"""When a QEMU comes to life: the kernel says it at the moment, and nobody has to look again and again meanwhile."""

import contextlib
import ctypes
import os
import select
import struct
import time
from collections.abc import Iterable
from pathlib import Path

from ssilab import Lab, LabError

QEMU = "usr/bin/qemu-system-x86_64"

_FAN_CLOEXEC, _FAN_NONBLOCK = 1, 2
_FAN_MARK_ADD = 1
_FAN_OPEN_EXEC = 0x1000
_AT_FDCWD = -100
_EVENT = struct.Struct("=IBBHQii")  # struct fanotify_event_metadata
_EXEC_TIME_S = 10.0  # from the open of the program to the end of execve: read from a cold disk it takes its time

_libc = ctypes.CDLL(None, use_errno=True)


class Executions:
    """Watches the QEMU binary of members from now on."""

    def __init__(self, lab: Lab, members: Iterable[str]) -> None:
        self._descriptor = _libc.fanotify_init(_FAN_CLOEXEC | _FAN_NONBLOCK, os.O_RDONLY | os.O_CLOEXEC)
        _check(self._descriptor, "fanotify_init")
        for member in members:
            path = lab.member(member).root / QEMU
            _check(_libc.fanotify_mark(self._descriptor, _FAN_MARK_ADD, ctypes.c_uint64(_FAN_OPEN_EXEC), _AT_FDCWD,
                                       os.fsencode(path)), f"fanotify_mark of {path}")

    def wait(self, guest: str, timeout: float) -> float:
        """CLOCK_MONOTONIC at which a member executed the QEMU of the guest."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._descriptor], [], [], left)[0]:
                break
            now = time.monotonic()
            for pid in self._pids():
                if _runs(pid, guest):
                    return now
        raise LabError(f"waited {timeout:g} s for the QEMU of {guest} on another member")

    def close(self) -> None:
        os.close(self._descriptor)

    def _pids(self) -> list[int]:
        try:
            buffer = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return []
        pids = []
        while buffer:
            length, _, _, _, _, descriptor, pid = _EVENT.unpack_from(buffer)
            if descriptor >= 0:
                os.close(descriptor)
            pids.append(pid)
            buffer = buffer[length:]
        return pids


def _runs(pid: int, guest: str) -> bool:
    """The process is, or is about to be, the guest's QEMU: libvirt also starts QEMUs to see what they can do."""
    deadline = time.monotonic() + _EXEC_TIME_S
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()  # empty while execve sets them up
            if arguments and os.readlink(f"/proc/{pid}/exe").endswith(QEMU):
                return f"guest={guest},".encode() in arguments
            time.sleep(0.001)
    return False


def _check(result: int, what: str) -> None:
    if result < 0:
        raise LabError(f"{what}: {os.strerror(ctypes.get_errno())}")
