"""Our cluster, as the benchmark's cases need it."""

import json

from ssilab import Lab

from .machine import GUEST

_SETTLE_TIMEOUT_S = 60


class Ours:
    """Three members and the guest, with whatever the lab was made with."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def settle(self) -> str:
        """Every member is on, Joined, and sees both signs of life of every other; the guest runs."""
        lab = self.lab
        lab.boot(*[name for name in lab.members if lab.power(name) == "off"])
        lab.wait_joined(_SETTLE_TIMEOUT_S)
        lab.wait(lambda: all(map(self._sees_all, lab.members)), "every member to see the signs of all",
                 _SETTLE_TIMEOUT_S, 0.2)
        if not lab.guest_where(GUEST):
            lab.exec(lab.members[-1], "virsh", "-q", "start", GUEST)
            # One cut after the other is no crash loop.
            lab.exec(lab.members[-1], "ssictl", "guest", "policy", GUEST, "--limit", "100")
        home = lab.wait(self._home, f"{GUEST} to be Running", _SETTLE_TIMEOUT_S, 0.2)
        lab.wait_ticking(GUEST, _SETTLE_TIMEOUT_S)
        return home

    def describe(self) -> str:
        """What ssictl says."""
        member = next(name for name in self.lab.members if self.lab.power(name) == "running")
        return "\n".join(self.lab.try_exec(member, "ssictl", *words).stdout
                         for words in (("query", "ssi"), ("guest", "show", GUEST)))

    def _sees_all(self, member: str) -> bool:
        done = self.lab.try_exec(member, "ssictl", "query", "ssi", "--json")
        if done.returncode != 0:
            return False
        answer = json.loads(done.stdout)
        others = [entry for entry in answer["members"] if entry["name"] != member]
        signs = ["heartbeat_age_ms"] + (["pdr_heartbeat_age_ms"] if answer.get("pdr") else [])
        return all(entry.get(sign) is not None for entry in others for sign in signs)

    def _home(self) -> str:
        done = self.lab.try_exec(self.lab.members[0], "ssictl", "guest", "show", GUEST, "--json")
        shown = json.loads(done.stdout) if done.returncode == 0 else {}
        return shown["member"] if shown.get("phase") == "Running" else ""
