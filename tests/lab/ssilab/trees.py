"""Where the Debian trees are (scripts/bootstrap makes them), and how to run something in the builder."""

import functools
import os
import shutil
import time
from pathlib import Path

from .processes import run, say


def repository() -> Path:
    """The root of this repository."""
    return Path(__file__).resolve().parents[3]


@functools.cache
def _common(command: str) -> str:
    return run("bash", "-c", f'. "$1/scripts/trees/common.sh"; {command}', "bash", str(repository())).strip()


def cache_directory() -> Path:
    """Outside the repository and shared by all labs: trees, package layers, guest images."""
    return Path(_common('printf %s "$ssi_cache"'))


def tree_path(name: str) -> Path:
    """The root of the tree "member" or "builder"; scripts/bootstrap is called when it is not there."""
    tree = Path(_common(f"tree_path {name}"))
    if not (tree / ".complete").exists():
        say(f"the {name} tree is not there yet")
        run(str(repository() / "scripts/bootstrap"), name, timeout=900, show=True)
    os.utime(tree / ".complete")  # the time of last use: bootstrap removes old trees by it
    return tree


def forget_old(pattern: str, keep: Path) -> None:
    """Removes what nobody used for a day from the cache: a running lab may still need what is younger."""
    in_use = Path("/proc/self/mounts").read_text()
    for old in cache_directory().glob(pattern):
        if old != keep and str(old) not in in_use and time.time() - old.stat().st_mtime > 86400:
            shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)


def in_builder(*command: str, timeout: float = 300) -> str:
    """Runs a command in the builder tree with the repository at /src; returns its standard output."""
    return run(str(repository() / "scripts/in-builder"), *command, timeout=timeout)
