"""What a container may not make: device-mapper nodes, VLANs on a bridge, SCSI targets and their reservations."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from administrator import Administrator
from iscsi import Target
from ssilab import Lab

TARGET, INITIATORS = "MEMBER3", ("MEMBER1", "MEMBER2")
LUN_BLOCKS = 4096  # of 4 KiB


def sh(lab: Lab, member: str, script: str, timeout: float = 120) -> str:
    return lab.exec(member, "sh", "-euc", script, timeout=timeout)


# ---- device-mapper -------------------------------------------------------------------------------------------------


def test_a_device_mapper_node_is_an_extent_of_its_volume_and_read_only_where_it_was_made_so(
        machines: Administrator) -> None:
    lab = machines.lab
    lab.lun_create("vol", 16 << 20)
    try:
        lab.wait(lambda: lab.try_exec("MEMBER1", "test", "-b", "/dev/ssi-lab/vol").returncode == 0, "the LUN", 60, 0.5)
        sh(lab, "MEMBER1", "dmsetup create rw --table '0 8 linear /dev/ssi-lab/vol 16';"
                           "dmsetup create ro --readonly --table '0 8 linear /dev/ssi-lab/vol 16'")
        sh(lab, "MEMBER1", "yes here | dd of=/dev/mapper/rw bs=4096 count=1 iflag=fullblock oflag=direct status=none")
        assert sh(lab, "MEMBER1", "dd if=/dev/ssi-lab/vol bs=4096 skip=2 count=1 iflag=direct status=none"
                  ).startswith("here\nhere\n")
        refused = lab.try_exec("MEMBER1", "dd", "if=/dev/zero", "of=/dev/mapper/ro", "bs=4096", "count=1",
                               "oflag=direct")
        assert refused.returncode != 0 and "Operation not permitted" in refused.stderr
        beyond = lab.try_exec("MEMBER1", "dd", "if=/dev/zero", "of=/dev/mapper/rw", "bs=4096", "seek=1", "count=1",
                              "oflag=direct")
        assert beyond.returncode != 0 and "No space left" in beyond.stderr
    finally:
        lab.try_exec("MEMBER1", "dmsetup", "remove", "rw", "ro")
        lab.lun_remove("vol")


# ---- VLANs ---------------------------------------------------------------------------------------------------------


def test_a_bridge_that_filters_vlans_keeps_them_apart_between_members(machines: Administrator) -> None:
    """A station in VLAN 10 on each of two members, and one in VLAN 20; the members' LAN is the trunk."""
    lab = machines.lab
    station = ("ip netns add {name}; ip link add v-{name} type veth peer name eth0 netns {name};"
               "ip link set v-{name} master labbr0 up; bridge vlan del dev v-{name} vid 1;"
               "bridge vlan add dev v-{name} vid {vlan} pvid untagged;"
               "ip -n {name} addr add {address}/24 dev eth0; ip -n {name} link set eth0 up;")
    stations = {"MEMBER1": [("here10", 10, "192.0.2.1")],
                "MEMBER2": [("there10", 10, "192.0.2.2"), ("there20", 20, "192.0.2.3")]}
    try:
        for member, those in stations.items():
            sh(lab, member, "ip link set labbr0 type bridge vlan_filtering 1;"
                            "for vlan in 10 20; do bridge vlan add dev lan0 vid $vlan; done;"
               + "".join(station.format(name=name, vlan=vlan, address=address) for name, vlan, address in those))
        ping = ("ip", "netns", "exec", "here10", "ping", "-c", "1", "-W", "5")
        lab.wait(lambda: lab.try_exec("MEMBER1", *ping, "192.0.2.2").returncode == 0, "the station in VLAN 10", 60, 0.5)
        assert lab.try_exec("MEMBER1", *ping, "192.0.2.3").returncode == 1, "it is in VLAN 20"
    finally:
        for member, those in stations.items():
            for name, _, _ in those:
                lab.try_exec(member, "ip", "netns", "del", name)
            lab.try_exec(member, "ip", "link", "set", "labbr0", "type", "bridge", "vlan_filtering", "0")


# ---- SCSI persistent reservations over iSCSI -----------------------------------------------------------------------


@dataclass(frozen=True)
class Shared:
    """A LUN of the target, logged in to by both initiators: registered with keys 1 and 2, reserved by the first for
    write by all registrants (WEAR)."""

    lab: Lab
    device: str

    def key(self, member: str) -> str:
        return f"0x{INITIATORS.index(member) + 1:x}"

    def reserve(self, member: str, *words: str) -> None:
        self.lab.exec(member, "sg_persist", "--no-inquiry", "--out", *words, self.device, timeout=60)

    def keys(self) -> list[str]:
        said = self.lab.exec(INITIATORS[0], "sg_persist", "--no-inquiry", "--in", "--read-keys", self.device)
        return sorted({line.strip() for line in said.splitlines() if line.strip().startswith("0x")})

    def write_line(self, block: int, text: str) -> list[str]:
        where = f"of={self.device} bs=4096 seek={block} count=1"
        return ["sh", "-c", f"yes {text} | dd {where} iflag=fullblock oflag=direct"]

    def digest(self) -> str:
        """Of all that is on it, as the first initiator reads it."""
        return sh(self.lab, INITIATORS[0], f"dd if={self.device} bs=64k iflag=direct status=none | sha256sum")


@pytest.fixture
def shared(machines: Administrator) -> Iterator[Shared]:
    lab = machines.lab
    target = Target(lab, TARGET, ("lun",), LUN_BLOCKS * 4096)
    target.serve()
    try:
        for member in INITIATORS:
            target.log_in(member)
        found = Shared(lab, target.device("lun"))
        for member in INITIATORS:
            found.reserve(member, "--register", f"--param-sark={found.key(member)}")
        found.reserve(INITIATORS[0], "--reserve", f"--param-rk={found.key(INITIATORS[0])}", "--prout-type=7")
        yield found
    finally:
        for member in INITIATORS:
            if lab.power(member) == "paused":
                lab.resume(member)
            target.log_out(member)
        target.withdraw()


def preempt_and_abort(shared: Shared, victim: str) -> None:
    by = next(member for member in INITIATORS if member != victim)
    shared.reserve(by, "--preempt-abort", f"--param-rk={shared.key(by)}", f"--param-sark={shared.key(victim)}",
                   "--prout-type=7")


def test_a_member_that_was_preempted_writes_no_more_and_reads_on(shared: Shared) -> None:
    for block, member in enumerate(INITIATORS):
        assert shared.lab.try_exec(member, *shared.write_line(block, member)).returncode == 0, "both are registered"
    preempt_and_abort(shared, "MEMBER2")
    assert shared.keys() == ["0x1"]
    refused = shared.lab.try_exec("MEMBER2", *shared.write_line(2, "late"), timeout=60)
    assert refused.returncode != 0
    assert "reservation conflict" in shared.lab.exec("MEMBER2", "dmesg")
    read = sh(shared.lab, "MEMBER2",
              f"dd if={shared.device} bs=4096 skip=1 count=2 iflag=direct status=none | tr -d '\\0'")
    assert set(read.split()) == {"MEMBER2"}, "its write from before is there, the late one is not"
    assert shared.lab.try_exec("MEMBER1", *shared.write_line(3, "MEMBER1")).returncode == 0


def test_no_write_that_was_under_way_lands_after_the_preempt(shared: Shared) -> None:
    """The victim stands still in the middle of its writes, is preempted, and goes on: what its kernel still held, and
    what was in its sockets, must come too late."""
    lab, device = shared.lab, shlex.quote(shared.device)
    writer = f"i=0; while dd if=/dev/urandom of={device} bs=64k count=8 seek=$((i % 32 * 8)) oflag=direct " \
             "conv=notrunc status=none; do i=$((i + 1)); done; echo $i"
    for number in range(3):
        lab.exec("MEMBER2", "systemd-run", "--quiet", f"--unit=writer{number}", "sh", "-c", writer)
    before = shared.digest()
    lab.wait(lambda: shared.digest() != before, "its writes to arrive", 60, 0.2)
    lab.pause("MEMBER2")
    preempt_and_abort(shared, "MEMBER2")
    at_preempt = shared.digest()
    lab.resume("MEMBER2")

    def gave_up() -> bool:
        return all(lab.try_exec("MEMBER2", "systemctl", "is-active", f"writer{number}").stdout.strip() != "active"
                   for number in range(3))
    lab.wait(gave_up, "its writers to be refused", 120, 0.5)
    assert shared.digest() == at_preempt
    assert "reservation conflict" in lab.exec("MEMBER2", "dmesg")
