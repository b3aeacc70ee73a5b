"""Guests beside the one of the power cuts."""

from ssilab import Lab


def start_guest_on_each(lab: Lab) -> list[str]:
    """A guest on every member, ticking; their names."""
    names = []
    for slot, member in enumerate(lab.members, start=1):
        name = f"on{slot}"
        lab.guest_create(name)
        lab.exec(member, "virsh", "-q", "start", name)
        lab.wait_guest(name, timeout=60)
        names.append(name)
    return names
