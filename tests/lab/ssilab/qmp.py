"""A QEMU's control socket. One command a connection: QEMU serves one client at a time, so nobody keeps others out."""

import json
import socket
from pathlib import Path

from .processes import LabError


def ask_qemu(path: Path, command: str, timeout: float = 20, **arguments: object) -> object:
    """The answer to a QMP command; LabError if QEMU refuses it, or is not there."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            lines = connection.makefile("rw")
            lines.readline()  # its greeting
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                answer = _ask(lines, request)
    except (OSError, ValueError) as error:
        raise LabError(f"QEMU at {path} does not answer '{command}': {error}") from error
    if "error" in answer:
        raise LabError(f"QEMU at {path} refused '{command}': {answer['error']['desc']}")
    return answer["return"]


def _ask(lines, request: dict[str, object]) -> dict:
    lines.write(json.dumps(request) + "\n")
    lines.flush()
    while "event" in (answer := json.loads(lines.readline())):
        pass
    return answer
