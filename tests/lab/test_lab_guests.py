"""The lab itself: its guests boot fast, tick without gaps, answer, and move between members."""


import pytest
from ssilab import Lab

LISTENER = "/srv/ssi-lab/member2-libvirt"


@pytest.fixture
def guest_lab(bare_lab: Lab) -> Lab:
    bare_lab.lun_create("G1", 16 << 20)
    bare_lab.guest_create("g1", disks=["G1"], nic=True)
    return bare_lab


def counts_are_whole(lab: Lab, guest: str, run: str) -> bool:
    counts = [tick.count for tick in lab.ticks(guest) if tick.run == run]
    return counts == list(range(1, len(counts) + 1))


def test_guest_boots_and_ticks(guest_lab: Lab) -> None:
    guest_lab.exec("MEMBER1", "virsh", "start", "g1")
    run = guest_lab.wait_guest("g1")
    guest_lab.wait(lambda: len(guest_lab.ticks("g1")) >= 20, "20 ticks")
    assert counts_are_whole(guest_lab, "g1", run)
    assert guest_lab.guest_where("g1") == ["MEMBER1"]


def test_guest_answers_and_checks_its_disk(guest_lab: Lab) -> None:
    guest_lab.exec("MEMBER1", "virsh", "start", "g1")
    guest_lab.wait_guest("g1")
    assert guest_lab.guest_send("g1", "ping") == "pong"
    assert guest_lab.guest_send("g1", "write vda 200 7") == "wrote 200"
    assert guest_lab.guest_send("g1", "verify vda 200 7") == "verified 200"
    assert guest_lab.guest_send("g1", "verify vda 200 8").startswith("mismatch")
    assert guest_lab.guest_send("g1", "read vda 199") == "block 199 seed 7 written-as 199 whole"
    assert guest_lab.guest_send("g1", "read vda 200") == "block 200 zero"
    guest_lab.exec("MEMBER2", "ping", "-c1", "-W2", "10.78.1.1")
    guest_lab.lun_fail("MEMBER1", "G1", "writes")
    assert guest_lab.guest_send("g1", "write vda 1 9").startswith("error write")


@pytest.mark.parametrize("how", ["poweroff", "shutdown"])
def test_guest_goes_off_by_itself_and_at_the_power_button(guest_lab: Lab, how: str) -> None:
    guest_lab.exec("MEMBER1", "virsh", "start", "g1")
    guest_lab.wait_guest("g1")
    if how == "poweroff":
        assert guest_lab.guest_send("g1", "poweroff") == "bye"
    else:
        guest_lab.exec("MEMBER1", "virsh", "shutdown", "g1")
    guest_lab.wait(lambda: guest_lab.guest_where("g1") == [], "the guest to be off")


def test_guest_moves_live_and_loses_no_tick(guest_lab: Lab) -> None:
    guest_lab.exec("MEMBER1", "virsh", "start", "g1")
    run = guest_lab.wait_guest("g1")
    assert guest_lab.guest_send("g1", "write vda 50 3") == "wrote 50"
    guest_lab.exec("MEMBER2", "sh", "-c", f"rm -f {LISTENER}; socat UNIX-LISTEN:{LISTENER},fork "
                   "UNIX-CONNECT:/run/libvirt/libvirt-sock >/dev/null 2>&1 & "
                   f"until test -S {LISTENER}; do sleep 0.02; done")
    guest_lab.exec("MEMBER1", "virsh", "migrate", "--live", "--p2p", "--persistent", "--undefinesource", "g1",
                   f"qemu+unix:///system?socket={LISTENER}", "--migrateuri", "unix:///srv/ssi-lab/migration",
                   timeout=60)
    assert guest_lab.guest_where("g1") == ["MEMBER2"]
    guest_lab.wait_ticking("g1")
    assert counts_are_whole(guest_lab, "g1", run)
    assert guest_lab.guest_send("g1", "verify vda 50 3") == "verified 50"


def test_guest_that_was_created_while_a_member_was_off_is_defined_at_its_boot(bare_lab: Lab) -> None:
    bare_lab.crash("MEMBER3")
    bare_lab.guest_create("late")
    bare_lab.boot("MEMBER3")
    assert "late" in bare_lab.exec("MEMBER3", "virsh", "-q", "list", "--all", "--name").split()
