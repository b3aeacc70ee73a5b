"""Builds and tests: unit, simulation, sanitizers, s390x, format and lint, and the lab.

Without a choice everything but the nightly parts. The last line is "N passed, N failed, N skipped", summed over the
parts: test cases of GoogleTest and pytest, checks of scripts/lint. Exit 0 only if nothing failed and every part ran.
Logs and JUnit files are in build/test/PART.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time

from test_parts import HELP, PARTS, RESULTS, SOURCE, Count, Part, PartFailed

NIGHTLY = ("tidy", "tsan", "coverage", "fuzz", "drills", "ctc", "vm", "bench", "soak")
ALONE = ("lab", "drills", "ctc", "vm", "bench", "soak")  # They measure time: last, and nothing beside them.
# Where cores allow, these chains run side by side; the parts of one chain share a build folder.
CHAINS = (("unit", "debs", "sim", "model", "format", "tidy"), ("asan",), ("s390x",), ("tsan",), ("coverage",),
          ("fuzz",))
CORES_PER_CHAIN = 2


def run_part(name, function, options):
    """Runs a part and prints its line; returns its count, seconds and whether it ran to its end."""
    part = Part(name, options)
    print(f"{name}: {HELP[name]} ...", flush=True)
    start = time.monotonic()
    try:
        count, fault = function(part), None
    except PartFailed as reason:
        count, fault = Count(), str(reason)
    seconds = time.monotonic() - start
    part.log.flush()
    if fault or count.failed:
        log = pathlib.Path(part.log.name)
        tail = log.read_text(errors="replace").splitlines()[-options.tail:]
        print("\n".join(f"  | {line}" for line in tail), f"  (all of it: {log.relative_to(SOURCE)})", sep="\n")
    print(f"{name}: {fault or count} ({seconds:.0f} s)", flush=True)
    return {"name": name, "seconds": round(seconds, 1), "ran": fault is None, **dataclasses.asdict(count)}


def run_parts(chosen, options):
    """Runs the chosen parts; returns what run_part returns of each, in their order."""
    def run_chain(chain):
        return [run_part(name, PARTS[name], options) for name in chain if name in chosen]

    with concurrent.futures.ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // CORES_PER_CHAIN)) as pool:
        results = [part for chain in pool.map(run_chain, CHAINS) for part in chain]
    return results + run_chain(ALONE)


def parse_options():
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in PARTS:
        parser.add_argument(f"--{name}", action="append_const", dest="chosen", const=name,
                            help=("nightly: " if name in NIGHTLY else "") + HELP[name])
    parser.add_argument("--nightly", action="store_true", help="all parts, the nightly ones too")
    parser.add_argument("-k", metavar="EXPR", help="cases whose name contains EXPR (in the lab: pytest's -k)")
    parser.add_argument("--tail", type=int, default=60, metavar="N", help="lines of log shown of a failure (60)")
    parser.add_argument("--lab-minutes", type=int, default=45, metavar="N", help="the lab is stopped after this (45)")
    parser.add_argument("--soak-minutes", type=int, default=60, metavar="N", help="(60)")
    parser.add_argument("--times", metavar="FILE", help="write the parts as JSON: name, seconds, counts")
    return parser.parse_args()


def chosen_parts(options):
    if options.chosen:
        return options.chosen
    if options.nightly:
        return list(PARTS)
    if options.k:  # The others have no cases to choose from.
        return ["unit", "sim", "lab"]
    return [name for name in PARTS if name not in NIGHTLY]


def main():
    options = parse_options()
    if os.geteuid() != 0:
        sys.exit("scripts/test: needs root (builder tree, lab): run it again with sudo")
    RESULTS.mkdir(parents=True, exist_ok=True)

    start = time.monotonic()
    if subprocess.run([SOURCE / "scripts/bootstrap"], stdin=subprocess.DEVNULL).returncode != 0:
        sys.exit("scripts/test: the trees could not be made")
    trees = {"name": "trees", "seconds": round(time.monotonic() - start, 1), "ran": True}
    parts = run_parts(chosen_parts(options), options)
    if options.times:
        pathlib.Path(options.times).write_text(json.dumps([trees, *parts], indent=1) + "\n")

    total = Count()
    for part in parts:
        print(f"{part['name']:8} {part['seconds']:7.1f} s{'' if part['ran'] else '   DID NOT RUN TO ITS END'}")
        # A part that could not run is a failure that the last line must show as well.
        total.add(Count(part["passed"], part["failed"] + (not part["ran"]), part["skipped"]))
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
