"""What an operator has in hand: why a member is in its state, fence tests, work on network and members, restarts."""

import json

import pytest
from administrator import Administrator

SILENT_MS = 12_000  # well beyond silence_s, after which a member is fenced


@pytest.fixture
def admin(joined: Administrator) -> Administrator:
    joined.lab.guest_create("g1")
    return joined


def member(admin: Administrator, at: str, of: str) -> dict:
    return next(entry for entry in admin.document(at, "query", "ssi")["members"] if entry["name"] == of)


def wait_unheard(admin: Administrator, at: str, of: str) -> None:
    admin.lab.wait(lambda: (member(admin, at, of)["heartbeat_age_ms"] or 0) > SILENT_MS,
                   f"{of} not to be heard by {at} for long", 60, 0.3)


def fenced(admin: Administrator, name: str) -> int:
    return sum(event["member"] == name and "asked by MEMBER" in str(event["why"]) for event in admin.lab.events())


def done(admin: Administrator, at: str, *words: str) -> str:
    completed = admin.ssictl(at, *words)
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def test_fence_test_asks_each_agent_and_fires_nothing(admin: Administrator) -> None:
    before = len(admin.lab.events())
    shown = done(admin, "MEMBER1", "fence", "test", "MEMBER2")
    assert "monitor" in shown and "status" in shown and "FAILED" not in shown
    assert len(admin.lab.events()) == before and admin.lab.power("MEMBER2") == "running"
    document = admin.document("MEMBER1", "fence", "test", "MEMBER3")
    assert [answer["action"] for answer in document["methods"][0]["answers"]] == ["monitor", "status"]
    refused = admin.ssictl("MEMBER1", "fence", "test", "NOBODY")
    assert refused.returncode == 1 and "SSI-2003" in refused.stderr


def test_while_disarmed_a_dead_member_is_not_fenced_and_is_when_armed_again(admin: Administrator) -> None:
    admin.start("MEMBER2", "g1")
    before = fenced(admin, "MEMBER2")
    done(admin, "MEMBER3", "disarm", "--why", "new switch")
    shown = done(admin, "MEMBER1", "query", "ssi")
    assert "FENCING IS DISARMED by root on MEMBER3" in shown and "new switch" in shown
    admin.lab.crash("MEMBER2")
    wait_unheard(admin, "MEMBER1", "MEMBER2")
    assert member(admin, "MEMBER1", "MEMBER2")["state"] == "Unknown"
    assert "fencing is disarmed" in done(admin, "MEMBER1", "query", "ssi", "--why", "MEMBER2")
    assert fenced(admin, "MEMBER2") == before
    assert admin.guest("MEMBER1", "g1")["phase"] == "Running", "what may run there starts nowhere else"
    done(admin, "MEMBER1", "arm")
    admin.wait_states("MEMBER1", MEMBER2="Down")
    admin.lab.wait_guest("g1", 1, timeout=60)
    assert fenced(admin, "MEMBER2") > before


def test_a_member_in_maintenance_is_not_fenced_and_its_guest_waits(admin: Administrator) -> None:
    admin.start("MEMBER3", "g1")
    before = fenced(admin, "MEMBER3")
    done(admin, "MEMBER1", "maintenance", "on", "MEMBER3", "--why", "new memory")
    admin.lab.crash("MEMBER3")
    wait_unheard(admin, "MEMBER1", "MEMBER3")
    assert fenced(admin, "MEMBER3") == before
    assert "IN MAINTENANCE" in done(admin, "MEMBER2", "query", "ssi")
    done(admin, "MEMBER1", "member", "set-down", "MEMBER3", "--yes")
    admin.wait_states("MEMBER1", MEMBER3="Down")
    refused = admin.virsh("MEMBER1", "start", "g1")
    assert "SSI-2021" in refused.stderr, "its guest waits for the operator"
    assert admin.document("MEMBER1", "query", "ssi")["cluster"]["mode"] == "Stable"
    done(admin, "MEMBER2", "maintenance", "off", "MEMBER3")
    admin.lab.wait_guest("g1", 1, timeout=60)
    assert admin.lab.guest_where("g1")[0] in ("MEMBER1", "MEMBER2")


def test_a_guest_restarts_where_its_policy_prefers(admin: Administrator) -> None:
    admin.start("MEMBER2", "g1")
    done(admin, "MEMBER1", "guest", "policy", "g1", "--prefer", "MEMBER3", "--priority", "10")
    shown = admin.guest("MEMBER2", "g1")["policy"]
    assert (shown["prefer"], shown["priority"], shown["origin"]) == (["MEMBER3"], 10, "run-time")
    admin.lab.crash("MEMBER2")
    admin.wait_guest_at("MEMBER1", "g1", "MEMBER3")
    assert admin.guest("MEMBER1", "g1")["policy"]["restarts"] == 1


def test_memory_of_each_member_is_published(admin: Administrator) -> None:
    admin.lab.wait(lambda: all((member(admin, "MEMBER1", name)["free_mib"] or 0) > 0 for name in admin.lab.members),
                   "each member to publish its free memory", 30, 0.5)


def test_why_shows_both_signs_and_the_states_of_a_split(admin: Administrator) -> None:
    run = admin.start("MEMBER3", "g1")
    seen = json.loads(done(admin, "MEMBER1", "query", "ssi", "--why", "MEMBER3", "--json"))
    assert seen["seen_by"] == "MEMBER1" and seen["engine"]["heard"] and seen["pdr"]["moves"]
    admin.lab.isolate("MEMBER3")
    admin.lab.wait(lambda: member(admin, "MEMBER1", "MEMBER3")["state"] == "Suspended",
                   "MEMBER1 to see MEMBER3 Suspended", 40, 0.2)
    admin.lab.wait(lambda: member(admin, "MEMBER3", "MEMBER3")["state"] == "Suspended",
                   "MEMBER3 to see itself Suspended", 40, 0.2)
    assert admin.document("MEMBER1", "query", "ssi")["cluster"]["mode"] == "Safe"
    assert "it lives and cannot be reached" in done(admin, "MEMBER1", "query", "ssi", "--why", "MEMBER3")
    refused = admin.ssictl("MEMBER1", "relocate", "move", "g1", "MEMBER2")
    assert refused.returncode == 1 and "SSI-2023 MEMBER3 is Suspended" in refused.stderr
    refused = admin.ssictl("MEMBER3", "guest", "start", "g1")
    assert refused.returncode == 1 and "SSI-2001" in refused.stderr
    admin.lab.rejoin("MEMBER3")
    admin.wait_joined()
    admin.lab.wait_ticking("g1")
    assert admin.runs("g1") == [run], "nobody touched it"
    assert admin.document("MEMBER1", "query", "ssi")["cluster"]["mode"] == "Stable"


def test_a_command_is_carried_out_by_another_member_or_by_all(admin: Administrator) -> None:
    started = admin.ssictl("MEMBER1", "at", "MEMBER2", "guest", "start", "g1", timeout=90)
    assert started.returncode == 0 and "started on MEMBER2" in started.stdout, started.stderr
    refused = admin.ssictl("MEMBER1", "at", "MEMBER3", "guest", "start", "g1")
    assert refused.returncode == 1 and "SSI-1040 guest g1 runs on MEMBER2" in refused.stderr
    at_all = admin.ssictl("MEMBER1", "at", "ALL", "--", "islink", "list")
    assert at_all.returncode == 0, at_all.stderr
    for member in admin.lab.members:
        assert f"{member}: " in at_all.stdout
    answers = admin.document("MEMBER3", "at", "ALL", "query", "ssi")["members"]
    assert [entry["answer"]["member"] for entry in answers] == list(admin.lab.members)
    disarmed = admin.ssictl("MEMBER1", "at", "MEMBER2", "disarm", "--why", "work")
    assert disarmed.returncode == 0, disarmed.stderr
    assert "root at MEMBER1" in admin.ssictl("MEMBER3", "query", "ssi").stdout
    assert admin.ssictl("MEMBER3", "cp", "AT MEMBER1 CMD QUERY NAMES").stdout.count("g1") == 1
    assert admin.ssictl("MEMBER1", "arm").returncode == 0
    admin.lab.isolate("MEMBER3")
    unreachable = admin.ssictl("MEMBER1", "at", "MEMBER3", "guest", "list", timeout=90)
    assert unreachable.returncode == 1 and "MEMBER3" in unreachable.stderr, unreachable.stderr
