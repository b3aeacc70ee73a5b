"""The links between two halves of a cluster are cut and the PDR is there: nobody dies, and one half goes on working."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from isfc_bench.report import absolute
from ssilab import Lab

from .bystander import Bystander
from .guests import start_guest_on_each
from .machine import Labs, say

TARGET_S = 5
SPLIT_S = 20  # how long it lasts: beyond T_dead
_TRY_AGAIN = 'until virsh -q start "$1" 2>/dev/null; do :; done'


def split2(chosen: set[str], labs: Labs) -> None:
    """The cases split2 and split2-stopped."""
    _split("split2", chosen, labs.ours("c", members=2))


def split4(chosen: set[str], labs: Labs) -> None:
    """The cases split4 and split4-stopped."""
    _split("split4", chosen, labs.ours("d", members=4))


def _split(name: str, chosen: set[str], lab: Lab) -> None:
    bystander = Bystander(lab, start_guest_on_each(lab))
    half = len(lab.members) // 2
    sides = [lab.members[:half], lab.members[half:]]
    newcomers = {side[0]: f"new{index}" for index, side in enumerate(sides, start=1)}
    for guest in newcomers.values():
        lab.guest_create(guest)
    begun = time.monotonic()
    for one in sides[0]:
        for other in sides[1]:
            lab.cut(one, other)
    with ThreadPoolExecutor() as pool:
        started = dict(zip(newcomers, pool.map(lambda at: _start_time(lab, at, newcomers[at], begun), newcomers)))
    lab.heal()
    lab.wait_joined(60)
    stopped, fenced = bystander.stopped(), bystander.fenced()
    shown = ", ".join(f"{at} {'never' if after is None else f'after {after:.1f} s'}" for at, after in started.items())
    say(f"{name}: a new guest started at {shown}; stopped {', '.join(stopped) or 'no guest'}, "
        f"fenced {', '.join(fenced) or 'no member'}")
    if name in chosen:
        first = min((after for after in started.values() if after is not None), default=float(SPLIT_S))
        absolute(name, [first], "s", f"ours <= {TARGET_S}", digits=2)
    if f"{name}-stopped" in chosen:
        absolute(f"{name}-stopped", [len(stopped) + len(fenced)], "guests+members", "ours <= 0", digits=0)


def _start_time(lab: Lab, member: str, guest: str, begun: float) -> float | None:
    """Seconds from `begun` until the guest was started there; None if the split ended first."""
    command = lab.member(member).command_line("timeout", f"{SPLIT_S}", "sh", "-c", _TRY_AGAIN, "sh", guest)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        code = process.wait(SPLIT_S + 30)
    after = time.monotonic() - begun
    return after if code == 0 else None
