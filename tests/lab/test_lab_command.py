"""The lab itself: its command line, labs side by side, and that nothing stays behind."""

import json
import os
import signal
import subprocess
from pathlib import Path

from ssilab import Lab

TOOL = str(Path(__file__).with_name("ssi-lab"))


def tool(lab: Lab, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOL, "--name", lab.name, *words], capture_output=True, text=True, timeout=timeout)


def traces_of(name: str) -> list[str]:
    """Everything on this host that bears the lab's name."""
    mark = f"ssi-lab-{name}"
    found = [str(path) for path in (Path("/run") / mark, Path("/dev") / mark, Path("/var/lib/ssi-lab") / name)
             if path.exists()]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{mark}-*")]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines()
              if mark in line or f"/ssi-lab/{name}/" in line]
    found += [line for line in subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout.splitlines()
              if line.startswith(mark)]
    found += [entry.read_text() for entry in Path("/sys/block").glob("loop*/loop/backing_file")
              if mark in entry.read_text()]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(mark in word for word in words) or ["--name", name, "supervise"] == words[-4:-1]:
            found.append(" ".join(words))
    return found


def test_exec_passes_the_exit_code_and_output_on(bare_lab: Lab) -> None:
    done = tool(bare_lab, "exec", "MEMBER2", "--", "sh", "-c", "hostname; exit 7")
    assert (done.returncode, done.stdout) == (7, "MEMBER2\n")


def test_exec_has_the_capabilities_of_the_member_and_not_the_hosts(bare_lab: Lab) -> None:
    capabilities = "sed -n 's/^CapEff:\t//p' /proc/self/status"
    inside = bare_lab.exec("MEMBER1", "systemd-run", "--quiet", "--wait", "--pipe", "sh", "-c", capabilities)
    assert bare_lab.exec("MEMBER1", "sh", "-c", capabilities) == inside


def test_errors_say_what_to_do(bare_lab: Lab) -> None:
    done = tool(bare_lab, "crash", "MEMBER9")
    assert done.returncode == 1 and "MEMBER1, MEMBER2" in done.stderr
    bare_lab.crash("MEMBER3")
    done = tool(bare_lab, "exec", "MEMBER3", "--", "true")
    assert done.returncode == 1 and "boot MEMBER3" in done.stderr


def test_status_as_json(bare_lab: Lab) -> None:
    bare_lab.cut("MEMBER1", "MEMBER3", 0)
    status = json.loads(tool(bare_lab, "status", "--json").stdout)
    assert status["members"]["MEMBER1"]["power"] == "running"
    assert [link["members"] for link in status["links"] if link["cut"] == "down"] == [["MEMBER1", "MEMBER3"]]


def test_journal_of_a_dead_member_can_be_read(bare_lab: Lab) -> None:
    bare_lab.exec("MEMBER1", "logger", "last words of a member")
    bare_lab.exec("MEMBER1", "journalctl", "--sync")
    bare_lab.crash("MEMBER1")
    assert "last words of a member" in tool(bare_lab, "logs", "MEMBER1").stdout


def test_reset_leaves_members_up_and_nothing_else(bare_lab: Lab) -> None:
    bare_lab.guest_create("g2")
    bare_lab.exec("MEMBER1", "virsh", "start", "g2")
    bare_lab.cut("MEMBER1", "MEMBER2")
    bare_lab.pause("MEMBER2")
    bare_lab.reset()
    status = bare_lab.status()
    assert {member["power"] for member in status["members"].values()} == {"running"}
    assert not status["guests"] and not [link for link in status["links"] if link["cut"]]
    assert bare_lab.exec("MEMBER1", "virsh", "-q", "list", "--all").strip() == ""


def test_down_after_a_crash_of_everything_leaves_nothing(bare_lab: Lab) -> None:
    """Side by side with bare_lab, which must not notice."""
    lab = Lab("tcrash")
    try:
        lab.up(2, 1, packages=False)
        lab.lun_create("T1", 1 << 20)
        record = json.loads((lab.layout.runtime / "supervisor.json").read_text())
        os.kill(record["pid"], signal.SIGKILL)
        (lab.layout.state / "cluster.json").unlink()  # as if `up` had died early
    finally:
        lab.down()
    assert traces_of("tcrash") == []
    assert bare_lab.exec("MEMBER1", "hostname") == "MEMBER1\n"


def test_down_twice_is_no_error() -> None:
    Lab("tnever").down()
    Lab("tnever").down()
    assert traces_of("tnever") == []
