"""Commands with a time limit, processes known by more than a number, and waiting with a deadline."""

import errno
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")


class LabError(Exception):
    """What went wrong and what to do about it, in words for the one who typed the command."""


def say(text: str) -> None:
    """A progress line."""
    print(f"ssi-lab: {text}", file=sys.stderr, flush=True)


def run(*command: str, timeout: float = 30, show: bool = False, input_text: str | None = None) -> str:
    """Runs a command to its end and returns its standard output. LabError if it fails or takes longer."""
    try:
        done = subprocess.run(command, timeout=timeout, text=True, input=input_text,
                              stdin=None if input_text is not None else subprocess.DEVNULL,
                              stdout=None if show else subprocess.PIPE, stderr=None if show else subprocess.PIPE)
    except subprocess.TimeoutExpired as expired:
        raise LabError(f"'{' '.join(command)}' did not end within {timeout:g} s") from expired
    except FileNotFoundError as missing:
        raise LabError(f"{command[0]} is not installed on this host: run scripts/bootstrap") from missing
    if done.returncode != 0:
        said = (done.stderr or done.stdout or "").strip()
        raise LabError(f"'{' '.join(command)}' failed with {done.returncode}" + (f": {said}" if said else ""))
    return done.stdout or ""


def wait_until(condition: Callable[[], Answer], what: str, timeout: float, interval: float = 0.05) -> Answer:
    """Polls until condition() is true (and returns its value); LabError "waited N s for WHAT" at the deadline."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise LabError(f"waited {timeout:g} s for {what}")
        time.sleep(interval)


def start_time(pid: int) -> int | None:
    """When the process began, in clock ticks since boot: with the number it names one process for good."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def children_of(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def record_process(file: Path, pid: int) -> None:
    """Writes a process of the lab down: a later command, or `down` after a crash, ends this one and no other."""
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps({"pid": pid, "start_time": start_time(pid)}))
    partial.rename(file)


def recorded_process(file: Path) -> int | None:
    """The pid in a record if that very process still runs."""
    try:
        record = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return record["pid"] if record["start_time"] and start_time(record["pid"]) == record["start_time"] else None


def end_recorded_process(file: Path, what: str, timeout: float = 5) -> None:
    """Kills the process of a record, sees it dead, removes the record."""
    pid = recorded_process(file)
    if pid is not None:
        kill_and_wait([pid], what, timeout)
    file.unlink(missing_ok=True)


def kill_and_wait(pids: Iterable[int], what: str, timeout: float) -> None:
    """SIGKILL to each, then waits by pidfd until all are dead."""
    waiting: dict[int, int] = {}
    try:
        for pid in pids:
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            waiting[descriptor] = pid
            try:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_dead(waiting, what, timeout)
    finally:
        for descriptor in waiting:
            os.close(descriptor)


def wait_dead(pidfds: dict[int, int], what: str, timeout: float) -> None:
    """Waits until every pidfd of {pidfd: pid} says that its process is dead."""
    poller = select.poll()
    for descriptor in pidfds:
        poller.register(descriptor, select.POLLIN)
    left = dict(pidfds)
    deadline = time.monotonic() + timeout
    while left:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise LabError(f"waited {timeout:g} s for the end of {what}; still there: {sorted(left.values())}")
        for descriptor, _ in poller.poll(remaining * 1000):
            poller.unregister(descriptor)
            left.pop(descriptor, None)


def ignore_missing(action: Callable[[], object]) -> None:
    """Calls action; that the thing is not there (any more) is no error."""
    try:
        action()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV, errno.ESRCH, errno.EINVAL, errno.ENXIO):
            raise
