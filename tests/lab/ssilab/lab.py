"""The lab as an object: what the command line and the tests do with it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from . import supervisor
from .containers import remove_cgroups, unmount
from .guests import DEFAULT_MEMORY_MIB, Guest, Guests, Tick
from .guest_image import guest_image
from .layout import Cluster, Layout
from .links import Network, remove_namespaces
from .luns import lun_layer_program, release_leftovers
from .machine_image import machine_image
from .member_files import PDR, make_pdr, make_pki, renew_pdr, write_member_files
from .member_kinds import lab_member
from .members import Member
from .packages import package_layer
from .processes import LabError, end_recorded_process, run, say, wait_until
from .small_guest import small_guest_image
from .trees import tree_path

Answer = TypeVar("Answer")

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


class Lab:
    """One lab by name. Every method is bounded in time and raises LabError with what it waited for."""

    def __init__(self, name: str = "default") -> None:
        self.layout = Layout(name)
        self.name = name

    # ---- up and down ------------------------------------------------------------------------------------------------

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

    # ---- members ----------------------------------------------------------------------------------------------------

    @property
    def members(self) -> list[str]:
        return self.layout.load().members

    @property
    def poll_interval(self) -> float:
        """How often to ask a member for what costs it a process, in seconds."""
        return self.member(self.members[0]).poll_interval

    def member(self, name: str) -> Member:
        return lab_member(self.layout, self.layout.load(), name)

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

    def power(self, name: str) -> str:
        """"off", "running" or "paused"."""
        return self.member(name).power()

    def exec(self, member: str, *command: str, timeout: float = 30, input_text: str | None = None) -> str:
        """Runs a command in a member; returns its standard output; LabError if it fails."""
        return self.member(member).exec(*command, timeout=timeout, input_text=input_text)

    def try_exec(self, member: str, *command: str, timeout: float = 30, input_text: str | None = None,
                 ) -> subprocess.CompletedProcess[str]:
        """As exec, but the caller looks at returncode, stdout and stderr."""
        return self.member(member).try_exec(*command, timeout=timeout, input_text=input_text)

    def boot(self, *members: str, timeout: float | None = None) -> None:
        """Switches members on and waits until they are up."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: self._switch(name, "on"), members))
            states = list(pool.map(lambda name: self._wait_booted(name, timeout), members))
        guests = self._guests()
        for name, state in zip(members, states):
            if state != "running":
                failed = self.try_exec(name, "systemctl", "--failed", "--plain", "--no-legend").stdout
                say(f"{name} is {state}: {' '.join(line.split()[0] for line in failed.splitlines() if line.split())}")
            guests.define_missing(self.member(name))

    def crash(self, *members: str) -> None:
        """A power cut. On return all its processes are dead and its I/O has ended."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: self._switch(name, "off"), members))

    def shutdown(self, member: str, timeout: float = 90) -> None:
        self.member(member).shut_down(timeout)
        self._switch(member, "off")

    def pause(self, member: str) -> None:
        self.member(member).pause()

    def resume(self, member: str) -> None:
        self.member(member).resume()

    def watchdog_fail(self, member: str) -> None:
        """Its hardware watchdog breaks: whatever was armed, it resets nobody any more."""
        self.member(member)
        self._ask_supervisor({"action": "fault", "fault": "watchdog-fail", "members": [member]})

    def watchdog_heal(self, member: str) -> None:
        self._ask_supervisor({"action": "fault", "fault": "watchdog-heal", "members": [member]})

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

    # ---- links ------------------------------------------------------------------------------------------------------

    def cut(self, one: str, other: str, *links: int, silent: bool = False) -> None:
        """All links between the two, or those numbered."""
        self._network().cut(one, other, list(links) or None, silent)

    def heal(self, one: str | None = None, other: str | None = None, *links: int) -> None:
        """Without members: all links of the lab."""
        on = {name for name in self.members if self.power(name) != "off"}
        self._network().heal(one, other, list(links) or None, on)

    def isolate(self, member: str, silent: bool = False) -> None:
        """Cuts all links of a member."""
        for peer in self._peers(member):
            self.cut(member, peer, silent=silent)

    def deafen(self, member: str) -> None:
        """Nothing reaches the member over its links; what it sends arrives."""
        self._network().deafen(member)

    def rejoin(self, member: str) -> None:
        for peer in self._peers(member):
            self.heal(member, peer)

    def throttle(self, one: str, other: str, mbit: float | None, *links: int) -> None:
        """All links between the two, or those numbered, to this rate each; None: as fast as it goes."""
        self._network().throttle(one, other, list(links) or None, mbit)

    # ---- LUNs -------------------------------------------------------------------------------------------------------

    def lun_create(self, name: str, size: int) -> None:
        """A LUN of so many bytes, zeroed, on every member as /dev/ssi-lab/NAME."""
        if not name.isidentifier() and not name.replace("-", "").isalnum():
            raise LabError(f"'{name}' is no name for a LUN: letters, digits, '-' and '_'")
        if size <= 0 or size % 4096:
            raise LabError("the size of a LUN must be a multiple of 4096 bytes")
        with self.layout.lock("luns"):
            cluster = self.layout.load()
            if name in cluster.luns:
                raise LabError(f"LUN {name} exists already")
            with open(self.layout.luns / name, "wb") as file:
                file.truncate(size)
            cluster.luns[name] = size
            self.layout.store(cluster)
            for member in cluster.members:
                if self.power(member) != "off":
                    self.member(member).luns.attach(name)

    def lun_remove(self, name: str) -> None:
        with self.layout.lock("luns"):
            cluster = self.layout.load()
            self._need_lun(cluster, name)
            for member in cluster.members:
                self.member(member).luns.detach(name)
            del cluster.luns[name]
            self.layout.store(cluster)
            (self.layout.luns / name).unlink()

    def lun_fail(self, member: str, lun: str, how: str = "all") -> None:
        """how: "reads", "writes", "all" or "hang"; for this member only."""
        self._need_lun(self.layout.load(), lun)
        self.member(member).luns.fail(lun, how)

    def lun_heal(self, member: str, lun: str) -> None:
        self._need_lun(self.layout.load(), lun)
        self.member(member).luns.heal(lun)

    # ---- guests -----------------------------------------------------------------------------------------------------

    def guest_create(self, name: str, memory_mib: int = DEFAULT_MEMORY_MIB, disks: list[str] | None = None,
                     nic: bool = False) -> Guest:
        """Defined on all members that are on; started by `virsh start NAME` on one."""
        return self._guests().create(name, memory_mib, disks or [], nic)

    def guest_remove(self, name: str) -> None:
        self._guests().remove(name)

    def guest_states(self) -> dict[str, dict[str, str]]:
        return self._guests().states()

    def guest_where(self, name: str) -> list[str]:
        """The members on which it is active."""
        return self._guests().where(name)

    def guest_send(self, name: str, command: str, timeout: float = 20) -> str:
        """Types a command (docs/lab.md, "Guests") on its console and returns the answer."""
        return self._guests().send(name, command, timeout)

    def guest_console(self, name: str) -> str:
        return self._guests().console(name)

    def ticks(self, name: str) -> list[Tick]:
        return self._guests().ticks(name)

    def wait_guest(self, name: str, runs_before: int = 0, timeout: float = 30) -> str:
        """Waits for the first tick of a boot after `runs_before` boots; returns its run id."""
        return self._guests().wait_booted(name, runs_before, timeout)

    def wait_ticking(self, name: str, timeout: float = 10) -> None:
        """Waits until three more ticks are there than now."""
        before = len(self.ticks(name))
        wait_until(lambda: len(self.ticks(name)) >= before + 3, f"{name} to tick on", timeout)

    # ---- observing --------------------------------------------------------------------------------------------------

    @staticmethod
    def wait(condition: Callable[[], Answer], what: str, timeout: float = 10, interval: float = 0.05) -> Answer:
        """Polls something observable until it is true, at most `timeout` seconds."""
        return wait_until(condition, what, timeout, interval)

    def events(self) -> list[dict[str, object]]:
        """The diary of power: {"time", "event": "power-off"|"power-on", "member", "why"}."""
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in self.layout.events.read_text().splitlines()]
        return []

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

    def logs(self, member: str, unit: str | None = None, follow: bool = False) -> list[str]:
        """The command that prints the member's journal; works also when it is off."""
        return self.member(member).journal_command(unit, follow)

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _wait_booted(self, name: str, timeout: float | None) -> str:
        try:
            return self.member(name).wait_booted(timeout)
        except LabError as error:
            last = next((event for event in reversed(self.events()) if event["member"] == name), {})
            if self.power(name) == "off" and last.get("event") == "power-off":
                raise LabError(f"{error} (power cut: {last['why']})") from error
            raise

    def _network(self) -> Network:
        return Network(self.layout, self.layout.load())

    def _guests(self) -> Guests:
        cluster = self.layout.load()
        return Guests(self.layout, [lab_member(self.layout, cluster, name) for name in cluster.members])

    def _peers(self, member: str) -> list[str]:
        self.member(member)
        return [name for name in self.members if name != member]

    @staticmethod
    def _need_lun(cluster: Cluster, name: str) -> None:
        if name not in cluster.luns:
            raise LabError(f"no LUN {name}: there are {', '.join(cluster.luns) or 'none'}")

    def _switch(self, name: str, action: str) -> None:
        """Through the supervisor: it also resets the member's watchdog. Without a supervisor, by ourselves."""
        member = self.member(name)
        if action == "on" and member.power() != "off":
            raise LabError(f"{name} is on already")
        if not supervisor.supervisor_runs(self.layout):
            supervisor.start_supervisor(self.layout)
        self._ask_supervisor({"action": action, "plug": name})

    def _ask_supervisor(self, request: dict[str, object]) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(60)
            try:
                connection.connect(str(self.layout.runtime / "control.sock"))
                connection.sendall(json.dumps(request).encode() + b"\n")
                answer = json.loads(connection.makefile().readline())
            except (OSError, ValueError) as error:
                raise LabError(f"the supervisor did not answer ({error}): see {self.layout.state}/supervisor.log"
                               ) from error
        if not answer["ok"]:
            raise LabError(str(answer["reason"]))


def _run_in_root(root: Path, script: str) -> None:
    run("chroot", str(root), "sh", "-c", script)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
