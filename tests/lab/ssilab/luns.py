"""LUNs: one backing file each, and for each member its own way to it.

    /var/lib/ssi-lab/NAME/luns/LUN           the storage, one for all
    /run/ssi-lab-NAME/MEMBER/luns/LUN        the member's layer (tests/lab/lun_layer, FUSE): faults happen here
    loop device, direct I/O, of its own      the member's block device with a page cache of its own
    /dev/ssi-lab/LUN in the member           its node
"""

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import stat
import struct
import subprocess
import threading
from pathlib import Path

from .layout import Layout
from .processes import LabError, end_recorded_process, record_process, recorded_process, run, wait_until
from .trees import cache_directory, forget_old, in_builder, repository

LOOP_CTL_GET_FREE = 0x4C82
LOOP_CONFIGURE = 0x4C0A
LOOP_CLR_FD = 0x4C01
LO_FLAGS_DIRECT_IO = 16
LOOP_MAJOR = 7
_SOURCE = "tests/lab/lun_layer/lun_layer.cpp"


def lun_layer_program() -> Path:
    """The layer's binary; built once for each state of its source. Static: it runs on the host, whatever that is."""
    digest = hashlib.sha256((repository() / _SOURCE).read_bytes()).hexdigest()[:12]
    program = cache_directory() / f"lab-lun-layer-{digest}"
    if not program.exists():
        (repository() / "build/lab").mkdir(parents=True, exist_ok=True)
        partial = repository() / f"build/lab/lun_layer.{os.getpid()}"
        in_builder("g++", "-std=c++23", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-static",
                   "-s", "-I/usr/include/fuse3", f"/src/{_SOURCE}", "-lfuse3", "-o", f"/src/build/lab/{partial.name}")
        run("install", str(partial), f"{program}.{os.getpid()}")
        Path(f"{program}.{os.getpid()}").rename(program)
        partial.unlink()
        forget_old("lab-lun-layer-*", keep=program)
    os.utime(program)
    return program


class LunLayer:
    """The way of one member to all LUNs of its lab."""

    def __init__(self, layout: Layout, member: str) -> None:
        runtime = layout.member_runtime(member)
        self._member = member
        self._storage = layout.luns
        self._mount = runtime / "luns"
        self._control = runtime / "luns.sock"
        self._record = runtime / "luns.json"
        self._log = layout.member_state(member) / "luns.log"
        self.nodes = layout.devices / member  # bind-mounted at /dev/ssi-lab in the member

    def start(self, luns: dict[str, int]) -> None:
        """At power on: the layer, and a block device for each LUN."""
        self.nodes.mkdir(parents=True, exist_ok=True)
        self._mount.mkdir(parents=True, exist_ok=True)
        with open(self._log, "ab") as log:
            process = subprocess.Popen([str(lun_layer_program()), str(self._storage), str(self._mount),
                                        str(self._control)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        record_process(self._record, process.pid)
        wait_until(lambda: process.poll() is not None or os.path.ismount(self._mount) and self._control.exists(),
                   f"the LUN layer of {self._member}", 10, 0.01)
        if process.poll() is not None:
            raise LabError(f"the LUN layer of {self._member} ended: see {self._log}")
        for lun in luns:
            self.attach(lun)

    def attach(self, lun: str) -> None:
        """Gives the member its block device for one LUN."""
        minor = _configure_loop(self._mount / lun)
        node = self.nodes / lun
        node.unlink(missing_ok=True)
        os.mknod(node, stat.S_IFBLK | 0o660, os.makedev(LOOP_MAJOR, minor))

    def detach(self, lun: str) -> None:
        (self.nodes / lun).unlink(missing_ok=True)
        if recorded_process(self._record) is not None:
            self.heal(lun)
        for minor in _loops_below(self._mount / lun):
            _clear_loop(minor)
        if recorded_process(self._record) is not None:
            self._ask(f"forget {lun}")

    def fail(self, lun: str, how: str) -> None:
        """how: "reads", "writes", "all" (errors) or "hang" (no answer until heal or power off)."""
        self._ask(f"fail {lun} {how}")

    def heal(self, lun: str) -> None:
        """Errors end; what hung is carried out now."""
        self._ask(f"heal {lun}")

    def faults(self) -> dict[str, str]:
        """LUN -> fault, as the layer has it now."""
        if recorded_process(self._record) is None:
            return {}
        return json.loads(self._ask("faults"))

    def power_off(self) -> None:
        """From the return of this no request of the member reaches the storage any more; what hung has failed."""
        if recorded_process(self._record) is not None:
            with contextlib.suppress(LabError):
                self._ask("power-off")

    def stop(self) -> None:
        """Takes devices, layer and mount away. The layer must be powered off, or dirty pages would be written."""
        self.power_off()
        for node in self.nodes.glob("*"):
            node.unlink(missing_ok=True)
        for minor in _loops_below(self._mount):
            _clear_loop(minor)
        if os.path.ismount(self._mount) or recorded_process(self._record) is not None:
            end_recorded_process(self._record, f"the LUN layer of {self._member}")
            with contextlib.suppress(LabError):
                run("umount", "--lazy", str(self._mount))
        self._record.unlink(missing_ok=True)
        self._control.unlink(missing_ok=True)

    def _ask(self, line: str) -> str:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(5)
                connection.connect(str(self._control))
                connection.sendall(line.encode() + b"\n")
                answer = connection.makefile().readline().strip()
        except OSError as error:
            raise LabError(f"the LUN layer of {self._member} does not answer ({error}): is the member on?") from error
        if not answer.startswith("ok"):
            raise LabError(f"LUN layer of {self._member}: {answer or 'no answer'}")
        return answer[2:].strip()


def _configure_loop(file: Path) -> int:
    """A free loop device with direct I/O over the file; returns its minor number."""
    backing = os.open(file, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(64):
            minor = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
            with _loop_node(minor) as device:
                # struct loop_config {u32 fd; u32 block_size; struct loop_info64 info; u64 reserved[8]}
                info = struct.pack("=5Q4I64s64s32s2Q", 0, 0, 0, 0, 0, 0, 0, 0, LO_FLAGS_DIRECT_IO,
                                   os.fsencode(file)[-63:], b"", b"", 0, 0)
                try:
                    fcntl.ioctl(device, LOOP_CONFIGURE, struct.pack("=2I", backing, 512) + info + bytes(64))
                    return minor
                except OSError as error:
                    if error.errno != 16:  # EBUSY: another process was faster, take the next
                        raise LabError(f"loop device for {file}: {error.strerror}") from error
    finally:
        os.close(backing)
        os.close(control)
    raise LabError("no free loop device")


@contextlib.contextmanager
def _loop_node(minor: int):
    """An open loop device, by a node of our own: a container's /dev has no node for a new one."""
    node = Path("/dev") / f"ssi-lab-loop-{minor}.{threading.get_native_id()}"  # members boot in threads
    with contextlib.suppress(FileExistsError):
        os.mknod(node, stat.S_IFBLK | 0o600, os.makedev(LOOP_MAJOR, minor))
    try:
        device = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    finally:
        node.unlink()
    try:
        yield device
    finally:
        os.close(device)


def _loops_below(path: Path) -> list[int]:
    """Loop devices whose backing file is the path or lies below it."""
    found = []
    for entry in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            backing = entry.read_text().strip().removesuffix(" (deleted)")
            if backing == str(path) or backing.startswith(f"{path}/"):
                found.append(int(entry.parents[1].name.removeprefix("loop")))
    return sorted(found)


def _clear_loop(minor: int) -> None:
    with _loop_node(minor) as device, contextlib.suppress(OSError):
        fcntl.ioctl(device, LOOP_CLR_FD)
    wait_until(lambda: not Path(f"/sys/block/loop{minor}/loop/backing_file").exists(),
               f"loop{minor} to be free (somebody outside the member still has it open)", 10, 0.02)


def release_leftovers(layout: Layout) -> None:
    """For `down`: loops and mounts of layers whose process or record is gone."""
    for minor in _loops_below(layout.runtime):
        _clear_loop(minor)
    for line in Path("/proc/self/mounts").read_text().splitlines():
        target = line.split()[1]
        if target.startswith(f"{layout.runtime}/"):
            run("umount", "--lazy", target)
