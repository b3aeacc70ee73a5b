"""What an administrator sees of leases and watchdogs: deaths proved by time alone, guests that end with the lease."""

from collections.abc import Iterator

import pytest
from administrator import Administrator
from fence_agent import no_fence_agent


@pytest.fixture
def admin(joined: Administrator) -> Iterator[Administrator]:
    """With a guest, the PDR readable for all, and a fence agent that answers nobody."""
    joined.lab.guest_create("g1")
    for member in joined.lab.members:
        joined.lab.wait(lambda at=member: joined.document(at, "query", "ssi")["pdr"]["readable"],
                        f"the PDR to be readable at {member}", 30, 0.2)
    with no_fence_agent(joined.lab):
        yield joined
    for member in joined.lab.members:
        joined.lab.watchdog_heal(member)
        for lun in joined.lab.member(member).luns.faults():
            joined.lab.lun_heal(member, lun)


def reason(admin: Administrator, member: str, of: str) -> str:
    members = admin.document(member, "query", "ssi")["members"]
    return next(entry["reason"] for entry in members if entry["name"] == of)


def slot_of(admin: Administrator, member: str, of: str) -> dict:
    members = admin.document(member, "query", "ssi")["members"]
    return next(dict(entry["slot_record"]) for entry in members if entry["name"] == of)


def slot_age(admin: Administrator, member: str, of: str) -> int:
    members = admin.document(member, "query", "ssi")["members"]
    return next(entry["pdr_heartbeat_age_ms"] for entry in members if entry["name"] == of)


def test_without_a_fence_agent_a_crashed_member_is_dead_by_time_and_its_guest_runs_elsewhere(
        admin: Administrator) -> None:
    admin.start("MEMBER2", "g1")
    admin.lab.crash("MEMBER2")
    admin.wait_states("MEMBER1", timeout=90, MEMBER2="Down")
    assert "dead by time" in reason(admin, "MEMBER1", "MEMBER2")
    admin.lab.wait_guest("g1", 1, timeout=60)
    assert admin.lab.guest_where("g1")[0] != "MEMBER2"


def test_a_frozen_member_is_reset_by_its_watchdog_before_it_counts_as_dead_R1(admin: Administrator) -> None:
    admin.start("MEMBER2", "g1")
    admin.lab.pause("MEMBER2")
    admin.wait_states("MEMBER1", timeout=90, MEMBER2="Down")
    assert admin.lab.power("MEMBER2") == "off", "its watchdog has reset it"
    assert any("watchdog not fed" in str(event["why"]) for event in admin.lab.events() if event["member"] == "MEMBER2")
    admin.lab.wait_guest("g1", 1, timeout=60)
    assert admin.lab.guest_where("g1")[0] != "MEMBER2"


def test_a_member_that_loses_links_and_pdr_stops_its_guests_and_needs_no_reset(admin: Administrator) -> None:
    admin.start("MEMBER3", "g1")
    admin.lab.isolate("MEMBER3")
    admin.lab.lun_fail("MEMBER3", "pdr")
    admin.lab.wait(lambda: "MEMBER3" not in admin.lab.guest_where("g1"), "g1 to be stopped on MEMBER3", 60, 0.2)
    assert admin.lab.power("MEMBER3") == "running", "all was stopped in time, so the watchdog was fed on"
    admin.wait_states("MEMBER1", timeout=90, MEMBER3="Down")
    admin.lab.wait_guest("g1", 1, timeout=60)
    assert admin.lab.guest_where("g1")[0] != "MEMBER3"
    log = admin.lab.exec("MEMBER3", "journalctl", "-u", "ssi-guard", "-o", "cat")
    assert "lost its lease" in log


def test_a_member_whose_watchdog_broke_says_so_and_frozen_it_is_never_dead_by_time_R1(admin: Administrator) -> None:
    admin.start("MEMBER2", "g1")
    admin.lab.watchdog_fail("MEMBER2")
    admin.lab.wait(lambda: not slot_of(admin, "MEMBER1", "MEMBER2")["armed"], "MEMBER2's slot to say so", 20, 0.2)
    assert "cannot be fed" in admin.lab.exec("MEMBER2", "journalctl", "-u", "ssi-guard", "-o", "cat")
    admin.lab.pause("MEMBER2")
    admin.wait_states("MEMBER1", MEMBER2="Unknown")
    admin.lab.wait(lambda: slot_age(admin, "MEMBER1", "MEMBER2") > 20_000,
                   "MEMBER2's slot to stand still for longer than T_dead was", 60, 0.5)
    admin.wait_states("MEMBER1", timeout=5, MEMBER2="Unknown")
    assert admin.lab.guest_where("g1") == [], "nobody but the frozen member has it"
    admin.lab.resume("MEMBER2")
    admin.lab.watchdog_heal("MEMBER2")
    admin.lab.wait(lambda: slot_of(admin, "MEMBER1", "MEMBER2")["armed"], "its watchdog to be armed again", 30, 0.2)
    admin.wait_joined()
    admin.lab.wait_guest("g1", 1, timeout=60)


def test_a_guard_that_is_stopped_in_order_for_longer_than_the_lease_stops_and_resets_nobody_R8(
        admin: Administrator) -> None:
    run = admin.start("MEMBER3", "g1")
    admin.lab.exec("MEMBER3", "systemctl", "stop", "ssi-guard")
    admin.lab.wait(lambda: slot_age(admin, "MEMBER1", "MEMBER3") > 15_000,
                   "MEMBER3's slot to stand still for longer than its watchdog waits", 60, 0.5)
    assert admin.lab.power("MEMBER3") == "running"
    admin.lab.exec("MEMBER3", "systemctl", "start", "ssi-guard")
    admin.wait_joined()
    admin.lab.wait_ticking("g1")
    assert admin.runs("g1") == [run], "it went on (R8)"
    admin.assert_no_tick_lost("g1", run)
