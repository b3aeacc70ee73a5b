"""QEMU itself, without libvirt, moves the memory of a machine over several connections through the links."""

import json
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from administrator import Administrator
from member_program import MemberProgram
from ssilab import Lab

MEMORY_MIB = 48
UNTOUCHED = 1 << 20  # the firmware's place is below
CONNECTIONS = 4
SERVICE = "migration-parallel"


class Machine(MemberProgram):
    """A QEMU without devices, whose processor stands still and whose memory is a file."""

    def __init__(self, lab: Lab, member: str, memory: Path, *options: str) -> None:
        super().__init__(lab, member, "qemu-system-x86_64", "-S", "-machine", "pc,accel=tcg,memory-backend=ram", "-m",
                         str(MEMORY_MIB), "-object", f"memory-backend-file,id=ram,size={MEMORY_MIB}M,share=on,"
                         f"mem-path=/srv/ssi-lab/{memory.name}", "-nodefaults", "-no-user-config", "-display", "none",
                         "-qmp", "stdio", *options)
        self.line()  # the greeting
        self.ask("qmp_capabilities")
        self.ask("migrate-set-capabilities", capabilities=[{"capability": "multifd", "state": True}])
        self.ask("migrate-set-parameters", **{"multifd-channels": CONNECTIONS, "max-bandwidth": 1 << 30})

    def __exit__(self, *reason: object) -> None:
        self.tell('{"execute": "quit"}')
        super().__exit__(*reason)

    def ask(self, command: str, **arguments: object) -> dict:
        self.tell(json.dumps({"execute": command, "arguments": arguments}))
        while True:
            answer = json.loads(self.line())
            assert "error" not in answer, f"{command}: {answer}"
            if "return" in answer:
                return answer["return"]

    def has_moved(self) -> bool:
        """As this end sees it: the source is ready when the last bytes are on their way."""
        state = self.ask("query-migrate")
        assert state.get("status") not in ("failed", "cancelled"), state
        return state.get("status") == "completed"


@pytest.fixture
def memories(lab: Lab) -> Iterator[tuple[Path, Path]]:
    """Of the source, full of random bytes, and of the destination, not there yet."""
    source, destination = (lab.layout.shared / f"{end}.ram" for end in ("source", "destination"))
    try:
        source.write_bytes(os.urandom(MEMORY_MIB << 20))
        yield source, destination
    finally:
        for file in (source, destination):
            file.unlink(missing_ok=True)


def contents(file: Path) -> bytes:
    with open(file, "rb") as memory, mmap.mmap(memory.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        return mapped[UNTOUCHED:]


def test_a_migration_over_several_connections_is_as_many_streams(joined: Administrator,
                                                                 memories: tuple[Path, Path]) -> None:
    lab, (source, destination) = joined.lab, memories
    joined.wait_channels("MEMBER1", "MEMBER2", up=4)
    lab.throttle("MEMBER1", "MEMBER2", 20)
    with Machine(lab, "MEMBER1", source) as here, Machine(lab, "MEMBER2", destination, "-incoming", "defer") as there:
        there.ask("migrate-incoming", uri=f"unix:/run/ssi/isfc/services/{SERVICE}")
        lab.wait(lambda: SERVICE in joined.link("MEMBER1", "MEMBER2")["services"], f"MEMBER2 to offer {SERVICE}", 10)
        here.ask("migrate", uri=f"unix:/run/ssi/isfc/MEMBER2/{SERVICE}")
        joined.wait_carried("MEMBER1", "MEMBER2", SERVICE, 8 << 20)
        carried = [stream["sent_bytes"] for stream in joined.streams("MEMBER1", "MEMBER2", SERVICE)]
        assert len(carried) == 1 + CONNECTIONS
        assert sum(size > 1 << 20 for size in carried) == CONNECTIONS
        lab.wait(here.has_moved, "the source to have sent all", 30)
        lab.wait(there.has_moved, "the destination to have received all", 30)
        assert contents(source) == contents(destination)
