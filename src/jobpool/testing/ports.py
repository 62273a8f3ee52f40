"""Loopback ports for tests that nobody else takes between their choice and their use, nor while a server is down."""

import socket
from collections import deque

from jobpool.etcd.ports import HOST, free_ports

_KEPT = 256
"""More than any one test asks for; each costs a file descriptor."""
_held: deque[socket.socket] = deque()


def free_port() -> int:
    """A port of 127.0.0.1 on which only who is told of it listens: connections to it are refused until then.

    It is bound, not listened on: that keeps others from choosing it, and lets a server with SO_REUSEADDR have it.
    """
    hold = socket.socket()
    hold.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port = free_ports(1)[0]
    hold.bind((HOST, port))
    _held.append(hold)
    if len(_held) > _KEPT:
        _held.popleft().close()
    return port
