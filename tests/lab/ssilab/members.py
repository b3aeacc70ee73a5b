"""What all members of a lab have in common, be they containers or virtual machines: a power switch and a shell."""

import abc
import contextlib
import os
import shlex
import signal
import subprocess

from .layout import Cluster, Layout
from .links import Network
from .luns import LunLayer
from .processes import LabError, wait_until

POWER_TIMEOUT = 20.0


class Member(abc.ABC):
    """A member of a lab. Its power is switched under one lock, by whatever process of the lab it is."""

    luns: LunLayer  # its way to the LUNs
    boot_timeout = 60.0
    poll_interval = 0.2  # of what costs the member a process

    def __init__(self, layout: Layout, cluster: Cluster, name: str) -> None:
        if name not in cluster.members:
            raise LabError(f"no member {name}: there are {', '.join(cluster.members)}")
        self.name = name
        self._layout = layout
        self._cluster = cluster
        self._state = layout.member_state(name)
        self._runtime = layout.member_runtime(name)
        self._unit = layout.unit(name)
        self._network = Network(layout, cluster)

    # ---- power ------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def power(self) -> str:
        """"off", "running" or "paused"."""

    @abc.abstractmethod
    def switch_on(self) -> None:
        """Returns when the member begins to boot; wait_booted waits for the rest."""

    @abc.abstractmethod
    def cut_power(self) -> None:
        """A power cut. When this returns nothing of the member runs and none of its I/O is under way."""

    @abc.abstractmethod
    def pause(self) -> None:
        """It stands still and knows nothing of it."""

    @abc.abstractmethod
    def resume(self) -> None:
        pass

    def leader(self) -> int | None:
        """Its process 1 as this host sees it, or None: it is off, or has a kernel of its own."""
        return None

    def wait_booted(self, timeout: float | None = None) -> str:
        """Waits until systemd has started everything and libvirtd answers; returns "running" or "degraded"."""
        timeout = timeout or self.boot_timeout

        def started() -> str:
            if self.power() == "off":
                raise LabError(f"{self.name} went off while it booted: see {self._state}/console.log")
            state = self._asked_while_booting("systemctl", "is-system-running")
            return state if state in ("running", "degraded", "maintenance") else ""
        state = wait_until(started, f"{self.name} to boot ('ssi-lab exec {self.name} -- systemctl list-jobs' says what "
                           "it waits for)", timeout, self.poll_interval)
        wait_until(lambda: self._asked_while_booting("virsh", "-q", "uri"), f"libvirtd on {self.name} to answer",
                   timeout, self.poll_interval)
        return state

    def shut_down(self, timeout: float = 60) -> None:
        """Orderly: systemd stops everything, then the member ends by itself. cut_power clears up behind it."""
        if self.power() != "running":
            raise LabError(f"{self.name} is {self.power()}: only a running member can shut down")
        self.try_exec("systemctl", "poweroff", "--no-block", timeout=20)
        wait_until(lambda: self.power() == "off", f"{self.name} to shut down (ssi-lab crash {self.name} ends it at "
                   "once)", timeout, 0.1)

    # ---- inside -----------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def command_line(self, *command: str) -> list[str]:
        """What runs a command in the member as its own root shell would. LabError: it is off or paused."""

    @abc.abstractmethod
    def journal_command(self, unit: str | None, follow: bool) -> list[str]:
        """What prints its journal, of all its boots; works also when it is off."""

    def try_exec(self, *command: str, timeout: float = 30, input_text: str | None = None,
                 ) -> subprocess.CompletedProcess[str]:
        """Runs a command inside; its exit code is in the answer. LabError only if it could not run or took too long."""
        # A session of its own: nothing in the member can signal the group of the tool, and a time-out ends all of it.
        process = subprocess.Popen(self.command_line(*command), text=True, errors="replace", start_new_session=True,
                                   stdin=subprocess.DEVNULL if input_text is None else subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            output, errors = process.communicate(input_text, timeout)
        except BaseException as reason:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(reason, subprocess.TimeoutExpired):
                raise LabError(f"on {self.name} '{shlex.join(command)}' did not end within {timeout:g} s") from reason
            raise
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def exec(self, *command: str, timeout: float = 30, input_text: str | None = None) -> str:
        """As try_exec, but a failure is a LabError; returns standard output."""
        done = self.try_exec(*command, timeout=timeout, input_text=input_text)
        if done.returncode != 0:
            raise LabError(f"on {self.name} '{shlex.join(command)}' failed with {done.returncode}: "
                           f"{(done.stderr or done.stdout).strip()}")
        return done.stdout

    def _asked_while_booting(self, *command: str) -> str:
        """What the command said, or nothing while nobody answers."""
        return self.try_exec(*command, timeout=20).stdout.strip()

    def _need_running(self) -> None:
        if self.power() == "off":
            raise LabError(f"{self.name} is off: ssi-lab boot {self.name}")
        if self.power() == "paused":
            raise LabError(f"{self.name} is paused: ssi-lab resume {self.name}")

    def _power_lock(self) -> contextlib.AbstractContextManager[None]:
        return self._layout.lock(f"power-{self.name}")
