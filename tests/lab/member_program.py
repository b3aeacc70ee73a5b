"""A program that runs in a member while the test goes on."""

import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

from ssilab import Lab, LabError

_STREAM_ENDS = "stream_ends.py"
# More than a shell gives; within what any host lets its root have.
_MOST_FILES = 12288


def stream_end(lab: Lab, member: str, *arguments: str) -> "MemberProgram":
    """A program of stream_ends.py."""
    shutil.copyfile(Path(__file__).with_name(_STREAM_ENDS), lab.layout.shared / _STREAM_ENDS)
    return MemberProgram(lab, member, "prlimit", f"--nofile={_MOST_FILES}", "python3", f"/srv/ssi-lab/{_STREAM_ENDS}",
                         *arguments)


class MemberProgram:
    """Lines in, lines out, from the beginning of a `with` block to its end. It should end when its standard input
    does; else it is killed."""

    def __init__(self, lab: Lab, member: str, *command: str) -> None:
        self._name = f"{' '.join(command)} on {member}"
        self._unread = b""
        self._process = subprocess.Popen(lab.member(member).command_line(*command), stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def __enter__(self) -> "MemberProgram":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process.stdout.close()

    def tell(self, line: str) -> None:
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def line(self, timeout: float = 20) -> str:
        """The next line that it prints. LabError when none comes in time."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise LabError(f"waited {timeout:g} s for a word of {self._name}")
            came = os.read(self._process.stdout.fileno(), 65536)
            if not came:
                raise LabError(f"{self._name} ended: {self._unread.decode(errors='replace')}")
            self._unread += came
        line, self._unread = self._unread.split(b"\n", 1)
        return line.decode()
