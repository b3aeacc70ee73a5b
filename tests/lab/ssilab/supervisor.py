"""The supervisor of a lab: one process outside the members. It stands for the machines' power switches (what a fence
agent talks to) and for their hardware watchdogs: neither stops when a member is frozen.

In each member, in /run/ssi-lab:
    supervisor.sock   a JSON object a line: {"action": "off"|"on"|"reboot"|"status"|"monitor"|"list", "plug": MEMBER};
                      answer {"ok": true, "power": "on"|"off"} or {"ok": false, "reason": TEXT};
                      {"action": "fault", "fault": NAME, "members": [...]} for a drill (faults.py), answered when it is
                      made; "fence-fail" makes the power switch itself fail, until "fence-heal", and "watchdog-fail"
                      the watchdogs of the members, which then reset nobody, until "watchdog-heal"
    watchdog.sock     lines "arm SECONDS", "feed", "disarm", each answered "ok". As the kernel's: closing without
                      disarm leaves it armed. Not fed in time, it cuts the member's power.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Awaitable, Callable

from .faults import make_fault
from .layout import Cluster, Layout
from .member_kinds import lab_member
from .members import Member
from .processes import LabError, end_recorded_process, record_process, recorded_process, wait_until
from .trees import repository

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def record_event(layout: Layout, event: str, member: str, why: str) -> None:
    """Appends to events.jsonl, the lab's diary of power."""
    line = json.dumps({"time": time.time(), "event": event, "member": member, "why": why}) + "\n"
    with open(layout.events, "a", encoding="utf-8") as file:
        file.write(line)


def start_supervisor(layout: Layout) -> None:
    """As a process of its own; returns when its sockets are there."""
    record = layout.runtime / "supervisor.json"
    if recorded_process(record) is not None:
        return
    with open(layout.state / "supervisor.log", "ab") as log:
        process = subprocess.Popen(
            ["/usr/bin/python3", str(repository() / "tests/lab/ssi-lab"), "--name", layout.name, "supervise"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    record_process(record, process.pid)
    ready = layout.runtime / "supervisor.ready"
    wait_until(lambda: process.poll() is not None or ready.exists(), "the supervisor's sockets", 10, 0.02)
    if process.poll() is not None:
        raise LabError(f"the supervisor ended: see {layout.state}/supervisor.log")


def stop_supervisor(layout: Layout) -> None:
    end_recorded_process(layout.runtime / "supervisor.json", "the supervisor")
    (layout.runtime / "supervisor.ready").unlink(missing_ok=True)


def supervisor_runs(layout: Layout) -> bool:
    return recorded_process(layout.runtime / "supervisor.json") is not None


class Watchdog:
    """One member's watchdog, on the supervisor's loop."""

    def __init__(self, layout: Layout, member: Member) -> None:
        self._layout = layout
        self._member = member
        self._seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._broken = False

    def fail(self, broken: bool) -> None:
        self._broken = broken
        self.reset()

    def command(self, line: str) -> str:
        words = line.split()
        if self._broken:
            return "error: broken"
        try:
            if len(words) == 2 and words[0] == "arm" and 0.1 <= float(words[1]) <= 3600:
                self._seconds = float(words[1])
                self._restart()
                return "ok"
        except ValueError:
            pass
        if words == ["feed"] and self._timer is not None:
            self._restart()
            return "ok"
        if words == ["disarm"]:
            self.reset()
            return "ok"
        return "error: not armed" if words == ["feed"] else "error: arm SECONDS | feed | disarm"

    def reset(self) -> None:
        """Not armed: after "disarm", and after the power was off."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _restart(self) -> None:
        self.reset()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._expired)

    def _expired(self) -> None:
        self._timer = None
        record_event(self._layout, "power-off", self._member.name, f"watchdog not fed for {self._seconds:g} s")
        cut = asyncio.get_running_loop().run_in_executor(None, self._member.cut_power)
        cut.add_done_callback(lambda done: done.exception() and print(done.exception(), file=sys.stderr, flush=True))


class Supervisor:
    """Serves the sockets of all members."""

    def __init__(self, layout: Layout, cluster: Cluster) -> None:
        self._layout = layout
        self._members = {name: lab_member(layout, cluster, name) for name in cluster.members}
        self._watchdogs = {name: Watchdog(layout, member) for name, member in self._members.items()}
        self._switch_fails = False

    async def serve(self) -> None:
        for name in self._members:
            sockets = self._layout.sockets(name)
            sockets.mkdir(parents=True, exist_ok=True)
            await self._listen(sockets / "watchdog.sock", self._watchdog_handler(name))
            await self._listen(sockets / "supervisor.sock", self._fence_handler(name))
        await self._listen(self._layout.runtime / "control.sock", self._fence_handler("the administrator"))
        (self._layout.runtime / "supervisor.ready").touch()
        await asyncio.Event().wait()

    @staticmethod
    async def _listen(path: os.PathLike[str], handler: Handler) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        await asyncio.start_unix_server(handler, path)

    def _watchdog_handler(self, name: str) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError, ValueError):
                while line := await reader.readline():
                    writer.write(self._watchdogs[name].command(line.decode(errors="replace")).encode() + b"\n")
                    await writer.drain()
            writer.close()
        return handle

    def _fence_handler(self, asker: str) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError, ValueError):
                while line := await reader.readline():
                    try:
                        request = json.loads(line)
                        if request.get("action") == "fault":
                            answer = await self._fault(request["fault"], request.get("members", []))
                        else:
                            answer = await self._act(request.get("action", ""), request.get("plug", ""), asker)
                    except Exception as error:  # whatever it was, the asker must not wait for an answer in vain
                        traceback.print_exc()
                        answer = {"ok": False, "reason": str(error) or repr(error)}
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
            writer.close()
        return handle

    async def _fault(self, fault: str, members: list[str]) -> dict[str, object]:
        if fault in ("fence-fail", "fence-heal"):
            self._switch_fails = fault == "fence-fail"
        elif fault in ("watchdog-fail", "watchdog-heal"):
            for name in members:
                self._watchdogs[name].fail(fault == "watchdog-fail")
        else:
            from .lab import Lab  # which imports this module
            await asyncio.to_thread(make_fault, Lab(self._layout.name), fault, members)
        return {"ok": True}

    async def _act(self, action: str, plug: str, asker: str) -> dict[str, object]:
        if action == "monitor":
            return {"ok": True, "power": "on"}
        if action == "list":
            return {"ok": True, "plugs": list(self._members)}
        if plug not in self._members:
            raise LabError(f"no plug '{plug}': there are {', '.join(self._members)}")
        if self._switch_fails and asker in self._members:
            raise LabError("the power switch does not answer")
        member = self._members[plug]
        if action in ("off", "reboot"):
            record_event(self._layout, "power-off", plug, f"asked by {asker}")
            await asyncio.to_thread(member.cut_power)
            self._watchdogs[plug].reset()
        if action in ("on", "reboot") and member.power() == "off":
            record_event(self._layout, "power-on", plug, f"asked by {asker}")
            self._watchdogs[plug].reset()
            await asyncio.to_thread(member.switch_on)
        if action not in ("off", "on", "reboot", "status"):
            raise LabError(f"unknown action '{action}'")
        return {"ok": True, "power": "off" if member.power() == "off" else "on"}


def supervise(layout: Layout) -> None:
    """The supervisor's main; runs until it is ended."""
    asyncio.run(Supervisor(layout, layout.load()).serve())
