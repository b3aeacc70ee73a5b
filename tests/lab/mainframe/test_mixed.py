"""isfcd of this machine and isfcd of an emulated mainframe (big-endian) over one logical link of two channels."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mainframe.initrd import VIRTIO, System, kernel
from mainframe.machine import VirtualMainframe, Wires
from mainframe.members import files_of, make_certificates, system_toml
from ssilab.processes import kill_and_wait, wait_until
from ssilab.trees import repository

BOOT = 120.0
CHANNELS = """\
[[channel]]
members = ["MEMBER1", "MEMBER2"]
addresses = ["10.3.0.1", "10.3.0.2"]
[[channel]]
members = ["MEMBER1", "MEMBER2"]
addresses = ["10.3.1.1", "10.3.1.2"]
"""
NETWORK = """\
ip addr add 10.3.0.1/24 dev eth0
ip addr add 10.3.1.1/24 dev eth0
ip link set eth0 up
"""
SCENARIO = """\
check channels-come-up said_more "channel [01] to $peer is up" 1 60
check service-is-offered wait_offered
check streams-from-the-mainframe exchange 2000000
"""


class Native:
    """Programs of this machine's architecture in the builder tree and in the machines' network."""

    def __init__(self, wires: Wires, folder: Path) -> None:
        self._wires = wires
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def inside(self, path: Path) -> str:
        return f"/src/{path.relative_to(repository())}"

    def command(self, program: str, *arguments: str) -> list[str]:
        return ["ip", "netns", "exec", self._wires.name, str(repository() / "scripts/in-builder"),
                f"/src/build/release/{program}", *arguments]

    def start(self, program: str, *arguments: str) -> None:
        with (self._folder / f"{Path(program).name}.log").open("wb") as log:
            self._processes.append(subprocess.Popen(self.command(program, *arguments), stdin=subprocess.DEVNULL,
                                                    stdout=log, stderr=subprocess.STDOUT))

    def stop(self) -> None:
        kill_and_wait([process.pid for process in self._processes], "the native isfcd", 10)
        for process in self._processes:
            process.wait()


@pytest.fixture(scope="module")
def mixed() -> Iterator[tuple[VirtualMainframe, Native, Path]]:
    """MEMBER1 is the mainframe, MEMBER2 is here; its runtime directory is the third."""
    folder = repository() / "build" / "test" / "mainframe" / f"{os.getpid()}m"
    runtime = folder / "run"
    (runtime / "services").mkdir(parents=True)
    (folder / "isfc.d").mkdir()
    toml = system_toml(CHANNELS, scale=4)
    (folder / "system.toml").write_text(toml)
    wires = Wires()
    machine = VirtualMainframe("QEMU", folder, wires)
    native = Native(wires, folder)
    try:
        wires.add_tap("tap0", "10.3.0.2/24", "10.3.1.2/24")
        make_certificates(folder / "pki")
        files = files_of("MEMBER1", toml, folder / "pki", SCENARIO.encode())
        files["etc/network"] = NETWORK.encode()
        native.start("tests/lab/mainframe/stream_check", "serve", native.inside(runtime / "services/check"))
        native.start("daemons/isfcd/isfcd", "--member", "MEMBER2", "--config", native.inside(folder / "system.toml"),
                     "--pki", native.inside(folder / "pki"), "--runtime-dir", native.inside(runtime),
                     "--offers-dir", native.inside(folder / "isfc.d"))
        machine.boot(kernel(), System(VIRTIO).initrd(files), "tap0")
        machine.wait("^DONE", BOOT)
        yield machine, native, runtime
    finally:
        machine.switch_off()
        native.stop()
        wires.remove()
        shutil.rmtree(folder)


@pytest.mark.parametrize("check", ["channels-come-up", "service-is-offered", "streams-from-the-mainframe"])
def test_mainframe(mixed: tuple[VirtualMainframe, Native, Path], check: str) -> None:
    machine = mixed[0]
    assert machine.said(f"^ok {check} "), machine.console()


def test_streams_to_the_mainframe(mixed: tuple[VirtualMainframe, Native, Path]) -> None:
    _, native, runtime = mixed
    offered = runtime / "MEMBER1/check"
    wait_until(offered.exists, "the mainframe's service", 10)
    done = subprocess.run(
        native.command("tests/lab/mainframe/stream_check", "exchange", native.inside(offered), "2000000"),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
