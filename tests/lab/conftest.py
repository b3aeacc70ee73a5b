"""Fixtures of the lab's tests.

lab         three members with our packages, all Joined; one cluster for the session, reset before each test
joined      an administrator of that cluster, once every member is Joined
bare_lab    the same without our packages: the lab itself is under test
two         an administrator of two members with a witness on their PDR; one cluster for each file of tests, made whole
            before each test
SSI_LAB_MEMBERS, SSI_LAB_LINKS change the size of lab and bare_lab.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from administrator import Administrator  # noqa: E402  (the path comes first)
from ssilab import Lab, LabError  # noqa: E402
from ssilab.orphans import take_down_orphans  # noqa: E402
from witness import cluster, whole  # noqa: E402

# Of this process: sessions side by side do not meet.
_SESSION = f"t{os.getpid()}"


def pytest_configure(config: pytest.Config) -> None:
    # Told to end (scripts/test does so when time is up), take the clusters down as at Ctrl-C.
    if threading.current_thread() is threading.main_thread():  # pytest-xdist may have taken another for its worker
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not hasattr(config, "workerinput"):  # once, by whom pytest-xdist's workers belong to
        take_down_orphans("t")
    config.addinivalue_line("markers", "lab: needs root and a cluster of containers on this machine")
    config.addinivalue_line("markers", "alone: takes the whole machine: no other cluster beside it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)


def _cluster(name: str, packages: bool) -> Iterator[Lab]:
    lab = Lab(name)
    try:
        lab.up(int(os.environ.get("SSI_LAB_MEMBERS", "3")), int(os.environ.get("SSI_LAB_LINKS", "4")),
               packages=packages)
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="session")
def _packaged_cluster() -> Iterator[Lab]:
    yield from _cluster(f"{_SESSION}p", packages=True)


@pytest.fixture(scope="session")
def _bare_cluster() -> Iterator[Lab]:
    yield from _cluster(f"{_SESSION}b", packages=False)


@pytest.fixture
def lab(_packaged_cluster: Lab) -> Lab:
    _packaged_cluster.reset()
    _packaged_cluster.wait_joined()
    return _packaged_cluster


@pytest.fixture
def joined(lab: Lab) -> Administrator:
    """Every member is Joined."""
    administrator = Administrator(lab)
    administrator.wait_joined()
    return administrator


@pytest.fixture
def bare_lab(_bare_cluster: Lab) -> Lab:
    _bare_cluster.reset()
    return _bare_cluster


@pytest.fixture(scope="module")
def _two_members() -> Iterator[Administrator]:
    yield from cluster(2)


@pytest.fixture
def two(_two_members: Administrator) -> Administrator:
    return whole(_two_members)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """A failed test shows the lab as it was then: power, status, and the end of each member's journal."""
    outcome = yield
    report = outcome.get_result()
    lab = next((value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Lab)), None)
    if report.when == "call" and report.failed and lab is not None:
        try:
            report.sections.append(("lab", lab.describe_failure()))
        except (LabError, OSError) as error:
            report.sections.append(("lab", f"cannot be described: {error}"))
