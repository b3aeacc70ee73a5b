"""Containers or virtual machines: which the members of a lab are."""

from .containers import Container
from .layout import Cluster, Layout
from .machines import Machine
from .members import Member


def lab_member(layout: Layout, cluster: Cluster, name: str) -> Member:
    return (Machine if cluster.machines else Container)(layout, cluster, name)
