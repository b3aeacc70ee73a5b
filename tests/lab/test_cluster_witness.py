"""A cluster with a witness on its PDR, as its administrator sees it: no single death takes the majority away, and
who is alone needs none for what runs."""

import json
import os
import time
from collections.abc import Iterator

import pytest
from administrator import Administrator
from fence_agent import no_fence_agent
from ssilab import Lab
from ssilab.processes import run


def _cluster(members: int) -> Iterator[Administrator]:
    lab = Lab(f"w{members}x{os.getpid()}")
    try:
        lab.up(members, witness=True)
        yield Administrator(lab)
    finally:
        lab.down()


def _whole(admin: Administrator) -> Administrator:
    """Whatever the test before did to it, all are there again and vote."""
    admin.lab.boot(*[member for member in admin.lab.members if admin.lab.power(member) == "off"])
    for member in admin.lab.members:
        admin.lab.lun_heal(member, "pdr")
    admin.wait_joined()
    admin.lab.wait(lambda: voters(admin, "MEMBER1") == 3 and holder(admin, "MEMBER1") is not None,
                   "three voters, the witness among them", 90, 0.5)
    return admin


@pytest.fixture(scope="module")
def _two_members() -> Iterator[Administrator]:
    yield from _cluster(2)


@pytest.fixture
def two(_two_members: Administrator) -> Administrator:
    return _whole(_two_members)


@pytest.fixture
def three() -> Iterator[Administrator]:
    for cluster in _cluster(3):
        yield _whole(cluster)


def seats(admin: Administrator, member: str) -> dict[str, dict]:
    """The engine's voters and learners, as `member` sees them."""
    done = admin.ssictl(member, "engine", "status", "--json")
    return {seat["name"]: seat for seat in json.loads(done.stdout)["voters"]} if done.returncode == 0 else {}


def voters(admin: Administrator, member: str) -> int:
    """How many vote and answer, as `member` sees it; 0 without the witness."""
    voting = [name for name, seat in seats(admin, member).items()
              if seat["role"] == "voter" and seat["started"] and not seat["fault"]]
    return len(voting) if "witness" in voting else 0


def lock(admin: Administrator, member: str) -> dict:
    return admin.document(member, "pdr", "show")["lock"]


def holder(admin: Administrator, member: str) -> str | None:
    witness = lock(admin, member)["witness"]
    return witness["member"] if witness else None


def holder_is_no_voter(admin: Administrator, member: str) -> bool:
    at = holder(admin, member)
    return voters(admin, member) == 3 and at is not None and at not in seats(admin, member)


def witness_runs(admin: Administrator, member: str) -> bool:
    return admin.lab.try_exec(member, "systemctl", "is-active", "ssi-witness").stdout.strip() == "active"


def journal(admin: Administrator, member: str) -> str:
    """What ssid said there, in all boots."""
    return run(*admin.lab.logs(member, "ssid"))


def kill_and_see_the_other_go_on(admin: Administrator, dead: str, guest: str) -> float:
    """Seconds from the power cut to a majority of the other that sees it Down."""
    alive = next(name for name in admin.lab.members if name != dead)
    admin.lab.guest_create(guest)
    admin.start(dead, guest)
    begun = time.monotonic()
    admin.lab.crash(dead)
    admin.wait_states(alive, 90, **{dead: "Down", alive: "Joined"})
    took = time.monotonic() - begun
    admin.lab.wait_guest(guest, len(admin.runs(guest)), timeout=60)
    assert admin.lab.guest_where(guest) == [alive]
    assert holder(admin, alive) == alive
    admin.virsh(alive, "destroy", guest)
    return took


def come_back(admin: Administrator, dead: str) -> None:
    admin.lab.boot(dead)
    admin.wait_joined()
    admin.lab.wait(lambda: voters(admin, dead) == 3, f"{dead} and the others to vote", 60, 0.5)


def test_of_two_members_the_one_without_the_witness_goes_on_alone(two: Administrator) -> None:
    first = holder(two, "MEMBER1")
    other = next(name for name in two.lab.members if name != first)
    took = kill_and_see_the_other_go_on(two, first, "g1")
    print(f"took {took:.1f} s")
    assert lock(two, other)["data"] == int(other.removeprefix("MEMBER"))
    come_back(two, first)
    assert holder(two, first) == other, "it stays where it is"


def test_of_two_members_the_one_with_the_witness_goes_on_alone(two: Administrator) -> None:
    with_witness = holder(two, "MEMBER1")
    other = next(name for name in two.lab.members if name != with_witness)
    generation = lock(two, "MEMBER1")["generation"]
    took = kill_and_see_the_other_go_on(two, other, "g2")
    print(f"took {took:.1f} s")
    assert lock(two, with_witness)["generation"] == generation, "nothing was to be taken over"
    come_back(two, other)


def test_no_recovery_is_forced_where_the_witness_knows_more_and_its_data_bring_all_back(three: Administrator) -> None:
    """SAFETY 20: two of three members are lost, and the third was cut off before the last changes."""
    lab = three.lab
    with_witness = holder(three, "MEMBER1")
    behind, leader = (member for member in lab.members if member != with_witness)
    with no_fence_agent(lab):
        lab.isolate(behind)
        lab.wait(lambda: seats(three, leader)[behind]["fault"], f"{behind} to be out of sight", 30, 0.5)
        assert three.ssictl(leader, "disarm", "--why", "the last change").returncode == 0
        lab.crash(leader)
        lab.crash(with_witness)
        lab.rejoin(behind)
        refused = three.ssictl(behind, "engine", "force", "--yes", timeout=90)
        assert refused.returncode == 1, refused.stdout
        assert "witness has term" in refused.stderr and "member set-down" in refused.stderr
        lab.wait(lambda: three.ssictl(behind, "member", "set-down", with_witness, "--yes").returncode == 0,
                 f"{with_witness} to have been silent for long enough", 60, 1)
        lab.wait(lambda: "the last change" in three.ssictl(behind, "query", "ssi").stdout,
                 "what the witness knew to be here", 60, 0.5)


def test_the_witness_is_handed_over_when_its_member_leaves(two: Administrator) -> None:
    first = holder(two, "MEMBER1")
    other = next(name for name in two.lab.members if name != first)
    before = len(journal(two, other))
    two.lab.shutdown(first)
    two.wait_states(other, 60, **{first: "Down", other: "Joined"})
    two.lab.wait(lambda: holder(two, other) == other, f"{other} to have the witness", 30, 0.2)
    assert "the witness is free" in journal(two, first), "it was freed, not left behind"
    assert "fence agent" not in journal(two, other)[before:], "who left in order is not fenced"
    checked = two.ssictl(other, "pdr", "check")
    assert checked.returncode == 0, checked.stdout
    # The last one leaves in order too, and comes back alone.
    left = two.ssictl(other, "member", "leave")
    assert left.returncode == 0, left.stderr
    assert holder(two, other) is None
    two.lab.exec(other, "systemctl", "restart", "ssid")
    two.wait_states(other, 60, **{first: "Down", other: "Joined"})


def test_a_member_that_cannot_write_its_slot_runs_no_witness_and_no_guest_is_harmed(two: Administrator) -> None:
    """SAFETY 9 and 10. Who is first is a matter of the disk's fault: etcd ends by itself, or ssi-guard kills it."""
    two.lab.guest_create("g3")
    with_witness = holder(two, "MEMBER1")
    other = next(name for name in two.lab.members if name != with_witness)
    boot = two.start(with_witness, "g3")
    assert witness_runs(two, with_witness)
    slots = two.document(other, "pdr", "show")["slots"]
    assert [slot["member"] for slot in slots if slot["witness_serving"]] == [with_witness]
    assert "yes, witness" in two.ssictl(other, "query", "ssi").stdout
    two.lab.lun_fail(with_witness, "pdr")
    two.lab.wait(lambda: not witness_runs(two, with_witness), "the witness to end", 30, 0.2)
    two.wait_states(other, 20, **{name: "Joined" for name in two.lab.members})
    assert not witness_runs(two, other), "nobody is dead: nobody takes it"
    two.lab.wait_ticking("g3")
    two.lab.lun_heal(with_witness, "pdr")
    two.lab.wait(lambda: any(witness_runs(two, name) for name in two.lab.members), "a witness again", 60, 0.5)
    two.assert_no_tick_lost("g3", boot)


def test_the_witness_is_switched_off_and_begun_anew(two: Administrator) -> None:
    path = "/etc/ssi/system.toml"
    text = two.lab.exec("MEMBER1", "cat", path)

    def use(text: str) -> None:
        for member in two.lab.members:
            two.lab.exec(member, "tee", path, input_text=text)
            two.lab.exec(member, "systemctl", "restart", "ssid")

    use(text.replace("[pdr]", "[pdr]\nwitness = false"))

    def is_gone() -> bool:
        left = seats(two, "MEMBER1")
        return bool(left) and "witness" not in left and holder(two, "MEMBER1") is None

    two.lab.wait(is_gone, "no witness any more", 60, 0.5)
    assert not any(witness_runs(two, member) for member in two.lab.members)
    use(text)
    _whole(two)


def be_alone(admin: Administrator, guest: str) -> tuple[str, str, str]:
    """One of the two dies; the other, with a guest, is alone and says so. Who lives, who is dead, the guest's boot."""
    alive, dead = "MEMBER1", "MEMBER2"
    admin.lab.guest_create(guest)
    boot = admin.start(alive, guest)
    admin.lab.crash(dead)
    admin.wait_states(alive, 90, **{dead: "Down", alive: "Joined"})
    admin.lab.wait(lambda: says_lone(admin, alive), f"{alive} to be alone", 60, 0.2)
    assert f"{alive} is alone" in admin.ssictl(alive, "query", "ssi").stdout
    return alive, dead, boot


def says_lone(admin: Administrator, member: str) -> bool:
    query = admin.document(member, "query", "ssi")
    slots = {one["name"]: one["slot_record"] for one in query["members"]}
    return query["lone"] == member and bool(slots[member]) and slots[member]["lone"]


def wait_ticks(admin: Administrator, guest: str, boot: str, more: int) -> None:
    """The guest goes on: that many ticks more."""
    before = len(admin.counts(guest, boot))
    admin.lab.wait(lambda: len(admin.counts(guest, boot)) >= before + more, f"{more} ticks of {guest}", 3 * more, 0.5)


def test_a_member_that_is_alone_keeps_its_guests_without_pdr_and_majority(two: Administrator) -> None:
    """SAFETY 3: it needs no lease. Of one that is not alone they are killed T_lease after both signs were lost."""
    alive, dead, boot = be_alone(two, "g4")
    two.lab.lun_fail(alive, "pdr")
    two.lab.wait(lambda: not two.document(alive, "query", "ssi")["majority"], "the majority to be lost", 30, 0.2)
    wait_ticks(two, "g4", boot, 10)
    for unit in ("ssi-guard", "ssid"):
        two.lab.exec(alive, "systemctl", "restart", unit)
    wait_ticks(two, "g4", boot, 10)
    two.lab.lun_heal(alive, "pdr")
    two.wait_states(alive, 90, **{dead: "Down", alive: "Joined"})
    come_back(two, dead)
    assert not says_lone(two, alive), "it let the other in"
    assert two.document(dead, "query", "ssi")["lone"] is None
    two.assert_no_tick_lost("g4", boot)
    two.virsh(alive, "destroy", "g4")


def test_the_other_of_one_that_died_alone_goes_on_by_the_operators_word(two: Administrator) -> None:
    """SAFETY 12, 15: time does not prove it, and who has just booted fences nobody without a majority."""
    lone, other, _ = be_alone(two, "g5")
    two.lab.crash(lone)
    before = len(journal(two, other))
    two.lab.boot(other)
    two.lab.wait(lambda: "nothing proves that it is dead" in journal(two, other)[before:], f"{other} to wait", 60, 0.5)
    why = two.document(other, "query", "ssi", "--why", lone)
    assert f"set-down {lone}" in why["conclusion"], why
    said = two.ssictl(other, "member", "set-down", lone, "--yes")
    assert said.returncode == 0, said.stderr
    assert "recorded on the PDR" in said.stdout
    two.wait_states(other, 90, **{lone: "Down", other: "Joined"})
    reason = two.document(other, "query", "ssi", "--why", lone)["committed"]["reason"]
    assert reason == f"off by the word of the operator, recorded on the PDR by {other}"
    two.lab.wait_guest("g5", 1, timeout=60)
    assert two.lab.guest_where("g5") == [other]
    # The lone one may have recorded something itself, when the other died.
    verdicts = two.document(other, "pdr", "show")["verdicts"]
    assert {"slot": int(other.removeprefix("MEMBER")), "member": lone, "proof": "the operator"}.items() \
        <= next(one for one in verdicts if one["member"] == lone).items()
    come_back(two, lone)
    two.lab.wait(lambda: not two.document(other, "pdr", "show")["verdicts"], "the verdict to be forgotten", 30, 0.5)
    two.virsh(other, "destroy", "g5")


def test_a_member_that_was_said_to_be_off_and_is_not_ends_its_guests_when_it_reads_so(two: Administrator) -> None:
    """SAFETY 6: its guard kills them, and takes no lease any more."""
    lone, other, _ = be_alone(two, "g6")
    two.document(lone, "guest", "policy", "g6", "--restart", "no")
    two.lab.lun_fail(lone, "pdr")
    two.lab.cut(lone, other)
    two.lab.boot(other)
    two.lab.wait(lambda: two.ssictl(other, "member", "set-down", lone, "--yes").returncode == 0,
                 f"{other} to have watched it for long enough", 60, 1)
    two.wait_states(other, 90, **{lone: "Down", other: "Joined"})
    assert two.lab.guest_where("g6") == [lone], "nobody has told it yet"
    two.lab.lun_heal(lone, "pdr")
    two.lab.wait(lambda: two.lab.guest_where("g6") == [], "its guest to be killed", 30, 0.2)
    assert "recorded on the PDR that this one is dead" in run(*two.lab.logs(lone, "ssi-guard"))
    two.lab.heal(lone, other)
    two.lab.crash(lone)
    come_back(two, lone)


def test_of_three_members_any_may_die_and_the_others_keep_the_majority(three: Administrator) -> None:
    for dead in three.lab.members:
        # Else its death would cost two votes, and the others would have to take it over first.
        three.lab.wait(lambda: holder_is_no_voter(three, "MEMBER1"), "the witness at one that does not vote", 90, 0.5)
        alive = [name for name in three.lab.members if name != dead]
        three.lab.crash(dead)
        for name in alive:
            three.wait_states(name, 60, **{dead: "Down", **{other: "Joined" for other in alive}})
        said = "".join(journal(three, name) for name in alive)
        in_need = [line for line in said.splitlines() if "without a majority" in line]
        assert not in_need, "nobody had to take over in need"
        three.lab.boot(dead)
        three.wait_joined()
        three.lab.wait(lambda: voters(three, "MEMBER1") == 3, "three voters again", 90, 0.5)
