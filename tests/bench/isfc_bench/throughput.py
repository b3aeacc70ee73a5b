"""One stream over many wires: bond16, bond16-mptcp, unequal4, and what encryption costs: crypto1, crypto4."""

import contextlib
from collections.abc import Iterator, Sequence

from . import routes
from .load import GIB, Transfer, transfer
from .members import Members, wire_cables
from .report import compared, take_turns
from .wires import Wires

_ROUNDS = 5
_CRYPTO_ROUNDS = 7  # no throttle: the machine's own noise is in them


@contextlib.contextmanager
def bonded(rates: Sequence[int | None]) -> Iterator[tuple[Wires, Members]]:
    """Two members on wires of these rates; all channels are up."""
    with contextlib.closing(Wires(rates)) as wires, \
            contextlib.closing(Members(wire_cables(wires.count), ["one", "two"])) as members:
        members.wait_up()
        yield wires, members
        members.check()


def bond16(wanted: set[str]) -> None:
    def through_mptcp(wires: Wires) -> float:
        with wires.all_subflows():
            return _throttled(routes.mptcp())

    with bonded([200] * 16) as (wires, _):
        contenders = {"ours": lambda: _throttled(routes.ours("bulk"))}
        if "bond16" in wanted:
            contenders["tcp"] = lambda: _throttled(routes.tcp(wires=16))
        if "bond16-mptcp" in wanted:
            contenders["mptcp"] = lambda: through_mptcp(wires)
        found = take_turns("bond16", _ROUNDS, contenders, _show_rate)
    if "bond16" in wanted:
        compared("bond16", found["ours"], found["tcp"], "Mbit/s", "ratio >= 0.95")
    if "bond16-mptcp" in wanted:
        compared("bond16-mptcp", found["ours"], found["mptcp"], "Mbit/s", "ratio >= 1.7")


def unequal4(_: set[str]) -> None:
    with bonded([100, 200, 400, 800]):
        found = take_turns("unequal4", _ROUNDS, {"ours": lambda: _throttled(routes.ours("bulk")),
                                                 "tcp": lambda: _throttled(routes.tcp(wires=4))}, _show_rate)
    compared("unequal4", found["ours"], found["tcp"], "Mbit/s", "ratio >= 0.93")


def crypto1(wanted: set[str]) -> None:
    _crypto("crypto1", wires=1, rate="ratio >= 0.9", cpu=None, wanted=wanted)


def crypto4(wanted: set[str]) -> None:
    _crypto("crypto4", wires=4, rate="ratio >= 0.95", cpu="ratio <= 1.15", wanted=wanted)


def _throttled(route: routes.Route) -> float:
    """Mbit/s, once the senders have found out how fast the wires are."""
    return transfer(route, skip=0.7, window=1.5).bits_per_second / 1e6


def _show_rate(rate: float) -> str:
    return f"{rate:.0f} Mbit/s"


def _crypto(name: str, wires: int, rate: str, cpu: str | None, wanted: set[str]) -> None:
    """Each measurement: the transfer, and the CPU seconds of what carries it (isfcds, socats, nothing)."""
    def through_us(members: Members) -> tuple[Transfer, float]:
        before = members.cpu_seconds()
        moved = _unthrottled(routes.ours("bulk"))
        return moved, members.cpu_seconds() - before

    def through_tunnel() -> tuple[Transfer, float]:
        with contextlib.closing(routes.Tunnel()) as tunnel:
            moved = _unthrottled(tunnel.route)
            return moved, tunnel.cpu_seconds()

    with bonded([None] * wires) as (_, members):
        contenders = {"ours": lambda: through_us(members)}
        if wanted & {name, f"{name}-cpu"}:
            contenders["tunnel"] = through_tunnel
        if wanted & {f"{name}-direct", f"{name}-cpu-direct"}:
            contenders["direct"] = lambda: (_unthrottled(routes.direct_tls()), 0.0)
        found = take_turns(name, _CRYPTO_ROUNDS, contenders, _show)

    for peer, suffix in (("tunnel", ""), ("direct", "-direct")):
        if name + suffix in wanted:
            compared(name + suffix, *([moved.bits_per_second / 1e6 for moved, _ in found[who]]
                                      for who in ("ours", peer)), "Mbit/s", rate)
    if f"{name}-cpu" in wanted:
        compared(f"{name}-cpu", *([spent / moved.bytes * GIB for moved, spent in found[who]]
                                  for who in ("ours", "tunnel")), "CPU s/GiB", cpu, digits=3)
    if f"{name}-cpu-direct" in wanted:
        compared(f"{name}-cpu-direct", *([_all_cpu(*measured) for measured in found[who]]
                                         for who in ("ours", "direct")), "CPU s/GiB", cpu, digits=3)


def _all_cpu(moved: Transfer, spent: float) -> float:
    """CPU seconds per GiB with the load programs'."""
    return (spent + moved.cpu_seconds) / moved.bytes * GIB


def _unthrottled(route: routes.Route) -> Transfer:
    return transfer(route, skip=0.3, window=0.8)


def _show(measured: tuple[Transfer, float]) -> str:
    return f"{measured[0].bits_per_second / 1e6:.0f} Mbit/s at {_all_cpu(*measured):.2f} CPU s/GiB"
