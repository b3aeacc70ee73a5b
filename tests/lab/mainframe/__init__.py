"""Emulated mainframes that run Debian's s390x kernel and our isfcd."""
