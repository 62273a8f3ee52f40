"""Loopback ports for tests that nobody else takes between their choice and their use, nor while a server is down."""

import atexit
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
    hold = _bound()
    # Only now: two that had it before could both be bound to one port.
    hold.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _held.append(hold)
    if len(_held) > _KEPT:
        _held.popleft().close()
    port: int = hold.getsockname()[1]
    return port


def _bound() -> socket.socket:
    while True:
        hold = socket.socket()
        try:
            hold.bind((HOST, free_ports(1)[0]))
        except OSError:  # somebody was faster
            hold.close()
        else:
            return hold


@atexit.register
def _give_back() -> None:
    while _held:
        _held.pop().close()
