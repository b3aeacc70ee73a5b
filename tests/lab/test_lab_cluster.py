"""The lab with our packages: after up and after reset the members form a cluster with nothing in it."""

from ssilab import Lab


def test_members_are_joined_after_up_and_reset(lab: Lab) -> None:
    lab.wait_joined()
    for member in lab.members:
        failed = lab.exec(member, "systemctl", "--failed", "--plain", "--no-legend")
        assert failed.strip() == ""


def test_reset_empties_the_cluster(lab: Lab) -> None:
    lab.guest_create("g1")
    lab.exec("MEMBER1", "virsh", "start", "g1")
    lab.wait_guest("g1")
    lab.reset()
    lab.wait_joined()
    assert "g1" not in lab.exec("MEMBER2", "ssictl", "guest", "list")
    assert lab.guest_where("g1") == []


def test_reset_after_a_power_cut_brings_the_member_back(lab: Lab) -> None:
    lab.crash("MEMBER1")
    lab.reset()
    lab.wait_joined()
