"""Names and places of one lab. Everything a lab makes is found again by these names, whatever became of the tool."""

import contextlib
import fcntl
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .processes import LabError, wait_until

_LOCK_TIMEOUT = 60.0


@dataclass
class Cluster:
    """What `up` was asked for; kept in cluster.json."""

    uuid: str
    members: list[str]
    links: int
    timing_scale: float = 2.0
    packages: str = ""  # the layer with our packages unpacked; empty: none
    layer: str = ""  # another layer, with what is compared with ours (tests/bench); empty: none
    fence_answer_s: float = 0.0  # the fence agent answers no sooner than this; 0: as soon as it can
    fence: bool = True  # there is a fence agent
    machines: bool = False  # members are virtual machines, not containers
    watchdog: str = "hardware"  # or "soft", in machines: their kernel's softdog
    luns: dict[str, int] = field(default_factory=dict)  # name -> bytes

    @property
    def tree(self) -> str:
        """Which of scripts/trees is the root of the members."""
        return "machine" if self.machines else "member"

    def slot(self, member: str) -> int:
        return self.members.index(member) + 1


class Layout:
    """Where a lab keeps its things."""

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", name):
            raise LabError(f"'{name}' is no name for a lab: 1 to 16 small letters and digits, a letter first")
        self.name = name
        self.prefix = f"ssi-lab-{name}"
        self.state = Path("/var/lib/ssi-lab") / name
        self.runtime = Path("/run") / self.prefix
        self.devices = Path("/dev") / self.prefix
        self.shared = self.state / "shared"
        self.luns = self.state / "luns"
        self.pki = self.state / "pki"
        self.events = self.state / "events.jsonl"

    def unit(self, member: str) -> str:
        """The name of the member's network namespace, and of its container and cgroups."""
        return f"{self.prefix}-{member}"

    def member_state(self, member: str) -> Path:
        return self.state / "members" / member

    def member_runtime(self, member: str) -> Path:
        return self.runtime / member

    def sockets(self, member: str) -> Path:
        """Bind-mounted at /run/ssi-lab in the member."""
        return self.member_runtime(member) / "sockets"

    def load(self) -> Cluster:
        try:
            return Cluster(**json.loads((self.state / "cluster.json").read_text()))
        except FileNotFoundError as missing:
            raise LabError(f"lab '{self.name}' is not up: ssi-lab --name {self.name} up") from missing

    def store(self, cluster: Cluster) -> None:
        partial = self.state / "cluster.json.partial"
        partial.write_text(json.dumps(asdict(cluster), indent=2))
        partial.rename(self.state / "cluster.json")

    @contextlib.contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """One at a time over all processes of this lab: "power-MEMBER", "links", "luns", "guests"."""

        def taken() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True
        locks = self.runtime / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with open(locks / what, "w", encoding="ascii") as file:
            wait_until(taken, f"another command of lab '{self.name}' that holds {locks / what} (fuser tells which)",
                       _LOCK_TIMEOUT, 0.01)
            yield
