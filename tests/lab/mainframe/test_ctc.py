"""Two emulated mainframes, two channel-to-channel adapters between them, and a logical link over both.

What runs on them, and in which order, is in scenario_lower and scenario_higher: each prints its checks on the console.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mainframe.initrd import CTC, System, kernel
from mainframe.machine import Cable, Mainframe, Wires
from mainframe.members import files_of, make_certificates, system_toml
from ssilab.trees import repository

BOOT = 240.0
SCENARIO = 420.0
CABLES = [Cable((0x600, 0x600), 30600), Cable((0x602, 0x602), 30700)]
CHANNEL = """\
[[channel]]
members = ["MEMBER1", "MEMBER2"]
addresses = ["10.1.{0}.1", "10.1.{0}.2"]
driver = "ctc"
devices = [["0.0.{1:04x}", "0.0.{2:04x}"], ["0.0.{1:04x}", "0.0.{2:04x}"]]
"""
# The second one with settings of its own. Larger buffers than 61592 are more than Hercules can take.
SETTINGS = ["", "protocol = 1\nbuffer = 49152\nmtu = 9000\n"]


@pytest.fixture(scope="module")
def consoles() -> Iterator[list[str]]:
    """What both machines said from the first IPL to the end of their scenarios."""
    folder = repository() / "build" / "test" / "mainframe" / str(os.getpid())
    folder.mkdir(parents=True)
    machines: list[Mainframe] = []
    wires = Wires()
    try:
        make_certificates(folder / "pki")
        system = System(CTC)
        toml = system_toml("".join(CHANNEL.format(i, cable.devices[0], cable.devices[0] + 1) + SETTINGS[i]
                                   for i, cable in enumerate(CABLES)), scale=8)
        for end, name in enumerate(("lower", "higher")):
            scenario = Path(__file__).with_name(f"scenario_{name}").read_bytes()
            machine = Mainframe(end, folder, wires, CABLES)
            machines.append(machine)
            machine.ipl(kernel(), system.initrd(files_of(f"MEMBER{end + 1}", toml, folder / "pki", scenario)))
        for machine in machines:
            machine.wait("MEMBER[12]: kernel", BOOT)
        play(machines[0], wires)
        machines[1].wait("^DONE", 10)
        yield [machine.console() for machine in machines]
    finally:
        for machine in machines:
            machine.switch_off()
        wires.remove()
        # The consoles stay, as the log of the last run.
        for machine in machines:
            shutil.copyfile(folder / machine.name / "console", folder.parent / f"{machine.name}.console")
        shutil.rmtree(folder)


def play(lower: Mainframe, wires: Wires) -> None:
    """Does what the scenario asks for, until it is done."""
    lower.wait("^HOST-cut", SCENARIO)
    wires.cut(CABLES[0])
    lower.wait("^HOST-heal", SCENARIO)
    wires.heal()
    lower.wait("^DONE", SCENARIO)


def checks_of(end: str) -> list[str]:
    """Each check of a scenario is a case."""
    scenario = Path(__file__).with_name(f"scenario_{end}").read_text()
    return re.findall(r"^check (\S+)", scenario, re.MULTILINE)


@pytest.mark.parametrize("check", checks_of("lower"))
def test_lower_slot(consoles: list[str], check: str) -> None:
    assert re.search(f"^ok {check} ", consoles[0], re.MULTILINE), consoles[0]


@pytest.mark.parametrize("check", checks_of("higher"))
def test_higher_slot(consoles: list[str], check: str) -> None:
    assert re.search(f"^ok {check} ", consoles[1], re.MULTILINE), consoles[1]
