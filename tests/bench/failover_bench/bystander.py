"""What happened to guests and members while faults came and went."""

from ssilab import Lab, LabError


class Bystander:
    """Counts from now on which of the guests, all of which run, were stopped, and which members were fenced."""

    def __init__(self, lab: Lab, guests: list[str]) -> None:
        self._lab = lab
        self._runs = {guest: self._last_run(guest) for guest in guests}
        self._events = len(lab.events())

    def fenced(self) -> list[str]:
        """Members whose power was cut."""
        return [str(event["member"]) for event in self._lab.events()[self._events:] if event["event"] == "power-off"]

    def stopped(self) -> list[str]:
        """Guests that do not go on in the run in which they were. Call it when all faults are over."""
        found = []
        for guest, run in self._runs.items():
            before = self._ticks(guest, run)
            try:
                self._lab.wait(lambda guest=guest, run=run, before=before: self._ticks(guest, run) >= before + 3,
                               f"{guest} to tick on", 10)
            except LabError:
                found.append(guest)
        return found

    def _last_run(self, guest: str) -> str:
        return self._lab.ticks(guest)[-1].run

    def _ticks(self, guest: str, run: str) -> int:
        return sum(tick.run == run for tick in self._lab.ticks(guest))
