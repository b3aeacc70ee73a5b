"""The ways from "one" to "two" that are compared: ours, plain TCP, MPTCP, TLS from end to end, and a TLS tunnel."""

from pathlib import Path

from .load import Route
from .members import PKI, member_name, offered_socket, path_to, socket_of
from .sandbox import SHARED, Process, on_host, wait_until

_PORT = 7900
ECHO_PORT = 7901
_TUNNEL_PORT = 7902
_CIPHER = "TLS_AES_128_GCM_SHA256"  # what isfcd takes
_TUNNEL_BLOCK = 256 * 1024
_OPENSSL_CONF = f"""openssl_conf = all
[all]
ssl_conf = modules
[modules]
system_default = defaults
[defaults]
Ciphersuites = {_CIPHER}
"""


def ours(service: str) -> Route:
    """Through both isfcds."""
    return Route(f"unix:{socket_of(2, service)}", [f"unix:{path_to(1, 2, service)}"])


def ours_offered(name: str) -> tuple[str, str]:
    """Where a program listens and another connects, for a service that is there while the program is."""
    return offered_socket(2, name), path_to(1, 2, name)


def tcp(wires: int = 1, port: int = _PORT) -> Route:
    """A stream on each of the first wires."""
    return Route(f"tcp:0.0.0.0:{port}", [f"tcp:10.77.{index}.2:{port}" for index in range(wires)])


def mptcp() -> Route:
    return Route(f"mptcp:0.0.0.0:{_PORT}", [f"mptcp:10.77.0.2:{_PORT}"])


def direct_tls() -> Route:
    """The programs speak TLS themselves, over wire 0; a write is a record."""
    return Route(f"tls:10.77.0.2:{_PORT}", [f"tls:10.77.0.2:{_PORT}"], block=16 * 1024)


class Tunnel:
    """Two socats that do what isfcds do: UNIX socket, TLS over wire 0, UNIX socket. For one stream."""

    def __init__(self) -> None:
        one, two = (f"{SHARED}/tunnel-{end}.sock" for end in ("one", "two"))
        self.route = Route(f"unix:{two}", [f"unix:{one}"])
        on_host(f"{SHARED}/openssl.cnf").write_text(_OPENSSL_CONF)
        on_host(one).unlink(missing_ok=True)
        self._two = _socat("two", f"OPENSSL-LISTEN:{_TUNNEL_PORT},bind=10.77.0.2,reuseaddr,{_tls(2)}",
                           f"UNIX-CONNECT:{two}")
        wait_until(lambda: _listens(self._two, _TUNNEL_PORT), "the tunnel's far end")
        self._one = _socat("one", f"UNIX-LISTEN:{one}",
                           f"OPENSSL:10.77.0.2:{_TUNNEL_PORT},commonname={member_name(2)},{_tls(1)}")
        wait_until(on_host(one).exists, "the tunnel's near end")
        self._before = self._one.cpu_seconds() + self._two.cpu_seconds()

    def cpu_seconds(self) -> float:
        """Of both, for the stream; waits for its end, after which the tunnel is gone."""
        return self._one.wait(10) + self._two.wait(10) - self._before

    def close(self) -> None:
        self._one.close()
        self._two.close()


def _socat(end: str, left: str, right: str) -> Process:
    return Process(f"socat-{end}", "socat", "-t", "5", "-b", str(_TUNNEL_BLOCK), left, right, network=end,
                   environment=[f"OPENSSL_CONF={SHARED}/openssl.cnf"])


def _tls(slot: int) -> str:
    files = f"{PKI}/{member_name(slot)}"
    return f"cert={files}.crt,key={files}.key,cafile={PKI}/ca.crt,verify=1,min-version=TLS1.3"


def _listens(process: Process, port: int) -> bool:
    if not process.runs():
        raise process.failure("ended")
    try:
        lines = Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return False
    return any(words[1].endswith(f":{port:04X}") and words[3] == "0A" for words in map(str.split, lines))
