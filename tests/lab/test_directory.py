"""One directory: what an administrator defines, edits and undefines with virsh on one member is so on all."""

import json
import re
import uuid
from collections.abc import Callable

import pytest
from administrator import Administrator

ALL = ("MEMBER1", "MEMBER2", "MEMBER3")


@pytest.fixture
def admin(joined: Administrator) -> Administrator:
    """g1 is defined on all members, as version 1 of the directory."""
    joined.lab.guest_create("g1")
    wait(joined, lambda: all(known_version(joined, member, "g1") == 1 for member in ALL), "g1 to be in the directory")
    return joined


def wait(admin: Administrator, condition: Callable[[], bool], what: str, timeout: float = 20) -> None:
    admin.lab.wait(condition, what, timeout, 0.2)


def known_version(admin: Administrator, member: str, guest: str) -> int:
    """That which the member's libvirt and the directory have in common."""
    done = admin.lab.try_exec(member, "cat", "/var/lib/ssi/directory.json")
    known = json.loads(done.stdout)["guests"].get(guest) if done.returncode == 0 else None
    return known["version"] if known and not known["was_moved"] else -1


def definition(admin: Administrator, member: str, guest: str) -> str:
    """Empty: it is not defined there."""
    return admin.virsh(member, "dumpxml", "--inactive", guest).stdout


def titled(xml: str, title: str) -> str:
    return re.sub(r"</uuid>(\s*<title>.*</title>)?", f"</uuid><title>{title}</title>", xml)


def define(admin: Administrator, member: str, xml: str) -> None:
    file = admin.lab.layout.shared / "guests" / f"{uuid.uuid4()}.xml"
    file.write_text(xml)
    done = admin.virsh(member, "define", f"/srv/ssi-lab/guests/{file.name}")
    assert done.returncode == 0, done.stderr


def edit(admin: Administrator, member: str, guest: str, title: str) -> None:
    define(admin, member, titled(definition(admin, member, guest), title))


def wait_title(admin: Administrator, guest: str, title: str, members: tuple[str, ...] = ALL) -> None:
    for member in members:
        wait(admin, lambda at=member: f"<title>{title}</title>" in definition(admin, at, guest),
             f"'{title}' to be the title of {guest} on {member}")


def heard(admin: Administrator, at: str, of: str) -> bool:
    entries = admin.document(at, "query", "ssi")["members"]
    return any(entry["name"] == of and entry["heartbeat_age_ms"] is not None for entry in entries)


def wait_gone(admin: Administrator, guest: str, members: tuple[str, ...] = ALL) -> None:
    for member in members:
        wait(admin, lambda at=member: not definition(admin, at, guest), f"{guest} to be undefined on {member}")


def stop_ssid(admin: Administrator, member: str) -> None:
    admin.lab.exec(member, "systemctl", "stop", "ssid")


def start_ssid(admin: Administrator, member: str) -> None:
    admin.lab.exec(member, "systemctl", "start", "ssid", timeout=60)
    admin.wait_joined()


def kept(admin: Administrator, member: str) -> list[str]:
    return admin.lab.try_exec(member, "ls", "/var/lib/ssi/conflicts").stdout.split()


def test_a_guest_that_is_defined_on_one_member_can_be_started_on_another(admin: Administrator) -> None:
    xml = definition(admin, "MEMBER1", "g1").replace("<name>g1</name>", "<name>h1</name>")
    define(admin, "MEMBER1", re.sub("<uuid>.*</uuid>", f"<uuid>{uuid.uuid4()}</uuid>", xml))
    for member in ALL:
        wait(admin, lambda at=member: bool(definition(admin, at, "h1")), f"h1 on {member}")
    started = admin.virsh("MEMBER3", "start", "h1")
    assert started.returncode == 0, started.stderr
    admin.wait_guest_at("MEMBER2", "h1", "MEMBER3")


def test_an_edit_on_one_member_is_seen_on_all(admin: Administrator) -> None:
    edit(admin, "MEMBER2", "g1", "edited")
    wait_title(admin, "g1", "edited")
    edit(admin, "MEMBER3", "g1", "again")
    wait_title(admin, "g1", "again")
    wait(admin, lambda: all(known_version(admin, member, "g1") == 3 for member in ALL), "version 3 everywhere")


def test_a_guest_that_is_undefined_on_one_member_is_gone_from_all(admin: Administrator) -> None:
    admin.lab.exec("MEMBER3", "virsh", "undefine", "g1")
    wait_gone(admin, "g1")


def test_a_guest_that_was_destroyed_just_before_can_be_undefined(admin: Administrator) -> None:
    admin.start("MEMBER2", "g1")
    admin.lab.exec("MEMBER2", "sh", "-c", "virsh destroy g1 && virsh undefine g1")
    wait_gone(admin, "g1")


def test_a_guest_that_runs_elsewhere_is_defined_again_when_it_is_undefined(admin: Administrator) -> None:
    run = admin.start("MEMBER1", "g1")
    admin.lab.exec("MEMBER3", "virsh", "undefine", "g1")
    wait(admin, lambda: "was undefined here, and is defined again" in
         admin.lab.exec("MEMBER3", "journalctl", "-b", "-u", "ssid", "-o", "cat"), "MEMBER3 to say so")
    wait(admin, lambda: bool(definition(admin, "MEMBER3", "g1")), "g1 on MEMBER3")
    admin.assert_no_tick_lost("g1", run)


def test_an_edit_that_was_made_while_ssid_was_down_is_found_afterwards(admin: Administrator) -> None:
    stop_ssid(admin, "MEMBER3")
    edit(admin, "MEMBER3", "g1", "meanwhile")
    start_ssid(admin, "MEMBER3")
    wait_title(admin, "g1", "meanwhile")


def test_a_definition_that_libvirt_has_lost_comes_back_and_is_lost_for_nobody(admin: Administrator) -> None:
    stop_ssid(admin, "MEMBER3")
    admin.lab.exec("MEMBER3", "sh", "-c", "systemctl stop libvirtd.service; rm /etc/libvirt/qemu/g1.xml; "
                   "systemctl start libvirtd.service", timeout=60)
    start_ssid(admin, "MEMBER3")
    wait(admin, lambda: bool(definition(admin, "MEMBER3", "g1")), "g1 on MEMBER3")
    assert definition(admin, "MEMBER1", "g1")


def test_of_two_edits_the_directory_s_counts_and_the_other_is_kept(admin: Administrator) -> None:
    stop_ssid(admin, "MEMBER3")
    edit(admin, "MEMBER3", "g1", "loses")
    edit(admin, "MEMBER1", "g1", "wins")
    wait_title(admin, "g1", "wins", ("MEMBER1", "MEMBER2"))
    start_ssid(admin, "MEMBER3")
    wait_title(admin, "g1", "wins")
    files = kept(admin, "MEMBER3")
    assert len(files) == 1 and files[0].startswith("g1.")
    assert "<title>loses</title>" in admin.lab.exec("MEMBER3", "cat", f"/var/lib/ssi/conflicts/{files[0]}")
    assert "SSI-1050" in admin.lab.exec("MEMBER3", "journalctl", "-b", "-u", "ssid", "-o", "cat")
    assert not kept(admin, "MEMBER1") and not kept(admin, "MEMBER2")


def test_what_was_deleted_while_a_member_was_off_does_not_come_back_with_it(admin: Administrator) -> None:
    # One that was never heard is given the time of a boot before it is fenced.
    wait(admin, lambda: heard(admin, "MEMBER1", "MEMBER3"), "MEMBER3 to be heard")
    admin.lab.crash("MEMBER3")
    admin.lab.exec("MEMBER1", "virsh", "undefine", "g1")
    wait_gone(admin, "g1", ("MEMBER1", "MEMBER2"))
    admin.lab.guest_forget("g1")
    admin.wait_states("MEMBER1", MEMBER3="Down")  # else it is fenced while it boots
    admin.lab.boot("MEMBER3")
    admin.wait_joined()
    wait_gone(admin, "g1")


def test_a_relocation_is_no_edit(admin: Administrator) -> None:
    run = admin.start("MEMBER1", "g1")
    for to in ("MEMBER2", "MEMBER3", "MEMBER1"):
        assert admin.ssictl("MEMBER1", "relocate", "move", "g1", to, timeout=120).returncode == 0
    wait(admin, lambda: all(known_version(admin, member, "g1") == 1 for member in ALL), "still version 1")
    assert not any(kept(admin, member) for member in ALL)
    admin.assert_no_tick_lost("g1", run)


def test_a_guest_from_before_the_cluster_is_left_alone(admin: Administrator) -> None:
    stop_ssid(admin, "MEMBER3")
    admin.lab.exec("MEMBER3", "rm", "/var/lib/ssi/directory.json")
    xml = definition(admin, "MEMBER3", "g1").replace("<name>g1</name>", "<name>old</name>")
    define(admin, "MEMBER3", re.sub("<uuid>.*</uuid>", f"<uuid>{uuid.uuid4()}</uuid>", xml))
    start_ssid(admin, "MEMBER3")
    wait(admin, lambda: known_version(admin, "MEMBER3", "g1") == 1, "MEMBER3 to know g1 again")
    assert known_version(admin, "MEMBER3", "old") == 0
    assert definition(admin, "MEMBER3", "old") and not definition(admin, "MEMBER1", "old")
    assert admin.document("MEMBER3", "directory", "list")["not_adopted"] == ["old"]

    admin.document("MEMBER3", "directory", "adopt", "old")
    wait(admin, lambda: bool(definition(admin, "MEMBER1", "old")), "old on MEMBER1")
    assert admin.document("MEMBER3", "directory", "list")["not_adopted"] == []


def test_who_puts_a_definition_gets_an_answer_and_the_history_says_who_it_was(admin: Administrator) -> None:
    first = admin.document("MEMBER1", "directory", "get", "g1")
    changed = admin.lab.layout.shared / "guests" / "changed.xml"
    changed.write_text(titled(first["xml"], "put"))
    put = ("directory", "put", "/srv/ssi-lab/guests/changed.xml")
    assert "SSI-1050" in admin.ssictl("MEMBER1", *put).stderr, "it is there, and nobody said which version it is for"
    assert admin.document("MEMBER1", *put, "--base", "1") == {"v": 1, "guest": "g1", "version": 2, "changed": True}
    wait_title(admin, "g1", "put")
    edit(admin, "MEMBER2", "g1", "by virsh")
    wait_title(admin, "g1", "by virsh")
    changed.write_text(titled(first["xml"], "too late"))
    assert "SSI-1050" in admin.ssictl("MEMBER1", *put, "--base", "2").stderr
    wait_title(admin, "g1", "by virsh")

    changed.write_text(first["xml"].replace("</devices>", "<lightbulb/></devices>"))
    refused = admin.ssictl("MEMBER1", *put, "--base", "3")
    assert refused.returncode == 1 and "SSI-1051" in refused.stderr and "Extra element" in refused.stderr
    wait_title(admin, "g1", "by virsh")

    versions = admin.document("MEMBER3", "directory", "history", "g1")["versions"]
    assert [(one["version"], one["change"]["who"], one["change"]["at"]) for one in versions[:2]] == [
        (3, "virsh", "MEMBER2"), (2, "root", "MEMBER1")]


def test_a_deleted_guest_comes_back_by_a_rollback(admin: Administrator) -> None:
    run = admin.start("MEMBER2", "g1")
    refused = admin.ssictl("MEMBER1", "directory", "delete", "g1", "--yes")
    assert refused.returncode == 1 and "SSI-1041 guest g1 runs on MEMBER2" in refused.stderr
    admin.assert_no_tick_lost("g1", run)
    admin.lab.exec("MEMBER2", "virsh", "destroy", "g1")
    admin.wait_guest_at("MEMBER1", "g1", None)
    admin.document("MEMBER1", "directory", "delete", "g1", "--yes")
    wait_gone(admin, "g1")
    assert admin.document("MEMBER3", "directory", "rollback", "g1", "1")["version"] == 3
    for member in ALL:
        wait(admin, lambda at=member: bool(definition(admin, at, "g1")), f"g1 on {member}")
    admin.start("MEMBER1", "g1")
