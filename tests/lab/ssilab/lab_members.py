"""A lab's members: power, commands in them, and what is seen of them."""

import contextlib
import json
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from . import supervisor
from .guests import Guests
from .layout import Layout
from .member_kinds import lab_member
from .members import Member
from .processes import LabError, say, wait_until

Answer = TypeVar("Answer")


class LabMembers:
    """What every other part of a Lab stands on."""

    def __init__(self, name: str = "default") -> None:
        self.layout = Layout(name)
        self.name = name

    @property
    def members(self) -> list[str]:
        return self.layout.load().members

    @property
    def poll_interval(self) -> float:
        """How often to ask a member for what costs it a process, in seconds."""
        return self.member(self.members[0]).poll_interval

    def member(self, name: str) -> Member:
        return lab_member(self.layout, self.layout.load(), name)

    def power(self, name: str) -> str:
        """"off", "running" or "paused"."""
        return self.member(name).power()

    def exec(self, member: str, *command: str, timeout: float = 30, input_text: str | None = None) -> str:
        """Runs a command in a member; returns its standard output; LabError if it fails."""
        return self.member(member).exec(*command, timeout=timeout, input_text=input_text)

    def try_exec(self, member: str, *command: str, timeout: float = 30, input_text: str | None = None,
                 ) -> subprocess.CompletedProcess[str]:
        """As exec, but the caller looks at returncode, stdout and stderr."""
        return self.member(member).try_exec(*command, timeout=timeout, input_text=input_text)

    def boot(self, *members: str, timeout: float | None = None) -> None:
        """Switches members on and waits until they are up."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: self._switch(name, "on"), members))
            states = list(pool.map(lambda name: self._wait_booted(name, timeout), members))
        guests = self._guests()
        for name, state in zip(members, states):
            if state != "running":
                failed = self.try_exec(name, "systemctl", "--failed", "--plain", "--no-legend").stdout
                say(f"{name} is {state}: {' '.join(line.split()[0] for line in failed.splitlines() if line.split())}")
            guests.define_missing(self.member(name))

    def crash(self, *members: str) -> None:
        """A power cut. On return all its processes are dead and its I/O has ended."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: self._switch(name, "off"), members))

    def shutdown(self, member: str, timeout: float = 90) -> None:
        self.member(member).shut_down(timeout)
        self._switch(member, "off")

    def pause(self, member: str) -> None:
        self.member(member).pause()

    def resume(self, member: str) -> None:
        self.member(member).resume()

    def watchdog_fail(self, member: str) -> None:
        """Its hardware watchdog breaks: whatever was armed, it resets nobody any more."""
        self.member(member)
        self._ask_supervisor({"action": "fault", "fault": "watchdog-fail", "members": [member]})

    def watchdog_heal(self, member: str) -> None:
        self._ask_supervisor({"action": "fault", "fault": "watchdog-heal", "members": [member]})

    @staticmethod
    def wait(condition: Callable[[], Answer], what: str, timeout: float = 10, interval: float = 0.05) -> Answer:
        """Polls something observable until it is true, at most `timeout` seconds."""
        return wait_until(condition, what, timeout, interval)

    def events(self) -> list[dict[str, object]]:
        """The diary of power: {"time", "event": "power-off"|"power-on", "member", "why"}."""
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in self.layout.events.read_text().splitlines()]
        return []

    def logs(self, member: str, unit: str | None = None, follow: bool = False) -> list[str]:
        """The command that prints the member's journal; works also when it is off."""
        return self.member(member).journal_command(unit, follow)

    def _wait_booted(self, name: str, timeout: float | None) -> str:
        try:
            return self.member(name).wait_booted(timeout)
        except LabError as error:
            last = next((event for event in reversed(self.events()) if event["member"] == name), {})
            if self.power(name) == "off" and last.get("event") == "power-off":
                raise LabError(f"{error} (power cut: {last['why']})") from error
            raise

    def _guests(self) -> Guests:
        cluster = self.layout.load()
        return Guests(self.layout, [lab_member(self.layout, cluster, name) for name in cluster.members])

    def _peers(self, member: str) -> list[str]:
        self.member(member)
        return [name for name in self.members if name != member]

    def _switch(self, name: str, action: str) -> None:
        """Through the supervisor: it also resets the member's watchdog. Without a supervisor, by ourselves."""
        member = self.member(name)
        if action == "on" and member.power() != "off":
            raise LabError(f"{name} is on already")
        if not supervisor.supervisor_runs(self.layout):
            supervisor.start_supervisor(self.layout)
        self._ask_supervisor({"action": action, "plug": name})

    def _ask_supervisor(self, request: dict[str, object]) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(60)
            try:
                connection.connect(str(self.layout.runtime / "control.sock"))
                connection.sendall(json.dumps(request).encode() + b"\n")
                answer = json.loads(connection.makefile().readline())
            except (OSError, ValueError) as error:
                raise LabError(f"the supervisor did not answer ({error}): see {self.layout.state}/supervisor.log"
                               ) from error
        if not answer["ok"]:
            raise LabError(str(answer["reason"]))
