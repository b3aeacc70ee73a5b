"""The lab itself: each member has its own block device, page cache and faults for a LUN."""

import threading
import time

import pytest
from ssilab import Lab, LabError

LUN = "/dev/ssi-lab/T1"


@pytest.fixture
def disk_lab(bare_lab: Lab) -> Lab:
    bare_lab.lun_create("T1", 16 << 20)
    return bare_lab


def write_direct(lab: Lab, member: str, letter: str) -> None:
    lab.exec(member, "sh", "-c", f"head -c 4096 /dev/zero | tr '\\0' {letter} | "
             f"dd of={LUN} bs=4096 count=1 oflag=direct iflag=fullblock status=none")


def first_letter(lab: Lab, member: str, flags: str = "") -> str:
    return lab.exec(member, "sh", "-c", f"dd if={LUN} bs=4096 count=1 {flags} status=none | head -c 1")


def test_buffered_read_is_stale_after_a_write_on_another_member(disk_lab: Lab) -> None:
    """What one kernel would hide: two hosts have two page caches."""
    write_direct(disk_lab, "MEMBER1", "A")
    # Held open: a block device's cache goes with its last opener.
    disk_lab.exec("MEMBER2", "sh", "-c", f"(exec 3<{LUN}; sleep 100) >/dev/null 2>&1 &")
    assert first_letter(disk_lab, "MEMBER2") == "A"
    write_direct(disk_lab, "MEMBER1", "B")
    assert first_letter(disk_lab, "MEMBER2") == "A"  # stale
    assert first_letter(disk_lab, "MEMBER2", "iflag=direct") == "B"
    assert first_letter(disk_lab, "MEMBER3") == "B"
    disk_lab.exec("MEMBER2", "blockdev", "--flushbufs", LUN)
    assert first_letter(disk_lab, "MEMBER2") == "B"


def test_buffered_write_that_is_not_synced_is_lost_with_the_power(disk_lab: Lab) -> None:
    write_direct(disk_lab, "MEMBER1", "A")
    disk_lab.exec("MEMBER1", "sh", "-c", f"(exec 3<>{LUN}; printf Z >&3; sleep 100) >/dev/null 2>&1 &")
    disk_lab.wait(lambda: first_letter(disk_lab, "MEMBER1") == "Z", "the write in MEMBER1's page cache")
    disk_lab.crash("MEMBER1")
    assert first_letter(disk_lab, "MEMBER2", "iflag=direct") == "A"
    disk_lab.boot("MEMBER1")
    assert first_letter(disk_lab, "MEMBER1") == "A"


@pytest.mark.parametrize("how", ["reads", "writes", "all"])
def test_errors_hit_one_member_and_what_was_asked(disk_lab: Lab, how: str) -> None:
    disk_lab.lun_fail("MEMBER1", "T1", how)
    read = disk_lab.try_exec("MEMBER1", "dd", f"if={LUN}", "of=/dev/null", "bs=4096", "count=1", "iflag=direct")
    write = disk_lab.try_exec("MEMBER1", "dd", "if=/dev/zero", f"of={LUN}", "bs=4096", "count=1", "oflag=direct")
    assert (read.returncode != 0) == (how in ("reads", "all"))
    assert (write.returncode != 0) == (how in ("writes", "all"))
    write_direct(disk_lab, "MEMBER2", "C")
    disk_lab.lun_heal("MEMBER1", "T1")
    assert first_letter(disk_lab, "MEMBER1", "iflag=direct") == "C"


def test_hang_holds_a_write_until_it_is_healed(disk_lab: Lab) -> None:
    write_direct(disk_lab, "MEMBER2", "A")
    disk_lab.lun_fail("MEMBER1", "T1", "hang")
    writer = threading.Thread(target=write_direct, args=(disk_lab, "MEMBER1", "H"))
    writer.start()
    disk_lab.wait(lambda: disk_lab.try_exec("MEMBER1", "pgrep", "-x", "dd").returncode == 0, "the writer to run")
    time.sleep(0.5)  # what must not happen has no event
    assert first_letter(disk_lab, "MEMBER2", "iflag=direct") == "A"
    disk_lab.lun_heal("MEMBER1", "T1")
    writer.join(10)
    assert first_letter(disk_lab, "MEMBER2", "iflag=direct") == "H"


def hang_a_writer(lab: Lab, member: str) -> None:
    lab.lun_fail(member, "T1", "hang")
    lab.exec(member, "sh", "-c", f"head -c 4096 /dev/zero | tr '\\0' H >/tmp/h; "
             f"dd if=/tmp/h of={LUN} bs=4096 count=1 oflag=direct >/dev/null 2>&1 &")
    lab.wait(lambda: lab.exec(member, "sh", "-c", "cat /proc/$(pgrep -x dd)/stat").split()[2] == "D",
             "the writer to hang in the kernel")


def test_crash_releases_a_hang_and_the_write_never_lands(disk_lab: Lab) -> None:
    write_direct(disk_lab, "MEMBER2", "A")
    hang_a_writer(disk_lab, "MEMBER1")
    begun = time.monotonic()
    disk_lab.crash("MEMBER1")
    assert time.monotonic() - begun < 30, "it did not wait for the writer, which hangs for good"
    assert first_letter(disk_lab, "MEMBER2", "iflag=direct") == "A"
    disk_lab.boot("MEMBER1")
    assert first_letter(disk_lab, "MEMBER1", "iflag=direct") == "A"


def test_down_releases_a_hang() -> None:
    lab = Lab("thang")
    try:
        lab.up(1, 1, packages=False)
        lab.lun_create("T1", 1 << 20)
        hang_a_writer(lab, "MEMBER1")
    finally:
        lab.down()
    with pytest.raises(LabError, match="not up"):
        lab.status()
