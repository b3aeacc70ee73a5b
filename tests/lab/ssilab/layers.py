"""Overlay layers over the member tree: made once, shared by all labs, kept in the cache of the trees."""

import os
import shutil
from pathlib import Path

from .processes import LabError, run


def make_layer(layer: Path, tree: Path, script: str, folder: Path | None = None, timeout: float = 180) -> None:
    """The layer is what the shell script changes in a chroot over the tree; `folder` is at its /mnt. No systemd runs
    in the chroot, so that packages enable their units and start nothing. LabError if the script fails."""
    work = layer.with_name(f"{layer.name}.partial.{os.getpid()}")
    for directory in ("upper", "work", "root", "empty"):
        (work / directory).mkdir(parents=True)
    try:
        # A mount namespace of its own: nothing to undo when the script fails.
        run("unshare", "--mount", "--propagation", "private", "--", "sh", "-euc",
            'mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"; '
            'mount --bind "$3" "$1/root/mnt"; mount -t proc proc "$1/root/proc"; mount --bind /dev "$1/root/dev"; '
            'exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive '
            'chroot "$1/root" sh -euc "$4"',
            "sh", str(work), str(tree), str(folder or work / "empty"), script, timeout=timeout)
        (work / "upper").rename(layer)
    except OSError as error:
        if not layer.exists():  # else another lab was faster
            raise LabError(f"{layer} cannot be made: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
