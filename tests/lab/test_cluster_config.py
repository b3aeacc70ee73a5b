"""One system.toml for all members: checked, sent, taken, compared, and changed as members come and go."""

import json
from collections.abc import Iterator

import pytest
from administrator import Administrator
from ssilab.member_files import run_in_member_root

CONFIG = "/etc/ssi/system.toml"
OTHER_WATCHDOG = ('name = "MEMBER2"\nslot = 2\nwatchdog = "hardware"', 'name = "MEMBER2"\nslot = 2\nwatchdog = "soft"')


@pytest.fixture
def admin(joined: Administrator) -> Iterator[Administrator]:
    """Whatever the test does to it, the file is as it was afterwards, and in effect."""
    lab = joined.lab
    good = lab.exec("MEMBER1", "cat", CONFIG)
    wait_no_warning(joined)
    yield joined
    for member in lab.members:
        lab.exec(member, "tee", CONFIG, input_text=good)
        lab.exec(member, "systemctl", "restart", "isfcd", "ssi-guard", "ssid")
    joined.wait_joined()
    wait_no_warning(joined)


def file_of(admin: Administrator, member: str) -> str:
    return admin.lab.exec(member, "cat", CONFIG)


def edit(admin: Administrator, member: str, old: str, new: str) -> None:
    text = file_of(admin, member)
    assert old in text
    admin.lab.exec(member, "tee", CONFIG, input_text=text.replace(old, new, 1))


def seen(admin: Administrator, of: str, by: str = "MEMBER1") -> dict:
    done = admin.ssictl(by, "query", "ssi", "--json")
    members = json.loads(done.stdout)["members"] if done.returncode == 0 else []
    return next((entry for entry in members if entry["name"] == of), {})


def note(admin: Administrator, of: str, by: str = "MEMBER1") -> str | None:
    config = seen(admin, of, by).get("config")
    return config["note"] if config else None


def wait_no_warning(admin: Administrator) -> None:
    admin.lab.wait(lambda: all(note(admin, member) == "" for member in admin.lab.members),
                   "every member to run with the cluster's file", 60, 0.2)


def test_a_file_that_differs_is_told_of_a_joined_member_and_keeps_a_joining_one_out_until_it_pulls(
        admin: Administrator) -> None:
    edit(admin, "MEMBER3", *OTHER_WATCHDOG)
    admin.lab.wait(lambda: "member.MEMBER2.watchdog" in (note(admin, "MEMBER3") or ""), "the warning", 20, 0.2)
    assert seen(admin, "MEMBER3")["state"] == "Joined", "what differs only later isolates nobody"
    assert "WARNING: system.toml of MEMBER3 differs" in admin.ssictl("MEMBER1", "query", "ssi").stdout
    left = admin.ssictl("MEMBER3", "member", "leave")
    assert left.returncode == 0, left.stderr
    admin.lab.exec("MEMBER3", "systemctl", "restart", "ssid")
    admin.wait_states("MEMBER1", MEMBER3="Isolated")
    reason = seen(admin, "MEMBER3")["reason"]
    assert "SSI-5004" in reason and 'member.MEMBER2.watchdog is "soft" here and "hardware" in the cluster' in reason
    admin.lab.wait(lambda: "not Joined yet: SSI-5004" in admin.lab.exec("MEMBER3", "journalctl", "--unit", "ssid"),
                   "the journal to say so too", 20, 0.5)
    differs = admin.document("MEMBER3", "config", "diff", "MEMBER1")
    assert [one["with"] for one in differs["comparisons"] if one["differences"]] == ["cluster", "MEMBER1"]
    pulled = admin.ssictl("MEMBER3", "config", "pull")
    assert pulled.returncode == 0, pulled.stderr
    admin.wait_joined()
    wait_no_warning(admin)
    assert file_of(admin, "MEMBER3") == file_of(admin, "MEMBER1")


def test_a_push_puts_the_file_in_place_everywhere_or_nowhere(admin: Administrator) -> None:
    before = admin.document("MEMBER1", "query", "ssi")["config"]["generation"]
    good = file_of(admin, "MEMBER1")
    edit(admin, "MEMBER1", 'name = "MEMBER3"\nslot = 3', 'name = "MEMBER3"\nslot = 9')
    refused = admin.ssictl("MEMBER1", "config", "push")
    assert refused.returncode == 1 and "MEMBER3" in refused.stderr, refused.stderr
    assert file_of(admin, "MEMBER2") == file_of(admin, "MEMBER3") == good, "one refusal, and nobody has it"
    admin.lab.exec("MEMBER1", "tee", CONFIG, input_text="# pushed\n" + good)
    edit(admin, "MEMBER1", *OTHER_WATCHDOG)
    pushed = admin.ssictl("MEMBER1", "config", "push")
    assert pushed.returncode == 0, pushed.stderr
    assert "MEMBER2: takes effect with: systemctl restart ssi-guard ssid (member.MEMBER2.watchdog)" in pushed.stdout
    assert all(file_of(admin, member) == file_of(admin, "MEMBER1") for member in admin.lab.members)
    assert admin.document("MEMBER3", "query", "ssi")["config"]["generation"] == before + 1
    assert "is not in effect yet" in (note(admin, "MEMBER3") or "")
    reloaded = admin.ssictl("MEMBER1", "config", "reload", "--all")
    assert reloaded.returncode == 1, "MEMBER2 wants a restart"
    assert "MEMBER3: in effect: member.MEMBER2.watchdog" in reloaded.stdout, reloaded.stdout
    assert "SSI-5005" in reloaded.stdout
    admin.lab.exec("MEMBER2", "systemctl", "restart", "ssi-guard", "ssid")
    wait_no_warning(admin)
    admin.wait_joined()


def test_a_member_is_added_on_all_members_and_removed_again(admin: Administrator) -> None:
    good = file_of(admin, "MEMBER1")
    added = admin.ssictl("MEMBER2", "member", "add", "MEMBER9", "--slot", "9",
                         "--channel", "MEMBER2,127.0.0.2,127.0.0.9")
    assert added.returncode == 0, added.stderr
    for member in admin.lab.members:
        assert seen(admin, "MEMBER9", by=member)["state"] == "Down"
    assert "MEMBER9" in [link["member"] for link in admin.document("MEMBER2", "islink", "list")["links"]]
    removed = admin.ssictl("MEMBER1", "member", "remove", "MEMBER2")
    assert removed.returncode == 1 and "SSI-2005" in removed.stderr, "it is Joined"
    removed = admin.ssictl("MEMBER1", "member", "remove", "MEMBER9")
    assert removed.returncode == 0, removed.stderr
    assert all(file_of(admin, member) == good for member in admin.lab.members)
    wait_no_warning(admin)


def test_what_was_added_at_run_time_is_in_no_file(admin: Administrator) -> None:
    for member, peer, own, other in (("MEMBER1", "MEMBER2", "1", "2"), ("MEMBER2", "MEMBER1", "2", "1")):
        done = admin.ssictl(member, "islink", "activate", "extra", "--peer", peer, "--own-address", f"127.0.0.{own}",
                            "--peer-address", f"127.0.0.{other}", "--port", "7799")
        assert done.returncode == 0, done.stderr
    assert admin.document("MEMBER1", "config", "diff")["not_in_file"] == [{"member": "MEMBER2", "channel": "extra"}]
    assert "not in /etc/ssi/system.toml: channel extra to MEMBER2" in admin.ssictl("MEMBER1", "config", "diff").stdout


def change_name(admin: Administrator, host: str, name: str, to: str) -> None:
    """As an administrator does: it leaves, gets another name, a certificate and the file, and starts."""
    lab = admin.lab
    left = admin.ssictl(host, "member", "leave")
    assert left.returncode == 0, left.stderr
    renamed = admin.ssictl("MEMBER1", "member", "rename", name, to)
    assert renamed.returncode == 0, renamed.stderr
    if not (lab.layout.pki / f"{to}.crt").exists():
        run_in_member_root(lab.layout.load(), lab.layout.pki, [f"ssictl ca issue {to} --directory /mnt"])
    for file in (f"{to}.crt", f"{to}.key"):
        lab.exec(host, "tee", f"/etc/ssi/pki/{file}", input_text=(lab.layout.pki / file).read_text())
        lab.exec(host, "chmod", "0600", f"/etc/ssi/pki/{file}")
    lab.exec(host, "tee", CONFIG, input_text=file_of(admin, "MEMBER1"))
    lab.exec(host, "systemctl", "restart", "isfcd", "ssi-guard", "ssid")
    admin.wait_states("MEMBER1", 60, **{to: "Joined"})


def test_a_member_that_left_gets_another_name_and_is_a_voter_by_it(admin: Administrator) -> None:
    refused = admin.ssictl("MEMBER1", "member", "rename", "MEMBER3", "MEMBER7")
    assert refused.returncode == 1 and "SSI-2005" in refused.stderr, "it is Joined"
    change_name(admin, "MEMBER3", "MEMBER3", "MEMBER7")
    admin.lab.wait(lambda: seen(admin, "MEMBER7")["voter"], "MEMBER7 to be a voter", 60, 0.5)
    assert "MEMBER3" not in admin.states("MEMBER1")
    change_name(admin, "MEMBER3", "MEMBER7", "MEMBER3")
    admin.lab.wait(lambda: seen(admin, "MEMBER3")["voter"], "MEMBER3 to be a voter", 60, 0.5)
    wait_no_warning(admin)


def test_another_machine_takes_the_place_of_a_member_that_left(admin: Administrator) -> None:
    lab = admin.lab
    refused = admin.ssictl("MEMBER1", "member", "replace", "MEMBER3", "--host", "spare")
    assert refused.returncode == 1 and "SSI-2005" in refused.stderr, "it is Joined"
    left = admin.ssictl("MEMBER3", "member", "leave")
    assert left.returncode == 0, left.stderr
    replaced = admin.ssictl("MEMBER1", "member", "replace", "MEMBER3", "--host", "spare")
    assert replaced.returncode == 0, replaced.stderr
    # The spare machine: another host name, and nothing of ours but certificate and file.
    lab.exec("MEMBER3", "systemctl", "stop", "ssid", "ssi-etcd")
    lab.exec("MEMBER3", "sh", "-c", "rm -r /var/lib/ssi/etcd /var/lib/ssi/engine-bootstrapped")
    lab.exec("MEMBER3", "hostname", "spare")
    try:
        lab.exec("MEMBER3", "tee", CONFIG, input_text=file_of(admin, "MEMBER1"))
        lab.exec("MEMBER3", "systemctl", "restart", "isfcd", "ssi-guard", "ssid")
        admin.wait_states("MEMBER1", 60, MEMBER3="Joined")
        lab.wait(lambda: seen(admin, "MEMBER3")["voter"], "MEMBER3 to be a voter", 60, 0.5)
        wait_no_warning(admin)
    finally:
        lab.exec("MEMBER3", "hostname", "MEMBER3")


def test_a_file_broken_by_hand_harms_no_guest_when_the_daemons_are_restarted(admin: Administrator) -> None:
    admin.lab.guest_create("linux01")
    run = admin.start("MEMBER3", "linux01")
    edit(admin, "MEMBER3", "[cluster]", "[cluster")
    for daemon in ("ssi-guard", "isfcd", "ssid"):
        admin.lab.exec("MEMBER3", "systemctl", "restart", daemon)
    admin.lab.wait(lambda: "problems" in (note(admin, "MEMBER3") or ""), "the warning", 30, 0.2)
    admin.wait_joined()
    for daemon in ("ssi-guard", "isfcd", "ssid"):
        journal = admin.lab.exec("MEMBER3", "journalctl", "--boot", "--no-pager", "--unit", daemon)
        assert "cannot be used: starting with what was used before" in journal, daemon
    admin.assert_no_tick_lost("linux01", run)


def test_a_member_is_booted_again_in_order_but_not_under_its_guests(joined: Administrator) -> None:
    lab = joined.lab
    lab.guest_create("linux01")
    joined.start("MEMBER2", "linux01")
    refused = joined.ssictl("MEMBER1", "member", "reboot", "MEMBER2")
    assert refused.returncode == 1 and "SSI-2007" in refused.stderr and "linux01" in refused.stderr, refused.stderr
    lab.wait_ticking("linux01")
    moved = joined.ssictl("MEMBER1", "relocate", "move", "linux01", "MEMBER3", timeout=120)
    assert moved.returncode == 0, moved.stderr
    rebooted = joined.ssictl("MEMBER1", "member", "reboot", "MEMBER2")
    assert rebooted.returncode == 0, rebooted.stderr
    # The lab's machines end where others boot again.
    lab.wait(lambda: lab.power("MEMBER2") == "off", "MEMBER2 to end", 90, 0.2)
    assert seen(joined, "MEMBER2")["reason"] == "left", "in order: nobody had to prove its death"
    lab.crash("MEMBER2")
    lab.boot("MEMBER2")
    joined.wait_joined()
    lab.wait_ticking("linux01")
