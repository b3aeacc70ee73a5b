"""The labs of one run of the benchmark, and what it says meanwhile."""

import contextlib
import os
import signal
import sys

from pacemaker_peer.layer import peer_layer
from ssilab import Lab, LabError
from ssilab.orphans import take_down_orphans
from ssilab.packages import package_files

GUEST = "g"
_DISK_SIZE = 16 << 20
_PREFIX = "fo"


def say(text: str) -> None:
    print(f"failover: {text}", file=sys.stderr, flush=True)


def cuts() -> int:
    """Power cuts of each contender."""
    return int(os.environ.get("SSI_BENCH_CUTS", "10"))


class Labs(contextlib.ExitStack):
    """Labs that are taken down when the cases that need them are done, however that ends."""

    def ours(self, letter: str, members: int, fence_answer_s: float = 0.0, fence: bool = True) -> Lab:
        """With our packages, timers as they are by default, and the guest defined."""
        if not package_files():
            raise LabError("there are no packages in build/deb: scripts/build-deb makes them")
        lab = self._new(letter)
        lab.up(members, links=4, timing_scale=1.0, fence_answer_s=fence_answer_s, fence=fence)
        lab.wait_joined()
        lab.lun_create("G", _DISK_SIZE)
        lab.guest_create(GUEST, disks=["G"])
        return lab

    def peer(self, letter: str, members: int, fence_answer_s: float) -> Lab:
        """The same members with Pacemaker instead of our packages."""
        layer = peer_layer()
        lab = self._new(letter)
        lab.up(members, links=4, packages=False, other_layer=layer, fence_answer_s=fence_answer_s)
        lab.lun_create("G", _DISK_SIZE)
        return lab

    def _new(self, letter: str) -> Lab:
        lab = Lab(f"{_PREFIX}{os.getpid()}{letter}")
        self.callback(_take_down, lab)
        return lab


def clear_leftovers() -> None:
    take_down_orphans(_PREFIX)


def _take_down(lab: Lab) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # told twice, it is not to be left half done
    lab.down()
