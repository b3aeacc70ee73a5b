"""A member that is a virtual machine: a QEMU that emulates its processor (no KVM is needed), with Debian's own kernel,
disks and wires of its own. Its power, its clock, and commands inside it. What differs from a container: docs/lab.md."""

import contextlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from .layout import Cluster, Layout
from .luns import LunLayer
from .machine_image import layer_image, machine_image, make_disk
from .machine_root import AGENT, AGENT_PORT, SOCKET_PORTS, fill_machine_root
from .members import POWER_TIMEOUT, Member
from .processes import LabError, end_recorded_process, record_process, recorded_process, wait_until
from .qmp import ask_qemu
from .trees import tree_path

_KERNEL_ARGUMENTS = ("console=hvc0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check "
                     "rcupdate.rcu_expedited=1 8250.nr_uarts=0 init_on_alloc=0 cryptomgr.notests audit=0 "
                     "lsm=capability nowatchdog net.ifnames=0 systemd.show_status=0 "
                     "systemd.journald.forward_to_console=1 systemd.journald.max_level_console=debug")
# A machine of the lowest level that has instructions for AES, which QEMU passes on to the real processor: links are
# encrypted. No later one: vectors would be emulated.
_PROCESSOR = "Westmere,+rdrand"
_MEMORY_MIB = 1024
_DISK_SIZE = 8 << 30  # sparse


class MachineLuns(LunLayer):
    """The LUNs of a machine are disks of its QEMU, over the same layer that makes their faults."""

    def __init__(self, layout: Layout, member: str, control: Path) -> None:
        super().__init__(layout, member)
        self._qmp = control

    def attach(self, lun: str) -> None:
        """Plugs it in, and returns before the machine has noticed; at power on the command line has it."""
        if self._qmp.exists():
            self._plug(lun)

    def detach(self, lun: str) -> None:
        if self._qmp.exists():
            self._unplug(lun)
        super().detach(lun)

    def arguments(self, luns: dict[str, int], inside: str) -> list[str]:
        """QEMU's, for the disks of all LUNs; `inside` goes before every path of the host's."""
        words = []
        for lun in luns:
            words += ["-blockdev", f"driver=raw,node-name=lun-{lun},cache.direct=on,file.driver=file,file.locking=off,"
                                   f"file.cache.direct=on,file.filename={inside}{self._mount / lun}",
                      "-device", f"virtio-blk-pci,id=disk-{lun},drive=lun-{lun},serial=lun-{lun},share-rw=on"]
        return words

    def _plug(self, lun: str) -> None:
        ask_qemu(self._qmp, "blockdev-add", driver="raw", cache={"direct": True}, **{"node-name": f"lun-{lun}"},
                 file={"driver": "file", "locking": "off", "cache": {"direct": True},
                       "filename": f"/mnt{self._mount / lun}"})
        ask_qemu(self._qmp, "device_add", driver="virtio-blk-pci", id=f"disk-{lun}", drive=f"lun-{lun}",
                 serial=f"lun-{lun}", **{"share-rw": True})

    def _unplug(self, lun: str) -> None:
        ask_qemu(self._qmp, "device_del", id=f"disk-{lun}")

        def removed() -> bool:
            with contextlib.suppress(LabError):
                ask_qemu(self._qmp, "blockdev-del", **{"node-name": f"lun-{lun}"})
                return True
            return False
        wait_until(removed, f"{self._member} to let go of LUN {lun}", 30, 0.2)


class Machine(Member):
    """A member that is a virtual machine."""

    boot_timeout = 600.0
    poll_interval = 2.0

    def __init__(self, layout: Layout, cluster: Cluster, name: str) -> None:
        super().__init__(layout, cluster, name)
        self._qemu_record = self._runtime / "qemu.json"
        self._share_record = self._runtime / "share.json"
        self._share_socket = self._runtime / "share.sock"
        self._qmp = self._runtime / "qmp.sock"
        self._disk = self._state / "disk"
        self.luns: MachineLuns = MachineLuns(layout, name, self._qmp)

    def power(self) -> str:
        if recorded_process(self._qemu_record) is None:
            return "off"
        try:
            status = ask_qemu(self._qmp, "query-status")["status"]
        except LabError:
            if recorded_process(self._qemu_record) is None:  # gone meanwhile
                return "off"
            raise
        return "paused" if status == "paused" else "running"

    def switch_on(self) -> None:
        with self._power_lock():
            if recorded_process(self._qemu_record) is not None:
                raise LabError(f"{self.name} is on already")
            self._clear_remains()
            if not self._disk.exists():
                self._make_disk()
            luns = self._layout.load().luns
            self.luns.start(luns)
            self._network.renew(self.name)
            self._network.switch_on(self.name)
            self._start_share()
            self._start_qemu(luns)

    def cut_power(self) -> None:
        with self._power_lock():
            with contextlib.suppress(LabError):
                self._network.switch_off(self.name)
            self.luns.power_off()  # hung requests fail: QEMU would not die before
            end_recorded_process(self._qemu_record, f"the machine {self.name}", POWER_TIMEOUT)
            self._clear_remains()

    def pause(self) -> None:
        """Its processor and its clock stand still."""
        if self.power() != "running":
            raise LabError(f"{self.name} is {self.power()}: only a running member can be paused")
        ask_qemu(self._qmp, "stop")

    def resume(self) -> None:
        if self.power() != "paused":
            raise LabError(f"{self.name} is {self.power()}: only a paused member can be resumed")
        ask_qemu(self._qmp, "cont")

    def command_line(self, *command: str) -> list[str]:
        self._need_running()
        return ["nsenter", f"--net=/run/netns/{self._unit}", str(AGENT.with_name("run_in_machine")), "--", *command]

    def journal_command(self, unit: str | None, follow: bool) -> list[str]:
        """As it came over a console of its own: the disk inside cannot be read without power. Units are known there by
        the names of their programs."""
        read = ["tail", "--lines=+1", *(["--follow"] if follow else []), str(self._state / "journal.log")]
        if not unit:
            return read
        program = re.escape(unit.removesuffix(".service"))
        chosen = ["grep", "--text", "--line-buffered", "-E", rf"^\[[^]]*\] {program}\["]
        return ["sh", "-c", f"{shlex.join(read)} | {shlex.join(chosen)} || true"]

    def _asked_while_booting(self, *command: str) -> str:
        try:
            return super()._asked_while_booting(*command)
        except LabError:
            return ""  # nobody there yet

    # ---- parts ------------------------------------------------------------------------------------------------------

    def _make_disk(self) -> None:
        upper = self._state / "upper"
        (self._state / "work").mkdir(exist_ok=True)
        fill_machine_root(upper, self._network.addresses(self.name), self._network.interfaces(self.name),
                          self._cluster.watchdog)
        folder = self._state / "disk.content"
        folder.mkdir()
        upper.rename(folder / "upper")
        (folder / "work").mkdir()
        make_disk(self._disk, folder, _DISK_SIZE)
        shutil.rmtree(folder)

    def _mac(self, position: int) -> str:
        return f"52:54:77:00:{self._cluster.slot(self.name):02x}:{position:02x}"

    def _start_share(self) -> None:
        with open(self._state / "share.log", "ab") as log:
            process = subprocess.Popen(
                self._in_tree("/usr/libexec/virtiofsd", f"--shared-dir=/mnt{self._layout.shared}",
                              f"--socket-path=/mnt{self._share_socket}", "--sandbox=none", "--cache=never"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        record_process(self._share_record, process.pid)
        wait_until(lambda: process.poll() is not None or self._share_socket.exists(),
                   f"the shared directory of {self.name}", 10, 0.02)
        if process.poll() is not None:
            raise LabError(f"the shared directory of {self.name} ended: see {self._state}/share.log")

    def _start_qemu(self, luns: dict[str, int]) -> None:
        with open(self._state / "console.log", "ab") as console:
            process = subprocess.Popen(self._in_tree(*self._qemu(luns)), stdin=subprocess.DEVNULL, stdout=console,
                                       stderr=console, start_new_session=True)
        record_process(self._qemu_record, process.pid)

        def answers() -> bool:
            with contextlib.suppress(LabError):
                return bool(ask_qemu(self._qmp, "query-status"))
            return False
        wait_until(lambda: process.poll() is not None or answers(), f"the machine {self.name}", 60, 0.05)
        if process.poll() is not None:
            raise LabError(f"the machine {self.name} did not start: see {self._state}/console.log")

    def _in_tree(self, *command: str) -> list[str]:
        """Runs a program of the machine tree in the member's network namespace. It sees the directories of the lab and
        of the cache below /mnt."""
        image = machine_image()
        folders = [str(folder) for folder in (self._layout.state, self._layout.runtime, image.parent)]
        # A mount namespace of its own (ip netns exec makes it): nothing to undo.
        script = ('tree=$1; shift; mount -t tmpfs tmpfs "$tree/mnt"; '
                  f'for folder in {shlex.join(folders)}; do mkdir -p "$tree/mnt$folder"; '
                  'mount --rbind "$folder" "$tree/mnt$folder"; done; '
                  'mount --rbind /dev "$tree/dev"; mount -t proc proc "$tree/proc"; exec chroot "$tree" "$@"')
        return ["ip", "netns", "exec", self._unit, "sh", "-euc", script, "sh", str(tree_path("machine")), *command]

    def _qemu(self, luns: dict[str, int]) -> list[str]:
        image = machine_image()
        inside = "/mnt"
        state, runtime = f"{inside}{self._state}", f"{inside}{self._runtime}"
        layers = [*([layer_image(Path(self._cluster.packages))] if self._cluster.packages else []), image / "tree"]
        wires = ["mgmt0", *self._network.interfaces(self.name)]
        words = [
            "/usr/bin/qemu-system-x86_64", "-name", self._unit, "-nodefaults", "-no-user-config", "-nographic",
            # Its clock is its own and stops with it; after a reset it is off, as a container is.
            "-accel", "tcg", "-rtc", "clock=vm", "-no-reboot",
            "-machine", "pc-i440fx-10.0,usb=off,vmport=off,memory-backend=memory", "-cpu", _PROCESSOR, "-smp", "1",
            "-m", str(_MEMORY_MIB), "-object", f"memory-backend-memfd,id=memory,size={_MEMORY_MIB}M,share=on",
            "-qmp", f"unix:{runtime}/qmp.sock,server=on,wait=off",
            "-kernel", f"{inside}{image}/vmlinux", "-initrd", f"{inside}{image}/initramfs",
            "-append", f"{_KERNEL_ARGUMENTS} lab.wires={','.join(wires)}",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", "stdio,id=console", "-device", "virtconsole,chardev=console",
            "-chardev", f"file,id=journal,path={state}/journal.log,append=on", "-device", "virtconsole,chardev=journal",
            "-chardev", f"socket,id=share,path={runtime}/share.sock",
            "-device", "vhost-user-fs-pci,chardev=share,tag=lab",
        ]
        for position, layer in enumerate(layers):
            words += self._disk_arguments(f"layer{position}", f"{inside}{layer}", "on")
        words += self._disk_arguments("own", f"{state}/disk", "off") + self.luns.arguments(luns, inside)
        forwards = "".join(f",guestfwd=tcp:10.0.2.100:{port}-cmd:socat - UNIX-CONNECT:{inside}"
                           f"{self._layout.sockets(self.name)}/{name}.sock" for name, port in SOCKET_PORTS.items())
        words += ["-netdev", f"user,id=mgmt0,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:{AGENT_PORT}-:{AGENT_PORT}"
                             + forwards]
        for wire in wires[1:]:
            words += ["-netdev", f"tap,id={wire},ifname=tap-{wire},script=no,downscript=no"]
        for position, wire in enumerate(wires):  # the initramfs names them in this order
            words += ["-device", f"virtio-net-pci,netdev={wire},mac={self._mac(position)},romfile="]
        return words

    @staticmethod
    def _disk_arguments(name: str, path: str, read_only: str) -> list[str]:
        # A disk without a cache of its own: what the machine has written survives its power cut, what its kernel has
        # not written yet is lost.
        return ["-blockdev", f"driver=raw,node-name={name},read-only={read_only},cache.no-flush=on,file.driver=file,"
                             f"file.locking=off,file.cache.no-flush=on,file.filename={path}",
                "-device", f"virtio-blk-pci,drive={name},serial={name},share-rw=on"]

    def _clear_remains(self) -> None:
        end_recorded_process(self._share_record, f"the shared directory of {self.name}")
        self.luns.stop()
        for file in (self._qemu_record, self._qmp, self._share_socket):
            file.unlink(missing_ok=True)
