"""What each part of scripts/test does: what it builds, what it runs, how its cases are counted.

A new part is a function of a Part that returns a Count, and its lines in PARTS and HELP; test_runner.py has its place
among the others.
"""

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as xml

SOURCE = pathlib.Path(__file__).resolve().parent.parent
RESULTS = SOURCE / "build/test"
JOBS = str(os.cpu_count() or 1)
CLUSTERS = 2  # of the lab, at a time
CI_SEEDS = 20_000  # of the simulation; --soak goes on behind them
SOAK_SEEDS = 5_000  # at a time


class PartFailed(Exception):
    """A part could not run to its end; the text says why."""


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def cases_of(element):
    """Counts the <testcase> below an element of JUnit or GoogleTest XML."""
    count = Count()
    for case in element.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            count.failed += 1
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled") \
                or case.get("result") in ("skipped", "suppressed"):
            # "notrun" is what ctest and GoogleTest say of a case that was not selected or is disabled.
            count.skipped += 1
        else:
            count.passed += 1
    return count


class Part:
    """One part: its log, its results, the commands it runs. Everything it starts is gone when it ends."""

    def __init__(self, name, options):
        self.name, self.options = name, options
        self.folder = RESULTS / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.log = open(self.folder / "log", "w+", errors="replace")

    def run(self, *command, minutes, check=True):
        """Runs a command with its output in the log; returns its exit code. PartFailed when it takes too long."""
        print("$", *command, file=self.log, flush=True)
        with subprocess.Popen(command, cwd=SOURCE, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                              start_new_session=True) as process:
            try:
                code = process.wait(minutes * 60)
            except BaseException as reason:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(20)  # The lab takes down what it made.
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                if isinstance(reason, subprocess.TimeoutExpired):
                    raise PartFailed(f"not done after {minutes} minutes: {' '.join(command)}") from None
                raise
        if check and code != 0:
            raise PartFailed(f"exit {code}: {' '.join(command)}")
        return code

    def build(self, preset, *targets):
        self.run("scripts/build", preset, *targets, minutes=35)  # cold compiler cache, slow machine

    def ctest(self, preset, folder, minutes=10, without="", **environment):
        """Runs the tests of one folder of a build. Cases are counted from GoogleTest's files where there are any: one
        ctest test is a whole program."""
        inside = f"/src/build/test/{self.name}/{folder.replace('/', '-')}"
        results = SOURCE / pathlib.Path(inside).relative_to("/src")
        results.mkdir()
        if self.options.k:
            environment["GTEST_FILTER"] = f"*{self.options.k}*"
        code = self.run("scripts/in-builder", "env", f"GTEST_OUTPUT=xml:{inside}/",
                        *(f"{key}={value}" for key, value in environment.items()),
                        "ctest", "--test-dir", f"/src/build/{preset}/{folder}", "--output-on-failure",
                        *(["--label-exclude", without] if without else []), "--no-tests=error",
                        "--timeout", str(minutes * 60), "-j", JOBS,
                        "--output-junit", f"{inside}/ctest.junit", minutes=minutes, check=False)
        junit = results / "ctest.junit"
        if not junit.exists():
            raise PartFailed(f"ctest wrote no results (exit {code})")
        count = Count()
        for program in xml.parse(junit).getroot().iter("testcase"):
            ended = cases_of_program(program)
            # Named as the program, which may be called more than the test.
            inner = [file for tail in ("", "_test") if (file := results / f"{program.get('name')}{tail}.xml").exists()]
            if inner:
                cases = cases_of(xml.parse(inner[0]).getroot())
                # A program that fails with all its cases passed was stopped at its end, say by a sanitizer.
                cases.failed += ended.failed if cases.failed == 0 else 0
                count.add(cases)
            else:
                count.add(ended)
        return count


def cases_of_program(program):
    wrapper = xml.Element("program")
    wrapper.append(program)
    return cases_of(wrapper)


def has_tests(folder):
    return any((SOURCE / folder).glob("*.cpp"))


def check_lines(part, *command, minutes):
    """Counts the lines "ok NAME" and "FAILED NAME" that a script of checks prints."""
    part.log.flush()
    start = part.log.tell()
    code = part.run(*command, minutes=minutes, check=False)
    part.log.seek(start)
    lines = part.log.read().splitlines()
    count = Count(passed=sum(line.startswith("ok ") for line in lines),
                  failed=sum(line.startswith("FAILED ") for line in lines))
    if code != (1 if count.failed else 0) or count.passed + count.failed == 0:
        raise PartFailed(f"exit {code}: {' '.join(command)}")
    return count


def unit(part):
    part.build("release")
    return part.ctest("release", "tests/unit")


def debs(part):
    part.run("scripts/build-deb", minutes=15)
    return check_lines(part, "packaging/deb/check", minutes=5)


def sim(part):
    if not has_tests("tests/sim"):
        return Count()
    part.build("release", "tests/sim/all")
    return part.ctest("release", "tests/sim", minutes=30, SSI_SIM_CLUSTER_SEEDS=str(CI_SEEDS))


def soak(part):
    """Seeds that nobody has played yet: the next one is kept from run to run."""
    part.build("release", "cluster_sim_test")
    kept = SOURCE / "build/soak-next-seed"
    first = int(kept.read_text()) if kept.exists() else CI_SEEDS + 1
    end = time.monotonic() + 60 * part.options.soak_minutes
    count = Count()
    while time.monotonic() < end and not count.failed:
        print(f"soak: seeds {first} to {first + SOAK_SEEDS - 1} ...", flush=True)
        code = part.run("scripts/in-builder", "env", f"SSI_SIM_FIRST={first}", f"SSI_SIM_SEEDS={SOAK_SEEDS}",
                        "/src/build/release/tests/sim/cluster_sim_test", "--gtest_filter=Cluster.*", minutes=30,
                        check=False)
        count.add(Count(failed=1) if code else Count(passed=1))
        if not code:
            first += SOAK_SEEDS
            kept.write_text(f"{first}\n")
    return count


def model(part):
    checks = ("scripts/in-builder", "tests/model/run", *([part.options.k] if part.options.k else []))
    return check_lines(part, *checks, minutes=15)


def unit_and_sim(part, preset, **environment):
    folders = [folder for folder in ("tests/unit", "tests/sim") if has_tests(folder)]
    part.build(preset, *(f"{folder}/all" for folder in folders))
    count = Count()
    for folder in folders:
        count.add(part.ctest(preset, folder, minutes=20, **environment))
    return count


def asan(part):
    # Fewer seeds: the sanitizers look for what one seed in a few does already, and cost a factor of ten.
    return unit_and_sim(part, "asan", ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1",
                        UBSAN_OPTIONS="print_stacktrace=1", SSI_SIM_SEEDS="40")


def tsan(part):
    suppressions = "/src/tests/unit/thread_sanitizer.suppressions"
    return unit_and_sim(part, "tsan", SSI_SIM_SEEDS="40",
                        TSAN_OPTIONS=f"halt_on_error=1:second_deadlock_stack=1:suppressions={suppressions}")


def s390x(part):
    if part.run("scripts/in-builder", "test", "!", "-e", "/.without-s390x", minutes=10, check=False) != 0:
        print("s390x: skipped: the archive did not give all s390x packages when the builder tree was made", flush=True)
        return Count(skipped=1)
    part.build("s390x", "tests/unit/all")
    return part.ctest("s390x", "tests/unit", minutes=15, without="native")


def lint(part):
    return check_lines(part, "scripts/lint", minutes=15)


def tidy(part):
    part.build("release")
    return check_lines(part, "scripts/lint", "--tidy", minutes=60)


def lab(part):
    if not any((SOURCE / "tests/lab").glob("test_*.py")):
        raise PartFailed("tests/lab has no tests")
    chosen = ("tests/lab", "--ignore=tests/lab/mainframe", "--ignore=tests/lab/vm",
              "--ignore=tests/lab/test_drills.py")
    # Most of a test's time is waiting: two clusters side by side, each with files of its own.
    side_by_side = ("-n", str(min(CLUSTERS, os.cpu_count() or 1)), "--dist", "loadfile")
    count = pytest(part, *chosen, "-m", "not alone", *side_by_side, minutes=part.options.lab_minutes)
    count.add(pytest(part, *chosen, "-m", "alone", minutes=10))
    return count


def drills(part):
    part.run("scripts/build-deb", minutes=15)
    return pytest(part, "tests/lab/test_drills.py", minutes=40)


def ctc(part):
    part.run("scripts/bootstrap", "mainframe", minutes=10)
    part.build("release", "ssictl", "isfcd", "stream_check")
    part.build("s390x", "isfcd", "stream_check")
    return pytest(part, "tests/lab/mainframe", minutes=10)


def vm(part):
    part.run("scripts/bootstrap", "machine", minutes=15)
    part.run("scripts/build-deb", minutes=15)
    return pytest(part, "tests/lab/vm", minutes=40)


def pytest(part, *arguments, minutes):
    junit = part.folder / f"pytest-{len(list(part.folder.glob('*.junit')))}.junit"
    # The host's own Python: the lab uses nothing that Debian does not package.
    code = part.run("/usr/bin/python3", "-m", "pytest", *arguments, "-v", "-p", "no:cacheprovider",
                    f"--junitxml={junit}", *(["-k", part.options.k] if part.options.k else []),
                    minutes=minutes, check=False)
    if code == 5 and part.options.k:  # Nothing selected.
        return Count()
    if code not in (0, 1) or not junit.exists():
        raise PartFailed(f"pytest ended with {code}")
    return cases_of(xml.parse(junit).getroot())


def coverage(part):
    count = unit_and_sim(part, "coverage")
    part.run("scripts/in-builder", "scripts/coverage", "build/coverage", minutes=10)
    return count


def fuzz(part):
    part.build("fuzz", "fuzz")
    count = Count()
    for program in sorted((SOURCE / "build/fuzz/tests/fuzz").glob("*_fuzz")):
        found = SOURCE / "build/fuzz/corpus" / program.name  # Kept: the next night begins where this one ends.
        found.mkdir(parents=True, exist_ok=True)
        seeds = SOURCE / "tests/fuzz/corpus" / program.name
        folders = [f"/src/{folder.relative_to(SOURCE)}" for folder in (found, seeds) if folder.exists()]
        failed = part.run("scripts/in-builder", f"/src/{program.relative_to(SOURCE)}", "-max_total_time=60",
                          f"-artifact_prefix=/src/build/test/fuzz/{program.name}-", *folders, minutes=3, check=False)
        count.add(Count(failed=1) if failed else Count(passed=1))
    if count.passed + count.failed == 0:
        raise PartFailed("no fuzzer was built")
    return count


def bench(part):
    count = Count()
    for program in sorted((SOURCE / "tests/bench").iterdir()):
        if program.is_file() and os.access(program, os.X_OK):
            code = part.run("scripts/bench", program.name, "--json", str(part.folder / f"{program.name}.json"),
                            minutes=15, check=False)
            count.add(Count(failed=1) if code else Count(passed=1))
    return count


# In the order in which they run.
PARTS = {"unit": unit, "debs": debs, "sim": sim, "model": model, "format": lint, "asan": asan, "s390x": s390x,
         "tidy": tidy, "tsan": tsan, "coverage": coverage, "fuzz": fuzz, "lab": lab, "drills": drills,
         "ctc": ctc, "vm": vm, "bench": bench, "soak": soak}
HELP = {
    "unit": "build, and the unit tests", "debs": "the packages", "sim": "the simulation",
    "model": "the models of the safety protocol, searched whole (docs/safety.md)",
    "asan": "unit tests and simulation under AddressSanitizer and UndefinedBehaviorSanitizer",
    "s390x": "unit tests built for the mainframe, under emulation", "format": "format and lint",
    "lab": "clusters on this machine (tests/lab)", "drills": "each drill of ssictl in the lab (docs/drills.md)",
    "ctc": "two emulated mainframes joined by channels (docs/ctc.md)",
    "vm": "a cluster of emulated machines, for what containers hide (docs/lab.md)",
    "tsan": "unit tests and simulation under ThreadSanitizer",
    "tidy": "clang-tidy", "coverage": "unit tests and simulation, lines run in each folder (in its log)",
    "fuzz": "each fuzzer for a minute", "bench": "the benchmarks",
    "soak": "the simulation with seeds that were never played, for --soak-minutes",
}
