"""The peer's packages, installed by apt over the member tree into a layer of their own."""

import hashlib
import os
from pathlib import Path

from ssilab.layers import make_layer
from ssilab.processes import say
from ssilab.trees import cache_directory, forget_old, tree_path

_INSTALL = """
trap 'rm -rf /etc/resolv.conf /var/lib/apt/lists/* /var/cache/apt/*' EXIT
cp /mnt/resolv.conf /etc/resolv.conf
apt-get update -qq
apt-get install -y -qq --no-install-recommends {packages} >/dev/null
systemctl --quiet disable corosync.service pacemaker.service
"""


def peer_layer() -> Path:
    """The layer; made when its package list or the member tree is new."""
    lines = (Path(__file__).parent / "packages").read_text().splitlines()
    packages = " ".join(line for line in lines if line and not line.startswith("#"))
    tree = tree_path("member")
    digest = hashlib.sha256(f"{tree.name} {packages} {_INSTALL}".encode()).hexdigest()[:12]
    layer = cache_directory() / f"bench-pacemaker-{digest}"
    if not layer.exists():
        say(f"installing the peer over the member tree (once): {packages}")
        folder = cache_directory() / f"bench-pacemaker-host.{os.getpid()}"
        folder.mkdir()
        try:
            (folder / "resolv.conf").write_text(Path("/etc/resolv.conf").read_text())
            make_layer(layer, tree, _INSTALL.format(packages=packages), folder, timeout=600)
        finally:
            (folder / "resolv.conf").unlink(missing_ok=True)
            folder.rmdir()
        forget_old("bench-pacemaker-*", keep=layer)
    os.utime(layer)
    return layer
