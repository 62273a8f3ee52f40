"""The history process: frames in on one descriptor, answers out on another, strictly in order.

It lives as long as its input is open: a server that is killed takes it along. Signals that a terminal or a service
manager sends to the whole group are the parent's business.
"""

import os
import select
import signal
import sqlite3
import sys
import traceback
from pathlib import Path

from jobpool.history.database import is_damage, wipe
from jobpool.history.frames import (
    HEADER,
    BadFrame,
    Damaged,
    DeleteBefore,
    Ingest,
    Reply,
    Reset,
    body_size,
    pack,
    unpack_request,
)
from jobpool.history.read_model import ReadModel
from jobpool.history.records import read_segment
from jobpool.store.codec import CorruptRecord

_READ_BYTES = 256 * 1024
_COMMIT_CHANGES = 10_000
_COMMIT_AFTER_S = 0.2
_CHORE_RUNS = 200
_NICENESS = 5
"""On a machine that is busy scheduling goes first: history may lag behind, and catches up."""


class Inbox:
    """Whole frames from a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()

    def read(self, timeout: float | None) -> list[bytes] | None:
        """Bodies of the frames that came; none when the time is up first; None at the end of input."""
        if timeout is not None and not select.select([self._descriptor], [], [], timeout)[0]:
            return []
        data = os.read(self._descriptor, _READ_BYTES)
        if not data:
            return None
        self._buffer += data
        return self._take_frames()

    def _take_frames(self) -> list[bytes]:
        bodies: list[bytes] = []
        at = 0
        while len(self._buffer) - at >= HEADER:
            end = at + HEADER + body_size(self._buffer[at : at + HEADER])
            if end > len(self._buffer):
                break
            bodies.append(bytes(self._buffer[at + HEADER : end]))
            at = end
        del self._buffer[:at]
        return bodies


def serve(model: ReadModel, source: int, sink: int) -> None:
    """Answer until the input ends."""
    _send(sink, model.position)
    inbox = Inbox(source)
    timeout: float | None = 0 if model.has_chores else None
    while (bodies := inbox.read(timeout)) is not None:
        before = model.uncommitted
        for body in bodies:
            _handle(model, body, sink)
        if model.has_chores:
            # Removes more than came in, so that chores end under any load.
            model.chore(_CHORE_RUNS + max(0, model.uncommitted - before))
        if model.uncommitted >= _COMMIT_CHANGES or (not bodies and model.uncommitted and not model.has_chores):
            model.commit()
        timeout = 0 if model.has_chores else _COMMIT_AFTER_S if model.uncommitted else None
    model.close()


def _handle(model: ReadModel, body: bytes, sink: int) -> None:
    match unpack_request(body):
        case Ingest(n, value):
            _ingest(model, n, value)
        case DeleteBefore(n):
            model.delete_before(n)
        case Reset(incarnation):
            model.reset(incarnation)
        case query:
            _send(sink, model.answer(query))


def _ingest(model: ReadModel, n: int, value: bytes) -> None:
    """One unreadable segment must not keep all others from being read: it is reported and left out."""
    try:
        segment = read_segment(value)
    except CorruptRecord as error:
        sys.stderr.write(f"left segment {n} out: {error}\n")
    else:
        model.ingest(n, segment)


def _send(sink: int, reply: Reply) -> None:
    frame = memoryview(pack(reply))
    while frame:
        frame = frame[os.write(sink, frame) :]


def main(arguments: list[str]) -> int:
    """`<file> [--rebuild]`."""
    path = Path(arguments[0])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(_NICENESS)
    sink = sys.stdout.fileno()
    try:
        if "--rebuild" in arguments[1:]:
            wipe(path)
        serve(ReadModel(path), sys.stdin.fileno(), sink)
    except BadFrame:
        raise
    except (sqlite3.DatabaseError, CorruptRecord, LookupError, TypeError, ValueError) as error:
        if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
            raise
        if isinstance(error, LookupError | TypeError | ValueError):  # contradicting tables, or a fault of ours
            traceback.print_exc()
        _send(sink, Damaged(f"{type(error).__name__}: {error}"))
        return 1
    return 0
