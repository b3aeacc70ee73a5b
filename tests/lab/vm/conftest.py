"""Fixtures of the tests whose members are virtual machines (docs/lab.md, "Virtual machines").

machine_lab  the lab itself, for tests that begin the cluster anew
machines     three machines with our packages and softdog, all on and Joined; one cluster for the session
without_fence_agent    the same, with a fence agent that answers nobody
SSI_LAB_VM_NAME names a lab of three machines that is up: it is used and left as it is, for whoever writes a test.
"""

import os
from collections.abc import Iterator

import pytest
from administrator import Administrator
from fence_agent import no_fence_agent
from ssilab import Lab

TIMING_SCALE = float(os.environ.get("SSI_LAB_VM_SCALE", "16"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The devices first, which need no cluster that has just been disturbed; last those that begin it anew.
    order = ["devices", "power", "reservations"]
    items.sort(key=lambda item: [word in item.path.name for word in order].index(True))


@pytest.fixture(scope="session")
def machine_lab() -> Iterator[Lab]:
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
def machines(machine_lab: Lab) -> Iterator[Administrator]:
    """What a test left behind is put right afterwards, by what an administrator does: a machine boots slowly."""
    admin = Administrator(machine_lab)
    admin.wait_joined(timeout=300)
    yield admin
    for member in machine_lab.members:
        if machine_lab.power(member) == "paused":
            machine_lab.resume(member)
    machine_lab.heal()
    machine_lab.boot(*(name for name in machine_lab.members if machine_lab.power(name) == "off"))
    admin.wait_joined(timeout=300)
    for guest in machine_lab.guest_states():
        machine_lab.guest_remove(guest)


@pytest.fixture
def without_fence_agent(machines: Administrator) -> Iterator[Administrator]:
    with no_fence_agent(machines.lab):
        yield machines
