"""Every drill of tests/lab/drills, as an administrator runs it; and, from outside, that its verdict is true."""

import json
import tomllib
from pathlib import Path

import pytest
from administrator import Administrator
from ssilab import LabError

DRILLS = {file.stem: tomllib.loads(file.read_text()) for file in
          sorted((Path(__file__).resolve().parent / "drills").glob("*.toml"))}
HOME = "MEMBER2"
ELSEWHERE = "MEMBER1"
REPORTS = "/srv/ssi-lab/drills"


@pytest.fixture
def admin(joined: Administrator) -> Administrator:
    """A guest runs on HOME, and every member sees both signs of life of all."""
    joined.lab.guest_create("g1")
    joined.start(HOME, "g1")
    joined.lab.wait(lambda: all(entry["heartbeat_age_ms"] is not None and entry["pdr_heartbeat_age_ms"] is not None
                                for member in joined.lab.members
                                for entry in joined.document(member, "query", "ssi")["members"]),
                    "both signs of life of all", 60, 0.3)
    return joined


@pytest.mark.parametrize("name", DRILLS)
def test_drill_passes_and_tells_the_truth(admin: Administrator, name: str) -> None:
    lab, drill = admin.lab, DRILLS[name]
    if len(lab.members) < drill.get("members", 2):
        pytest.skip(f"{name} needs {drill['members']} members: SSI_LAB_MEMBERS")
    events = len(lab.events())
    run = admin.runs("g1")[-1]
    at = HOME if drill.get("here") else ELSEWHERE
    done = admin.ssictl(at, "drill", "run", name, "--guest", "g1", "--report", REPORTS, timeout=400)
    if name == "all-at-once":
        assert done.returncode != 0, "it ended with its member"
        lab.wait(lambda: is_up_again(admin, at, events), f"{at} to be up again", 60)
        done = admin.ssictl(at, "drill", "resume", timeout=400)
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    for ending in ("txt", "svg", "json"):
        assert name in (lab.layout.shared / "drills" / f"{name}.{ending}").read_text()
    report = json.loads((lab.layout.shared / "drills" / f"{name}.json").read_text())
    assert report["passed"] and not report["broken"], shown

    expected = drill.get("expect", {})
    restarts = expected.get("restarts", 0)
    lab.wait_ticking("g1")
    assert len(admin.runs("g1")) == 1 + restarts, shown
    fenced = [event["member"] for event in lab.events()[events:] if "asked by MEMBER" in str(event["why"])]
    assert set(fenced) <= ({HOME} if expected.get("down") else set()), f"{fenced}\n{shown}"
    assert_one_after_the_other(admin, "g1")
    if restarts == 0:
        admin.assert_no_tick_lost("g1", run)


def is_up_again(admin: Administrator, member: str, events: int) -> bool:
    """After a power cut that came behind the first `events`."""
    booted = [event for event in admin.lab.events()[events:]
              if event["event"] == "power-on" and event["member"] == member]
    if not booted or admin.lab.power(member) == "off":
        return False
    try:
        return admin.lab.try_exec(member, "systemctl", "is-active", "ssid").returncode == 0
    except LabError:
        return False  # its systemd is not there yet


def assert_one_after_the_other(admin: Administrator, guest: str) -> None:
    """R1, as the guest itself tells it: the ticks of its boots do not mix in the log that all members append to."""
    order = [tick.run for tick in admin.lab.ticks(guest)]
    changes = sum(one != other for one, other in zip(order, order[1:]))
    assert changes == len(set(order)) - 1, "two instances wrote at the same time"
