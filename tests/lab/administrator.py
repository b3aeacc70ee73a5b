"""What an administrator types, as the tests type it: ssictl and virsh on a member, and waiting for what they show."""

import json
import subprocess

from ssilab import Lab


class Administrator:
    """Works on any member that is on, as people do."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def ssictl(self, member: str, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return self.lab.try_exec(member, "ssictl", *words, timeout=timeout)

    def virsh(self, member: str, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return self.lab.try_exec(member, "virsh", "-q", *words, timeout=timeout)

    def document(self, member: str, *words: str, timeout: float = 60) -> dict:
        """The JSON of an ssictl command that must succeed."""
        done = self.ssictl(member, *words, "--json", timeout=timeout)
        assert done.returncode == 0, f"ssictl {' '.join(words)} on {member}: {done.returncode} {done.stderr}"
        return json.loads(done.stdout)

    def states(self, member: str) -> dict[str, str]:
        """Member states as `member` sees them; nothing while its ssid cannot be asked."""
        done = self.ssictl(member, "query", "ssi", "--json")
        if done.returncode != 0:
            return {}
        query = json.loads(done.stdout)
        return {entry["name"]: entry["state"] for entry in query["members"]} if query["majority"] else {}

    def wait_states(self, member: str, timeout: float = 40, **wanted: str) -> None:
        self.lab.wait(lambda: wanted.items() <= self.states(member).items(), f"{member} to see {wanted}", timeout,
                      self.lab.poll_interval)

    def wait_joined(self, timeout: float = 60) -> None:
        """Every member that is on sees every such member Joined."""
        up = [name for name in self.lab.members if self.lab.power(name) == "running"]
        for name in up:
            self.wait_states(name, timeout, **{other: "Joined" for other in up})

    def guest(self, member: str, name: str) -> dict:
        done = self.ssictl(member, "guest", "show", name, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def wait_guest_at(self, member: str, name: str, at: str | None, timeout: float = 60) -> None:
        """Until `member` sees the guest Running at `at`, or Down when that is None."""
        def there() -> bool:
            guest = self.guest(member, name)
            if at is None:
                return guest.get("phase") == "Down"
            return guest.get("phase") == "Running" and guest.get("member") == at
        self.lab.wait(there, f"guest {name} at {at} as {member} sees it", timeout, self.lab.poll_interval)

    def start(self, member: str, name: str) -> str:
        """Starts a guest and waits for its first tick; returns the run id it printed."""
        runs_before = len({tick.run for tick in self.lab.ticks(name)})
        done = self.virsh(member, "start", name)
        assert done.returncode == 0, done.stderr
        return self.lab.wait_guest(name, runs_before)

    def counts(self, name: str, run: str) -> list[int]:
        return [tick.count for tick in self.lab.ticks(name) if tick.run == run]

    def assert_no_tick_lost(self, name: str, run: str) -> None:
        counts = self.counts(name, run)
        assert counts == list(range(1, len(counts) + 1)), f"ticks of {name} are not whole: {gaps(counts)}"

    def runs(self, name: str) -> list[str]:
        """The boots of a guest, in order."""
        return list(dict.fromkeys(tick.run for tick in self.lab.ticks(name)))

    def link(self, member: str, peer: str) -> dict:
        """The logical link as `member` sees it."""
        return self.document(member, "islink", "show", peer)["links"][0]

    def channels(self, member: str, peer: str) -> dict[str, dict]:
        return {channel["name"]: channel for channel in self.link(member, peer)["channels"]}

    def wait_channels(self, member: str, peer: str, up: int, timeout: float = 20) -> None:
        """Until exactly `up` channels to the peer are up, as `member` sees them."""
        self.lab.wait(lambda: sum(one["state"] == "up" for one in self.channels(member, peer).values()) == up,
                      f"{up} channels from {member} to {peer}", timeout, 0.2)

    def streams(self, member: str, peer: str, service: str) -> list[dict]:
        """The open streams of the services whose names begin so."""
        streams = self.document(member, "islink", "show", peer, "--streams")["streams"]
        return [stream for stream in streams if stream["service"].startswith(service)]

    def wait_carried(self, member: str, peer: str, service: str, size: int, timeout: float = 30) -> None:
        """Until streams of the service that are still open have carried `size` bytes from `member`."""
        self.lab.wait(lambda: sum(one["sent_bytes"] for one in self.streams(member, peer, service)) >= size,
                      f"{size >> 20} MiB of {service} to be sent from {member} to {peer}", timeout, 0.2)

    def crawl(self, one: str, other: str, channel: int) -> None:
        """Slows a channel to next to nothing; returns when what it holds is being sent again on others."""
        def resent() -> int:
            return self.channels(one, other)[str(channel)]["resent_bytes"]
        before = resent()
        self.lab.throttle(one, other, 0.1, channel)
        self.lab.wait(lambda: resent() > before, f"channel {channel} from {one} to {other} to be late", 20, 0.1)

    def move_pdr(self, old: str, new: str) -> None:
        """As docs/operators-guide.md says."""
        assert self.ssictl("MEMBER1", "disarm").returncode == 0
        moved = self.ssictl("MEMBER1", "pdr", "move", new)
        assert moved.returncode == 0, moved.stdout + moved.stderr
        assert f'device = "{new}"' in moved.stdout
        for member in self.lab.members:
            self.lab.wait(lambda at=member: f"moved to {new}" in self.document(at, "query", "ssi")["pdr"]["fault"],
                          f"{member} to know it", 30, 0.2)
        self.lab.exec("MEMBER1", "sed", "-i", f's#"{old}"#"{new}"#', "/etc/ssi/system.toml")
        pushed = self.ssictl("MEMBER1", "config", "push")
        assert pushed.returncode == 0, pushed.stdout + pushed.stderr
        for member in self.lab.members:
            for unit in ("ssi-guard", "ssid"):
                self.lab.exec(member, "systemctl", "restart", unit, timeout=60)
            self.lab.wait(lambda at=member: self.ssictl(at, "query", "ssi").returncode == 0, f"ssid at {member}", 30,
                          0.2)
        self.wait_joined()

        def uses_it(member: str) -> bool:
            pdr = self.document(member, "query", "ssi")["pdr"]
            return pdr["readable"] and pdr["device"] == new
        for member in self.lab.members:
            self.lab.wait(lambda at=member: uses_it(at), f"{member} to use {new}", 30, 0.2)
        assert self.ssictl("MEMBER1", "arm").returncode == 0


def gaps(counts: list[int]) -> str:
    return ", ".join(f"{one}->{other}" for one, other in zip(counts, counts[1:]) if other != one + 1)
