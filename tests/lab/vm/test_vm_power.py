"""What containers on one kernel hide: a clock that stops with its machine, the kernel's own watchdog, writes that were
never synced."""

import time

from administrator import Administrator

FROZEN_S = 30  # at least so long, and longer than any watchdog waits
BOOTED_S = 300


def slot_of(admin: Administrator, member: str, of: str) -> dict:
    """What `member` reads in the PDR slot of another."""
    members = admin.document(member, "query", "ssi")["members"]
    return next({**entry["slot_record"], "age_ms": entry["pdr_heartbeat_age_ms"]}
                for entry in members if entry["name"] == of)


def state_of(admin: Administrator, member: str, of: str) -> str:
    return admin.states(member).get(of, "")


def test_a_stopped_machine_with_softdog_is_never_dead_by_time_and_its_guest_starts_nowhere_R1(
        without_fence_agent: Administrator) -> None:
    admin = without_fence_agent
    admin.lab.guest_create("g1", memory_mib=32)
    admin.lab.wait(lambda: slot_of(admin, "MEMBER1", "MEMBER2")["armed"], "MEMBER2's softdog to be armed", 60, 0.5)
    run = admin.start("MEMBER2", "g1")
    slot = slot_of(admin, "MEMBER1", "MEMBER2")
    t_dead_ms = slot["lease_ms"] + slot["watchdog_ms"] + 2_000 * admin.lab.layout.load().timing_scale
    assert slot["dead_after_ms"] is None, "so softdog gives no proof by time"
    admin.lab.pause("MEMBER2")
    stopped = time.monotonic()
    admin.lab.wait(lambda: slot_of(admin, "MEMBER1", "MEMBER2")["age_ms"] > t_dead_ms + 5_000
                   and time.monotonic() > stopped + FROZEN_S, "MEMBER2 to stand still for longer than T_dead", 300, 0.5)
    assert state_of(admin, "MEMBER1", "MEMBER2") == "Unknown", "time proves nothing of a softdog (SAFETY 13)"
    assert admin.lab.power("MEMBER2") == "paused", "and its softdog stood still with it"
    assert admin.lab.guest_where("g1") == [], "nobody else has the guest"
    ticks = len(admin.counts("g1", run))
    admin.lab.resume("MEMBER2")
    admin.wait_joined(timeout=BOOTED_S)
    admin.lab.wait(lambda: len(admin.counts("g1", run)) > ticks or len(admin.runs("g1")) > 1,
                   "g1 to go on, or to start again", 120, 0.2)
    assert len(admin.lab.guest_where("g1")) == 1


def test_the_clock_of_a_stopped_machine_stops_with_it(machines: Administrator) -> None:
    def clocks() -> tuple[float, float]:
        """The machine's time since boot, and ours."""
        return float(machines.lab.exec("MEMBER3", "cat", "/proc/uptime").split()[0]), time.monotonic()
    inside, outside = clocks()
    machines.lab.pause("MEMBER3")
    stopped = time.monotonic()
    machines.lab.wait(lambda: time.monotonic() > stopped + 5, "five seconds to go by", 10, 0.5)
    machines.lab.resume("MEMBER3")
    inside_later, outside_later = clocks()
    assert (outside_later - outside) - (inside_later - inside) > 4.5


def test_the_softdog_resets_a_member_whose_guard_stands_still(without_fence_agent: Administrator) -> None:
    admin = without_fence_agent
    admin.lab.wait(lambda: slot_of(admin, "MEMBER1", "MEMBER3")["armed"], "MEMBER3's softdog to be armed", 60, 0.5)
    admin.lab.exec("MEMBER3", "systemctl", "kill", "--kill-whom=main", "--signal=STOP", "ssi-guard.service")
    admin.lab.wait(lambda: admin.lab.power("MEMBER3") == "off", "MEMBER3 to be reset", 180, 0.5)


def test_a_power_cut_loses_what_was_not_synced_and_nothing_else(machines: Administrator) -> None:
    machines.lab.exec("MEMBER3", "sh", "-euc", "echo kept >/var/tmp/kept; sync; echo lost >/var/tmp/lost")
    machines.lab.crash("MEMBER3")
    machines.wait_states("MEMBER1", timeout=240, MEMBER3="Down")  # else it would be fenced while it boots
    machines.lab.boot("MEMBER3")
    assert machines.lab.exec("MEMBER3", "cat", "/var/tmp/kept") == "kept\n"
    assert machines.lab.try_exec("MEMBER3", "cat", "/var/tmp/lost").stdout == "", "a container's would have survived"


def test_a_member_whose_power_was_cut_is_fenced_and_its_guest_starts_elsewhere(machines: Administrator) -> None:
    machines.lab.guest_create("g2", memory_mib=32)
    machines.start("MEMBER2", "g2")
    machines.lab.crash("MEMBER2")
    machines.wait_states("MEMBER1", timeout=240, MEMBER2="Down")
    machines.lab.wait_guest("g2", 1, timeout=300)
    assert machines.lab.guest_where("g2")[0] != "MEMBER2"
