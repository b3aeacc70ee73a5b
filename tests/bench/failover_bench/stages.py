"""Where the time went, from the journals of the members that live: for the eye, and for who wants to make it less."""

import json
import re
from dataclasses import dataclass

from ssilab import Lab
from ssilab.processes import run

# (stage that ends with this line of ssid, what the line looks like)
_LINES = (
    ("silence", r" is silent: fencing it"),
    ("off", r"fence agent \S+: off of "),
    ("status", r"fence agent \S+: status of "),
    ("verdict", r" is Down: "),
    ("placed", r"restarting guest {guest} "),
)


@dataclass(frozen=True)
class Entry:
    """A line of a member's journal; `at` is CLOCK_MONOTONIC of the host in seconds."""

    member: str
    at: float
    text: str


def journal(lab: Lab, since: float, unit: str = "ssid") -> list[Entry]:
    """What the unit said on all members since then, in order of time."""
    entries = []
    for member in lab.members:
        directory = lab.member(member).journal
        said = run("journalctl", f"--directory={directory}", "--unit", unit, "-o", "json", "--lines=400",
                   "--output-fields=MESSAGE,__MONOTONIC_TIMESTAMP")
        for line in said.splitlines():
            entry = json.loads(line)
            at = int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
            if at >= since and isinstance(entry.get("MESSAGE"), str):
                entries.append(Entry(member, at, entry["MESSAGE"]))
    return sorted(entries, key=lambda entry: entry.at)


def stages(lab: Lab, guest: str, since: float) -> str:
    """"silence 3.12, off 0.21, ..., placed 0.02": seconds of each stage after a power cut at `since`."""
    entries = journal(lab, since)
    parts, last = [], since
    for name, pattern in _LINES:
        expression = re.compile(pattern.format(guest=re.escape(guest)))
        found = next((entry for entry in entries if entry.at >= last and expression.search(entry.text)), None)
        if found is not None:
            parts.append(f"{name} {found.at - last:.2f}")
            last = found.at
    return ", ".join(parts) or "no line of ssid about it"
