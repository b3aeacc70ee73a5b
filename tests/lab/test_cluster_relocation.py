"""A guest moves live: every tick is there, once, in order; the cluster knows where it is."""

import pytest
from administrator import Administrator


@pytest.fixture
def moving(joined: Administrator) -> tuple[Administrator, str]:
    joined.lab.lun_create("G1", 16 << 20)
    joined.lab.guest_create("g1", disks=["G1"])
    return joined, joined.start("MEMBER1", "g1")


def test_the_counter_runs_on_through_three_moves(moving: tuple[Administrator, str]) -> None:
    admin, run = moving
    for asked, to in (("MEMBER1", "MEMBER2"), ("MEMBER1", "MEMBER3"), ("MEMBER1", "MEMBER1")):
        moved = admin.document(asked, "relocate", "move", "g1", to, timeout=120)
        assert moved["outcome"] == "moved" and moved["to"] == to
        assert 0 < moved["down_ms"] < moved["total_ms"]
        admin.lab.wait_ticking("g1")
        assert admin.lab.guest_where("g1") == [to]
        admin.wait_guest_at("MEMBER2", "g1", to)
    admin.assert_no_tick_lost("g1", run)
    assert admin.runs("g1") == [run]


def test_what_it_wrote_before_the_move_is_there_after_it(moving: tuple[Administrator, str]) -> None:
    admin, _ = moving
    assert admin.lab.guest_send("g1", "write vda 500 7") == "wrote 500"
    admin.document("MEMBER3", "relocate", "move", "g1", "MEMBER2", timeout=120)
    assert admin.lab.guest_send("g1", "verify vda 500 7") == "verified 500"


def test_moves_that_make_no_sense_are_refused_with_the_reason(moving: tuple[Administrator, str]) -> None:
    admin, run = moving
    here = admin.ssictl("MEMBER2", "relocate", "move", "g1", "MEMBER1")
    assert here.returncode == 1 and "SSI-1045 guest g1 runs on MEMBER1 already" in here.stderr
    nowhere = admin.ssictl("MEMBER2", "relocate", "move", "g1", "MEMBER9")
    assert nowhere.returncode == 1 and "SSI-2003 there is no member MEMBER9" in nowhere.stderr
    stranger = admin.ssictl("MEMBER2", "relocate", "move", "g9", "MEMBER1")
    assert stranger.returncode == 1 and "SSI-1043" in stranger.stderr
    admin.lab.exec("MEMBER1", "virsh", "suspend", "g1")
    paused = admin.ssictl("MEMBER1", "relocate", "move", "g1", "MEMBER2", timeout=120)
    assert paused.returncode == 1 and "paused" in paused.stderr
    admin.lab.exec("MEMBER1", "virsh", "resume", "g1")
    admin.lab.wait_ticking("g1")
    admin.assert_no_tick_lost("g1", run)


def test_virsh_migrate_by_hand_is_refused_with_the_line_to_type(moving: tuple[Administrator, str]) -> None:
    admin, run = moving
    by_hand = admin.virsh("MEMBER1", "migrate", "--live", "--p2p", "g1",
                          "qemu+unix:///system?socket=/run/ssi/isfc/MEMBER2/libvirt",
                          "--migrateuri", "unix:///run/ssi/isfc/MEMBER2/by-hand")
    assert by_hand.returncode != 0
    assert "ssictl relocate move g1 MEMBER2" in by_hand.stderr
    assert admin.lab.guest_where("g1") == ["MEMBER1"]
    admin.lab.wait_ticking("g1")
    admin.assert_no_tick_lost("g1", run)


def test_a_move_cut_off_in_its_middle_leaves_the_guest_running_once(moving: tuple[Administrator, str]) -> None:
    admin, run = moving
    admin.lab.throttle("MEMBER1", "MEMBER2", 10)
    before = admin.guest("MEMBER3", "g1")["run"]
    admin.lab.exec("MEMBER1", "sh", "-c", "ssictl relocate move g1 MEMBER2 >/dev/null 2>&1 &")
    admin.lab.wait(lambda: admin.guest("MEMBER3", "g1").get("phase") == "Relocating", "the move to begin", 20)
    admin.lab.cut("MEMBER1", "MEMBER2")
    admin.wait_guest_at("MEMBER3", "g1", "MEMBER1", timeout=90)
    assert admin.guest("MEMBER3", "g1")["run"] == before
    admin.lab.heal()
    admin.lab.wait_ticking("g1")
    admin.lab.wait(lambda: admin.lab.guest_where("g1") == ["MEMBER1"], "it to run on MEMBER1 only", 30)
    admin.assert_no_tick_lost("g1", run)
