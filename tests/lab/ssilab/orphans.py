"""Labs of test runs and benchmarks that were killed."""

import re
from pathlib import Path

from .lab import Lab


def take_down_orphans(prefix: str) -> None:
    """Every lab named PREFIX, a process's number, and a letter, whose process is gone."""
    for state in Path("/var/lib/ssi-lab").glob(f"{prefix}*"):
        found = re.fullmatch(prefix + r"(\d+)[a-z]\d*", state.name)
        if found and not Path(f"/proc/{found[1]}").exists():
            Lab(state.name).down()
