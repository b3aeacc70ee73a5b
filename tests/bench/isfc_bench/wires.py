"""Two network namespaces, "one" and "two", joined by veth pairs.

Wire I is interface lI at both ends, with the addresses 10.77.I.1 and 10.77.I.2.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence

from .sandbox import BenchError, run

ENDS = ("one", "two")
MOST_SUBFLOWS = 8  # beyond the first; the kernel's limit (MPTCP_SUBFLOWS_MAX), and of endpoints too


class Wires:
    """`rates`: of each wire in Mbit/s, None for no limit."""

    def __init__(self, rates: Sequence[int | None]) -> None:
        self.count = len(rates)
        for end in ENDS:
            run("ip", "netns", "add", end)
        one = ["link set lo up"]
        two = ["link set lo up"]
        for index in range(self.count):
            one += [f"link add l{index} type veth peer name l{index} netns two",
                    f"address add 10.77.{index}.1/24 dev l{index}", f"link set l{index} up"]
            two += [f"address add 10.77.{index}.2/24 dev l{index}", f"link set l{index} up"]
        for end, commands in zip(ENDS, (one, two)):
            _batch("ip", end, commands)
            # A queue of 50 ms as in the lab; a burst of two of the largest segments that TCP hands over, so that none
            # is cut up. Both ends, everybody's bytes.
            _batch("tc", end, [f"qdisc add dev l{index} root tbf rate {rate}mbit burst 128kb latency 50ms"
                               for index, rate in enumerate(rates) if rate])
            # The most that MPTCP can have: the client connects over wire 0, the server offers its other addresses.
            _batch("ip", end, [f"mptcp limits set subflow {MOST_SUBFLOWS} add_addr_accepted {MOST_SUBFLOWS}"])
        _batch("ip", "two", [f"mptcp endpoint add 10.77.{index}.2 dev l{index} signal"
                             for index in range(1, min(self.count, 1 + MOST_SUBFLOWS))])

    def cut(self, index: int) -> None:
        """The sender sees what a pulled cable looks like: no carrier, but address and route are still there."""
        _batch("ip", "two", [f"link set l{index} down"])

    def cut_silently(self, index: int) -> None:
        """Nothing arrives any more, nobody is told."""
        for end in ENDS:
            _nft(end, f"table netdev cut {{\n chain drop_all {{\n"
                      f"  type filter hook ingress device l{index} priority 0; policy drop;\n }}\n}}")

    def heal(self, index: int) -> None:
        _batch("ip", "two", [f"link set l{index} up"])
        for end in ENDS:
            _nft(end, "table netdev cut\ndelete table netdev cut")  # the first line: it need not exist

    def sent_bytes(self) -> list[int]:
        """By "one", over each wire so far."""
        counters = {link["ifname"]: link["stats64"]["tx"]["bytes"]
                    for link in json.loads(run("ip", "-n", "one", "-s", "-j", "link", "show"))}
        return [counters[f"l{index}"] for index in range(self.count)]

    @contextlib.contextmanager
    def all_subflows(self) -> Iterator[None]:
        """BenchError unless the body made an MPTCP connection with as many subflows as these wires and the kernel
        allow."""
        before = _joined()
        yield
        expected = min(self.count - 1, MOST_SUBFLOWS)
        if (joined := _joined() - before) != expected:
            raise BenchError(f"MPTCP made {joined} further subflows instead of {expected}")

    @staticmethod
    def close() -> None:
        for end in ENDS:
            run("ip", "netns", "delete", end)


def _joined() -> int:
    """Subflows beyond the first that "two" has accepted, of all connections."""
    lines = run("nsenter", "--net=/run/netns/two", "cat", "/proc/net/netstat").splitlines()
    names, values = (line.split() for line in lines if line.startswith("MPTcpExt:"))
    return int(dict(zip(names, values))["MPJoinAckRx"])


def _batch(tool: str, end: str, commands: Sequence[str]) -> None:
    _fed([tool, "-n", end, "-batch", "-"], "\n".join(commands) + "\n")


def _nft(end: str, text: str) -> None:
    _fed(["ip", "netns", "exec", end, "nft", "-f", "-"], text + "\n")


def _fed(command: list[str], text: str) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20)
    if done.returncode != 0:
        raise BenchError(f"'{' '.join(command)}' failed: {done.stderr.strip()} in:\n{text}")
