"""Chooses loopback ports that nobody takes by chance.

A port from the range that the kernel hands to outgoing connections would sooner or later be such a connection's own:
then a member that starts again could not listen on it. So ports come from below that range, where there is room.
"""

import secrets
import socket
from pathlib import Path

from jobpool.model.errors import StoreFailed

HOST = "127.0.0.1"
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000
_LEAST_ROOM = 1_000
_TRIES = 200


def free_ports(count: int) -> list[int]:
    """So many different ports of 127.0.0.1 on which nobody listens now. Raises StoreFailed."""
    ports: list[int] = []
    below = _first_handed_out()
    for _ in range(_TRIES):
        if len(ports) == count:
            return ports
        candidate = _LOWEST + secrets.randbelow(below - _LOWEST) if below - _LOWEST >= _LEAST_ROOM else 0
        port = _bound(candidate)
        if port is not None and port not in ports:
            ports.append(port)
    raise StoreFailed(f"found no {count} free ports on {HOST} for the etcd member, in {_TRIES} tries")


def _first_handed_out() -> int:
    try:
        return int(_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def _bound(port: int) -> int | None:
    """The port that can be bound; for 0, any that the kernel gives."""
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return None
        bound: int = probe.getsockname()[1]
        return bound
