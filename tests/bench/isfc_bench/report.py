"""Rounds in which ours and its peers take turns, and the cases that come of them."""

import json
import statistics
from collections.abc import Callable, Sequence
from typing import TypeVar

from .sandbox import say

Measured = TypeVar("Measured")


def take_turns(what: str, rounds: int, contenders: dict[str, Callable[[], Measured]],
               show: Callable[[Measured], str]) -> dict[str, list[Measured]]:
    """Each measures once in every round; who was first in one is last in the next: a load that grows or shrinks
    meanwhile favours nobody."""
    found: dict[str, list[Measured]] = {name: [] for name in contenders}
    for number in range(rounds):
        names = list(contenders) if number % 2 == 0 else list(reversed(contenders))
        for name in names:
            found[name].append(contenders[name]())
        say(f"{what} {number + 1}/{rounds}: "
            + ", ".join(f"{name} {show(values[-1])}" for name, values in found.items()))
    return found


def compared(name: str, ours: Sequence[float], peer: Sequence[float], unit: str, target: str | None = None,
             digits: int = 1) -> None:
    """Prints a case. Its ratio is the median of the rounds' ratios, not the ratio of the medians: the two of a round
    ran right after each other under the same load."""
    case = {"name": name, "ours": round(statistics.median(ours), digits),
            "peer": round(statistics.median(peer), digits), "unit": unit,
            "ratio": round(statistics.median(mine / theirs for mine, theirs in zip(ours, peer, strict=True)), 4)}
    _print(case | ({"target": target} if target else {}))


def absolute(name: str, ours: Sequence[float], unit: str, target: str | None = None, digits: int = 1) -> None:
    """Prints a case without a peer."""
    case = {"name": name, "ours": round(statistics.median(ours), digits), "unit": unit}
    _print(case | ({"target": target} if target else {}))


def _print(case: dict) -> None:
    print(json.dumps(case), flush=True)
