"""The lab as an object: what the command line and the tests do with it."""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import supervisor
from .containers import remove_cgroups, unmount
from .guest_image import guest_image
from .lab_guests import LabGuests
from .lab_links import LabLinks
from .lab_luns import LabLuns
from .layout import Cluster
from .links import Network, remove_namespaces
from .luns import lun_layer_program, release_leftovers
from .machine_image import machine_image
from .member_files import PDR, make_pdr, make_pki, renew_pdr, write_member_files
from .member_kinds import lab_member
from .packages import package_layer
from .processes import LabError, end_recorded_process, run, say, wait_until
from .small_guest import small_guest_image
from .trees import tree_path

# What reset runs in a member. All is killed, not asked: with its state gone there is nobody to say goodbye to, and no
# hook or lock door of a broken build can hold it up.
_STOP = """
# What "ssi-lab exec" left running. 0 is a process outside the container (nsenter), and for kill our own group.
for pid in $(cat /sys/fs/cgroup/init.scope/cgroup.procs); do
    [ $pid -le 1 ] || [ $pid = $$ ] || kill -KILL $pid 2>/dev/null
done
units="libvirtd.service ssid.service ssi-witness.service ssi-etcd.service ssi-guard.service isfcd.service"
systemctl kill --signal=KILL $units 2>/dev/null
systemctl stop $units 2>/dev/null
# The guard left its watchdog armed, as it must.
python3 -c 'import socket
s = socket.socket(socket.AF_UNIX); s.connect("/run/ssi-lab/watchdog.sock"); s.sendall(b"disarm\n"); s.recv(9)'
if [ -c /dev/watchdog0 ]; then  # systemd keeps it open for the next guard
    systemctl clean --what=fdstore ssi-guard.service
    printf V >/dev/watchdog0
fi
pkill -KILL '^qemu-system-' && while pgrep '^qemu-system-' >/dev/null; do sleep 0.02; done
rm -rf /run/ssi /run/libvirt/qemu/*.xml /run/libvirt/qemu/*.pid
"""
_WIPE = """
rm -rf /var/lib/ssi/* /var/lib/libvirt/qemu/save/* /var/lib/libvirt/qemu/snapshot/* /etc/libvirt/qemu/autostart/*
rm -f /etc/libvirt/qemu/*.xml
"""
_START = """
systemd-tmpfiles --create --prefix=/run/ssi --prefix=/var/lib/ssi 2>/dev/null
systemctl reset-failed 2>/dev/null
for unit in isfcd ssi-guard ssid; do
    [ "$(systemctl is-enabled $unit.service 2>/dev/null)" = enabled ] && systemctl start --no-block $unit.service
done
systemctl start libvirtd.service
virsh -q uri >/dev/null
"""


class Lab(LabLinks, LabLuns, LabGuests):
    """One lab by name. Every method is bounded in time and raises LabError with what it waited for."""

    def up(self, members: int = 3, links: int = 4, timing_scale: float | None = None, packages: bool = True,
           other_layer: Path | None = None, fence_answer_s: float = 0.0, fence: bool = True,
           witness: bool = False, machines: bool = False, watchdog: str = "") -> None:
        """Makes the cluster and boots it; returns when every member is up. `other_layer`: what the members have instead
        of our packages, or besides. `fence_answer_s`: the fence agent answers no sooner. Without `fence` there is none,
        and only time proves a death. `witness`: the PDR has areas for it. `machines`: members are virtual machines,
        whose `watchdog` is "soft" (softdog) unless it is "hardware", the supervisor."""
        if not 1 <= members <= 8 or not 1 <= links <= 16:
            raise LabError("a lab has 1 to 8 members and 1 to 16 links for each pair")
        if (self.layout.state / "cluster.json").exists():
            raise LabError(f"lab '{self.name}' is up already: ssi-lab --name {self.name} down")
        if machines and other_layer is not None:
            raise LabError("another layer than our packages is for containers only")
        self.down()
        tree = "machine" if machines else "member"
        layer = package_layer(tree) if packages else None
        if layer is None:
            why = "none in build/deb (scripts/build-deb makes them)" if packages else "as asked"
            say(f"without our packages: {why}")
        image = small_guest_image() if machines else guest_image()
        lun_layer_program()
        tree_path(tree)
        if machines:
            machine_image()
        timing_scale = timing_scale or (16.0 if machines else 2.0)
        cluster = Cluster(str(uuid.uuid4()), [f"MEMBER{slot}" for slot in range(1, members + 1)], links, timing_scale,
                          str(layer or ""), str(other_layer or ""), fence_answer_s, fence, machines,
                          watchdog or ("soft" if machines else "hardware"))
        for directory in ("consoles", "guests", "images"):
            (self.layout.shared / directory).mkdir(parents=True)
        self.layout.luns.mkdir()
        self.layout.runtime.mkdir(mode=0o755, exist_ok=True)
        for file in image.iterdir():
            _link_or_copy(file, self.layout.shared / "images" / file.name)
        self.layout.store(cluster)
        if layer is not None and not make_pki(self.layout, cluster):
            say("our packages have no ssictl: the members get no certificates")
        if layer is not None:
            make_pdr(self.layout, cluster, witness)
            self.layout.store(cluster)
        for member in cluster.members:
            write_member_files(self.layout, cluster, member)
            self.layout.sockets(member).mkdir(parents=True)
        Network(self.layout, cluster).create()
        supervisor.start_supervisor(self.layout)
        say(f"booting {', '.join(cluster.members)}")
        self.boot(*cluster.members)
        if layer is not None:
            say("waiting for all members to be Joined")
            try:
                self.wait_joined(300 if machines else 30)
            except LabError as error:  # the lab is up; what is wrong is for the user to find
                say(str(error))

    def down(self) -> None:
        """Takes everything away that bears this lab's name, also what a crashed run left."""
        supervisor.stop_supervisor(self.layout)
        with contextlib.suppress(LabError):
            cluster = self.layout.load()
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda name: lab_member(self.layout, cluster, name).cut_power(), cluster.members))
        remove_cgroups(self.layout)
        for root in self.layout.state.glob("members/*/root"):
            unmount(root)
        release_leftovers(self.layout)
        for record in self.layout.runtime.glob("*/*.json"):
            end_recorded_process(record, record.stem)
        remove_namespaces(self.layout)
        for directory in (self.layout.devices, self.layout.runtime, self.layout.state):
            shutil.rmtree(directory, ignore_errors=True)
            if directory.exists():
                raise LabError(f"{directory} cannot be removed: see 'findmnt -R {directory}'")

    def wait_joined(self, timeout: float = 30) -> None:
        """Waits until every member that is on says: exactly these are Joined, with a majority, mode Stable."""
        on = {name for name in self.members if self.power(name) == "running"}
        seen: dict[str, str] = {}

        def agreed() -> bool:
            for name in on:
                done = self.try_exec(name, "ssictl", "query", "ssi", "--json", timeout=15)
                try:
                    answer = json.loads(done.stdout)
                    joined = {member["name"] for member in answer["members"] if member["state"] == "Joined"}
                    names = " ".join(sorted(joined)) or "none"
                    seen[name] = f"{name} says {answer['cluster']['mode']}, Joined: {names}"
                    if joined != on or not answer["majority"] or answer["cluster"]["mode"] != "Stable":
                        return False
                except (ValueError, KeyError):
                    seen[name] = f"{name}: {(done.stderr or done.stdout).strip()}"
                    return False
            return True
        try:
            wait_until(agreed, f"{', '.join(sorted(on))} to be Joined", timeout, self.poll_interval / 2)
        except LabError as error:
            raise LabError(f"{error} ({'; '.join(seen.values())})") from error

    def reset(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """The same members as after `up`: all on, links whole, no guest, no LUN but the PDR, our daemons with empty
        state. What a test changed elsewhere on a member's disk stays. `meanwhile` is called when all that are on have
        stopped, before they start."""
        cluster = self.layout.load()
        for name in cluster.members:
            if self.power(name) == "paused":
                self.resume(name)
        self.heal()
        self._network().clear_throttles()
        for name in cluster.members:
            for lun in self.member(name).luns.faults():
                self.lun_heal(name, lun)  # a hung process would outlive its SIGKILL
        guests = self._guests()
        for guest in guests.all():
            guests.forget(guest.name)
        patience = 120 if cluster.machines else 30
        off = [name for name in cluster.members if self.power(name) == "off"]
        running = [name for name in cluster.members if name not in off]
        if cluster.machines:  # their disks are reached from inside only
            self.boot(*off)
            running, off = cluster.members, []
        for name in off:
            self.member(name).mount_root()
            _run_in_root(self.member(name).root, _WIPE)
        # First nobody has any state, then all start.
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: self.exec(name, "sh", "-c", _STOP + _WIPE, timeout=patience), running))
            for lun in cluster.luns:
                if lun != PDR:
                    self.lun_remove(lun)
            renew_pdr(self.layout)
            meanwhile()
            list(pool.map(lambda name: self.exec(name, "sh", "-c", _START, timeout=patience), running))
        self.boot(*off)

    def status(self) -> dict[str, object]:
        cluster = self.layout.load()
        members = {}
        for name in cluster.members:
            member = self.member(name)
            power = member.power()
            members[name] = {"power": power, "leader": member.leader(), "lun_faults": member.luns.faults()}
            if power == "running":
                members[name]["system"] = member.try_exec("systemctl", "is-system-running", timeout=10).stdout.strip()
        return {"name": self.name, "uuid": cluster.uuid, "machines": cluster.machines,
                "packages": cluster.packages or None,
                "timing_scale": cluster.timing_scale, "supervisor": supervisor.supervisor_runs(self.layout),
                "members": members, "links": self._network().describe(), "luns": cluster.luns,
                "guests": self._guests().states()}

    def describe_failure(self) -> str:
        """For the report of a failed test: status, diary of power, the last lines of each member's journal."""
        parts = [json.dumps(self.status(), indent=1)]
        parts += [json.dumps(event) for event in self.events()[-10:]]
        for name in self.members:
            parts += [f"---- {name}", *run(*self.logs(name)).splitlines()[-60:]]
        return "\n".join(parts)


def _run_in_root(root: Path, script: str) -> None:
    run("chroot", str(root), "sh", "-c", script)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
