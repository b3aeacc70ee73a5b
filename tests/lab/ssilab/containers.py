"""A member that is a systemd-nspawn container on an overlay over the cached root. Its power, and commands inside it."""

import contextlib
import errno
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

from .cgroups import ROOT, MemberCgroup
from .layout import Cluster, Layout
from .luns import LunLayer
from .members import POWER_TIMEOUT, Member
from .processes import LabError, children_of, kill_and_wait, record_process, recorded_process, run, wait_until
from .trees import tree_path

# Capabilities beyond nspawn's own: links and switches; memory locked by ssi-guard and by QEMU.
_EXTRA_CAPABILITIES = "CAP_NET_ADMIN,CAP_IPC_LOCK"


class Container(Member):
    """A member that is a container."""

    def __init__(self, layout: Layout, cluster: Cluster, name: str) -> None:
        super().__init__(layout, cluster, name)
        self._cgroup = MemberCgroup(self._unit)
        self._nspawn_record = self._runtime / "nspawn.json"
        self.luns = LunLayer(layout, name)

    @property
    def root(self) -> Path:
        return self._state / "root"

    @property
    def journal(self) -> Path:
        """Journals of all boots; they outlive the power."""
        return self._state / "journal"

    # ---- state ------------------------------------------------------------------------------------------------------

    def leader(self) -> int | None:
        """The container's process 1, or None when the power is off."""
        nspawn = recorded_process(self._nspawn_record)
        for pid in children_of(nspawn) if nspawn else []:
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("NSpid:") and line.split()[-1] == "1" and len(line.split()) > 2:
                        return pid
        return None

    def power(self) -> str:
        if not self._cgroup.pids():
            return "off"
        return "paused" if self._cgroup.frozen() else "running"

    # ---- power ------------------------------------------------------------------------------------------------------

    def switch_on(self) -> None:
        with self._power_lock():
            if self.power() != "off":
                raise LabError(f"{self.name} is on already")
            self._clear_remains()
            self._cgroup.create()
            self.mount_root()
            self.luns.start(self._layout.load().luns)  # as they are now, not when this object was made
            self._network.renew(self.name)
            self._network.switch_on(self.name)
            self._start_nspawn()
            wait_until(self.leader, f"the first process of {self.name} (see {self._state}/console.log)", 10, 0.01)

    def cut_power(self) -> None:
        with self._power_lock():
            # Stop everything at one instant: nobody in there may see the others die, or its links and disks go.
            self._cgroup.freeze()
            with contextlib.suppress(LabError):
                self._cgroup.wait_frozen(0.5)  # a process in a hung disk's queue stands still anyway
            with contextlib.suppress(LabError):
                self._network.switch_off(self.name)
            self.luns.power_off()  # from now on no write of this member reaches a LUN; hung ones fail
            deadline = time.monotonic() + POWER_TIMEOUT
            # cgroup v1: SIGKILL works after the thaw, but before a single instruction of the program.
            while pids := self._cgroup.pids():
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self._cgroup.thaw()
                kill_and_wait(pids, f"all processes of {self.name}", max(0.1, deadline - time.monotonic()))
            self._clear_remains()

    def pause(self) -> None:
        if self.power() != "running":
            raise LabError(f"{self.name} is {self.power()}: only a running member can be paused")
        self._cgroup.freeze()
        try:
            self._cgroup.wait_frozen(5)
        except LabError:
            self._cgroup.thaw()
            raise

    def resume(self) -> None:
        if self.power() != "paused":
            raise LabError(f"{self.name} is {self.power()}: only a paused member can be resumed")
        self._cgroup.thaw()

    def mount_root(self) -> None:
        """The member's disk, at `root`. It stays mounted without power: to unmount it is to write back all it holds."""
        if os.path.ismount(self.root):
            return
        for directory in ("upper", "work", "root", "journal"):
            (self._state / directory).mkdir(parents=True, exist_ok=True)
        tree = str(tree_path(self._cluster.tree))
        layers = ":".join(filter(None, [self._cluster.packages, self._cluster.layer, tree]))
        run("mount", "-t", "overlay", self._unit, "-o",
            f"lowerdir={layers},upperdir={self._state}/upper,workdir={self._state}/work", str(self.root))

    # ---- inside -----------------------------------------------------------------------------------------------------

    def command_line(self, *command: str) -> list[str]:
        """With the container's namespaces, its cgroup (so that pause and power cut reach it), its capabilities, its
        environment."""
        self._need_running()
        leader = self.leader()
        if leader is None:
            raise LabError(f"{self.name} is off: ssi-lab boot {self.name}")
        try:
            join = "".join(f"echo $$ >{shlex.quote(str(file))}; " for file in self._cgroup.entry_files(leader))
            bounding = 0
            for line in Path(f"/proc/{leader}/status").read_text().splitlines():
                if line.startswith("CapBnd:"):
                    bounding = int(line.split()[1], 16)
        except OSError as error:
            raise LabError(f"{self.name} lost its power just now") from error
        capabilities = ",".join(["-all", *(f"+cap_{bit}" for bit in range(64) if bounding >> bit & 1)])
        environment = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                       "USER=root", "SHELL=/bin/bash", "LANG=C.UTF-8", f"TERM={os.environ.get('TERM', 'dumb')}"]
        return ["sh", "-c", join + 'exec "$@"', "ssi-lab", "nsenter", f"--target={leader}", "--all",
                "--wdns=/root", "setpriv", f"--bounding-set={capabilities}", *environment, *command]

    def journal_command(self, unit: str | None, follow: bool) -> list[str]:
        command = ["journalctl", "--no-pager", "-o", "short-precise", f"--directory={self.journal}"]
        return command + (["--unit", unit] if unit else []) + (["--follow"] if follow else [])

    # ---- parts ------------------------------------------------------------------------------------------------------

    def _start_nspawn(self) -> None:
        sockets = self._layout.sockets(self.name)
        binds = {self._layout.shared: "/srv/ssi-lab", sockets: "/run/ssi-lab", self.luns.nodes: "/dev/ssi-lab",
                 self.journal: "/run/log/journal", Path("/dev/net/tun"): "/dev/net/tun",
                 Path("/dev/loop-control"): "/dev/loop-control"}
        # nspawn itself runs in the namespace: told to join one, it mounts a /sys that shows the host's interfaces.
        command = ["nsenter", f"--net=/run/netns/{self._unit}", "systemd-nspawn", "--quiet",
                   f"--directory={self.root}", f"--machine={self._unit}", f"--hostname={self.name}",
                   "--register=no", "--keep-unit", "--boot", "--console=read-only",
                   "--resolv-conf=off", "--timezone=off", "--link-journal=no", f"--capability={_EXTRA_CAPABILITIES}",
                   *(f"--bind={source}:{target}" for source, target in binds.items())]
        join = "".join(f"echo $$ >{shlex.quote(str(file))}; " for file in self._cgroup.entry_files())
        with open(self._state / "console.log", "ab") as console:
            process = subprocess.Popen(
                ["sh", "-c", join + 'exec "$@"', "ssi-lab", *command], stdin=subprocess.DEVNULL, stdout=console,
                stderr=console, start_new_session=True,
                # A host with cgroup v1 would else give a systemd 257 hierarchies that it no longer knows.
                # Hosts set their network's sysctls: /proc/sys/net is the namespace's own, and writable.
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                     "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"})
        record_process(self._nspawn_record, process.pid)

    def _clear_remains(self) -> None:
        """What a dead member leaves behind: loop devices, its LUN layer, cgroups. Harmless when there is nothing."""
        self.luns.stop()
        self._nspawn_record.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._cgroup.remove()


def unmount(directory: Path) -> None:
    """Unmounts everything at the directory, lazily if somebody still looks into it."""
    while os.path.ismount(directory):
        with contextlib.suppress(LabError):
            run("umount", str(directory))
            continue
        run("umount", "--lazy", str(directory))


def remove_cgroups(layout: Layout) -> None:
    """The power cut for `down`: kills what runs in any group named like this lab's members, known or not."""
    names = {path.name for hierarchy in (ROOT, *ROOT.iterdir()) if hierarchy.is_dir()
             for path in hierarchy.glob(f"{layout.prefix}-*") if path.is_dir()}
    for name in names:
        group = MemberCgroup(name)
        deadline = time.monotonic() + POWER_TIMEOUT
        while pids := group.pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            group.thaw()
            kill_and_wait(pids, f"the processes of {name}", max(0.1, deadline - time.monotonic()))

        def gone(group: MemberCgroup = group) -> bool:
            try:
                group.remove()
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                return False
            return True
        wait_until(gone, f"the end of the control groups of {name}", 5)
