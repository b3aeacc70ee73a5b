"""Fixtures of the tests whose members are virtual machines (docs/lab.md, "Virtual machines").

machines     three machines with our packages and softdog, all on and Joined; one cluster for the session
without_fence_agent    the same, with a fence agent that answers nobody
SSI_LAB_VM_NAME names a lab of three machines that is up: it is used and left as it is, for whoever writes a test.
"""

import os
from collections.abc import Iterator

import pytest
from administrator import Administrator
from ssilab import Lab

TIMING_SCALE = float(os.environ.get("SSI_LAB_VM_SCALE", "16"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The devices first: they need no cluster that has just been disturbed.
    items.sort(key=lambda item: "devices" not in item.path.name)


@pytest.fixture(scope="session")
def _machines() -> Iterator[Lab]:
    if name := os.environ.get("SSI_LAB_VM_NAME"):
        yield Lab(name)
        return
    lab = Lab(f"t{os.getpid()}v")
    try:
        lab.up(3, 1, TIMING_SCALE, machines=True)
        yield lab
    finally:
        lab.down()


@pytest.fixture
def machines(_machines: Lab) -> Iterator[Administrator]:
    """What a test left behind is put right afterwards, by what an administrator does: a machine boots slowly."""
    admin = Administrator(_machines)
    admin.wait_joined(timeout=300)
    yield admin
    for member in _machines.members:
        if _machines.power(member) == "paused":
            _machines.resume(member)
    _machines.heal()
    _machines.boot(*(name for name in _machines.members if _machines.power(name) == "off"))
    admin.wait_joined(timeout=300)
    for guest in _machines.guest_states():
        _machines.guest_remove(guest)


@pytest.fixture
def without_fence_agent(machines: Administrator) -> Iterator[Administrator]:
    agent = "/usr/sbin/fence_ssi_lab"
    for member in machines.lab.members:
        machines.lab.exec(member, "mv", agent, f"{agent}.away")
    yield machines
    for member in machines.lab.members:
        if machines.lab.power(member) == "paused":
            machines.lab.resume(member)
    machines.lab.boot(*(name for name in machines.lab.members if machines.lab.power(name) == "off"))
    for member in machines.lab.members:
        machines.lab.exec(member, "mv", f"{agent}.away", agent)
