"""What the cut of one of eight wires does to a transfer: the longest time without a byte."""

import contextlib
import time
from collections.abc import Callable

from . import routes
from .load import Flow
from .members import Members
from .report import absolute, compared, take_turns
from .throughput import bonded
from .wires import Wires

_ROUNDS = 5
_BEFORE_S = 1.0
_AFTER_S = 1.5


def cut_down(wanted: set[str]) -> None:
    _cut("cut-down", Wires.cut, "ours < 40", wanted)


def cut_silent(wanted: set[str]) -> None:
    _cut("cut-silent", Wires.cut_silently, "ours < 100", wanted)


def _cut(name: str, cut: Callable[[Wires, int], None], absolute_target: str, wanted: set[str]) -> None:
    with bonded([200] * 8) as (wires, members):
        def through_mptcp() -> tuple[float, float]:
            with wires.all_subflows():
                return _longest_gap(wires, members, cut, routes.mptcp())

        contenders = {"ours": lambda: _longest_gap(wires, members, cut, routes.ours("bulk"))}
        if name in wanted:
            contenders["mptcp"] = through_mptcp
        found = take_turns(name, _ROUNDS, contenders, lambda gaps: f"{gaps[0]:.0f} ms (before: {gaps[1]:.0f} ms)")
    ours = [gap for gap, _ in found["ours"]]
    if name in wanted:
        compared(name, ours, [gap for gap, _ in found["mptcp"]], "ms", "ratio <= 0.5")
    if f"{name}-ms" in wanted:
        absolute(f"{name}-ms", ours, "ms", absolute_target)


def _longest_gap(wires: Wires, members: Members, cut: Callable[[Wires, int], None],
                 route: routes.Route) -> tuple[float, float]:
    """In ms: after the cut, and before it for comparison (what the machine does to everybody). All wires are whole, and
    all channels up, when this begins and ends."""
    victim = None
    try:
        with contextlib.closing(Flow(route, skip=0.5, window=_BEFORE_S + _AFTER_S - 0.5)) as flow:
            time.sleep(_BEFORE_S / 2)
            before = wires.sent_bytes()
            time.sleep(_BEFORE_S / 2)  # the transfer is at full speed then
            victim = _busiest(before, wires.sent_bytes())
            began = time.monotonic()
            cut(wires, victim)
            moved = flow.result()
    finally:
        if victim is not None:
            wires.heal(victim)
        members.wait_up()
    return (moved.longest_gap(began, began + _AFTER_S) * 1e3, moved.longest_gap(began - _BEFORE_S / 2, began) * 1e3)


def _busiest(before: list[int], after: list[int]) -> int:
    """The wire on which most went: who uses only one is cut there. Wire 0 only when next to nothing goes over the
    others: it carries MPTCP's first subflow, whose loss is worse than that of another."""
    sent = [late - early for early, late in zip(before, after, strict=True)]
    most = max(range(1, len(sent)), key=sent.__getitem__)
    return most if sent[most] > sent[0] / 10 else 0
