"""The lab itself: power cut, pause, watchdog and fence agent do what the hardware they stand for does."""

import os
import threading
import time
from pathlib import Path

import pytest
from ssilab import Lab, LabError
from ssilab.processes import start_time


def processes_of(lab: Lab, member: str) -> list[int]:
    """By what the host sees: everything in the member's PID namespace."""
    leader = lab.member(member).leader()
    namespace = os.readlink(f"/proc/{leader}/ns/pid")
    found = []
    for entry in Path("/proc").glob("[0-9]*/ns/pid"):
        try:
            if os.readlink(entry) == namespace:
                found.append(int(entry.parts[2]))
        except OSError:
            pass
    return found


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if start_time(pid) is not None]  # a zombie is dead


def watchdog(lab: Lab, member: str, script: str) -> None:
    """Runs the shell script's output into the member's watchdog; returns at once."""
    lab.exec(member, "sh", "-c", f"({script}) | socat -t 0.2 - UNIX-CONNECT:/run/ssi-lab/watchdog.sock")


def is_off(lab: Lab, member: str) -> bool:
    return lab.power(member) == "off"


def test_crash_means_that_every_process_is_dead(bare_lab: Lab) -> None:
    bare_lab.exec("MEMBER1", "systemd-run", "--unit=bystander", "sleep", "1000")
    pids = processes_of(bare_lab, "MEMBER1")
    assert len(pids) > 5
    bare_lab.crash("MEMBER1")
    assert not alive(pids)
    assert is_off(bare_lab, "MEMBER1")


def test_crash_of_a_paused_member(bare_lab: Lab) -> None:
    pids = processes_of(bare_lab, "MEMBER1")
    bare_lab.pause("MEMBER1")
    bare_lab.crash("MEMBER1")
    assert not alive(pids)


def test_crash_takes_the_command_that_runs_in_the_member(bare_lab: Lab) -> None:
    codes = []
    thread = threading.Thread(target=lambda: codes.append(bare_lab.try_exec("MEMBER1", "sleep", "30").returncode))
    thread.start()
    bare_lab.wait(lambda: bare_lab.try_exec("MEMBER1", "pgrep", "-x", "sleep").returncode == 0, "the command to run")
    bare_lab.crash("MEMBER1")
    thread.join(10)
    assert codes and codes[0] != 0


def test_crash_is_silent_and_nothing_of_it_comes_back(bare_lab: Lab) -> None:
    """The peer of a dead member hears nothing: no FIN of its sockets, not even after its reboot."""
    bare_lab.exec("MEMBER2", "sh", "-c",
                  "(socat -u TCP-LISTEN:9998,bind=10.77.0.2 - >/tmp/heard; echo END >>/tmp/heard) >/dev/null 2>&1 & "
                  "while ! ss -ltn | grep -q :9998; do sleep 0.02; done")
    bare_lab.exec("MEMBER1", "sh", "-c", "((echo hello; sleep 1000) | socat -u - TCP:10.77.0.2:9998) >/dev/null 2>&1 &")
    bare_lab.wait(lambda: "hello" in bare_lab.exec("MEMBER2", "cat", "/tmp/heard"), "the connection to carry data")
    bare_lab.crash("MEMBER1")
    bare_lab.boot("MEMBER1")
    assert "END" not in bare_lab.exec("MEMBER2", "cat", "/tmp/heard")
    assert not bare_lab.exec("MEMBER1", "ss", "-tnH", "state", "all", "dport", "=", ":9998").strip()


def test_boot_finds_the_disk_as_it_was(bare_lab: Lab) -> None:
    bare_lab.exec("MEMBER1", "sh", "-c", "echo kept >/root/note; echo gone >/run/note")
    bare_lab.crash("MEMBER1")
    bare_lab.boot("MEMBER1")
    assert bare_lab.exec("MEMBER1", "cat", "/root/note") == "kept\n"
    assert bare_lab.try_exec("MEMBER1", "cat", "/run/note").returncode != 0


def test_shutdown_is_orderly(bare_lab: Lab) -> None:
    bare_lab.exec("MEMBER1", "systemd-run", "--unit=farewell", "--property=ExecStop=touch /root/farewell",
                  "sleep", "1000")
    bare_lab.shutdown("MEMBER1")
    assert is_off(bare_lab, "MEMBER1")
    bare_lab.boot("MEMBER1")
    bare_lab.exec("MEMBER1", "rm", "/root/farewell")


def test_pause_stops_the_member_and_resume_lets_it_go_on(bare_lab: Lab) -> None:
    bare_lab.exec("MEMBER1", "sh", "-c", "while date +%s%N >>/srv/ssi-lab/beats; do sleep 0.05; done >/dev/null 2>&1 &")
    beats = bare_lab.layout.shared / "beats"
    bare_lab.wait(lambda: beats.exists() and beats.stat().st_size, "the first beat")
    bare_lab.pause("MEMBER1")
    size = beats.stat().st_size
    with pytest.raises(LabError, match="is paused"):
        bare_lab.exec("MEMBER1", "true")
    time.sleep(0.5)  # what must not happen has no event
    assert beats.stat().st_size == size
    bare_lab.resume("MEMBER1")
    bare_lab.wait(lambda: beats.stat().st_size > size, "the beats to go on")


def test_watchdog_that_is_fed_does_nothing(bare_lab: Lab) -> None:
    begun = time.monotonic()
    watchdog(bare_lab, "MEMBER1", "echo arm 0.6; for i in 1 2 3 4 5; do sleep 0.2; echo feed; done; echo disarm")
    bare_lab.wait(lambda: time.monotonic() > begun + 2, "the time in which an armed watchdog would have fired")
    assert bare_lab.power("MEMBER1") == "running"


def test_watchdog_cuts_the_power_when_it_is_not_fed(bare_lab: Lab) -> None:
    before = len(bare_lab.events())
    watchdog(bare_lab, "MEMBER1", "echo arm 0.5")  # closing without disarm leaves it armed
    bare_lab.wait(lambda: is_off(bare_lab, "MEMBER1"), "the watchdog to cut the power", 5)
    assert "watchdog" in str(bare_lab.events()[before]["why"])


def test_watchdog_cuts_the_power_of_a_paused_member(bare_lab: Lab) -> None:
    watchdog(bare_lab, "MEMBER1", "echo arm 1")
    bare_lab.pause("MEMBER1")
    bare_lab.wait(lambda: is_off(bare_lab, "MEMBER1"), "the watchdog to cut the power", 5)


def test_watchdog_is_not_armed_after_a_power_cycle(bare_lab: Lab) -> None:
    watchdog(bare_lab, "MEMBER1", "echo arm 3")
    armed = time.monotonic()
    bare_lab.crash("MEMBER1")
    bare_lab.boot("MEMBER1")
    bare_lab.wait(lambda: time.monotonic() > armed + 3.5, "the time in which the old watchdog would have fired")
    assert bare_lab.power("MEMBER1") == "running"


def fence(lab: Lab, member: str, *lines: str) -> tuple[int, str]:
    done = lab.try_exec(member, "/usr/sbin/fence_ssi_lab", input_text="".join(f"{line}\n" for line in lines))
    return done.returncode, done.stdout + done.stderr


def test_fence_agent_reports_off_only_when_all_is_dead(bare_lab: Lab) -> None:
    pids = processes_of(bare_lab, "MEMBER2")
    assert fence(bare_lab, "MEMBER1", "action=status", "plug=MEMBER2")[0] == 0
    code, text = fence(bare_lab, "MEMBER1", "action=off", "plug=MEMBER2")
    assert code == 0, text
    assert not alive(pids)
    assert fence(bare_lab, "MEMBER1", "action=status", "plug=MEMBER2")[0] == 2
    assert fence(bare_lab, "MEMBER1", "action=on", "plug=MEMBER2")[0] == 0
    bare_lab.member("MEMBER2").wait_booted()


def test_fence_agent_follows_the_calling_convention(bare_lab: Lab) -> None:
    assert fence(bare_lab, "MEMBER1", "action=monitor")[0] == 0
    assert "MEMBER3" in fence(bare_lab, "MEMBER1", "action=list")[1]
    assert "<resource-agent" in fence(bare_lab, "MEMBER1", "action=metadata")[1]
    code, text = fence(bare_lab, "MEMBER1", "action=off", "plug=MEMBER9")
    assert code == 1 and "MEMBER9" in text
