"""The control groups of a member: they hold all its processes, list them for the power cut, and freeze them."""

import contextlib
import os
from pathlib import Path

from .processes import wait_until

ROOT = Path("/sys/fs/cgroup")


class MemberCgroup:
    """On a host with cgroup v1: the freezer hierarchy (the container never sees it, so nothing leaves it), and a group
    in "systemd" and "unified" for the container's own systemd. On cgroup v2 one group does all."""

    def __init__(self, name: str) -> None:
        self._v1 = (ROOT / "freezer").is_dir()
        hierarchies = ["freezer", "systemd", "unified"] if self._v1 else [""]
        self.groups = [ROOT / hierarchy / name for hierarchy in hierarchies if (ROOT / hierarchy).is_dir()]
        self._all = self.groups[0]

    def create(self) -> None:
        for group in self.groups:
            group.mkdir(exist_ok=True)

    def entry_files(self, leader: int | None = None) -> list[Path]:
        """Where a process writes its number to join: the member as a whole, or beside the container's first process."""
        if leader is None:
            return [group / "cgroup.procs" for group in self.groups]
        files = [self._all / "cgroup.procs"] if self._v1 else []
        for line in Path(f"/proc/{leader}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "" or controllers == "name=systemd":
                hierarchy = "" if not self._v1 else "systemd" if controllers else "unified"
                files.append(ROOT / hierarchy / path.lstrip("/") / "cgroup.procs")
        return [file for file in files if file.exists()]

    def pids(self) -> list[int]:
        found: list[int] = []
        for group in [self._all, *self._all.rglob("*/")]:
            with contextlib.suppress(OSError):
                found += [int(word) for word in (group / "cgroup.procs").read_text().split()]
        return found

    def frozen(self) -> bool:
        with contextlib.suppress(OSError):
            if self._v1:
                return (self._all / "freezer.state").read_text().strip() != "THAWED"
            return (self._all / "cgroup.freeze").read_text().strip() == "1"
        return False

    def freeze(self) -> None:
        """Asks the kernel; see wait_frozen."""
        self._write("FROZEN", "1")

    def thaw(self) -> None:
        self._write("THAWED", "0")

    def is_still(self) -> bool:
        """Every process of the member stands still; true of a member that is off."""
        with contextlib.suppress(FileNotFoundError):
            if self._v1:
                return (self._all / "freezer.state").read_text().strip() == "FROZEN"
            return "frozen 1" in (self._all / "cgroup.events").read_text()
        return True

    def wait_frozen(self, timeout: float) -> None:
        def again() -> bool:
            self.freeze()  # v1: a process that was forking is caught by writing again
            return self.is_still()
        wait_until(again, "every process of the member to stand still (one may wait for a hung disk)", timeout, 0.01)

    def remove(self) -> None:
        for group in self.groups:
            for directory, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(FileNotFoundError):
                    os.rmdir(directory)

    def _write(self, v1: str, v2: str) -> None:
        file, value = ("freezer.state", v1) if self._v1 else ("cgroup.freeze", v2)
        with contextlib.suppress(FileNotFoundError):
            (self._all / file).write_text(value)
