"""What an administrator sees when members and daemons die."""

import json

import pytest
from administrator import Administrator

DAEMONS = ["isfcd", "ssid", "ssi-guard", "ssi-etcd", "libvirtd"]


@pytest.fixture
def admin(joined: Administrator) -> Administrator:
    joined.lab.guest_create("g1")
    return joined


def leader(admin: Administrator) -> str:
    """The member whose etcd leads."""
    for member in admin.lab.members:
        ask = "cd /run/ssi/etcd && etcdctl --endpoints=unix://client:1 endpoint status -w json"
        done = admin.lab.try_exec(member, "sh", "-c", ask)
        if done.returncode == 0:
            status = json.loads(done.stdout)[0]["Status"]
            if status["leader"] == status["header"]["member_id"]:
                return member
    raise AssertionError("no member leads")


def restarted_elsewhere(admin: Administrator, dead: str, runs_before: int = 1) -> None:
    alive = next(name for name in admin.lab.members if name != dead)
    admin.wait_states(alive, **{dead: "Down"})
    admin.lab.wait_guest("g1", runs_before, timeout=60)
    where = admin.lab.guest_where("g1")
    assert len(where) == 1 and where[0] != dead
    admin.wait_guest_at(alive, "g1", where[0])


def test_guest_of_a_crashed_member_runs_again_elsewhere(admin: Administrator) -> None:
    admin.start("MEMBER2", "g1")
    admin.lab.crash("MEMBER2")
    restarted_elsewhere(admin, "MEMBER2")
    admin.lab.boot("MEMBER2")
    admin.wait_joined()
    assert admin.lab.guest_where("g1")[0] != "MEMBER2", "a member that returns takes nothing back by itself"


def test_crash_of_the_member_that_leads(admin: Administrator) -> None:
    leading = leader(admin)
    admin.start(leading, "g1")
    admin.lab.crash(leading)
    restarted_elsewhere(admin, leading)


def test_crash_of_a_member_that_does_not_lead_leaves_guests_of_others_alone(admin: Administrator) -> None:
    leading = leader(admin)
    follower = next(name for name in admin.lab.members if name != leading)
    run = admin.start(leading, "g1")
    admin.lab.crash(follower)
    admin.wait_states(leading, **{follower: "Down"})
    admin.lab.wait_ticking("g1")
    admin.assert_no_tick_lost("g1", run)
    assert admin.runs("g1") == [run]


def test_a_frozen_member_is_fenced_and_never_runs_the_guest_again(admin: Administrator) -> None:
    admin.start("MEMBER2", "g1")
    admin.lab.pause("MEMBER2")
    restarted_elsewhere(admin, "MEMBER2")
    assert admin.lab.power("MEMBER2") == "off", "the fence cut its power: nothing thaws"


@pytest.mark.parametrize("daemon", DAEMONS)
def test_crash_of_a_daemon_alone_stops_no_guest_R8(admin: Administrator, daemon: str) -> None:
    run = admin.start("MEMBER1", "g1")
    before = admin.lab.exec("MEMBER1", "systemctl", "show", "-P", "MainPID", f"{daemon}.service").strip()
    admin.lab.exec("MEMBER1", "systemctl", "kill", "--kill-whom=main", "--signal=KILL", f"{daemon}.service")

    def back() -> bool:
        unit = f"{daemon}.service"
        shown = admin.lab.exec("MEMBER1", "systemctl", "show", "-P", "MainPID", "-P", "ActiveState", unit).split()
        return "active" in shown and before not in shown
    admin.lab.wait(back, f"systemd to bring {daemon} back", 20)
    admin.wait_joined()
    admin.lab.wait_ticking("g1")
    assert admin.lab.power("MEMBER1") == "running", "nobody was fenced for it"
    refused = admin.virsh("MEMBER2", "start", "g1")
    assert "SSI-1040 guest g1 runs on MEMBER1" in refused.stderr
    admin.lab.exec("MEMBER1", "virsh", "destroy", "g1")
    admin.wait_guest_at("MEMBER2", "g1", None, timeout=20)
    admin.assert_no_tick_lost("g1", run)
    assert admin.runs("g1") == [run]


def test_power_cut_of_all_members_at_once_loses_nothing(admin: Administrator) -> None:
    admin.start("MEMBER1", "g1")
    admin.lab.crash(*admin.lab.members)
    admin.lab.boot(*admin.lab.members)
    admin.wait_joined()
    admin.lab.wait_guest("g1", 1, timeout=60)
    assert len(admin.lab.guest_where("g1")) == 1
    assert admin.guest("MEMBER2", "g1")["uuid"] == admin.virsh("MEMBER1", "domuuid", "g1").stdout.strip()


def test_an_orderly_shutdown_is_no_failure(admin: Administrator) -> None:
    admin.lab.shutdown("MEMBER3")
    admin.wait_states("MEMBER1", MEMBER3="Down")
    members = admin.document("MEMBER1", "query", "ssi")["members"]
    assert {entry["name"]: entry["reason"] for entry in members}["MEMBER3"] == "left"
    assert not any("fence" in str(event["why"]) for event in admin.lab.events() if event["member"] == "MEMBER3")


def test_set_down_of_a_living_member_is_refused(admin: Administrator) -> None:
    refused = admin.ssictl("MEMBER1", "member", "set-down", "MEMBER2", "--yes")
    assert refused.returncode == 1 and "SSI-2005 MEMBER2 shows signs of life" in refused.stderr
