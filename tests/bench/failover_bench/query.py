"""How long an administrator waits for `ssictl query ssi`: the whole program, from its start to its end."""

import statistics

from isfc_bench.report import absolute, compared

from .machine import Labs, say

RUNS = 200
# By turns: what the machine does meanwhile it does to both.
_ASK = """
ask() {
    local before=${EPOCHREALTIME/./}
    "$@" >/dev/null || exit
    printf '%s ' $((${EPOCHREALTIME/./} - before))
}
for _ in $(seq "$1"); do
    ask ssictl query ssi
    ask busctl call org.kvmssi.Ssid1 /org/kvmssi/Ssid1 org.kvmssi.Ssid1 QuerySsi
    echo
done
"""


def query(_chosen: set[str], labs: Labs) -> None:
    """The case query: the 99th percentile on the member where it is highest. Beside it that of systemd's own client
    for the same call, which prints what it got and no table."""
    lab = labs.ours("q", members=3)
    ours, peer = [], []
    for member in lab.members:
        said = lab.exec(member, "bash", "-c", _ASK, "bash", str(RUNS), timeout=120)
        turns = [[int(word) / 1000 for word in line.split()] for line in said.splitlines()]
        for name, took, found in (("ssictl", [turn[0] for turn in turns], ours),
                                  ("busctl", [turn[1] for turn in turns], peer)):
            found.append(statistics.quantiles(took, n=100)[98])
            say(f"query: {member}: {name} median {statistics.median(took):.1f} ms, p99 {found[-1]:.1f} ms, "
                f"longest {max(took):.1f} ms")
    absolute("query", [max(ours)], "ms", "ours < 20")
    compared("query-busctl", ours, peer, "ms")
