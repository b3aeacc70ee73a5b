"""QEMU moves a guest of 512 MiB: through isfcd over four wires, and by its own TCP over one of them.

The guest's memory is a file of random bytes, so that no page is empty; its processor runs the firmware. Both ways with
multifd over the same number of connections. The bytes that arrived are compared with those that were sent.
"""

import contextlib
import json
import mmap
import socket
import time
from pathlib import Path

from . import routes
from .report import compared, take_turns
from .sandbox import BenchError, Process, on_host, wait_until
from .throughput import bonded

_MIB = 1 << 20
_MEMORY_MIB = 512
_CONNECTIONS = 4
_ROUNDS = 2
_TIMEOUT_S = 60
_RATE = 200
_SERVICE = "migration-bench"
_TCP = "tcp:10.77.0.2:7950"
_UNTOUCHED_MIB = (16, 480)  # the firmware writes below and above


def migration(_: set[str]) -> None:
    source, destination = "/tmp/source.ram", "/tmp/destination.ram"
    _fill(on_host(source))
    listen, connect = routes.ours_offered(_SERVICE)

    def move(incoming: str, outgoing: str) -> float:
        on_host(destination).unlink(missing_ok=True)
        with contextlib.closing(Guest("one", source)) as here, \
                contextlib.closing(Guest("two", destination, "-incoming", "defer")) as there:
            there.prepare()
            there.ask("migrate-incoming", uri=incoming)
            if outgoing.startswith("unix:"):
                wait_until(on_host(outgoing.removeprefix("unix:")).exists, f"service {_SERVICE} at MEMBER1")
            here.prepare()
            here.ask("migrate", uri=outgoing)
            took = here.wait_migrated()
        _compare(on_host(source), on_host(destination))
        return took

    with bonded([_RATE] * 4):
        found = take_turns("migration", _ROUNDS, {"ours": lambda: move(f"unix:{listen}", f"unix:{connect}"),
                                                  "native": lambda: move(_TCP, _TCP)}, lambda took: f"{took:.1f} s")
    for file in (source, destination):
        on_host(file).unlink()
    # As speeds: that the target reads as the issue has it.
    compared("migration", *([_MEMORY_MIB / took for took in found[who]] for who in ("ours", "native")), "MiB/s",
             "ratio >= 3.5")


class Guest:
    """A QEMU without any device but memory."""

    def __init__(self, end: str, memory: str, *options: str) -> None:
        monitor = f"/tmp/qmp-{end}.sock"
        on_host(monitor).unlink(missing_ok=True)
        self._process = Process(
            f"qemu-{end}", "qemu-system-x86_64", "-machine", "pc,accel=tcg,memory-backend=ram", "-m", str(_MEMORY_MIB),
            "-object", f"memory-backend-file,id=ram,size={_MEMORY_MIB}M,mem-path={memory},share=on", "-nodefaults",
            "-no-user-config", "-display", "none", "-qmp", f"unix:{monitor},server=on,wait=off", *options, network=end)
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            wait_until(self._monitor_is_there(on_host(monitor)), f"the monitor of QEMU {end}")
            self._socket.settimeout(_TIMEOUT_S)
            self._socket.connect(str(on_host(monitor)))
            self._answers = self._socket.makefile("rb")
            self._answers.readline()  # the greeting
            self.ask("qmp_capabilities")
        except (BenchError, OSError):
            self.close()
            raise

    def _monitor_is_there(self, monitor: Path):
        def there() -> bool:
            if not self._process.runs():
                raise self._process.failure("ended")
            return monitor.exists()
        return there

    def ask(self, command: str, **arguments) -> dict:
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._socket.sendall(json.dumps({"execute": command, "arguments": named}).encode())
        while line := self._answers.readline():
            answer = json.loads(line)
            if "error" in answer:
                raise self._process.failure(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise self._process.failure("ended")

    def prepare(self) -> None:
        """Several connections, and no limit but that of the wires."""
        self.ask("migrate-set-capabilities", capabilities=[{"capability": "multifd", "state": True}])
        self.ask("migrate-set-parameters", multifd_channels=_CONNECTIONS, max_bandwidth=10 << 30)

    def wait_migrated(self) -> float:
        """How long it took as QEMU counts it, in seconds."""
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            state = self.ask("query-migrate")
            if state["status"] == "completed":
                return state["total-time"] / 1000
            if state["status"] in ("failed", "cancelled"):
                raise self._process.failure(f"migration {state['status']}: {state.get('error-desc', '')}")
            time.sleep(0.1)
        raise self._process.failure(f"the migration takes longer than {_TIMEOUT_S} s")

    def close(self) -> None:
        self._socket.close()
        self._process.close()


def _fill(file: Path) -> None:
    with open("/dev/urandom", "rb") as random, open(file, "wb") as memory:
        for _ in range(_MEMORY_MIB):
            memory.write(random.read(_MIB))


def _compare(source: Path, destination: Path) -> None:
    begin, end = (mib * _MIB for mib in _UNTOUCHED_MIB)
    with open(source, "rb") as one, open(destination, "rb") as other, \
            mmap.mmap(one.fileno(), 0, prot=mmap.PROT_READ) as sent, \
            mmap.mmap(other.fileno(), 0, prot=mmap.PROT_READ) as came:
        for at in range(begin, end, _MIB):
            if sent[at:at + _MIB] != came[at:at + _MIB]:
                raise BenchError(f"the guest's memory differs after the migration, at {at} bytes")
