"""Our packages, unpacked once into an overlay layer that all members of a lab share."""

import hashlib
import os
import shutil
from pathlib import Path

from .processes import LabError, run, say
from .trees import cache_directory, forget_old, repository, tree_path


def package_files() -> list[Path]:
    """What scripts/build-deb has made; without debugging symbols."""
    return sorted(file for file in (repository() / "build/deb").glob("*.deb") if "-dbgsym_" not in file.name)


def package_layer() -> Path | None:
    """The layer with the packages installed by dpkg over the member tree; None if there are no packages."""
    files = package_files()
    if not files:
        return None
    tree = tree_path("member")
    digest = hashlib.sha256(tree.name.encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    layer = cache_directory() / f"lab-packages-{digest.hexdigest()[:12]}"
    if not layer.exists():
        say(f"installing {len(files)} packages: {', '.join(file.name.split('_')[0] for file in files)}")
        _install(files, tree, layer)
        forget_old("lab-packages-*", keep=layer)
    os.utime(layer)
    return layer


def _install(files: list[Path], tree: Path, layer: Path) -> None:
    work = layer.with_name(f"{layer.name}.partial.{os.getpid()}")
    for directory in ("upper", "work", "root", "deb"):
        (work / directory).mkdir(parents=True)
    for file in files:
        shutil.copy(file, work / "deb")
    try:
        # A mount namespace of its own: nothing to undo when dpkg fails. There is no systemd in the chroot, so that
        # the packages' scripts enable their units and start nothing.
        run("unshare", "--mount", "--propagation", "private", "--", "sh", "-euc",
            'mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"; '
            'mount --bind "$1/deb" "$1/root/mnt"; mount -t proc proc "$1/root/proc"; mount --bind /dev "$1/root/dev"; '
            'exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive '
            'chroot "$1/root" sh -euc "dpkg --force-unsafe-io --install /mnt/*.deb"',
            "sh", str(work), str(tree), timeout=180)
        (work / "upper").rename(layer)
    except LabError as error:
        raise LabError(f"our packages cannot be installed (missing dependencies go to scripts/trees/member.packages): "
                       f"{error}") from error
    except OSError:
        if not layer.exists():  # else another lab was faster
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
