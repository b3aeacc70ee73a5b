"""Pacemaker, corosync and the VirtualDomain agent on members of the lab, configured as their manuals say."""
