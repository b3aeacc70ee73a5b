"""Our own fencing by persistent reservations at devices that have them: [[fence]] method "reservations" (SAFETY 13 c).

The target is a file of MEMBER3's, so the paused member is not that one. The lab's cluster is left as it is in the end:
with another PDR, and one member that was preempted and reset."""

import re
from dataclasses import dataclass

import pytest
from administrator import Administrator
from iscsi import Target
from ssilab import Lab

TARGET, VICTIM, WITNESS = "MEMBER3", "MEMBER2", "MEMBER1"
SIZE = 16 << 20
CONFIGURATION = "/etc/ssi/system.toml"
# Each write is another one, and the loop ends with the first that is refused.
WRITER = """i=0
while dd if=/dev/urandom of="$1" bs=64k count=4 seek=$((i % 64 * 4)) oflag=direct conv=notrunc status=none; do
    i=$((i + 1))
done"""


@dataclass(frozen=True)
class Reserved:
    admin: Administrator
    target: Target

    def content(self) -> str:
        return self.admin.lab.exec(TARGET, "sha256sum", "/var/tmp/volume", timeout=60).split()[0]

    def slots_registered(self) -> set[int]:
        """Whose keys are at the volume: bits 24 to 31 of a key are the slot."""
        said = self.admin.lab.exec(WITNESS, "sg_persist", "--no-inquiry", "--in", "--read-keys",
                                   self.target.device("volume"), timeout=60)
        return {int(key, 16) >> 24 & 0xff for key in re.findall(r"^\s+(0x[0-9a-f]+)", said, re.MULTILINE)}


@pytest.fixture
def reserved(machine_lab: Lab) -> Reserved:
    """The cluster begins anew, with the PDR and one volume on SCSI disks and no other fence than reservations."""
    lab = machine_lab
    target = Target(lab, TARGET, ("pdr", "volume"), SIZE)

    def change_storage() -> None:
        target.serve()
        for member in lab.members:
            target.log_in(member)
        text = lab.exec(WITNESS, "cat", CONFIGURATION).replace("/dev/ssi-lab/pdr", target.device("pdr"))
        text = text.partition("[[fence]]")[0] + (
            f'[[fence]]\nname = "disks"\nmethod = "reservations"\nvolumes = ["{target.device("volume")}"]\n'
            "all_disks = true\ntimeout_s = 60\n")
        for member in lab.members:
            lab.exec(member, "sh", "-c", f"cat >{CONFIGURATION}", input_text=text)
        lab.exec(WITNESS, "ssictl", "pdr", "format", timeout=120)

    lab.reset(meanwhile=change_storage)
    admin = Administrator(lab)
    admin.wait_joined(timeout=600)
    return Reserved(admin, target)


def test_a_paused_member_is_fenced_by_its_keys_and_writes_no_more_when_it_goes_on(reserved: Reserved) -> None:
    admin, lab = reserved.admin, reserved.admin.lab
    for member in lab.members:
        lab.wait(lambda at=member: admin.ssictl(WITNESS, "fence", "test", at).returncode == 0,
                 f"the fence to be ready for {member}", 120, lab.poll_interval)
        said = admin.ssictl(WITNESS, "fence", "test", member).stdout
        assert "ok" in said and "registered: MEMBER1" in said, said
    assert reserved.slots_registered() == {1, 2, 3}
    lab.guest_create("g3", memory_mib=32)
    admin.start(VICTIM, "g3")
    before = reserved.content()
    lab.exec(VICTIM, "dmesg", "--console-level", "info")  # what its kernel says outlives it
    lab.exec(VICTIM, "systemd-run", "--quiet", "--unit=writer", "sh", "-c", WRITER, "sh",
             reserved.target.device("volume"))
    lab.wait(lambda: reserved.content() != before, "its writes to arrive", 60, lab.poll_interval)

    lab.pause(VICTIM)
    admin.wait_states(WITNESS, timeout=600, **{VICTIM: "Down"})
    assert reserved.slots_registered() == {1, 3}, "its keys are gone"
    at_fence = reserved.content()
    assert lab.power(VICTIM) == "paused", "nobody switched it off"
    lab.wait_guest("g3", 1, timeout=400)

    console = lab.layout.member_state(VICTIM) / "console.log"
    lab.resume(VICTIM)
    lab.wait(lambda: "reservation conflict" in console.read_text(errors="replace"), "a write of its to be refused", 120,
             lab.poll_interval)
    # It learns that it was declared dead, or that its lease is over, and ends its guest.
    lab.wait(lambda: VICTIM not in lab.guest_where("g3"), "its guest to be ended", 300, 1)
    assert len(lab.guest_where("g3")) == 1
    assert reserved.content() == at_fence, "nothing of what it had under way has landed"
