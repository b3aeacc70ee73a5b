"""Our packages, unpacked once into an overlay layer that all members of a lab share."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from .layers import make_layer
from .processes import LabError, say
from .trees import cache_directory, forget_old, repository, tree_path


def package_files() -> list[Path]:
    """What scripts/build-deb has made; without debugging symbols."""
    return sorted(file for file in (repository() / "build/deb").glob("*.deb") if "-dbgsym_" not in file.name)


def package_layer(tree_name: str = "member") -> Path | None:
    """The layer with the packages installed by dpkg over that tree; None if there are no packages."""
    files = package_files()
    if not files:
        return None
    tree = tree_path(tree_name)
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
    with tempfile.TemporaryDirectory(dir=cache_directory(), prefix="lab-deb-") as folder:
        for file in files:
            shutil.copy(file, folder)
        try:
            make_layer(layer, tree, "dpkg --force-unsafe-io --install /mnt/*.deb", Path(folder))
        except LabError as error:
            raise LabError(f"our packages cannot be installed (missing dependencies go to "
                           f"scripts/trees/member.packages): {error}") from error
