"""Taking the lab's fence agent away from the members, so that other proofs of a death are seen at work."""

import contextlib
from collections.abc import Iterator

from ssilab import Lab

_AGENT = "/usr/sbin/fence_ssi_lab"


@contextlib.contextmanager
def no_fence_agent(lab: Lab) -> Iterator[None]:
    """Meanwhile it answers nobody. Afterwards every member is on and has it again."""
    for member in lab.members:
        lab.exec(member, "mv", _AGENT, f"{_AGENT}.away")
    yield
    for member in lab.members:
        if lab.power(member) == "paused":
            lab.resume(member)
    lab.boot(*(name for name in lab.members if lab.power(name) == "off"))
    for member in lab.members:
        lab.exec(member, "mv", f"{_AGENT}.away", _AGENT)
