"""What an administrator sees when links are cut and the PDR is there, and when the PDR fails."""

from collections.abc import Iterator

import pytest
from administrator import Administrator

CUT_OFF_MS = 15_000  # well beyond silence_s, after which a member without a PDR would be fenced


@pytest.fixture
def admin(joined: Administrator) -> Iterator[Administrator]:
    """With a guest on MEMBER3, and the PDR readable for all."""
    joined.lab.guest_create("g1")
    for member in joined.lab.members:
        wait_pdr(joined, member, readable=True)
    yield joined
    for member in joined.lab.members:
        if joined.lab.power(member) == "running":  # else a move that failed would take the PDR from all tests after it
            joined.lab.exec(member, "sed", "-i", 's#"/dev/ssi-lab/pdr2"#"/dev/ssi-lab/pdr"#', "/etc/ssi/system.toml")
        for lun in joined.lab.member(member).luns.faults():
            joined.lab.lun_heal(member, lun)


def query(admin: Administrator, member: str) -> dict:
    return admin.document(member, "query", "ssi")


def signs(admin: Administrator, member: str, of: str) -> dict:
    return next(entry for entry in query(admin, member)["members"] if entry["name"] == of)


def wait_pdr(admin: Administrator, member: str, readable: bool) -> None:
    admin.lab.wait(lambda: query(admin, member)["pdr"]["readable"] == readable,
                   f"the PDR to be {'readable' if readable else 'unreadable'} at {member}", 30, 0.2)


def power_cuts(admin: Administrator) -> int:
    return sum(event["event"] == "power-off" for event in admin.lab.events())


def test_both_heartbeats_of_every_member_are_shown(admin: Administrator) -> None:
    for member in admin.lab.members:
        admin.lab.wait(lambda at=member: all(
            0 <= entry[field] < 6_000 for entry in query(admin, at)["members"]
            for field in ("heartbeat_age_ms", "pdr_heartbeat_age_ms") if entry[field] is not None)
            and all(entry["pdr_heartbeat_age_ms"] is not None for entry in query(admin, at)["members"]),
            f"{member} to see both heartbeats of all", 30, 0.2)
    assert "PDR: /dev/ssi-lab/pdr" in admin.ssictl("MEMBER1", "query", "ssi").stdout
    checked = admin.ssictl("MEMBER2", "pdr", "check")
    assert checked.returncode == 0, checked.stdout
    refused = admin.ssictl("MEMBER2", "pdr", "format", "--force")
    assert refused.returncode == 1 and "is writing to" in refused.stderr


def test_a_member_whose_links_are_all_cut_is_not_fenced_and_its_guest_runs_on_R5(admin: Administrator) -> None:
    run = admin.start("MEMBER3", "g1")
    before = power_cuts(admin)
    admin.lab.isolate("MEMBER3")
    admin.lab.wait(lambda: (signs(admin, "MEMBER1", "MEMBER3")["heartbeat_age_ms"] or 0) > CUT_OFF_MS,
                   "MEMBER3 not to be heard for long", 60, 0.5)
    seen = signs(admin, "MEMBER1", "MEMBER3")
    assert seen["pdr_heartbeat_age_ms"] < CUT_OFF_MS, "its slot moves"
    assert seen["state"] == "Suspended"
    admin.lab.wait_ticking("g1")
    refused = admin.ssictl("MEMBER1", "member", "set-down", "MEMBER3", "--yes")
    assert refused.returncode == 1 and "signs of life" in refused.stderr, "nor is it set down (SAFETY 15)"
    admin.lab.rejoin("MEMBER3")
    admin.wait_joined()
    admin.lab.wait_ticking("g1")
    assert power_cuts(admin) == before
    admin.assert_no_tick_lost("g1", run)
    assert admin.runs("g1") == [run]


def test_a_pdr_that_nobody_can_read_stops_no_guest_and_is_told_with_the_reason(admin: Administrator) -> None:
    run = admin.start("MEMBER3", "g1")
    before = power_cuts(admin)
    for member in admin.lab.members:
        admin.lab.lun_fail(member, "pdr")
    for member in admin.lab.members:
        wait_pdr(admin, member, readable=False)
    shown = admin.ssictl("MEMBER1", "query", "ssi").stdout
    assert "NOT READABLE" in shown and "SSI-5010" in shown
    admin.lab.wait_ticking("g1")
    for member in admin.lab.members:
        admin.lab.lun_heal(member, "pdr")
    for member in admin.lab.members:
        wait_pdr(admin, member, readable=True)
    assert power_cuts(admin) == before
    admin.assert_no_tick_lost("g1", run)


def test_a_pdr_that_hangs_delays_no_guest_start(admin: Administrator) -> None:
    admin.lab.lun_fail("MEMBER3", "pdr", "hang")
    wait_pdr(admin, "MEMBER3", readable=False)
    admin.start("MEMBER3", "g1")
    admin.lab.lun_heal("MEMBER3", "pdr")
    wait_pdr(admin, "MEMBER3", readable=True)


def test_a_dead_member_waits_for_the_operator_while_nobody_reads_the_pdr_R4(admin: Administrator) -> None:
    admin.start("MEMBER3", "g1")
    for member in admin.lab.members:
        admin.lab.lun_fail(member, "pdr")
    wait_pdr(admin, "MEMBER1", readable=False)
    admin.lab.crash("MEMBER3")
    admin.lab.wait(lambda: (signs(admin, "MEMBER1", "MEMBER3")["heartbeat_age_ms"] or 0) > CUT_OFF_MS,
                   "MEMBER3 not to be heard for long", 60, 0.5)
    assert signs(admin, "MEMBER1", "MEMBER3")["state"] == "Unknown", "what cannot be read proves nothing"
    done = admin.ssictl("MEMBER1", "member", "set-down", "MEMBER3", "--yes")
    assert done.returncode == 0, done.stderr
    admin.wait_states("MEMBER1", MEMBER3="Down")
    admin.lab.wait_guest("g1", 1, timeout=60)
    assert admin.lab.guest_where("g1")[0] != "MEMBER3"


def test_the_pdr_moves_to_another_volume_while_guests_run_and_a_dead_member_is_found_dead_on_that(
        admin: Administrator) -> None:
    run = admin.start("MEMBER3", "g1")
    before = power_cuts(admin)
    admin.lab.lun_create("pdr2", 8 << 20)
    for member in admin.lab.members:
        admin.lab.wait(lambda at=member: admin.lab.try_exec(at, "test", "-b", "/dev/ssi-lab/pdr2").returncode == 0,
                       f"{member} to have the new volume", 30, 0.2)
    armed = admin.ssictl("MEMBER1", "pdr", "move", "/dev/ssi-lab/pdr2")
    assert armed.returncode == 1 and "ssictl disarm" in armed.stderr
    admin.move_pdr("/dev/ssi-lab/pdr", "/dev/ssi-lab/pdr2")
    # What keeps it alive now is its slot there.
    admin.lab.isolate("MEMBER3")
    admin.lab.wait(lambda: (signs(admin, "MEMBER1", "MEMBER3")["heartbeat_age_ms"] or 0) > CUT_OFF_MS,
                   "MEMBER3 not to be heard for long", 60, 0.5)
    assert signs(admin, "MEMBER1", "MEMBER3")["state"] == "Suspended"
    refused = admin.ssictl("MEMBER1", "pdr", "move", "/dev/ssi-lab/pdr")
    assert refused.returncode == 1 and "MEMBER3 is Suspended" in refused.stderr
    admin.lab.rejoin("MEMBER3")
    admin.wait_joined()
    admin.lab.wait_ticking("g1")
    assert power_cuts(admin) == before
    admin.assert_no_tick_lost("g1", run)
    assert admin.runs("g1") == [run]
    admin.lab.crash("MEMBER3")
    admin.wait_states("MEMBER1", MEMBER3="Down")
    admin.lab.wait_guest("g1", 1, timeout=60)
    admin.lab.boot("MEMBER3")
    admin.wait_joined()
    admin.move_pdr("/dev/ssi-lab/pdr2", "/dev/ssi-lab/pdr")
