"""The lab: a cluster of SSI members on one machine (docs/lab.md). Tests use Lab."""

from .guests import Guest, Tick
from .lab import Lab
from .processes import LabError

__all__ = ["Guest", "Lab", "LabError", "Tick"]
