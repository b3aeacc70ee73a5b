"""The peer as a whole: set up, watched, and asked where the guest is."""

import secrets
import uuid
import xml.etree.ElementTree as ElementTree
from xml.dom import minidom

from ssilab import Guest, Lab, LabError

from .configuration import corosync_conf, fencing_xml, guest_xml

DEFAULT_TOTEM: dict[str, int] = {}
TUNED_TOTEM = {"token": 1000, "token_coefficient": 0}

_MEMORY_MIB = 96
_SETTLE_TIMEOUT_S = 120


class PacemakerCluster:
    """On a lab whose members have the peer's layer."""

    def __init__(self, lab: Lab, guest: str) -> None:
        self.lab = lab
        self._guest = guest
        self._totem: dict[str, int] | None = None

    def prepare(self) -> None:
        """From members that were just booted to a cluster that runs the guest."""
        cluster = self.lab.layout.load()
        key = secrets.token_hex(128)
        for member in cluster.members:
            self.lab.exec(member, "sh", "-c", "umask 077; cat >/etc/corosync/authkey", input_text=key)
        # Not defined in libvirt: VirtualDomain creates it from the file, and would have to undefine it first.
        guest = Guest(self._guest, str(uuid.uuid4()), _MEMORY_MIB, ["G"], "")
        # VirtualDomain finds the name only on a line of its own.
        text = minidom.parseString(guest.xml()).toprettyxml(indent="  ")
        (self.lab.layout.shared / "guests" / f"{guest.name}.xml").write_text(text)
        self.set_totem(DEFAULT_TOTEM)
        for member in cluster.members:
            self.lab.exec(member, "systemctl", "--quiet", "enable", "--now", "corosync", "pacemaker", timeout=60)
        self._wait(lambda: self._online() == set(cluster.members), "all members to be online")
        first = cluster.members[0]
        # The others must not be started again by the switch while one takes over: off is enough, as for ours.
        self._set(first, "crm_config", "stonith-action", "off")
        self._set(first, "rsc_defaults", "resource-stickiness", "1")
        for resource in (fencing_xml(cluster), guest_xml(self._guest)):
            self.lab.exec(first, "cibadmin", "--create", "--scope", "resources", "--xml-text", resource)
        self.settle()

    def set_totem(self, totem: dict[str, int]) -> None:
        """corosync.conf with these timers on every member, also on those that are off, and in use."""
        if totem == self._totem:
            return
        cluster = self.lab.layout.load()
        for member in cluster.members:
            (self.lab.member(member).root / "etc/corosync/corosync.conf").write_text(corosync_conf(cluster, totem))
        if self._totem is not None:
            running = self._running()
            self.lab.exec(running, "corosync-cfgtool", "-R")
            wanted = totem.get("token", 3000) + totem.get("token_coefficient", 650) * (len(cluster.members) - 2)
            self._wait(lambda: self._token(running) == wanted, f"corosync to use a token of {wanted} ms")
        self._totem = totem

    def settle(self) -> str:
        """Every member is on and online, nothing is under way, the guest runs: on the member that is returned."""
        lab = self.lab
        lab.boot(*[name for name in lab.members if lab.power(name) == "off"])
        home = self._wait(self._quiet_home, f"{self._guest} to run in a quiet cluster")
        lab.wait_ticking(self._guest, _SETTLE_TIMEOUT_S)
        return home

    def describe(self) -> str:
        """What crm_mon says."""
        return self.lab.try_exec(self._running(), "crm_mon", "--one-shot", "--failcounts", "--operations",
                                 "--fence-history=3").stdout

    def _running(self) -> str:
        return next(name for name in self.lab.members if self.lab.power(name) == "running")

    def _quiet_home(self) -> str:
        status = self._status()
        if status is None or self._online(status) != set(self.lab.members):
            return ""
        controller = status.find("./summary/current_dc")
        if controller is None or controller.get("with_quorum") != "true":
            return ""
        name = str(controller.get("name"))
        told = self.lab.try_exec(name, "crmadmin", "--quiet", f"--status={name}")
        homes = {resource.get("id"): [node.get("name") for node in resource.findall("node")]
                 for resource in status.iter("resource")
                 if resource.get("role") == "Started" and resource.get("pending") is None}
        if "S_IDLE" not in told.stdout + told.stderr or len(homes.get("power", [])) != 1:
            return ""
        at = homes.get(self._guest, [])
        return str(at[0]) if len(at) == 1 else ""

    def _status(self) -> ElementTree.Element | None:
        done = self.lab.try_exec(self._running(), "crm_mon", "--one-shot", "--output-as=xml")
        try:
            return ElementTree.fromstring(done.stdout) if done.returncode == 0 else None
        except ElementTree.ParseError:
            return None

    def _online(self, status: ElementTree.Element | None = None) -> set[str]:
        status = self._status() if status is None else status
        if status is None:
            return set()
        return {str(node.get("name")) for node in status.findall("./nodes/node")
                if node.get("online") == "true" and node.get("pending") == "false"}

    def _token(self, member: str) -> int:
        done = self.lab.try_exec(member, "corosync-cmapctl", "-g", "runtime.config.totem.token")
        return int(done.stdout.split("=")[1]) if done.returncode == 0 and "=" in done.stdout else 0

    def _set(self, member: str, kind: str, name: str, value: str) -> None:
        self.lab.exec(member, "crm_attribute", "--type", kind, "--name", name, "--update", value)

    def _wait(self, condition, what: str):
        try:
            return self.lab.wait(condition, what, _SETTLE_TIMEOUT_S, 0.5)
        except LabError as error:
            raise LabError(f"{error}\n{self.describe()}") from error
