"""Short faults that must not be felt: daemons that are started again, and all links of a member away for 3 s."""

import time

from isfc_bench.report import absolute
from ssilab import Lab

from .bystander import Bystander
from .guests import start_guest_on_each
from .machine import Labs, say

CUT_S = 3.0


def blip(_chosen: set[str], labs: Labs) -> None:
    """The case blip: guests stopped plus members fenced, over every member and every fault."""
    lab = labs.ours("b", members=3)
    bystander = Bystander(lab, start_guest_on_each(lab))
    for member in lab.members:
        for what, fault in (("isfcd restarted", _restart("isfcd")), ("ssid restarted", _restart("ssid")),
                            ("links pulled", _cut(silent=False)), ("links silent", _cut(silent=True))):
            fault(lab, member)
            lab.wait_joined(60)
            say(f"blip: {what} at {member}, members fenced so far: {len(bystander.fenced())}")
    stopped, fenced = bystander.stopped(), bystander.fenced()
    say(f"blip: stopped {', '.join(stopped) or 'no guest'}, fenced {', '.join(fenced) or 'no member'}")
    absolute("blip", [len(stopped) + len(fenced)], "guests+members", "ours <= 0", digits=0)


def _restart(daemon: str):
    return lambda lab, member: lab.exec(member, "systemctl", "restart", f"{daemon}.service", timeout=60)


def _cut(silent: bool):
    def fault(lab: Lab, member: str) -> None:
        lab.isolate(member, silent)
        time.sleep(CUT_S)  # the fault itself
        lab.rejoin(member)
    return fault
