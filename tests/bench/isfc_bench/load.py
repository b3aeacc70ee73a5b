"""Runs isfc_load on both sides of something, and gives what it found."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from .members import PKI, member_name
from .sandbox import PROGRAMS, BenchError, Process

_LOAD = f"{PROGRAMS}/tests/bench/isfc_load"
_PATIENCE_S = 30
GIB = 1 << 30
_LEAST_GAP_S = 0.002  # isfc_load mentions none below


@dataclass(frozen=True)
class Route:
    """How bytes get from "one" to "two": where the receiver listens, and where the sender connects."""

    listen: str
    connect: Sequence[str]
    block: int = 256 * 1024  # of one write

    @property
    def is_tls(self) -> bool:
        return self.listen.startswith("tls:")


@dataclass(frozen=True)
class Transfer:
    bits_per_second: float
    bytes: int
    gaps: list[tuple[float, float]]  # since (CLOCK_MONOTONIC, s), length (s)
    cpu_seconds: float  # of sender and receiver

    def longest_gap(self, since: float, until: float) -> float:
        """In seconds, of those that lie in this time, wholly or in part. Less than 2 ms counts as 2 ms."""
        return max((length for start, length in self.gaps if start < until and start + length > since),
                   default=_LEAST_GAP_S)


class Flow:
    """A transfer under way, from the first bytes on: sends for skip + window and a little more; the rate is that of the
    window, which begins `skip` after the first byte. `streams` for each place that is connected to."""

    def __init__(self, route: Route, *, skip: float, window: float, streams: int = 1) -> None:
        self._seconds = skip + window
        self._sink = _listening("sink", "sink", route, "--streams", str(streams * len(route.connect)),
                                "--skip", str(skip), "--window", str(window))
        connects = [word for place in route.connect for word in ("--connect", place)]
        self._source = Process("source", _LOAD, "source", *connects, *_tls_options(1, route),
                               "--streams", str(streams), "--seconds", str(skip + window + 0.2),
                               "--block", str(route.block), network="one")

    def result(self) -> Transfer:
        """Waits for the end."""
        received = self._sink.read_line(self._seconds + _PATIENCE_S)
        sent = self._source.read_line(_PATIENCE_S)
        if sent["bytes"] != received["bytes"]:
            raise BenchError(f"{sent['bytes']} bytes were sent, {received['bytes']} came")
        return Transfer(received["rate"] * 8, received["bytes"],
                        [(since / 1e9, length / 1e9) for since, length in received["gaps_ns"]],
                        sent["cpu_seconds"] + received["cpu_seconds"])

    def close(self) -> None:
        self._source.close()
        self._sink.close()


def transfer(route: Route, *, skip: float, window: float, streams: int = 1) -> Transfer:
    """A whole flow."""
    with contextlib.closing(Flow(route, skip=skip, window=window, streams=streams)) as flow:
        return flow.result()


def round_trips(route: Route, *, seconds: float, after: float = 0.0) -> dict[str, float]:
    """p50_us, p99_us and max_us of small messages, one a millisecond; they begin `after` seconds."""
    with contextlib.closing(_listening("echo", "echo", route)), \
            contextlib.closing(Process("ping", _LOAD, "ping", "--connect", route.connect[0], "--seconds", str(seconds),
                                       "--after", str(after), "--interval-us", "1000", network="one")) as ping:
        return ping.read_line(after + seconds + _PATIENCE_S)


def _listening(command: str, name: str, route: Route, *options: str) -> Process:
    process = Process(name, _LOAD, command, "--listen", route.listen, *_tls_options(2, route), *options, network="two")
    try:
        process.read_line(_PATIENCE_S)
    except BenchError:
        process.close()
        raise
    return process


def _tls_options(slot: int, route: Route) -> list[str]:
    return ["--pki", PKI, "--member", member_name(slot)] if route.is_tls else []
