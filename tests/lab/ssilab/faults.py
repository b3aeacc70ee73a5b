"""The faults that only a lab can make: what `ssictl drill` asks the supervisor for (docs/drills.md)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .processes import LabError

if TYPE_CHECKING:
    from .lab import Lab

# A small disk takes the place of the engine's directory and is filled. What etcd wrote meanwhile stays on it, and goes
# with the power.
_DISK_FULL = """
cd /var/lib/ssi/etcd
if ! mountpoint -q .; then
    systemctl stop ssi-etcd.service
    mkdir -p /run/ssi-lab-disk
    mount -t tmpfs -o size=$(( $(du -sm . | cut -f1) + 256 ))m,mode=0700 tmpfs /run/ssi-lab-disk
    cp -a . /run/ssi-lab-disk
    chown --reference=. /run/ssi-lab-disk
    mount --bind /run/ssi-lab-disk /var/lib/ssi/etcd
    systemctl start --no-block ssi-etcd.service
fi
dd if=/dev/zero of=/var/lib/ssi/etcd/filler bs=64k 2>/dev/null || true
"""
_DISK_FREE = "rm -f /var/lib/ssi/etcd/filler"


def make_fault(lab: "Lab", fault: str, members: list[str]) -> None:
    """Returns when it is there, or has ended. LabError: there is no such fault, or it cannot be made."""
    if fault not in _FAULTS:
        raise LabError(f"no fault '{fault}': there are {', '.join(_FAULTS)}")
    _FAULTS[fault](lab, members)


def _each(act: Callable[["Lab", str], object]) -> Callable[["Lab", list[str]], None]:
    def all_of_them(lab: "Lab", members: list[str]) -> None:
        for member in members:
            act(lab, member)
    return all_of_them


def _power_off(lab: "Lab", member: str) -> None:
    if lab.power(member) != "off":
        lab.crash(member)


def _power_on(lab: "Lab", member: str) -> None:
    if lab.power(member) == "off":
        lab.boot(member)


def _power_cycle(lab: "Lab", member: str) -> None:
    _power_off(lab, member)
    lab.boot(member)


def _resume(lab: "Lab", member: str) -> None:
    """One that was fenced meanwhile stays off."""
    if lab.power(member) == "paused":
        lab.resume(member)


def _split(lab: "Lab", half: list[str]) -> None:
    for one in half:
        for other in lab.members:
            if other not in half:
                lab.cut(one, other)


_FAULTS: dict[str, Callable[["Lab", list[str]], None]] = {
    "power-off": _each(_power_off),
    "power-on": _each(_power_on),
    "power-cycle": _each(_power_cycle),
    "pause": _each(lambda lab, member: lab.pause(member)),
    "resume": _each(_resume),
    "links-cut": _each(lambda lab, member: lab.isolate(member)),
    "links-silent": _each(lambda lab, member: lab.isolate(member, silent=True)),
    "links-deaf": _each(lambda lab, member: lab.deafen(member)),
    "split": _split,
    "links-heal": lambda lab, _members: lab.heal(),
    "pdr-fail": _each(lambda lab, member: lab.lun_fail(member, "pdr")),
    "pdr-hang": _each(lambda lab, member: lab.lun_fail(member, "pdr", "hang")),
    "pdr-heal": _each(lambda lab, member: lab.lun_heal(member, "pdr")),
    "disk-full": _each(lambda lab, member: lab.exec(member, "sh", "-euc", _DISK_FULL, timeout=60)),
    "disk-free": _each(lambda lab, member: lab.exec(member, "sh", "-euc", _DISK_FREE)),
}
