"""What an administrator writes: corosync.conf (corosync.conf(5)), and the cluster's resources (Pacemaker Explained)."""

from ssilab.layout import Cluster


def corosync_conf(cluster: Cluster, totem: dict[str, int]) -> str:
    """Encrypted, as clusters are set up by the distributions' tools. `totem`: timers that are not the default."""
    timers = "".join(f"    {key}: {value}\n" for key, value in totem.items())
    nodes = "".join(f"    node {{\n        ring0_addr: {address(cluster, member)}\n        name: {member}\n"
                    f"        nodeid: {cluster.slot(member)}\n    }}\n" for member in cluster.members)
    two_node = "    two_node: 1\n" if len(cluster.members) == 2 else ""
    return (f"totem {{\n    version: 2\n    cluster_name: peer\n    transport: knet\n    crypto_cipher: aes256\n"
            f"    crypto_hash: sha256\n{timers}}}\nnodelist {{\n{nodes}}}\n"
            f"quorum {{\n    provider: corosync_votequorum\n{two_node}}}\n"
            f"logging {{\n    to_syslog: yes\n    to_stderr: no\n}}\n")


def address(cluster: Cluster, member: str) -> str:
    """On the LAN that all members share."""
    return f"10.78.0.{cluster.slot(member)}"


def fencing_xml(cluster: Cluster) -> str:
    """The lab's power switch, by the same agent as ours."""
    values = {"pcmk_host_check": "static-list", "pcmk_host_list": " ".join(cluster.members)}
    if cluster.fence_answer_s:
        values["answer_s"] = f"{cluster.fence_answer_s:g}"
    return (f'<primitive id="power" class="stonith" type="fence_ssi_lab">{_attributes("power", values)}'
            f'<operations><op id="power-monitor" name="monitor" interval="60s"/></operations></primitive>')


def guest_xml(guest: str) -> str:
    """The guest, as the manual page of VirtualDomain has it."""
    values = {"config": f"/srv/ssi-lab/guests/{guest}.xml", "hypervisor": "qemu:///system",
              "migration_transport": "ssh"}
    operations = "".join(f'<op id="{guest}-{name}" name="{name}" interval="{interval}" timeout="{timeout}"/>'
                         for name, interval, timeout in (("start", "0s", "90s"), ("stop", "0s", "90s"),
                                                         ("monitor", "10s", "30s")))
    return (f'<primitive id="{guest}" class="ocf" provider="heartbeat" type="VirtualDomain">'
            f'<meta_attributes id="{guest}-meta"><nvpair id="{guest}-migrate" name="allow-migrate" value="true"/>'
            f'</meta_attributes>{_attributes(guest, values)}<operations>{operations}</operations></primitive>')


def _attributes(owner: str, values: dict[str, str]) -> str:
    pairs = "".join(f'<nvpair id="{owner}-{key}" name="{key}" value="{value}"/>' for key, value in values.items())
    return f'<instance_attributes id="{owner}-attributes">{pairs}</instance_attributes>'
