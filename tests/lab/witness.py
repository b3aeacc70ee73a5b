"""Clusters with a witness on their PDR, and what their administrator sees of it: who holds it, and who votes."""

import json
import os
from collections.abc import Iterator

from administrator import Administrator
from ssilab import Lab
from ssilab.processes import run


def cluster(members: int) -> Iterator[Administrator]:
    """Made, and taken down afterwards."""
    lab = Lab(f"w{members}x{os.getpid()}")
    try:
        lab.up(members, witness=True)
        yield Administrator(lab)
    finally:
        lab.down()


def whole(admin: Administrator) -> Administrator:
    """Whatever the test before did to it, all are there again and vote."""
    admin.lab.boot(*[member for member in admin.lab.members if admin.lab.power(member) == "off"])
    for member in admin.lab.members:
        admin.lab.lun_heal(member, "pdr")
    admin.wait_joined()
    admin.lab.wait(lambda: voters(admin, "MEMBER1") == 3 and holder(admin, "MEMBER1") is not None,
                   "three voters, the witness among them", 90, 0.5)
    return admin


def seats(admin: Administrator, member: str) -> dict[str, dict]:
    """The engine's voters and learners, as `member` sees them."""
    done = admin.ssictl(member, "engine", "status", "--json")
    return {seat["name"]: seat for seat in json.loads(done.stdout)["voters"]} if done.returncode == 0 else {}


def voters(admin: Administrator, member: str) -> int:
    """How many vote and answer, as `member` sees it; 0 without the witness."""
    voting = [name for name, seat in seats(admin, member).items()
              if seat["role"] == "voter" and seat["started"] and not seat["fault"]]
    return len(voting) if "witness" in voting else 0


def lock(admin: Administrator, member: str) -> dict:
    return admin.document(member, "pdr", "show")["lock"]


def holder(admin: Administrator, member: str) -> str | None:
    witness = lock(admin, member)["witness"]
    return witness["member"] if witness else None


def journal(admin: Administrator, member: str) -> str:
    """What ssid said there, in all boots."""
    return run(*admin.lab.logs(member, "ssid"))
