"""Where the Debian trees are (scripts/bootstrap makes them), and how to run something in the builder."""

import functools
import os
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


def in_builder(*command: str, timeout: float = 300) -> str:
    """Runs a command in the builder tree with the repository at /src; returns its standard output."""
    return run(str(repository() / "scripts/in-builder"), *command, timeout=timeout)
