"""The lab's guests: libvirt domains around a Debian kernel whose first process (tests/lab/guest) ticks and answers."""

import contextlib
import json
import os
import re
import secrets
import select
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from .layout import Layout
from .members import Member
from .processes import LabError, wait_until

# Fixed, so that a guest moves between all members, and its XML means the same on each.
_MACHINE = "pc-i440fx-10.0"
_CPU = "qemu64"
_KERNEL_ARGUMENTS = ("console=ttyS0 quiet loglevel=1 panic=1 mitigations=off nokaslr tsc=reliable no_timer_check "
                     "rcupdate.rcu_expedited=1 8250.nr_uarts=1")
DEFAULT_MEMORY_MIB = 96


@dataclass(frozen=True)
class Guest:
    """What `guest create` was asked for."""

    name: str
    uuid: str
    memory_mib: int
    disks: list[str]
    address: str  # of its NIC on the guests' LAN; empty: no NIC

    def xml(self) -> str:
        disks = "".join(
            f"<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none' io='native'/>"
            f"<source dev={quoteattr(disk if disk.startswith('/') else f'/dev/ssi-lab/{disk}')}/>"
            f"<target dev='vd{chr(ord('a') + index)}' bus='virtio'/></disk>"
            for index, disk in enumerate(self.disks))
        nic, option = "", ""
        if self.address:
            mac = "52:54:00:" + ":".join(f"{int(part):02x}" for part in self.address.split(".")[1:])
            nic = f"<interface type='bridge'><mac address='{mac}'/><source bridge='labbr0'/><model type='virtio'/>" \
                  "<rom enabled='no'/></interface>"
            option = f" ssi.address={self.address}"
        return (
            f"<domain type='qemu'><name>{self.name}</name><uuid>{self.uuid}</uuid>"
            f"<memory unit='MiB'>{self.memory_mib}</memory><vcpu>1</vcpu>"
            f"<os><type arch='x86_64' machine='{_MACHINE}'>hvm</type><kernel>/srv/ssi-lab/images/vmlinux</kernel>"
            f"<initrd>/srv/ssi-lab/images/initramfs</initrd><cmdline>{_KERNEL_ARGUMENTS}{option}</cmdline></os>"
            f"<features><acpi/></features><cpu mode='custom' match='exact' check='none'>"
            f"<model fallback='forbid'>{_CPU}</model></cpu><clock offset='utc'/>"
            f"<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>"
            f"<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{disks}{nic}"
            f"<controller type='usb' model='none'/><memballoon model='none'/>"
            f"<serial type='pty'><log file='/srv/ssi-lab/consoles/{self.name}.log' append='on'/>"
            f"<target port='0'/></serial><console type='pty'><target type='serial' port='0'/></console>"
            f"</devices></domain>\n")


@dataclass(frozen=True)
class Tick:
    """One line of a guest's counter."""

    run: str  # of which boot of the guest
    count: int


class Guests:
    """The guests of a lab, over all its members."""

    def __init__(self, layout: Layout, members: list[Member]) -> None:
        self._layout = layout
        self._members = members
        self._directory = layout.state / "guests"

    def create(self, name: str, memory_mib: int, disks: list[str], nic: bool) -> Guest:
        """Writes the XML and defines it, the same, on every member that is on."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", name):
            raise LabError(f"'{name}' is no name for a guest: letters, digits, '-' and '_'")
        known = self._layout.load().luns
        for disk in disks:
            if not disk.startswith("/") and disk not in known:
                raise LabError(f"no LUN {disk}: ssi-lab lun create {disk} SIZE")
        with self._layout.lock("guests"):
            self._directory.mkdir(exist_ok=True)
            if (self._directory / f"{name}.json").exists():
                raise LabError(f"guest {name} exists already: ssi-lab guest remove {name}")
            taken = {guest.address for guest in self.all()}
            address = next(candidate for index in range(1, 255) if (candidate := f"10.78.1.{index}") not in taken)
            guest = Guest(name, str(uuid.uuid4()), memory_mib, disks, address if nic else "")
            (self._directory / f"{name}.json").write_text(json.dumps(asdict(guest)))
        (self._layout.shared / "guests" / f"{name}.xml").write_text(guest.xml())
        for member in self._running():
            self._define(member, guest)
        return guest

    def remove(self, name: str) -> None:
        """Destroys and undefines it on every member that is on, and forgets it."""
        for member in self._running():
            member.try_exec("virsh", "destroy", name)
            member.try_exec("virsh", "undefine", name)
        self.forget(name)

    def forget(self, name: str) -> None:
        """Only the lab's own knowledge of it: its record, its XML, its console log."""
        for file in (self._directory / f"{name}.json", self._layout.shared / "guests" / f"{name}.xml",
                     self.console_file(name)):
            file.unlink(missing_ok=True)

    def all(self) -> list[Guest]:
        files = sorted(self._directory.glob("*.json")) if self._directory.exists() else []
        return [Guest(**json.loads(file.read_text())) for file in files]

    def define_missing(self, member: Member) -> None:
        """After a boot: what was created while the member was off."""
        guests = self.all()
        if guests:
            defined = member.exec("virsh", "-q", "list", "--all", "--name").split()
            for guest in guests:
                if guest.name not in defined:
                    self._define(member, guest)

    def states(self) -> dict[str, dict[str, str]]:
        """Guest -> member -> libvirt's word for its state, on members that are on."""
        found: dict[str, dict[str, str]] = {guest.name: {} for guest in self.all()}
        for member in self._running():
            for line in member.exec("virsh", "-q", "list", "--all").splitlines():
                words = line.split(maxsplit=2)
                if len(words) == 3:
                    found.setdefault(words[1], {})[member.name] = words[2].strip()
        return found

    def where(self, name: str) -> list[str]:
        """Members on which libvirt has it active (running, paused, incoming)."""
        return [member.name for member in self._running()
                if member.try_exec("virsh", "domstate", name).stdout.strip() not in ("", "shut off", "crashed")]

    # ---- console ----------------------------------------------------------------------------------------------------

    def console_file(self, name: str) -> Path:
        """Every member's QEMU appends to it: across a relocation it is one log."""
        return self._layout.shared / "consoles" / f"{name}.log"

    def console(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError):
            return self.console_file(name).read_text(errors="replace").replace("\r", "")
        return ""

    def ticks(self, name: str) -> list[Tick]:
        """All whole tick lines, in the order in which they were printed."""
        return [Tick(found[1], int(found[2]))
                for found in re.finditer(r"^([0-9a-f]{8}) tick (\d+)\n", self.console(name), re.MULTILINE)]

    def wait_booted(self, name: str, runs_before: int = 0, timeout: float = 30) -> str:
        """Waits for the first tick of a boot after the first `runs_before` boots in the log; returns its run id."""
        def newest() -> str:
            runs = list(dict.fromkeys(tick.run for tick in self.ticks(name)))
            return runs[-1] if len(runs) > runs_before else ""
        return wait_until(newest, f"the first tick of {name} ({self.console_file(name)})", timeout)

    def send(self, name: str, command: str, timeout: float = 20) -> str:
        """Types a command on the guest's console and returns the answer."""
        members = [member for member in self._running() if member.name in self.where(name)]
        if len(members) != 1:
            places = ", ".join(member.name for member in members) or "no member"
            raise LabError(f"guest {name} is active on {places}: a command needs exactly one")
        terminal = members[0].exec("virsh", "ttyconsole", name).strip()
        leader = members[0].leader()
        log = self.console_file(name)
        offset = log.stat().st_size if log.exists() else 0
        request = f"q{secrets.token_hex(4)}"
        descriptor = os.open(f"/proc/{leader}/root{terminal}", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            os.write(descriptor, f"\n{request} {command}\n".encode())
            deadline = time.monotonic() + timeout
            while time.monotonic() < deadline:
                # Read and thrown away: QEMU waits when nobody empties the terminal; the answer is in the log.
                if select.select([descriptor], [], [], 0.05)[0]:
                    with contextlib.suppress(OSError):
                        os.read(descriptor, 65536)
                with open(log, "rb") as file:
                    file.seek(offset)
                    text = file.read().decode(errors="replace")
                if found := re.search(rf"^[0-9a-f]{{8}} reply {request} ([^\r\n]*)\r?\n", text, re.MULTILINE):
                    return found[1]
        finally:
            os.close(descriptor)
        raise LabError(f"waited {timeout:g} s for {name} to answer '{command}'")

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _running(self) -> list[Member]:
        return [member for member in self._members if member.power() == "running"]

    def _define(self, member: Member, guest: Guest) -> None:
        member.exec("virsh", "-q", "define", f"/srv/ssi-lab/guests/{guest.name}.xml")
