"""Links are administered while the cluster runs, through the units as they are packaged."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from administrator import Administrator

CONFIG = "/etc/ssi/system.toml"


def test_a_channel_is_taken_out_and_brought_back(joined: Administrator) -> None:
    joined.wait_channels("MEMBER1", "MEMBER2", 4)
    done = joined.ssictl("MEMBER1", "islink", "deactivate", "0", "--peer", "MEMBER2")
    assert done.returncode == 0 and done.stdout == "channel 0 to MEMBER2 is deactivated\n", done.stderr
    joined.wait_channels("MEMBER2", "MEMBER1", 3)
    assert "deactivated on MEMBER1" in joined.channels("MEMBER2", "MEMBER1")["0"]["problem"]
    assert joined.ssictl("MEMBER1", "reload").stdout == "isfcd: nothing has changed\n"
    assert joined.channels("MEMBER1", "MEMBER2")["0"]["state"] == "deactivated"
    assert joined.ssictl("MEMBER1", "islink", "activate", "0", "--peer", "MEMBER2").returncode == 0
    joined.wait_channels("MEMBER1", "MEMBER2", 4)
    several = joined.ssictl("MEMBER1", "islink", "deactivate", "0")
    assert several.returncode == 2 and "--peer MEMBER" in several.stderr


def test_a_fault_in_the_file_refuses_the_reload_and_changes_nothing(joined: Administrator) -> None:
    lab = joined.lab
    good = lab.exec("MEMBER1", "cat", CONFIG)
    try:
        lab.exec("MEMBER1", "tee", CONFIG, input_text=good.replace("[[channel]]", "[[channel", 1))
        by_systemd = lab.try_exec("MEMBER1", "systemctl", "reload", "isfcd")
        assert by_systemd.returncode != 0
        refused = joined.ssictl("MEMBER1", "reload")
        assert refused.returncode == 1 and f"SSI-5001 {CONFIG}:" in refused.stderr, refused.stderr
    finally:
        lab.exec("MEMBER1", "tee", CONFIG, input_text=good)
    lab.exec("MEMBER1", "systemctl", "reload", "isfcd")
    joined.wait_channels("MEMBER1", "MEMBER2", 4)
    assert all(one["times_up"] == 1 for one in joined.channels("MEMBER1", "MEMBER2").values())


def test_numbers_are_served_to_prometheus(joined: Administrator) -> None:
    joined.wait_channels("MEMBER1", "MEMBER2", 4)
    text = joined.lab.exec("MEMBER1", "socat", "-t5", "-", "UNIX-CONNECT:/run/ssi/metrics/isfcd.sock",
                           input_text="GET /metrics HTTP/1.0\r\n\r\n")
    assert "\nssi_isfc_link_up{member=\"MEMBER2\"} 1\n" in text.replace("\r", "")
    owner = joined.lab.exec("MEMBER1", "stat", "-c", "%U:%G %a", "/run/ssi/metrics/isfcd.sock")
    assert owner == "root:root 660\n"


def test_virsh_reaches_every_member_from_every_other(joined: Administrator) -> None:
    for member, peer in itertools.permutations(joined.lab.members, 2):
        there = ("-c", f"qemu+unix:///system?socket=/run/ssi/isfc/{peer}/libvirt")
        assert joined.virsh(member, *there, "hostname").stdout.strip() == peer
        listed = joined.virsh(member, *there, "list", "--all")
        assert listed.returncode == 0, listed.stderr


@pytest.fixture
def authority(joined: Administrator) -> str:
    """A directory of MEMBER1 in which the cluster's authority lies, and the certificates of all members."""
    lab, place = joined.lab, "/root/pki"
    lab.exec("MEMBER1", "mkdir", "-p", "-m", "700", place)
    for file in sorted(lab.layout.pki.iterdir()):
        lab.exec("MEMBER1", "sh", "-c", f"umask 077; cat > {place}/{file.name}", input_text=file.read_text())
    return place


def test_certificates_are_rotated_while_a_guest_moves(joined: Administrator, authority: str) -> None:
    lab = joined.lab
    lab.guest_create("g1")
    run = joined.start("MEMBER1", "g1")
    before = joined.channels("MEMBER2", "MEMBER1")["0"]["certificate"]["fingerprint"]
    lab.exec("MEMBER1", "ssictl", "ca", "rotate", "--authority", "--directory", authority)

    def renew(member: str) -> None:
        for name in ("ca.crt", f"{member}.crt", f"{member}.key"):
            text = lab.exec("MEMBER1", "cat", f"{authority}/{name}")
            lab.exec(member, "sh", "-c", f"umask 077; cat > /etc/ssi/pki/{name}", input_text=text)
        reloaded = joined.ssictl(member, "reload")
        assert reloaded.returncode == 0 and "certificates: new" in reloaded.stdout, reloaded.stderr

    with ThreadPoolExecutor() as pool:
        move = pool.submit(joined.document, "MEMBER1", "relocate", "move", "g1", "MEMBER2", timeout=120)
        for member in lab.members:
            renew(member)
        assert move.result()["outcome"] == "moved"
    fresh = joined.document("MEMBER1", "islink", "show")["certificate"]["fingerprint"]

    def is_known() -> bool:
        known = [one.get("certificate", {}).get("fingerprint") for one in
                 joined.channels("MEMBER2", "MEMBER1").values()]
        return known == [fresh] * 4

    lab.wait(is_known, "MEMBER2 to know MEMBER1 by its new certificate on every channel", 30, 0.2)
    assert fresh != before
    lab.wait_ticking("g1")
    joined.assert_no_tick_lost("g1", run)
    # The lab's own copy of the authority is that of the members again.
    for file in lab.layout.pki.iterdir():
        file.write_text(lab.exec("MEMBER1", "cat", f"{authority}/{file.name}"))
