"""A guest runs once (R1): what an administrator sees who starts it a second time, by whichever way."""

import pytest
from administrator import Administrator


@pytest.fixture
def admin(joined: Administrator) -> Administrator:
    joined.lab.lun_create("G1", 16 << 20)
    joined.lab.guest_create("g1", disks=["G1"])
    return joined


def assert_runs_only_on(admin: Administrator, member: str) -> None:
    assert admin.lab.guest_where("g1") == [member]
    admin.lab.wait_ticking("g1")


def test_virsh_start_on_another_member_is_refused_and_names_where_it_runs(admin: Administrator) -> None:
    admin.start("MEMBER1", "g1")
    second = admin.virsh("MEMBER2", "start", "g1")
    assert second.returncode != 0
    assert "SSI-1040 guest g1 runs on MEMBER1" in second.stderr
    assert "ssictl relocate move g1 MEMBER2" in second.stderr
    assert_runs_only_on(admin, "MEMBER1")


def test_ssictl_start_of_a_running_guest_is_refused_with_exit_code_1(admin: Administrator) -> None:
    admin.start("MEMBER1", "g1")
    second = admin.ssictl("MEMBER3", "guest", "start", "g1")
    assert second.returncode == 1
    assert "SSI-1040 guest g1 runs on MEMBER1" in second.stderr
    assert_runs_only_on(admin, "MEMBER1")


def test_ssictl_starts_a_guest_on_another_member(admin: Administrator) -> None:
    admin.start("MEMBER1", "g1")
    admin.lab.exec("MEMBER1", "virsh", "destroy", "g1")
    admin.wait_guest_at("MEMBER2", "g1", None)
    answer = admin.document("MEMBER2", "guest", "start", "g1", "--member", "MEMBER3")
    assert answer["member"] == "MEMBER3"
    admin.wait_guest_at("MEMBER1", "g1", "MEMBER3")
    assert_runs_only_on(admin, "MEMBER3")


def test_autostart_at_boot_does_not_start_a_guest_that_runs_elsewhere(admin: Administrator) -> None:
    admin.lab.exec("MEMBER2", "virsh", "autostart", "g1")
    admin.start("MEMBER1", "g1")
    admin.lab.shutdown("MEMBER2")
    admin.lab.boot("MEMBER2")
    admin.wait_joined()
    listed = admin.virsh("MEMBER2", "list", "--all", "--autostart").stdout
    assert "g1" in listed and "shut off" in listed
    assert_runs_only_on(admin, "MEMBER1")


def test_restore_from_a_saved_file_is_refused_while_the_guest_runs_elsewhere(admin: Administrator) -> None:
    admin.start("MEMBER1", "g1")
    admin.lab.exec("MEMBER1", "virsh", "save", "g1", "/srv/ssi-lab/g1.save", timeout=60)
    admin.wait_guest_at("MEMBER2", "g1", None)
    assert admin.virsh("MEMBER2", "start", "g1").returncode == 0
    restored = admin.virsh("MEMBER1", "restore", "/srv/ssi-lab/g1.save")
    assert restored.returncode != 0
    assert "SSI-1040 guest g1 runs on MEMBER2" in restored.stderr
    assert_runs_only_on(admin, "MEMBER2")
    admin.lab.exec("MEMBER2", "virsh", "destroy", "g1")
    admin.wait_guest_at("MEMBER1", "g1", None)
    again = admin.virsh("MEMBER1", "restore", "/srv/ssi-lab/g1.save")
    assert again.returncode == 0, again.stderr
    assert_runs_only_on(admin, "MEMBER1")


def test_virsh_destroy_releases_the_guest(admin: Administrator) -> None:
    admin.start("MEMBER1", "g1")
    admin.lab.exec("MEMBER1", "virsh", "destroy", "g1")
    admin.wait_guest_at("MEMBER3", "g1", None, timeout=10)
    admin.start("MEMBER2", "g1")
    assert_runs_only_on(admin, "MEMBER2")


def test_power_off_by_the_guest_itself_releases_it(admin: Administrator) -> None:
    admin.start("MEMBER1", "g1")
    assert admin.lab.guest_send("g1", "poweroff") == "bye"
    admin.wait_guest_at("MEMBER3", "g1", None, timeout=20)
    admin.start("MEMBER3", "g1")
    assert_runs_only_on(admin, "MEMBER3")


def test_a_start_that_libvirt_gives_up_releases_the_guest(admin: Administrator) -> None:
    admin.lab.exec("MEMBER1", "mv", "/dev/ssi-lab/G1", "/dev/ssi-lab/G1.away")
    failed = admin.virsh("MEMBER1", "start", "g1")
    admin.lab.exec("MEMBER1", "mv", "/dev/ssi-lab/G1.away", "/dev/ssi-lab/G1")
    assert failed.returncode != 0
    admin.lab.wait(lambda: admin.virsh("MEMBER2", "start", "g1").returncode == 0, "g1 to be free again", 10, 0.5)
    assert_runs_only_on(admin, "MEMBER2")


def test_without_a_majority_nothing_new_starts_and_what_runs_goes_on(admin: Administrator) -> None:
    admin.start("MEMBER1", "g1")
    admin.lab.guest_create("g2")
    admin.lab.crash("MEMBER2", "MEMBER3")
    refused = admin.virsh("MEMBER1", "start", "g2")
    assert refused.returncode != 0 and "SSI-" in refused.stderr
    assert_runs_only_on(admin, "MEMBER1")
