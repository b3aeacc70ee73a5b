"""From a power cut to the guest's QEMU on another member: ours, and Pacemaker's by turns."""

import contextlib
import time
from collections.abc import Callable
from typing import Protocol

from isfc_bench.report import absolute, compared
from pacemaker_peer.cluster import DEFAULT_TOTEM, TUNED_TOTEM, PacemakerCluster
from ssilab import Lab, LabError

from .executions import Executions
from .machine import GUEST, Labs, cuts, say
from .ours import Ours
from .stages import stages

FENCE_ANSWER_S = 0.1
_RESTART_TIMEOUT_S = 90


class Contender(Protocol):
    lab: Lab

    def settle(self) -> str:
        """Everything is up, quiet, and the guest runs: on the member whose name is returned."""

    def describe(self) -> str:
        """What its own command says now: for the report of a restart that did not come."""


def restart_time(contender: Contender) -> tuple[float, float]:
    """Cuts the power of the member where the guest is. (seconds until its QEMU was executed on another, CLOCK_MONOTONIC
    of the cut)."""
    lab, victim = contender.lab, contender.settle()
    with contextlib.closing(Executions(lab, [name for name in lab.members if name != victim])) as executions:
        begun = time.monotonic()
        lab.crash(victim)
        try:
            return executions.wait(GUEST, _RESTART_TIMEOUT_S) - begun, begun
        except LabError as error:
            raise LabError(f"power cut of {victim}: {error}\n{contender.describe()}") from error


def power_cuts(chosen: set[str], labs: Labs) -> None:
    """The cases agent, agent-pacemaker, agent-pacemaker-tuned."""
    ours = Ours(labs.ours("a", members=3, fence_answer_s=FENCE_ANSWER_S))
    turns: dict[str, Callable[[], tuple[float, float]]] = {"ours": lambda: restart_time(ours)}
    if chosen - {"agent"}:
        peer = PacemakerCluster(labs.peer("p", members=3, fence_answer_s=FENCE_ANSWER_S), GUEST)
        peer.prepare()
        for case, totem in (("agent-pacemaker", DEFAULT_TOTEM), ("agent-pacemaker-tuned", TUNED_TOTEM)):
            if case in chosen:
                turns[case] = lambda totem=totem: _with_totem(peer, totem)
    found: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(cuts()):
        # Who was first in one round is last in the next: a load that grows or shrinks meanwhile favours nobody.
        for name in turns if number % 2 == 0 else reversed(turns):
            seconds, begun = turns[name]()
            found[name].append(seconds)
            detail = f" ({stages(ours.lab, GUEST, begun)})" if name == "ours" else ""
            say(f"cut {number + 1}/{cuts()}: {name} {seconds:.2f} s{detail}")
    if "agent" in chosen:
        absolute("agent", found["ours"], "s", "ours <= 2.5", digits=2)
    for case, target in (("agent-pacemaker", "ratio <= 0.3333"), ("agent-pacemaker-tuned", "ratio <= 0.7")):
        if case in chosen:
            compared(case, found["ours"], found[case], "s", target, digits=2)


def watchdog(_chosen: set[str], labs: Labs) -> None:
    """The case watchdog: no fence agent, so that only T_dead proves a death (SAFETY 13 b)."""
    ours = Ours(labs.ours("w", members=3, fence=False))
    found = []
    for number in range(cuts()):
        seconds, begun = restart_time(ours)
        found.append(seconds)
        say(f"watchdog: cut {number + 1}/{cuts()}: {seconds:.2f} s ({stages(ours.lab, GUEST, begun)})")
    absolute("watchdog", found, "s", "ours <= 15", digits=2)


def _with_totem(peer: PacemakerCluster, totem: dict[str, int]) -> tuple[float, float]:
    peer.set_totem(totem)
    return restart_time(peer)
