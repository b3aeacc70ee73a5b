"""Of two members with a witness on their PDR one is left: it keeps the majority, whoever had the witness, and who is
alone needs none for what runs."""

import time

from administrator import Administrator
from ssilab.processes import run
from witness import holder, journal, lock, voters


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
