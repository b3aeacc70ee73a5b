"""A guest moves live while its links suffer: nothing is lost, and nothing runs twice."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from administrator import Administrator
from ssilab import Lab

# All four channels together: the guest's memory (some 50 MiB) is under way for ten seconds.
MBIT_A_CHANNEL = 10
IN_ITS_MIDDLE = 4 << 20
PATTERN_MIB = 12
# Writes a little of the pattern to the disk, another part each time, until it is told to stop.
WRITER = ("(round=0; while [ ! -e /tmp/stop ]; do round=$(((round + 1) % 64)); "
          "dd if=/tmp/pattern of=/dev/vda bs=64k skip=$round count=4 conv=fsync 2>/dev/null; echo $round >/tmp/round; "
          "sleep 0.1; done; touch /tmp/stopped) >/dev/null 2>&1 &")


class MovingGuest:
    """g1 on MEMBER1, with a pattern in its memory, a disk that it writes to all the time, and slow links to MEMBER2."""

    def __init__(self, admin: Administrator) -> None:
        self.admin, self.lab = admin, admin.lab
        self.lab.lun_create("G1", 16 << 20)
        self.lab.guest_create("g1", disks=["G1"])
        self.run = admin.start("MEMBER1", "g1")
        self._pattern = self._shell(f"dd if=/dev/urandom of=/tmp/pattern bs=1M count={PATTERN_MIB} 2>/dev/null && "
                                    "sha256sum </tmp/pattern")
        self._shell(WRITER)
        admin.wait_channels("MEMBER1", "MEMBER2", up=4)
        self.lab.throttle("MEMBER1", "MEMBER2", MBIT_A_CHANNEL)

    def move(self, during: Callable[[Future], None]) -> tuple[int, str]:
        """ssictl's exit code and words for a move to MEMBER2, in whose middle something happens."""
        with ThreadPoolExecutor() as pool:
            move = pool.submit(self.admin.ssictl, "MEMBER1", "relocate", "move", "g1", "MEMBER2", timeout=120)
            self.admin.wait_carried("MEMBER1", "MEMBER2", "migration-", IN_ITS_MIDDLE)
            during(move)
            done = move.result()
        return done.returncode, done.stdout + done.stderr

    def assert_unharmed(self, at: str) -> None:
        """It runs there, once; every tick, its memory and what it wrote are there."""
        self.admin.wait_guest_at("MEMBER3", "g1", at)
        self.lab.wait(lambda: self.lab.guest_where("g1") == [at], f"g1 to run on {at} only", 30)
        self.lab.wait_ticking("g1")
        assert self.admin.runs("g1") == [self.run]
        self.admin.assert_no_tick_lost("g1", self.run)
        assert self._shell("sha256sum </tmp/pattern") == self._pattern

    def assert_disk_whole(self) -> None:
        """What the last round wrote is on the disk."""
        self._shell("touch /tmp/stop")
        self._shell("while [ ! -e /tmp/stopped ]; do sleep 0.1; done; echo 3 >/proc/sys/vm/drop_caches")
        written = self._shell("dd if=/tmp/pattern bs=64k skip=$(cat /tmp/round) count=4 2>/dev/null | sha256sum")
        assert self._shell("dd if=/dev/vda bs=64k count=4 2>/dev/null | sha256sum") == written

    def _shell(self, command: str) -> str:
        return self.lab.guest_send("g1", f"sh {command}", timeout=30)


@pytest.fixture
def moving(joined: Administrator) -> MovingGuest:
    return MovingGuest(joined)


def cut(lab: Lab) -> None:
    lab.cut("MEMBER1", "MEMBER2", 1)


def drop_silently(lab: Lab) -> None:
    lab.cut("MEMBER1", "MEMBER2", 1, silent=True)


@pytest.mark.parametrize("break_channel", [cut, drop_silently])
def test_a_move_goes_on_while_a_channel_is_away_and_back(moving: MovingGuest,
                                                         break_channel: Callable[[Lab], None]) -> None:
    def during(move: Future) -> None:
        break_channel(moving.lab)
        for one, other in (("MEMBER1", "MEMBER2"), ("MEMBER2", "MEMBER1")):
            moving.admin.wait_channels(one, other, up=3)
        moving.lab.heal()
        moving.admin.wait_channels("MEMBER1", "MEMBER2", up=4)
        assert not move.done()
        moving.lab.throttle("MEMBER1", "MEMBER2", None)

    code, words = moving.move(during)
    assert code == 0 and "g1 moved from MEMBER1 to MEMBER2" in words, words
    moving.assert_unharmed("MEMBER2")
    moving.assert_disk_whole()


def test_a_move_goes_on_when_a_channel_slows_to_a_crawl(moving: MovingGuest) -> None:
    def during(move: Future) -> None:
        moving.admin.crawl("MEMBER1", "MEMBER2", 1)
        assert not move.done()
        moving.lab.throttle("MEMBER1", "MEMBER2", None, 0, 2, 3)

    code, words = moving.move(during)
    assert code == 0 and "g1 moved from MEMBER1 to MEMBER2" in words, words
    moving.assert_unharmed("MEMBER2")
    moving.assert_disk_whole()


@pytest.mark.parametrize("member", ["MEMBER1", "MEMBER2"])
def test_a_restart_of_isfcd_ends_the_move_and_harms_no_guest(moving: MovingGuest, member: str) -> None:
    admin = moving.admin
    code, words = moving.move(lambda _: admin.lab.exec(member, "systemctl", "restart", "isfcd"))
    assert code == 1 and "guest g1 was not moved" in words and "it goes on where it was" in words, words
    moving.assert_unharmed("MEMBER1")
    admin.lab.throttle("MEMBER1", "MEMBER2", None)
    admin.wait_channels("MEMBER1", "MEMBER2", up=4)
    admin.lab.wait_joined()  # a member that was just unheard is Suspended, and nothing is sent there until it is heard
    assert admin.document("MEMBER1", "relocate", "move", "g1", "MEMBER2", timeout=120)["outcome"] == "moved"
    moving.assert_unharmed("MEMBER2")
    moving.assert_disk_whole()
