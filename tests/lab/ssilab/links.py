"""The network of a lab: one namespace a member, K veth pairs for each pair of members, and a LAN for the guests.

Interface m2l0 on MEMBER1 is its end of link 0 towards MEMBER2, whose end is m1l0 on MEMBER2. Addresses stand only
inside the namespaces: 10.77.<pair>.0/24, a /30 for each link. The guests' LAN is 10.78.0.0/16 (bridge labbr0).
"""

import itertools
import json
from dataclasses import dataclass

from .layout import Cluster, Layout
from .processes import LabError, ignore_missing, run


@dataclass(frozen=True)
class Link:
    """One channel's wire between two members; `one` has the lower slot."""

    one: str
    other: str
    index: int
    interfaces: tuple[str, str]
    addresses: tuple[str, str]

    @property
    def key(self) -> str:
        return f"{self.one} {self.other} {self.index}"

    def ends(self) -> list[tuple[str, str]]:
        return [(self.one, self.interfaces[0]), (self.other, self.interfaces[1])]


def all_links(cluster: Cluster) -> list[Link]:
    links = []
    for pair, (one, other) in enumerate(itertools.combinations(cluster.members, 2)):
        for index in range(cluster.links):
            links.append(Link(one, other, index,
                              (f"m{cluster.slot(other)}l{index}", f"m{cluster.slot(one)}l{index}"),
                              (f"10.77.{pair}.{4 * index + 1}", f"10.77.{pair}.{4 * index + 2}")))
    return links


class Network:
    """Makes, cuts, heals and slows down the links. What is cut stays cut over crash and boot of a member."""

    def __init__(self, layout: Layout, cluster: Cluster) -> None:
        self._layout = layout
        self._cluster = cluster
        self._links = all_links(cluster)
        self._file = layout.state / "links.json"

    # ---- making -----------------------------------------------------------------------------------------------------

    def create(self) -> None:
        lan = self._namespace("lan")
        for namespace in [lan, *map(self._layout.unit, self._cluster.members)]:
            _add_namespace(namespace)
        self._batch(lan, ["link add lan type bridge stp_state 0 forward_delay 0", "link set lan up"])
        for member in self._cluster.members:
            port = f"port{self._cluster.slot(member)}"
            self._batch(self._layout.unit(member), [f"link add lan0 type veth peer name {port} netns {lan}"])
            self._batch(lan, [f"link set {port} master lan up"])
        for link in self._links:
            (one, first), (other, second) = link.ends()
            self._batch(self._layout.unit(one),
                        [f"link add {first} type veth peer name {second} netns {self._layout.unit(other)}"])

    def switch_on(self, member: str) -> None:
        """The member's ends go up, but for links that are cut. After renew."""
        cut = self._state()["cut"]
        whole = [interface for link, interface in self._ends(member) if cut.get(link.key) != "down"]
        up = [*whole, "lan0", *([] if self._cluster.machines else ["labbr0"])]
        self._batch(self._layout.unit(member), [f"link set {interface} up" for interface in up])

    def switch_off(self, member: str) -> None:
        """The wires of the member are dead, as the others see it; nothing that its kernel still holds gets out."""
        self._batch(self._layout.unit(member), [f"link set {interface} down" for interface in self.interfaces(member)])

    def renew(self, member: str) -> None:
        """Before the power comes: a new namespace with the same wires. Sockets that outlive their process with unsent
        data in them, bridges, filters and addresses would else come back with the next boot."""
        namespace = self._layout.unit(member)
        old = f"{namespace}-old"
        run("sh", "-euc", 'cd /run/netns; touch "$2"; mount --bind "$1" "$2"; umount "$1"; rm "$1"',
            "sh", namespace, old)
        _add_namespace(namespace)
        self._batch(old, [f"link set {interface} netns {namespace}" for interface in self.interfaces(member)])
        run("ip", "netns", "delete", old)
        self._furnish(member)

    def addresses(self, member: str) -> list[str]:
        """The commands for `ip` that give the member its addresses, and its bridge on the guests' LAN."""
        commands = ["link add labbr0 type bridge stp_state 0 forward_delay 0", "link set lan0 master labbr0",
                    f"address add 10.78.0.{self._cluster.slot(member)}/16 dev labbr0"]
        for link, interface in self._ends(member):
            address = link.addresses[0 if link.one == member else 1]
            commands.append(f"address add {address}/30 dev {interface}")
        return commands

    def interfaces(self, member: str) -> list[str]:
        return [*(interface for _, interface in self._ends(member)), "lan0"]

    # ---- faults -----------------------------------------------------------------------------------------------------

    def cut(self, one: str, other: str, indexes: list[int] | None, silent: bool) -> None:
        with self._layout.lock("links"):
            state = self._state()
            for link in self._between(one, other, indexes):
                self._mend(link, state)
                state["cut"][link.key] = "silent" if silent else "down"
                for member, interface in link.ends():
                    if silent:
                        # At ingress, so that not even ARP passes; at both ends, so both directions are dead.
                        self._drop_silently(member, interface)
                    else:
                        self._batch(self._layout.unit(member), [f"link set {interface} down"])
            self._store(state)

    def deafen(self, member: str) -> None:
        """All links of the member, in one direction: towards it."""
        with self._layout.lock("links"):
            state = self._state()
            for link, interface in self._ends(member):
                self._mend(link, state)
                state["cut"][link.key] = f"deaf {member}"
                self._drop_silently(member, interface)
            self._store(state)

    def heal(self, one: str | None, other: str | None, indexes: list[int] | None, running: set[str]) -> None:
        """Without members: every link of the lab. Ends of a member that is off stay down until it boots."""
        with self._layout.lock("links"):
            state = self._state()
            links = self._links if one is None or other is None else self._between(one, other, indexes)
            for link in links:
                if self._mend(link, state) == "down":
                    for member, interface in link.ends():
                        if member in running:
                            self._batch(self._layout.unit(member), [f"link set {interface} up"])
            self._store(state)

    def throttle(self, one: str, other: str, indexes: list[int] | None, mbit: float | None) -> None:
        """Each of the links to this rate, in both directions; None takes the limit away."""
        with self._layout.lock("links"):
            state = self._state()
            for link in self._between(one, other, indexes):
                for member, interface in link.ends():
                    if mbit:
                        self._limit(member, interface, mbit)
                    elif link.key in state["throttle"]:
                        run("tc", "-n", self._layout.unit(member), "qdisc", "del", "dev", interface, "root")
                if mbit:
                    state["throttle"][link.key] = mbit
                else:
                    state["throttle"].pop(link.key, None)
            self._store(state)

    def clear_throttles(self) -> None:
        for key in self._state()["throttle"]:
            one, other, index = key.split()
            self.throttle(one, other, [int(index)], None)

    def describe(self) -> list[dict[str, object]]:
        state = self._state()
        return [{"members": [link.one, link.other], "link": link.index, "interfaces": list(link.interfaces),
                 "addresses": list(link.addresses), "cut": state["cut"].get(link.key),
                 "mbit": state["throttle"].get(link.key)} for link in self._links]

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _namespace(self, name: str) -> str:
        return f"{self._layout.prefix}-{name}"

    def _ends(self, member: str) -> list[tuple[Link, str]]:
        return [(link, interface) for link in self._links for end, interface in link.ends() if end == member]

    def _taps(self, member: str) -> list[str]:
        """Joined to its wire by a bridge of two ports: what QEMU calls tap-WIRE comes out at the other end."""
        commands = []
        for wire in self.interfaces(member):
            commands += [f"link add br-{wire} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                         f"tuntap add name tap-{wire} mode tap", f"link set {wire} master br-{wire}",
                         f"link set tap-{wire} master br-{wire} up", f"link set br-{wire} up"]
        return commands

    def _furnish(self, member: str) -> None:
        """Addresses and the LAN's bridge in a new namespace; what was throttled or silent is so again. A machine has
        them inside: here each wire ends at a tap."""
        commands = self._taps(member) if self._cluster.machines else self.addresses(member)
        self._batch(self._layout.unit(member), commands)
        state = self._state()
        for link, interface in self._ends(member):
            if link.key in state["throttle"]:
                self._limit(member, interface, state["throttle"][link.key])
            if state["cut"].get(link.key) in ("silent", f"deaf {member}"):
                self._drop_silently(member, interface)

    def _limit(self, member: str, interface: str, mbit: object) -> None:
        run("tc", "-n", self._layout.unit(member), "qdisc", "replace", "dev", interface, "root", "tbf",
            "rate", f"{mbit}mbit", "burst", "128kb", "latency", "50ms")

    def _drop_silently(self, member: str, interface: str) -> None:
        self._nft(member, f"table netdev {interface} {{\n chain lab {{\n  type filter hook ingress device {interface} "
                          "priority -500; policy drop;\n }\n}")

    def _between(self, one: str, other: str, indexes: list[int] | None) -> list[Link]:
        found = [link for link in self._links if {link.one, link.other} == {one, other}
                 and (indexes is None or link.index in indexes)]
        if len(found) != (self._cluster.links if indexes is None else len(set(indexes))):
            raise LabError(f"no such link between {one} and {other}: they are numbered 0 to {self._cluster.links - 1}")
        return found

    def _mend(self, link: Link, state: dict[str, dict[str, object]]) -> object:
        """Takes the filter of a silent cut away; says how the link was cut."""
        how = state["cut"].pop(link.key, None)
        for member, interface in link.ends():
            if how in ("silent", f"deaf {member}"):
                self._nft(member, f"delete table netdev {interface}")
        return how

    def _state(self) -> dict[str, dict[str, object]]:
        try:
            return json.loads(self._file.read_text())
        except FileNotFoundError:
            return {"cut": {}, "throttle": {}}

    def _store(self, state: dict[str, dict[str, object]]) -> None:
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(state))
        partial.rename(self._file)

    @staticmethod
    def _batch(namespace: str, commands: list[str]) -> None:
        run("ip", "-n", namespace, "-batch", "-", input_text="\n".join(commands) + "\n")

    def _nft(self, member: str, text: str) -> None:
        run("ip", "netns", "exec", self._layout.unit(member), "nft", "-f", "-", input_text=text + "\n")


def _add_namespace(namespace: str) -> None:
    run("ip", "netns", "add", namespace)
    # Addresses are given by hand: none may wait for duplicate detection.
    run("ip", "netns", "exec", namespace, "sh", "-c",
        "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; ip link set lo up")


def remove_namespaces(layout: Layout) -> None:
    """Everything in them goes with them."""
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0] if line else ""
        if name.startswith(f"{layout.prefix}-"):
            ignore_missing(lambda name=name: run("ip", "netns", "delete", name))
