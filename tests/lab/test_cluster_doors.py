"""The two doors at which libvirt asks before a guest runs: that they are asked, by whichever way a guest comes, and
what an administrator sees of a member whose libvirt does not ask. And a guest whose memory is saved."""


import pytest
from administrator import Administrator

HOOK = "/etc/libvirt/hooks/qemu.d/ssi"
QEMU_CONF = "/etc/libvirt/qemu.conf"


@pytest.fixture
def admin(joined: Administrator) -> Administrator:
    joined.lab.lun_create("G1", 16 << 20)
    joined.lab.guest_create("g1", disks=["G1"])
    return joined


def doors_fault(admin: Administrator, member: str) -> str:
    entries = admin.document("MEMBER3", "query", "ssi")["members"]
    return next(entry["doors_fault"] for entry in entries if entry["name"] == member)


def wait_fault(admin: Administrator, member: str, word: str) -> None:
    admin.lab.wait(lambda: word in doors_fault(admin, member), f"the doors of {member}: {word}", 60, 0.3)


def wait_doors_are_asked(admin: Administrator, member: str, before: int) -> None:
    """After what it said `before`."""
    admin.lab.wait(lambda: "asks the hook and the lock door" in ssid_said(admin, member)[before:],
                   f"{member} to have tried the doors", 60, 0.3)


def ssid_said(admin: Administrator, member: str) -> str:
    return admin.lab.exec(member, "journalctl", "-b", "-u", "ssid", "-o", "cat")


def restart_libvirt(admin: Administrator, member: str) -> None:
    # One that is stopped soon after its start may wait for its own udev thread for ever; it gives up after 30 s.
    admin.lab.exec(member, "systemctl", "restart", "libvirtd", timeout=90)


def assert_nothing_new_runs_on(admin: Administrator, member: str) -> None:
    """g1 runs elsewhere."""
    refused = admin.ssictl("MEMBER3", "relocate", "move", "g1", member)
    assert refused.returncode == 1 and "SSI-1049" in refused.stderr, refused.stderr
    admin.lab.guest_create("g2")
    by_ssictl = admin.ssictl("MEMBER3", "guest", "start", "g2", "--member", member)
    for asked in (admin.virsh(member, "start", "g2"), by_ssictl):
        assert asked.returncode == 1 and "SSI-1049" in asked.stderr, asked.stderr
    assert f"WARNING: nothing new starts on {member}" in admin.ssictl("MEMBER1", "query", "ssi").stdout


def test_a_member_whose_libvirt_does_not_ask_the_lock_door_says_so_and_starts_nothing_new(admin: Administrator) -> None:
    boot = admin.start("MEMBER2", "g1")
    before = len(ssid_said(admin, "MEMBER1"))
    admin.lab.exec("MEMBER1", "sed", "-i", 's/^lock_manager.*/lock_manager = "nop"/', QEMU_CONF)
    restart_libvirt(admin, "MEMBER1")
    wait_fault(admin, "MEMBER1", "lock_manager")
    assert_nothing_new_runs_on(admin, "MEMBER1")
    listed = admin.virsh("MEMBER1", "list", "--all", "--name").stdout.split()
    assert listed == ["g1", "g2"], "nothing of the trial is left"
    admin.lab.exec("MEMBER1", "sed", "-i", 's/^lock_manager.*/lock_manager = "lockd"/', QEMU_CONF)
    restart_libvirt(admin, "MEMBER1")
    wait_doors_are_asked(admin, "MEMBER1", before)
    admin.lab.wait(lambda: not doors_fault(admin, "MEMBER1"), "the others to know", 20, 0.3)
    assert admin.ssictl("MEMBER3", "relocate", "move", "g1", "MEMBER1", timeout=90).returncode == 0
    admin.assert_no_tick_lost("g1", boot)


def test_a_member_without_the_hook_says_so_and_no_guest_moves_from_or_to_it(admin: Administrator) -> None:
    boot = admin.start("MEMBER1", "g1")
    admin.lab.exec("MEMBER1", "mv", HOOK, "/root/hook")
    try:
        restart_libvirt(admin, "MEMBER1")
        wait_fault(admin, "MEMBER1", "hook")
        refused = admin.ssictl("MEMBER2", "relocate", "move", "g1", "MEMBER2")
        assert refused.returncode == 1 and "SSI-1049" in refused.stderr, refused.stderr
    finally:
        admin.lab.exec("MEMBER1", "mv", "/root/hook", HOOK)
    restart_libvirt(admin, "MEMBER1")
    admin.lab.wait(lambda: not doors_fault(admin, "MEMBER1"), "its doors to be ours again", 60, 0.3)
    assert admin.ssictl("MEMBER1", "relocate", "move", "g1", "MEMBER2", timeout=90).returncode == 0
    admin.assert_no_tick_lost("g1", boot)


def test_libvirt_is_restarted_under_a_guest_while_ssid_and_its_guard_are_down(admin: Administrator) -> None:
    """R8: the guest goes on, libvirt finds it again, and it still runs once."""
    assert admin.ssictl("MEMBER2", "disarm", "--why", "a test").returncode == 0
    boot = admin.start("MEMBER1", "g1")
    before = len(ssid_said(admin, "MEMBER1"))
    admin.lab.exec("MEMBER1", "systemctl", "stop", "ssid", "ssi-guard")
    restart_libvirt(admin, "MEMBER1")
    assert admin.virsh("MEMBER1", "domstate", "g1").stdout.strip() == "running"
    admin.lab.exec("MEMBER1", "systemctl", "start", "ssi-guard", "ssid")
    wait_doors_are_asked(admin, "MEMBER1", before)
    admin.wait_guest_at("MEMBER2", "g1", "MEMBER1")
    assert "SSI-1040" in admin.virsh("MEMBER2", "start", "g1").stderr
    admin.lab.wait_ticking("g1")
    admin.assert_no_tick_lost("g1", boot)
    assert admin.ssictl("MEMBER2", "arm").returncode == 0


def test_a_guest_that_runs_is_let_in_nowhere_else_by_any_way(admin: Administrator) -> None:
    """R1: under another name, without a definition, from a snapshot, from a file, and by libvirt's own migration."""
    lab = admin.lab
    boot = admin.start("MEMBER1", "g1")
    xml = lab.exec("MEMBER2", "virsh", "dumpxml", "--inactive", "g1")
    lab.exec("MEMBER2", "tee", "/root/other.xml", input_text=xml.replace("<name>g1<", "<name>other<"))
    lab.exec("MEMBER2", "tee", "/root/g1.xml", input_text=xml)
    for way in (("create", "/root/g1.xml"), ("create", "/root/g1.xml", "--paused"), ("start", "g1"),
                ("start", "g1", "--paused"), ("start", "g1", "--force-boot"), ("create", "/root/other.xml")):
        refused = admin.virsh("MEMBER2", *way)
        assert refused.returncode != 0, way
        assert any(words in refused.stderr for words in ("SSI-10", "already exists", "already defined")), refused.stderr
    to = "qemu+unix:///system?socket=/run/ssi/isfc/MEMBER2/libvirt"
    by_hand = admin.virsh("MEMBER1", "migrate", "--live", "g1", to, "--p2p")
    assert by_hand.returncode != 0 and "ssictl relocate move g1 MEMBER2" in by_hand.stderr, by_hand.stderr
    assert lab.guest_where("g1") == ["MEMBER1"]
    admin.assert_no_tick_lost("g1", boot)


def test_a_disk_is_attached_and_detached_and_the_guest_paused_and_resumed_through_the_lock_door(
        admin: Administrator) -> None:
    lab = admin.lab
    boot = admin.start("MEMBER1", "g1")
    lab.lun_create("G2", 16 << 20)
    lab.exec("MEMBER1", "virsh", "attach-disk", "g1", "/dev/ssi-lab/G2", "vdb", "--live", "--sourcetype", "block",
             "--cache", "none")
    for act in ("suspend", "resume"):
        lab.exec("MEMBER1", "virsh", act, "g1")
    lab.exec("MEMBER1", "virsh", "detach-disk", "g1", "vdb", "--live")
    lab.wait_ticking("g1")
    admin.assert_no_tick_lost("g1", boot)


def saved_at(admin: Administrator, guest: str) -> str | None:
    return admin.document("MEMBER3", "guest", "show", guest)["saved_at"]


def test_a_guest_whose_memory_is_saved_starts_only_there_and_goes_on_from_it(admin: Administrator) -> None:
    boot = admin.start("MEMBER1", "g1")
    admin.lab.exec("MEMBER1", "virsh", "managedsave", "g1", timeout=60)
    admin.lab.wait(lambda: saved_at(admin, "g1") == "MEMBER1", "all to know where its memory is", 20, 0.3)
    for refused in (admin.virsh("MEMBER2", "start", "g1"), admin.ssictl("MEMBER3", "guest", "start", "g1")):
        assert refused.returncode == 1 and "SSI-1052" in refused.stderr and "MEMBER1" in refused.stderr, refused.stderr
    assert "its memory is saved on MEMBER1" in admin.ssictl("MEMBER2", "guest", "list").stdout
    assert admin.ssictl("MEMBER3", "guest", "start", "g1", "--member", "MEMBER1", timeout=90).returncode == 0
    admin.lab.wait_ticking("g1")
    assert admin.runs("g1") == [boot], "it goes on, it did not boot anew"
    admin.lab.wait(lambda: saved_at(admin, "g1") is None, "nothing to be saved any more", 20, 0.3)


def test_saved_memory_outlives_a_start_while_ssid_is_down(admin: Administrator) -> None:
    """libvirt deletes the image when the hook refuses its `restore`, and says that the guest was started."""
    boot = admin.start("MEMBER1", "g1")
    admin.lab.exec("MEMBER1", "virsh", "managedsave", "g1", timeout=60)
    admin.lab.wait(lambda: saved_at(admin, "g1") == "MEMBER1", "all to know where its memory is", 20, 0.3)
    admin.lab.exec("MEMBER1", "systemctl", "stop", "ssid")
    refused = admin.virsh("MEMBER1", "start", "g1")
    assert refused.returncode == 1 and "SSI-2001" in refused.stderr, refused.stderr
    admin.lab.exec("MEMBER1", "systemctl", "start", "ssid")
    admin.wait_joined()
    assert admin.ssictl("MEMBER1", "guest", "start", "g1", timeout=90).returncode == 0
    admin.lab.wait_ticking("g1")
    assert admin.runs("g1") == [boot]


def test_memory_that_is_older_than_the_disks_is_never_restored(admin: Administrator) -> None:
    admin.start("MEMBER1", "g1")
    admin.lab.exec("MEMBER1", "virsh", "managedsave", "g1", timeout=60)
    admin.lab.wait(lambda: saved_at(admin, "g1") == "MEMBER1", "all to know where its memory is", 20, 0.3)
    assert admin.ssictl("MEMBER2", "guest", "discard", "g1").returncode == 0
    second = admin.start("MEMBER2", "g1")
    moved = admin.ssictl("MEMBER2", "relocate", "move", "g1", "MEMBER1", timeout=90)
    assert moved.returncode == 1 and "SSI-1053" in moved.stderr, moved.stderr
    admin.assert_no_tick_lost("g1", second)
    admin.lab.exec("MEMBER2", "virsh", "destroy", "g1")
    admin.wait_guest_at("MEMBER1", "g1", None)
    old = admin.virsh("MEMBER1", "start", "g1")
    assert old.returncode == 1 and "SSI-1053" in old.stderr, old.stderr
    assert "virsh managedsave-remove g1" in old.stderr
    assert admin.lab.guest_where("g1") == []
    admin.lab.exec("MEMBER1", "virsh", "managedsave-remove", "g1")
    admin.start("MEMBER1", "g1")
    assert len(admin.runs("g1")) == 3
