"""Where etcd serves the server that runs it: two sockets in a directory that nobody else may enter (decision 0021).

Whoever reaches etcd's client address may write into the store, past all certificates and rules of ours, and a loopback
port is open to everybody who may run programs on this machine. Ports are for where sockets cannot be.
"""

import os
import secrets
import socket
from pathlib import Path

from msgspec import Struct

from jobpool.etcd.http import Where
from jobpool.etcd.ports import HOST, free_ports

_DIRECTORY = "sockets"
_CLIENT, _HTTP, _TRY = "grpc", "http", "try"
_LONGEST = 107
"""Bytes of a socket's path that Linux takes."""


class Doors(Struct, frozen=True, kw_only=True):
    """`client_url` and `http_url`: where etcd is told to listen, for gRPC and for `/health`; `endpoint` and `health`:
    the same for us. `told` is what it tells the other members of itself, who do not use it; no other doors tell it.
    """

    client_url: str
    http_url: str
    told: str
    endpoint: str
    health: Where

    @property
    def are_sockets(self) -> bool:
        return isinstance(self.health, Path)

    def named_in(self, reason: str) -> bool:
        """Whether that is about one of our ports."""
        return not self.are_sockets and any(f"{url.removeprefix('http://')}:" in reason for url in self._urls)

    @property
    def _urls(self) -> tuple[str, str]:
        return self.client_url, self.http_url


def doors_of(data_dir: Path) -> Doors:
    """Sockets, or ports when the directory's name is too long for them. Raises StoreFailed without free ports."""
    directory = data_dir.absolute() / _DIRECTORY
    longest = max(len(os.fsencode(directory / name)) for name in (_CLIENT, _HTTP, _TRY))
    return _sockets(directory) if longest <= _LONGEST else ports()


def ports() -> Doors:
    """Raises StoreFailed."""
    client, http = free_ports(2)
    url = f"http://{HOST}:{client}"
    return Doors(client_url=url, http_url=f"http://{HOST}:{http}", told=url, endpoint=url, health=(HOST, http))


def make_room(data_dir: Path) -> None:
    """Make the directory for the sockets, and try whether there can be one. Raises OSError when there cannot."""
    directory = data_dir.absolute() / _DIRECTORY
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(0o700)
    attempt = directory / _TRY
    attempt.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as probe:
        probe.bind(os.fsencode(attempt))
    attempt.unlink()


def _sockets(directory: Path) -> Doors:
    """Etcd reads a path as a URL, in which `%` and `#` have a meaning: so it is told the one from where it runs.

    What it tells the others must look like a host and a port, and must differ from what it told in a former life.
    """
    return Doors(
        client_url=f"unix://{_DIRECTORY}/{_CLIENT}",
        http_url=f"unix://{_DIRECTORY}/{_HTTP}",
        told=f"unix://{secrets.token_hex(8)}:0",
        endpoint=f"unix://{directory / _CLIENT}",
        health=directory / _HTTP,
    )
