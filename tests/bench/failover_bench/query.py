"""How long an administrator waits for `ssictl query ssi`: the whole program, from its start to its end."""

import statistics

from isfc_bench.report import absolute

from .machine import Labs, say

RUNS = 200
_ASK = """
for _ in $(seq "$1"); do
    before=${EPOCHREALTIME/./}
    ssictl query ssi >/dev/null || exit
    after=${EPOCHREALTIME/./}
    echo $((after - before))
done
"""


def query(_chosen: set[str], labs: Labs) -> None:
    """The case query: the 99th percentile on the member where it is highest."""
    lab = labs.ours("q", members=3)
    worst = 0.0
    for member in lab.members:
        said = lab.exec(member, "bash", "-c", _ASK, "bash", str(RUNS), timeout=120)
        took = [int(word) / 1000 for word in said.split()]
        p99 = statistics.quantiles(took, n=100)[98]
        say(f"query: {member}: median {statistics.median(took):.1f} ms, p99 {p99:.1f} ms, longest {max(took):.1f} ms")
        worst = max(worst, p99)
    absolute("query", [worst], "ms", "ours < 20")
