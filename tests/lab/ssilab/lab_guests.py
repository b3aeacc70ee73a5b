"""A lab's guests, as their console shows them."""

from .guests import DEFAULT_MEMORY_MIB, Guest, Tick
from .lab_members import LabMembers
from .processes import wait_until


class LabGuests(LabMembers):
    """Part of Lab."""

    def guest_create(self, name: str, memory_mib: int = DEFAULT_MEMORY_MIB, disks: list[str] | None = None,
                     nic: bool = False) -> Guest:
        """Defined on all members that are on; started by `virsh start NAME` on one."""
        return self._guests().create(name, memory_mib, disks or [], nic)

    def guest_remove(self, name: str) -> None:
        self._guests().remove(name)

    def guest_forget(self, name: str) -> None:
        """Only the lab's own knowledge of it: no member defines it any more when it boots."""
        self._guests().forget(name)

    def guest_states(self) -> dict[str, dict[str, str]]:
        return self._guests().states()

    def guest_where(self, name: str) -> list[str]:
        """The members on which it is active."""
        return self._guests().where(name)

    def guest_send(self, name: str, command: str, timeout: float = 20) -> str:
        """Types a command (docs/lab.md, "Guests") on its console and returns the answer."""
        return self._guests().send(name, command, timeout)

    def guest_console(self, name: str) -> str:
        return self._guests().console(name)

    def ticks(self, name: str) -> list[Tick]:
        return self._guests().ticks(name)

    def wait_guest(self, name: str, runs_before: int = 0, timeout: float = 60) -> str:
        """Waits for the first tick of a boot after `runs_before` boots; returns its run id."""
        return self._guests().wait_booted(name, runs_before, timeout)

    def wait_ticking(self, name: str, timeout: float = 60) -> None:
        """Waits until three more ticks are there than now; the guest may be about to boot."""
        before = len(self.ticks(name))
        wait_until(lambda: len(self.ticks(name)) >= before + 3, f"{name} to tick on", timeout)
