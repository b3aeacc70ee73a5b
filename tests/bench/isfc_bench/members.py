"""isfcds on the wires: configuration, certificates, start, and what they say of themselves."""

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .sandbox import PROGRAMS, SHARED, BenchError, Process, command_inside, on_host, wait_until

SERVICES = {"bulk": "bulk", "control": "control"}  # name: class

PKI = f"{SHARED}/pki"
_BUS_CONFIGURATION = """<busconfig><listen>unix:path={}</listen><auth>EXTERNAL</auth><policy context='default'>
<allow user='*'/><allow own='*'/><allow send_destination='*'/><allow receive_sender='*'/></policy></busconfig>
"""


def member_name(slot: int) -> str:
    return f"MEMBER{slot}"


@dataclass(frozen=True)
class Cable:
    """A channel between members by slot; addresses and interfaces in the same order."""

    slots: tuple[int, int]
    addresses: tuple[str, str]
    interfaces: tuple[str, str] | None = None
    port: int = 7700


def wire_cables(count: int) -> list[Cable]:
    return [Cable((1, 2), (f"10.77.{index}.1", f"10.77.{index}.2"), (f"l{index}", f"l{index}"))
            for index in range(count)]


def make_certificates(members: int) -> None:
    """Once: the authority and a certificate for each member."""
    for arguments in (["init", "--cluster", "BENCH"],
                      *(["issue", member_name(slot)] for slot in range(1, members + 1))):
        done = subprocess.run(command_inside(f"{PROGRAMS}/tools/ssictl/ssictl", "ca", *arguments, "--directory", PKI),
                              capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise BenchError(f"ssictl ca {arguments[0]}: {done.stderr.strip()}")


def socket_of(slot: int, service: str) -> str:
    """Where the program listens that is the service on this member."""
    return f"{SHARED}/member{slot}/{service}.sock"


def path_to(slot: int, peer: int, service: str) -> str:
    """Where a program on member `slot` connects to the service of the peer."""
    return f"{_runtime(slot)}/{member_name(peer)}/{service}"


def offered_socket(slot: int, service: str) -> str:
    """A socket there is offered as service while it exists."""
    return f"{_runtime(slot)}/services/{service}"


def _runtime(slot: int) -> str:
    return f"{SHARED}/member{slot}/isfc"


class Members:
    """isfcds of a cluster. `networks`: the namespace of each member, by slot from 1."""

    def __init__(self, cables: Sequence[Cable], networks: Sequence[str]) -> None:
        self._cables = cables
        self._processes: list[Process] = []
        self.daemons: dict[int, Process] = {}
        configuration = f"{SHARED}/system.toml"
        on_host(configuration).write_text(_system_toml(cables, len(networks)))
        try:
            for slot, network in enumerate(networks, start=1):
                self._start(slot, network, configuration)
        except BenchError:
            self.close()
            raise

    def _start(self, slot: int, network: str, configuration: str) -> None:
        directory = on_host(f"{SHARED}/member{slot}")
        (directory / "isfc.d").mkdir(parents=True, exist_ok=True)
        (directory / "isfc.d/bench.toml").write_text(_services_toml(slot))
        bus = directory / "bus"
        bus.unlink(missing_ok=True)
        (directory / "bus.conf").write_text(_BUS_CONFIGURATION.format(_bus(slot)))
        self._processes.append(Process(f"bus{slot}", "dbus-daemon", "--nofork", "--nopidfile",
                                       f"--config-file={SHARED}/member{slot}/bus.conf"))
        wait_until(bus.exists, f"the bus of {member_name(slot)}")
        daemon = Process(f"isfcd{slot}", f"{PROGRAMS}/daemons/isfcd/isfcd", "--config", configuration,
                         "--member", member_name(slot), "--runtime-dir", _runtime(slot),
                         "--offers-dir", f"{SHARED}/member{slot}/isfc.d", "--pki", PKI,
                         network=network, environment=[f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={_bus(slot)}"])
        self._processes.append(daemon)
        self.daemons[slot] = daemon

    def query(self, slot: int) -> dict:
        """What `ssictl islink` shows; empty while isfcd does not answer."""
        command = command_inside("busctl", f"--address=unix:path={_bus(slot)}", "--json=short", "--timeout=5", "call",
                                 "org.kvmssi.Isfc1", "/org/kvmssi/Isfc1", "org.kvmssi.Isfc1", "Query")
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        if done.returncode != 0:
            return {}
        return json.loads(json.loads(done.stdout)["data"][0])

    def wait_up(self, timeout: float = 20) -> None:
        """Until every channel is up at both ends."""
        deadline = time.monotonic() + timeout
        for slot, daemon in self.daemons.items():
            expected = sum(slot in cable.slots for cable in self._cables)
            while (up := self._channels_up(slot)) != expected:
                if not daemon.runs():
                    raise daemon.failure("ended")
                if time.monotonic() > deadline:
                    raise daemon.failure(f"{up} of {expected} channels are up after {timeout:g} s")
                time.sleep(0.05)

    def _channels_up(self, slot: int) -> int:
        return sum(channel["state"] == "up" for link in self.query(slot).get("links", [])
                   for channel in link["channels"])

    def cpu_seconds(self) -> float:
        return sum(daemon.cpu_seconds() for daemon in self.daemons.values())

    def private_memory(self, slot: int) -> int:
        """Anonymous resident memory of the isfcd in bytes: heap and stacks, not the program's own text."""
        for line in Path(f"/proc/{self.daemons[slot].pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise self.daemons[slot].failure("has no RssAnon")

    def check(self) -> None:
        for daemon in self.daemons.values():
            if not daemon.runs():
                raise daemon.failure("ended")

    def close(self) -> None:
        for process in reversed(self._processes):
            process.close()


def _bus(slot: int) -> str:
    return f"{SHARED}/member{slot}/bus"


def _system_toml(cables: Sequence[Cable], members: int) -> str:
    text = '[cluster]\nname = "BENCH"\nuuid = "6f1c3f52-6f83-4d0c-9c0f-0d2f5a3b7e11"\n'
    for slot in range(1, members + 1):
        text += f'[[member]]\nname = "{member_name(slot)}"\nslot = {slot}\n'
    for cable in cables:
        names = [member_name(slot) for slot in cable.slots]
        text += f"[[channel]]\nmembers = {json.dumps(names)}\naddresses = {json.dumps(cable.addresses)}\n"
        text += f"port = {cable.port}\n"
        if cable.interfaces:
            text += f"interfaces = {json.dumps(cable.interfaces)}\n"
    return text


def _services_toml(slot: int) -> str:
    text = ""
    for name, kind in SERVICES.items():
        text += f'[[service]]\nname = "{name}"\nclass = "{kind}"\nsocket = "{socket_of(slot, name)}"\n'
    return text
