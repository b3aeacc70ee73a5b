"""The links between a lab's members."""

from .lab_members import LabMembers
from .links import Network


class LabLinks(LabMembers):
    """Part of Lab."""

    def cut(self, one: str, other: str, *links: int, silent: bool = False) -> None:
        """All links between the two, or those numbered."""
        self._network().cut(one, other, list(links) or None, silent)

    def heal(self, one: str | None = None, other: str | None = None, *links: int) -> None:
        """Without members: all links of the lab."""
        on = {name for name in self.members if self.power(name) != "off"}
        self._network().heal(one, other, list(links) or None, on)

    def isolate(self, member: str, silent: bool = False) -> None:
        """Cuts all links of a member."""
        for peer in self._peers(member):
            self.cut(member, peer, silent=silent)

    def deafen(self, member: str) -> None:
        """Nothing reaches the member over its links; what it sends arrives."""
        self._network().deafen(member)

    def rejoin(self, member: str) -> None:
        for peer in self._peers(member):
            self.heal(member, peer)

    def throttle(self, one: str, other: str, mbit: float | None, *links: int) -> None:
        """All links between the two, or those numbered, to this rate each; None: as fast as it goes."""
        self._network().throttle(one, other, list(links) or None, mbit)

    def _network(self) -> Network:
        return Network(self.layout, self.layout.load())
