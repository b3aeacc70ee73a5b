"""Emulated mainframes: their configuration, power switch and console; and the network that they use."""

import os
import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ssilab.processes import LabError, kill_and_wait, run, wait_until
from ssilab.trees import tree_path

# Where the kernel's loader looks for them.
_KERNEL_AT, _INITRD_AT = 0x0, 0x02000000
_INITRD_ADDRESS_AT, _INITRD_SIZE_AT, _PARAMETERS_AT = 0x00010408, 0x00010410, 0x00010480
_PARAMETERS = "root=/dev/ram0 conmode=3215 condev=0x0009 console=ttyS0 con3215_drop=0 nokaslr"

_CONFIGURATION = """\
ARCHMODE ESAME
MAINSIZE 384
CPUMODEL 2097
PANRATE FAST
PGMPRDOS LICENSED
CPUSERIAL {serial}
CPUVERID FF
LPARNAME {name}
NUMCPU 1
OSTAILOR QUIET
CNSLPORT {console_port}
0009 3215-C / noprompt
"""


@dataclass(frozen=True)
class Cable:
    """Joins one adapter of each machine. Crosswise: what one reads is what the other writes."""

    devices: tuple[int, int]  # the first of the two device numbers at each end: read; the next one: write
    port: int  # the first of eight: Hercules takes two for each device

    def devices_at(self, end: int) -> str:
        near, far = self.port + 4 * end, self.port + 4 * (1 - end)
        read = self.devices[end]
        return (f"{read:04X} CTCE {near} 127.0.0.1 {far + 2}\n"
                f"{read + 1:04X} CTCE {near + 2} 127.0.0.1 {far}\n")


class Wires:
    """A network namespace of the machines' own; a cable in it can be cut: what is sent is lost, and nobody is told."""

    def __init__(self) -> None:
        self.name = f"ssi-mainframe-{os.getpid()}"
        run("ip", "netns", "add", self.name)
        try:
            run("ip", "-n", self.name, "link", "set", "lo", "up")
            self._nft("add table inet cut; add chain inet cut out { type filter hook output priority 0; }")
        except LabError:
            self.remove()
            raise

    def cut(self, cable: Cable) -> None:
        ports = f"{cable.port}-{cable.port + 7}"
        self._nft(f"add rule inet cut out tcp dport {ports} drop; add rule inet cut out tcp sport {ports} drop")

    def heal(self) -> None:
        self._nft("flush chain inet cut out")

    def add_tap(self, name: str, *addresses: str) -> None:
        """An interface of ours to which a QEMU can be connected."""
        run("ip", "-n", self.name, "tuntap", "add", name, "mode", "tap")
        for address in addresses:
            run("ip", "-n", self.name, "addr", "add", address, "dev", name)
        run("ip", "-n", self.name, "link", "set", name, "up")

    def remove(self) -> None:
        run("ip", "netns", "del", self.name)

    def _nft(self, commands: str) -> None:
        run("ip", "netns", "exec", self.name, "nft", commands)


class Machine:
    """Everything it needs and says is in `folder`/NAME."""

    def __init__(self, name: str, folder: Path, wires: Wires) -> None:
        self.name = name
        self.folder = folder / name
        self._wires = wires
        self._process: subprocess.Popen[bytes] | None = None
        self._console = self.folder / "console"

    def console(self) -> str:
        return self._console.read_text(errors="replace").replace("\r", "") if self._console.exists() else ""

    def said(self, pattern: str) -> re.Match[str] | None:
        """The first line of the console that has the pattern."""
        return re.search(f"^.*{pattern}.*$", self.console(), re.MULTILINE)

    def wait(self, pattern: str, timeout: float) -> re.Match[str]:
        """Waits until a line of the console has the pattern."""
        def heard() -> re.Match[str] | None:
            if self._process is None or self._process.poll() is not None:
                raise LabError(f"{self.name} is off; it said last:\n{self.console()[-2000:]}")
            return self.said(pattern)
        return wait_until(heard, f"'{pattern}' on the console of {self.name}", timeout, interval=0.2)

    def switch_off(self) -> None:
        if self._process is not None:
            kill_and_wait([self._process.pid], self.name, 10)
            self._process.wait()

    def _switch_on(self, kernel: Path, initrd: bytes, *emulator: str) -> None:
        (self.folder / "kernel").write_bytes(kernel.read_bytes())
        (self.folder / "initrd").write_bytes(initrd)
        # A mount namespace of its own (ip netns exec makes it): nothing to undo. Each command gives way to the next, so
        # that the process that is started here is the emulator itself in the end.
        script = ('mount --bind "$1" "$2/mnt" && mount -t proc proc "$2/proc" && mount --rbind /dev "$2/dev" && '
                  'tree=$2 && shift 2 && exec chroot "$tree" "$@"')
        with self._console.open("wb") as console:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", self._wires.name, "sh", "-c", script, "sh", str(self.folder),
                 str(tree_path("mainframe")), *emulator],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)


class Mainframe(Machine):
    """Hercules, with channel-to-channel adapters. `end` tells the two apart: 0 or 1."""

    def __init__(self, end: int, folder: Path, wires: Wires, cables: list[Cable]) -> None:
        super().__init__(f"HERC{end + 1}", folder, wires)
        self._configuration = _CONFIGURATION.format(serial=f"{0x611 + end:06X}", name=self.name,
                                                    console_port=3271 + end)
        self._configuration += "".join(cable.devices_at(end) for cable in cables)

    def ipl(self, kernel: Path, initrd: bytes) -> None:
        """Switches on and boots; returns at once."""
        self.folder.mkdir(parents=True)
        self._write("initrd.address", struct.pack(">Q", _INITRD_AT))
        self._write("initrd.size", struct.pack(">Q", len(initrd)))
        self._write("parameters", _PARAMETERS.encode() + b"\0")
        self._write("linux.ins", f"* Linux\nkernel {_KERNEL_AT:#010x}\ninitrd {_INITRD_AT:#010x}\n"
                                 f"initrd.address {_INITRD_ADDRESS_AT:#010x}\ninitrd.size {_INITRD_SIZE_AT:#010x}\n"
                                 f"parameters {_PARAMETERS_AT:#010x}\n".encode())
        self._write("machine.cnf", self._configuration.encode())
        self._write("machine.rc", b"ipl /mnt/linux.ins\n")
        self._switch_on(kernel, initrd, "env", "HERCULES_RC=/mnt/machine.rc", "hercules", "-d", "-f",
                        "/mnt/machine.cnf")

    def _write(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)


class VirtualMainframe(Machine):
    """QEMU: no adapters, but an Ethernet, and boots in seconds."""

    def boot(self, kernel: Path, initrd: bytes, tap: str) -> None:
        """Returns at once. Its interface is eth0."""
        self.folder.mkdir(parents=True)
        self._switch_on(kernel, initrd, "qemu-system-s390x", "-machine", "s390-ccw-virtio", "-accel", "tcg",
                        "-m", "512", "-nographic", "-nodefaults", "-serial", "none", "-monitor", "none", "-no-reboot",
                        "-chardev", "stdio,id=console", "-device", "sclpconsole,chardev=console",
                        "-netdev", f"tap,id=net,ifname={tap},script=no,downscript=no",
                        "-device", "virtio-net-ccw,netdev=net",
                        "-kernel", "/mnt/kernel", "-initrd", "/mnt/initrd", "-append", "console=ttysclp0")
