"""ssi-lab's command line."""

import argparse
import json
import os
import re
import sys
import time

from .guests import DEFAULT_MEMORY_MIB
from .lab import Lab
from .processes import LabError, say
from .supervisor import supervise

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d+)([KMG]?)(i?B)?", text.upper().replace("IB", "B"))
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' is no size: for example 64M")
    return int(found[1]) * _UNITS[found[2]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ssi-lab", description="A cluster of SSI members here (docs/lab.md).")
    parser.add_argument("--name", default="default", help="which lab; several run side by side (default: %(default)s)")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def verb(name: str, text: str, *members: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        for member in members:
            added.add_argument(member.lower(), metavar=member)
        return added

    up = verb("up", "make the cluster and boot it")
    up.add_argument("--members", type=int, default=3, help="1 to 8 (default: %(default)s)")
    up.add_argument("--links", type=int, default=4, help="channels for each pair, 1 to 16 (default: %(default)s)")
    up.add_argument("--timing-scale", type=float, help="[timing] scale (default: 2, for machines 16)")
    up.add_argument("--vm", action="store_true", help="members are virtual machines, emulated")
    up.add_argument("--witness", action="store_true", help="a PDR with room for the witness")
    up.add_argument("--no-packages", action="store_true", help="members without our packages")
    verb("down", "remove everything of the lab")
    verb("reset", "guests and LUNs gone, state empty, links whole, members up")
    verb("status", "members, links, LUNs, guests").add_argument("--json", action="store_true")
    execute = verb("exec", "run a command in a member; its exit code is passed on", "MEMBER")
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD...")
    verb("shell", "a shell in a member", "MEMBER")
    logs = verb("logs", "a member's journal, of all its boots, also when it is off", "MEMBER")
    logs.add_argument("unit", nargs="?")
    logs.add_argument("--follow", "-f", action="store_true")
    verb("crash", "cut a member's power", "MEMBER")
    verb("boot", "switch a member on and wait until it is up", "MEMBER")
    wait = verb("wait", "wait until all members that are on are Joined")
    wait.add_argument("--timeout", type=float, default=30, metavar="S")
    verb("shutdown", "shut a member down in order", "MEMBER")
    verb("pause", "freeze a member: it stands still and knows nothing of it", "MEMBER")
    verb("resume", "let a paused member go on", "MEMBER")
    cut = verb("cut", "unplug the links between two members", "A", "B")
    cut.add_argument("--link", type=int, action="append", default=[], metavar="I", help="only this one (repeatable)")
    cut.add_argument("--silent", action="store_true", help="drop the packets and leave the interfaces up")
    heal = verb("heal", "undo cuts: between two members, or all")
    heal.add_argument("a", nargs="?", metavar="A")
    heal.add_argument("b", nargs="?", metavar="B")
    heal.add_argument("--link", type=int, action="append", default=[], metavar="I")
    verb("isolate", "cut all links of a member", "MEMBER").add_argument("--silent", action="store_true")
    verb("rejoin", "undo isolate", "MEMBER")
    throttle = verb("throttle", "limit the rate of each link between two members", "A", "B")
    throttle.add_argument("--mbit", type=float, required=True, help="Mbit/s; 0 takes the limit away")
    throttle.add_argument("--link", type=int, action="append", default=[], metavar="I", help="as for cut")
    _lun_parser(verb("lun", "shared disks"))
    _guest_parser(verb("guest", "guests that tick and answer"))
    verb("events", "when power went off and on, and why")
    verb("supervise", "what `up` starts: the supervisor")
    return parser


def _lun_parser(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    create = acts.add_parser("create", help="a new LUN on all members: /dev/ssi-lab/NAME")
    create.add_argument("lun")
    create.add_argument("size", type=_size)
    acts.add_parser("remove").add_argument("lun")
    for act in ("fail", "heal"):
        one = acts.add_parser(act, help="make a member's I/O to a LUN fail" if act == "fail" else "undo fail")
        one.add_argument("member")
        one.add_argument("lun")
        if act == "fail":
            how = one.add_mutually_exclusive_group()
            for word in ("reads", "writes", "hang"):
                how.add_argument(f"--{word}", dest="how", action="store_const", const=word, default="all")


def _guest_parser(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    create = acts.add_parser("create", help="define it on all members that are on")
    create.add_argument("guest")
    create.add_argument("--mem", type=int, default=DEFAULT_MEMORY_MIB, metavar="MIB")
    create.add_argument("--disk", action="append", default=[], metavar="LUN")
    create.add_argument("--nic", action="store_true", help="a NIC on the guests' LAN; it answers pings")
    acts.add_parser("list")
    for act, text in (("remove", "destroy and forget it"), ("console", "the end of its console log"),
                      ("ticks", "its counter: runs, ticks, the last one"), ("wait", "wait for its first tick")):
        acts.add_parser(act, help=text).add_argument("guest")
    send = acts.add_parser("send", help="ping | write DEV BLOCKS SEED | read DEV BLOCK | verify DEV BLOCKS SEED | "
                                        "dirty MIB | sh COMMAND | poweroff")
    send.add_argument("guest")
    send.add_argument("command", nargs=argparse.REMAINDER)


def _print_status(status: dict) -> None:
    print(f"lab {status['name']}, packages {status['packages'] or 'none'}, timing scale {status['timing_scale']:g}, "
          f"supervisor {'runs' if status['supervisor'] else 'does NOT run'}")
    for name, member in status["members"].items():
        faults = "".join(f", LUN {lun} fails: {how}" for lun, how in member["lun_faults"].items())
        print(f"  {name}: {member['power']}{', ' + member['system'] if 'system' in member else ''}{faults}")
    marked = [link for link in status["links"] if link["cut"] or link["mbit"]]
    print(f"  links: {len(status['links'])}, cut: {sum(1 for link in marked if link['cut'])}")
    for link in marked:
        speed = f", {link['mbit']:g} Mbit/s" if link["mbit"] else ""
        state = f"cut {link['cut']}" if link["cut"] else "up"
        print(f"    {' - '.join(link['members'])} link {link['link']}: {state}{speed}")
    for lun, size in status["luns"].items():
        print(f"  LUN {lun}: {size >> 20} MiB")
    for guest, places in status["guests"].items():
        print(f"  guest {guest}: " + ", ".join(f"{member} {state}" for member, state in places.items()))


def _lun(lab: Lab, given: argparse.Namespace) -> None:
    if given.act == "create":
        lab.lun_create(given.lun, given.size)
    elif given.act == "remove":
        lab.lun_remove(given.lun)
    elif given.act == "fail":
        lab.lun_fail(given.member, given.lun, given.how)
    else:
        lab.lun_heal(given.member, given.lun)


def _guest(lab: Lab, given: argparse.Namespace) -> None:
    if given.act == "create":
        guest = lab.guest_create(given.guest, given.mem, given.disk, given.nic)
        print(f"{guest.name} {guest.uuid}" + (f" {guest.address}" if guest.address else ""))
    elif given.act == "list":
        for name, places in lab.guest_states().items():
            print(f"{name}: " + ", ".join(f"{member} {state}" for member, state in places.items()))
    elif given.act == "remove":
        lab.guest_remove(given.guest)
    elif given.act == "console":
        print("\n".join(lab.guest_console(given.guest).splitlines()[-40:]))
    elif given.act == "ticks":
        runs: dict[str, list[int]] = {}
        for tick in lab.ticks(given.guest):
            runs.setdefault(tick.run, []).append(tick.count)
        for run_id, counts in runs.items():
            whole = counts == list(range(counts[0], counts[0] + len(counts)))
            print(f"{run_id}: {len(counts)} ticks, {counts[0]} to {counts[-1]}, {'no gap' if whole else 'GAPS'}")
    elif given.act == "wait":
        print(lab.wait_guest(given.guest))
    else:
        print(lab.guest_send(given.guest, " ".join(given.command)))


def _replace_process(command: list[str]) -> None:
    sys.stdout.flush()
    os.execvp(command[0], command)


def _act(lab: Lab, given: argparse.Namespace) -> None:
    if given.verb == "up":
        lab.up(given.members, given.links, given.timing_scale, not given.no_packages,
               witness=given.witness, machines=given.vm)
    elif given.verb == "status":
        print(json.dumps(lab.status(), indent=2)) if given.json else _print_status(lab.status())
    elif given.verb == "exec":
        command = given.command[1:] if given.command[:1] == ["--"] else given.command
        if not command:
            raise LabError("exec MEMBER -- CMD...: no command given")
        _replace_process(lab.member(given.member).command_line(*command))
    elif given.verb == "shell":
        _replace_process(lab.member(given.member).command_line("bash", "-i"))
    elif given.verb == "logs":
        _replace_process(lab.logs(given.member, given.unit, given.follow))
    elif given.verb == "cut":
        lab.cut(given.a, given.b, *given.link, silent=given.silent)
    elif given.verb == "heal":
        lab.heal(given.a, given.b, *given.link)
    elif given.verb == "isolate":
        lab.isolate(given.member, given.silent)
    elif given.verb == "throttle":
        lab.throttle(given.a, given.b, given.mbit or None, *given.link)
    elif given.verb == "lun":
        _lun(lab, given)
    elif given.verb == "guest":
        _guest(lab, given)
    elif given.verb == "events":
        for event in lab.events():
            print(json.dumps(event))
    elif given.verb == "supervise":
        supervise(lab.layout)
    elif given.verb == "wait":
        lab.wait_joined(given.timeout)
    elif given.verb in ("down", "reset"):
        getattr(lab, given.verb)()
    else:  # crash, boot, shutdown, pause, resume, rejoin
        getattr(lab, given.verb)(given.member)


def main() -> int:
    given = _parser().parse_args()
    if os.geteuid() != 0:
        print("ssi-lab: needs root: run it again with sudo", file=sys.stderr)
        return 2
    begun = time.monotonic()
    try:
        _act(Lab(given.name), given)
    except LabError as error:
        print(f"ssi-lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ssi-lab: interrupted; 'ssi-lab down' takes away what is there", file=sys.stderr)
        return 130
    if given.verb in ("up", "down", "boot", "crash", "shutdown", "reset"):
        say(f"{given.verb} took {time.monotonic() - begun:.1f} s")
    return 0
