"""What an idle logical link of 16 channels holds: an isfcd with one, and with five of them."""

import contextlib
import time

from .members import Cable, Members
from .report import absolute
from .wires import Wires

CHANNELS = 16
MOST_PEERS = 5
_MIB = 1 << 20
_IDLE_S = 2.0  # heartbeats have gone both ways


def memory(_: set[str]) -> None:
    with contextlib.closing(Wires([])):
        grown = _private_memory(MOST_PEERS) - _private_memory(1)
    absolute("memory", [grown / (MOST_PEERS - 1) / _MIB], "MiB", "ours <= 4", digits=2)


def _private_memory(peers: int) -> int:
    """Of MEMBER1 in bytes; everything on the loopback of one namespace."""
    cables = [Cable((1, slot), (f"127.1.{slot}.{index + 1}", f"127.2.{slot}.{index + 1}"))
              for slot in range(2, peers + 2) for index in range(CHANNELS)]
    with contextlib.closing(Members(cables, ["one"] * (peers + 1))) as members:
        members.wait_up(timeout=30)
        time.sleep(_IDLE_S)
        return members.private_memory(1)
