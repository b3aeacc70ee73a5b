"""A cluster with a witness on its PDR, as its administrator sees it: one of its members runs the witness, it moves when
that one leaves, and of three members no single death takes the majority away."""

from collections.abc import Iterator

import pytest
from administrator import Administrator
from fence_agent import no_fence_agent
from witness import cluster, holder, journal, seats, voters, whole


@pytest.fixture
def three() -> Iterator[Administrator]:
    for admin in cluster(3):
        yield whole(admin)


def holder_is_no_voter(admin: Administrator, member: str) -> bool:
    at = holder(admin, member)
    return voters(admin, member) == 3 and at is not None and at not in seats(admin, member)


def witness_runs(admin: Administrator, member: str) -> bool:
    return admin.lab.try_exec(member, "systemctl", "is-active", "ssi-witness").stdout.strip() == "active"


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


def test_the_witness_is_handed_over_when_its_member_leaves(two: Administrator) -> None:
    first = holder(two, "MEMBER1")
    other = next(name for name in two.lab.members if name != first)
    before = len(journal(two, other))
    two.lab.shutdown(first)
    two.wait_states(other, 60, **{first: "Down", other: "Joined"})
    two.lab.wait(lambda: holder(two, other) == other, f"{other} to have the witness", 30, 0.2)
    # Who has the witness must start it yet: until it votes there is no majority, and nobody may leave.
    two.lab.wait(lambda: voters(two, other) == 2, "both votes that are left", 60, 0.2)
    two.wait_states(other, 60, **{first: "Down", other: "Joined"})
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
    whole(two)
