"""What a member finds in its /etc when it boots: identity, system.toml, PKI, libvirt's settings, the fence agent."""

import shutil
import uuid
from pathlib import Path

from .layout import Cluster, Layout
from .links import all_links
from .processes import run, say
from .trees import repository, tree_path

# What differs from Debian's qemu.conf, and why: docs/lab.md, "What differs from a real host".
_QEMU_CONF = {
    "user": '"root"',
    "group": '"root"',
    "security_driver": '"none"',
    "namespaces": "[]",
    "cgroup_controllers": "[]",
    "remember_owner": "0",
    "stdio_handler": '"file"',
}


# What an emulated processor spends on its cluster's life is beats and elections: the scale makes them rare, and these
# are as short beside a beat as may be, lest every death takes minutes.
_MACHINES_TIMING = ["lease_s = 2.8", "watchdog_s = 2", "engine_election_s = 0.6"]


def system_toml(layout: Layout, cluster: Cluster) -> str:
    """/etc/ssi/system.toml of the lab's cluster, the same on all members."""
    text = ["# Written by ssi-lab.", "[cluster]", f'name = "lab-{layout.name}"', f'uuid = "{cluster.uuid}"', "",
            "[timing]", f"scale = {cluster.timing_scale:.2f}",
            *(_MACHINES_TIMING if cluster.machines else []), ""]
    for member in cluster.members:
        device = "/dev/watchdog0" if cluster.watchdog == "soft" else "/run/ssi-lab/watchdog.sock"
        text += ["[[member]]", f'name = "{member}"', f"slot = {cluster.slot(member)}",
                 f'watchdog = "{cluster.watchdog}"', f'watchdog_device = "{device}"', ""]
    for link in all_links(cluster):
        text += ["[[channel]]", f'members = ["{link.one}", "{link.other}"]',
                 f'addresses = ["{link.addresses[0]}", "{link.addresses[1]}"]',
                 f'interfaces = ["{link.interfaces[0]}", "{link.interfaces[1]}"]',
                 *(['encryption = "none"'] if cluster.machines else []), ""]
    if PDR in cluster.luns:
        text += ["[pdr]", f'device = "/dev/ssi-lab/{PDR}"', ""]
    if not cluster.fence:
        return "\n".join(text)
    text += ["[[fence]]", 'name = "lab"', 'agent = "/usr/sbin/fence_ssi_lab"',
             f"timeout_s = {60 if cluster.machines else 10}"]
    if cluster.fence_answer_s:
        text += [f'options = {{ answer_s = "{cluster.fence_answer_s:g}" }}']
    text += [""]
    return "\n".join(text)


PDR = "pdr"  # the LUN on which the members' guards beat
_PDR_SIZE = 8 << 20  # no witness areas
_PDR_BLOCKS = 4 << 20  # before them
_WITNESS_AREA = 512 << 20


def machine_id(cluster: Cluster, member: str) -> str:
    return uuid.uuid5(uuid.UUID(cluster.uuid), member).hex


def write_member_files(layout: Layout, cluster: Cluster, member: str) -> None:
    """Into the member's own layer, before its first boot."""
    upper = layout.member_state(member) / "upper"
    _write(upper / "etc/machine-id", machine_id(cluster, member) + "\n")
    _write(upper / "etc/hostname", member + "\n")
    addresses = [f"10.78.0.{cluster.slot(name)} {name}" for name in cluster.members]
    _write(upper / "etc/hosts", "\n".join(["127.0.0.1 localhost", *addresses, ""]))
    _write(upper / "etc/ssi/system.toml", system_toml(layout, cluster))
    if (layout.pki / "ca.crt").exists():
        pki = upper / "etc/ssi/pki"
        pki.mkdir(parents=True, exist_ok=True, mode=0o755)
        for name in ("ca.crt", f"{member}.crt", f"{member}.key"):
            shutil.copyfile(layout.pki / name, pki / name)
            (pki / name).chmod(0o600 if name.endswith(".key") else 0o644)
    qemu = dict(_QEMU_CONF)
    if cluster.packages and not _has_setting(_lower_text(cluster, "etc/libvirt/qemu.conf"), "lock_manager"):
        qemu["lock_manager"] = '"lockd"'
    _write(upper / "etc/libvirt/qemu.conf", _with_settings(_lower_text(cluster, "etc/libvirt/qemu.conf"), qemu), 0o600)
    # All members would else take the host's SMBIOS UUID for theirs, and refuse to migrate "to the same host".
    _write(upper / "etc/libvirt/libvirtd.conf",
           _with_settings(_lower_text(cluster, "etc/libvirt/libvirtd.conf"),
                          {"host_uuid_source": '"machine-id"', "log_filters": '"4:util.netdev"'}))
    agent = upper / "usr/sbin/fence_ssi_lab"
    agent.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(repository() / "tests/lab/fence_ssi_lab", agent)
    agent.chmod(0o755)


def make_pki(layout: Layout, cluster: Cluster) -> bool:
    """A cluster CA and a certificate for each member by `ssictl ca` of the installed packages. False without them."""
    if not (Path(cluster.packages or "/nonexistent") / "usr/bin/ssictl").exists():
        return False
    layout.pki.mkdir(mode=0o700, exist_ok=True)
    commands = [f"ssictl ca init --directory /mnt --cluster lab-{layout.name}"]
    commands += [f"ssictl ca issue {member} --directory /mnt" for member in cluster.members]
    run_in_member_root(cluster, layout.pki, commands)
    return True


def make_pdr(layout: Layout, cluster: Cluster, witness: bool) -> None:
    """The LUN for the PDR, formatted by `ssictl pdr` of the installed packages; left out without them. With witness
    areas for all members it is large, and sparse."""
    if not (Path(cluster.packages) / "usr/bin/ssictl").exists():
        return
    size = _PDR_SIZE + (_WITNESS_AREA * len(cluster.members) if witness else 0)
    with open(layout.luns / PDR, "wb") as file:
        file.truncate(size)
    cluster.luns[PDR] = size
    configuration = layout.luns / "system.toml"
    configuration.write_text(system_toml(layout, cluster))
    run_in_member_root(cluster, layout.luns, [f"ssictl pdr format --config /mnt/system.toml --device /mnt/{PDR}"])
    configuration.unlink()
    with open(layout.luns / PDR, "rb") as file:
        _fresh_pdr(layout).write_bytes(file.read(_PDR_BLOCKS))


def renew_pdr(layout: Layout) -> None:
    """As make_pdr left it, but for the witness areas; whatever the members wrote, wherever it was moved to."""
    if not (fresh := _fresh_pdr(layout)).exists():
        return
    with open(layout.luns / PDR, "r+b") as file:
        file.write(fresh.read_bytes())


def _fresh_pdr(layout: Layout) -> Path:
    return layout.luns.parent / "pdr.fresh"


def run_in_member_root(cluster: Cluster, folder: Path, commands: list[str]) -> None:
    """Runs commands of our packages where no member is yet, with a folder at /mnt."""
    run("unshare", "--mount", "--propagation", "private", "--", "sh", "-euc",
        'mount -t tmpfs tmpfs /mnt; mkdir /mnt/up /mnt/work /mnt/root; '
        'mount -t overlay overlay -o "lowerdir=$1:$2,upperdir=/mnt/up,workdir=/mnt/work" /mnt/root; '
        'mount --bind "$3" /mnt/root/mnt; mount --bind /dev /mnt/root/dev; exec chroot /mnt/root sh -euc "$4"',
        "sh", cluster.packages, str(tree_path(cluster.tree)), str(folder), "\n".join(commands), timeout=60)


def _lower_text(cluster: Cluster, path: str) -> str:
    """A file of the member before the lab changed it: from our packages' layer, else from the tree."""
    for root in filter(None, [cluster.packages, cluster.layer, str(tree_path(cluster.tree))]):
        file = Path(root) / path
        if file.is_file():
            return file.read_text()
    say(f"no /{path} in the member tree")
    return ""


def _has_setting(text: str, key: str) -> bool:
    return any(line.split("=")[0].strip() == key for line in text.splitlines() if "=" in line)


def _with_settings(text: str, settings: dict[str, str]) -> str:
    kept = [line for line in text.splitlines() if line.split("=")[0].strip() not in settings or "=" not in line]
    return "\n".join([*kept, "# Set by ssi-lab.", *(f"{key} = {value}" for key, value in settings.items()), ""])


def _write(file: Path, text: str, mode: int = 0o644) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
