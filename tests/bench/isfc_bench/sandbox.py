"""Where the benchmark runs: namespaces of its own for mounts, processes and networks, and a Debian 13 root at ROOT.

Nothing has to be undone. The first process of the process namespace is the benchmark; when it ends, for whatever
reason, the kernel kills every other process in there, and with them go mounts, network namespaces and interfaces.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path("/mnt")  # the member tree, as the benchmark sees it
SHARED = "/run/bench"  # a tmpfs in it
PROGRAMS = "/mnt"  # the build directory in it
_INSIDE = "SSI_BENCH_INSIDE"
_PR_SET_PDEATHSIG = 1
_PRIORITY = -10
_processors: dict[str, str] = {}  # by network


class BenchError(Exception):
    """Why a case could not be measured."""


def say(text: str) -> None:
    print(f"isfc: {text}", file=sys.stderr, flush=True)


def run(*command: str, timeout: float = 20) -> str:
    """A command of the host, to its end."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise BenchError(f"'{' '.join(command)}' failed with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def is_inside() -> bool:
    return _INSIDE in os.environ


def run_inside(program: Path, arguments: Sequence[str]) -> int:
    """Runs the program again, inside; returns its exit status. However this one ends, so does that one."""
    def die_with_parent() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    command = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
               sys.executable, str(program), *arguments]
    with subprocess.Popen(command, env={**os.environ, _INSIDE: "1"}, preexec_fn=die_with_parent) as process:
        try:
            return process.wait()
        except BaseException:
            process.kill()
            raise


def go_first() -> None:
    """Everything that is measured goes before what else runs on the machine, so that it is disturbed less."""
    os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    os.setsid()  # where the kernel groups tasks by session, it is the group that has to have the priority
    with contextlib.suppress(FileNotFoundError):
        Path("/proc/self/autogroup").write_text(str(_PRIORITY))


def furnish(tree: Path, build: Path) -> None:
    """Inside: mounts the root and what belongs into it. No write reaches the tree."""
    run("mount", "-t", "tmpfs", "tmpfs", "/run")  # where ip(8) keeps the names of network namespaces
    run("mount", "--bind", str(tree), str(ROOT))
    run("mount", "-o", "remount,bind,ro", str(ROOT))
    for place in ("run", "tmp"):
        run("mount", "-t", "tmpfs", "tmpfs", str(ROOT / place))
    run("mount", "-t", "proc", "proc", str(ROOT / "proc"))
    run("mount", "--rbind", "/dev", str(ROOT / "dev"))
    run("mount", "--bind", str(build), f"{ROOT}{PROGRAMS}")
    on_host(SHARED).mkdir()


def on_host(path: str) -> Path:
    """A path inside the root, as this program sees it."""
    return Path(f"{ROOT}{path}")


@contextlib.contextmanager
def one_processor_each(*networks: str) -> Iterator[None]:
    """What is started in there runs on a processor of its network alone, as if each were a machine with one."""
    _processors.update({network: str(number) for number, network in enumerate(networks)})
    try:
        yield
    finally:
        _processors.clear()


def command_inside(*command: str, network: str | None = None, environment: Sequence[str] = ()) -> list[str]:
    """The command line for a command in the root, and in a network namespace. Everything in it replaces itself, so
    that the process started with it is the command."""
    enter = ["nsenter", f"--net=/run/netns/{network}"] if network else []
    stay = ["taskset", "--cpu-list", _processors[network]] if network in _processors else []
    return [*enter, *stay, "chroot", str(ROOT), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin", "LC_ALL=C.UTF-8",
            *environment, *command]


class Process:
    """A program in the root. Its standard error goes into a file, the end of which is shown when it fails."""

    def __init__(self, name: str, *command: str, network: str | None = None, environment: Sequence[str] = ()) -> None:
        self.name = name
        self._log = on_host(f"/tmp/{name}.log")
        self._buffer = b""
        with open(self._log, "wb") as log:
            self._popen = subprocess.Popen(command_inside(*command, network=network, environment=environment),
                                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        os.set_blocking(self._popen.stdout.fileno(), False)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def runs(self) -> bool:
        return self._popen.poll() is None

    def read_line(self, timeout: float) -> dict:
        """The next line of JSON. BenchError when the program says what went wrong, or nothing."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._popen.stdout], [], [], left)[0]:
                raise self.failure(f"said nothing for {timeout:g} s")
            part = os.read(self._popen.stdout.fileno(), 1 << 20)
            if not part:
                raise self.failure("ended")
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer = json.loads(line)
        if "error" in answer:
            raise self.failure(answer["error"])
        return answer

    def cpu_seconds(self) -> float:
        """User and system time of all its threads so far; from the kernel's accounts in steps of 10 ms."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait(self, timeout: float) -> float:
        """Until it has ended by itself; returns all its CPU time in seconds."""
        deadline = time.monotonic() + timeout
        pidfd = os.pidfd_open(self.pid)
        try:
            if not select.select([pidfd], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise self.failure(f"did not end within {timeout:g} s")
        finally:
            os.close(pidfd)
        _, status, used = os.wait4(self.pid, 0)
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        return used.ru_utime + used.ru_stime

    def close(self) -> None:
        """Kills it if it still runs."""
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()
        self._popen.stdout.close()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def failure(self, what: str) -> BenchError:
        end = "\n    ".join(self.log().splitlines()[-15:])
        return BenchError(f"{self.name}: {what}" + (f"\n    {end}" if end else ""))


def wait_until(condition, what: str, timeout: float = 15) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"waited {timeout:g} s for {what}")
        time.sleep(0.02)
