"""What makes a machine of a container's root: the lab's own units, and nothing to do at boot that a test does not need,
for the processor is emulated."""

import shutil
from pathlib import Path

from .machine_image import CAPABILITIES, machine_image
from .trees import repository, tree_path

AGENT = repository() / "tests/lab/machine/agent"
# Not isfcd's 7700.
AGENT_PORT, SOCKET_PORTS = 7790, {"supervisor": 7791, "watchdog": 7792}

# The sockets that the supervisor has for a member (supervisor.py), brought inside: the machine's own network reaches
# nothing but them.
_SOCKET_UNIT = """\
[Unit]
Description=The lab's {name}
DefaultDependencies=no
Requires=ssi-lab-network.service
After=ssi-lab-network.service
Before=ssi-guard.service ssid.service
[Service]
Type=exec
ExecStart=/usr/bin/socat UNIX-LISTEN:/run/ssi-lab/{name}.sock,fork,unlink-early,mode=0600 TCP:10.0.2.100:{port}
[Install]
WantedBy=multi-user.target
"""
_AGENT_UNIT = """\
[Unit]
Description=Runs commands for the lab
DefaultDependencies=no
Requires=ssi-lab-network.service
After=ssi-lab-network.service
[Service]
Type=exec
ExecStart=/usr/local/lib/ssi-lab/agent
# A command may start what outlives it, and belongs to nobody.
KillMode=process
LimitNOFILE=16384
LimitMEMLOCK=infinity
[Install]
WantedBy=multi-user.target
"""
_NETWORK_UNIT = """\
[Unit]
Description=The lab's wires
DefaultDependencies=no
# The wires have their names since the initramfs.
After=systemd-sysctl.service
Before=network-pre.target network.target isfcd.service
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
RuntimeDirectory=ssi-lab
RuntimeDirectoryPreserve=yes
ExecStart=/usr/sbin/ip -batch /etc/ssi-lab/addresses
[Install]
WantedBy=multi-user.target
"""
_SHARED_MOUNT = """\
[Unit]
Description=What all members and the lab share
[Mount]
What=lab
Where=/srv/ssi-lab
Type=virtiofs
[Install]
WantedBy=multi-user.target
"""
# On a loaded host everything comes late. What is in service.d is over the units' own.
_PATIENCE = """\
[Service]
TimeoutStartSec=600s
TimeoutStopSec=120s
"""
_WATCHED_SERVICES = ("isfcd", "ssid")
_PATIENT_WATCHDOG = """\
[Service]
WatchdogSec=120s
"""
# It would end after two minutes without a client, and its start is dear.
_LIBVIRTD_STAYS = """\
[Service]
Environment=LIBVIRTD_ARGS=
"""
# Only disks have rules that matter: what else a machine has is there without udev.
_UDEV_TRIGGER = """\
[Service]
ExecStart=
ExecStart=-udevadm trigger --type=devices --action=add --subsystem-match=block
"""
# A LUN's serial number is "lun-NAME".
_LUN_RULE = """\
SUBSYSTEM=="block", ATTR{serial}=="lun-?*", PROGRAM="/bin/sh -c 's=$$(cat /sys$devpath/serial); echo $${s#lun-}'", \
SYMLINK+="ssi-lab/%c"
"""
_MASKED_UNITS = """
dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount
proc-sys-fs-binfmt_misc.automount systemd-binfmt.service kmod-static-nodes.service
modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service
systemd-modules-load.service systemd-remount-fs.service systemd-random-seed.service
systemd-udev-load-credentials.service
systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup-dev-early.service
systemd-pstore.service systemd-hibernate-clear.service systemd-user-sessions.service systemd-logind.service
systemd-ask-password-console.path systemd-ask-password-wall.path e2scrub_reap.service
logrotate.timer systemd-tmpfiles-clean.timer
systemd-creds.socket systemd-hostnamed.socket systemd-importd.socket systemd-initctl.socket systemd-sysext.socket
""".split()
# Its socket has to be there for libvirtd; nobody connects (member_files.py: stdio_handler).
_UNUSED_SERVICE = "[Unit]\nConditionPathExists=/nonexistent\n"


def fill_machine_root(upper: Path, addresses: list[str], wires: list[str], watchdog: str) -> None:
    """Beside what write_member_files writes there. `addresses`: commands for `ip`; `wires`: the names of its NICs but
    the first, mgmt0."""
    etc, system = upper / "etc", upper / "etc/systemd/system"
    commands = ["link set lo up", "address add 10.0.2.15/24 dev mgmt0", *addresses,
                *(f"link set {wire} up" for wire in ["mgmt0", *wires, "labbr0"])]
    _write(etc / "ssi-lab/addresses", "\n".join(commands) + "\n")
    units = {"ssi-lab-network.service": _NETWORK_UNIT, "ssi-lab-agent.service": _AGENT_UNIT,
             "srv-ssi\\x2dlab.mount": _SHARED_MOUNT,
             **{f"ssi-lab-{name}.service": _SOCKET_UNIT.format(name=name, port=port)
                for name, port in SOCKET_PORTS.items() if name != "watchdog" or watchdog == "hardware"}}
    for name, text in units.items():
        _write(system / name, text)
        _link(system / "multi-user.target.wants" / name, f"../{name}")
    for name in _MASKED_UNITS:
        _link(system / name, "/dev/null")
    for generator in (tree_path("machine") / "usr/lib/systemd/system-generators").iterdir():
        _link(etc / "systemd/system-generators" / generator.name, "/dev/null")
    _write(system / "libvirtd.service.d/ssi-lab.conf", _LIBVIRTD_STAYS)
    _write(system / "virtlogd.service.d/ssi-lab.conf", _UNUSED_SERVICE)
    _write(system / "systemd-udev-trigger.service.d/ssi-lab.conf", _UDEV_TRIGGER)
    _link(etc / "systemd/network/99-default.link", "/dev/null")  # a bridge keeps the address that it has
    _write(etc / "udev/rules.d/70-ssi-lab.rules", _LUN_RULE)
    _write(system / "service.d/ssi-lab-patience.conf", _PATIENCE)
    for name in _WATCHED_SERVICES:
        _write(system / f"{name}.service.d/ssi-lab.conf", _PATIENT_WATCHDOG)
    _write(etc / "systemd/system.conf.d/ssi-lab.conf",
           "[Manager]\nDefaultDeviceTimeoutSec=900s\nDefaultTimeoutStartSec=900s\n")
    _write(etc / "systemd/journald.conf.d/ssi-lab.conf", "[Journal]\nTTYPath=/dev/hvc1\nStorage=volatile\n")
    (upper / "usr/local/lib/ssi-lab").mkdir(parents=True)
    shutil.copy(AGENT, upper / "usr/local/lib/ssi-lab/agent")
    shutil.copytree(machine_image() / "capabilities", upper / CAPABILITIES)
    # Nothing is to be brought up to date (systemd-update-done.service): no caches of libraries, hardware, messages.
    for folder in (etc, upper / "var"):
        (folder / ".updated").touch()


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _link(link: Path, target: str) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
