"""A control message among bulk: its round trip while 16 bulk streams fill 16 wires, against an idle link."""

import contextlib

from . import routes
from .load import Flow, round_trips
from .report import compared, take_turns
from .sandbox import one_processor_each, say
from .throughput import bonded

_ROUNDS = 5
_PING_S = 1.5
_SETTLE_S = 0.7


def control(wanted: set[str]) -> None:
    def under_load(message: routes.Route, bulk: routes.Route, streams: int) -> float:
        with contextlib.closing(Flow(bulk, skip=_SETTLE_S, window=_SETTLE_S + _PING_S, streams=streams)) as flow:
            found = round_trips(message, seconds=_PING_S, after=_SETTLE_S)["p99_us"]
            say(f"control: beside {flow.result().bits_per_second / 1e6:.0f} Mbit/s")
            return found

    # The kernel places a program near the one that woke it: two members on one machine would end up on one processor,
    # behind each other, with the second one idle.
    with one_processor_each("one", "two"), bonded([200] * 16):
        contenders = {
            "idle": lambda: round_trips(routes.ours("control"), seconds=_PING_S)["p99_us"],
            "loaded": lambda: under_load(routes.ours("control"), routes.ours("bulk"), streams=16),
        }
        if "control-tcp" in wanted:
            # On wire 0, which one of 16 bulk streams fills.
            contenders["tcp"] = lambda: under_load(routes.tcp(port=routes.ECHO_PORT), routes.tcp(wires=16), streams=1)
        found = take_turns("control", _ROUNDS, contenders, lambda p99: f"p99 {p99:.0f} us")
    if "control" in wanted:
        compared("control", found["loaded"], found["idle"], "us", "ratio <= 3")
    if "control-tcp" in wanted:
        compared("control-tcp", found["loaded"], found["tcp"], "us")
