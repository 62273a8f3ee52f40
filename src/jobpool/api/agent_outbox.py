"""What one agent is still to be told, by allocation.

Bounded by what is open on the node, however slowly its agent reads: an assignment that was not sent yet is taken back
when its attempt ends, and an allocation is stopped or dropped once.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

from msgspec import Struct

from jobpool.model.run import Attempt, Run, allocation_id
from jobpool.wire import jobpool_pb2 as pb

V = TypeVar("V")

BATCH = 200


class Parcel(Struct, frozen=True):
    """What goes out together, in this order; an assignment always before its stop."""

    acks: list[int]
    assign: list[tuple[Run, Attempt]]
    stop: dict[str, int]
    drop: dict[str, int]
    logs: list[pb.ServerLogRequest]
    beat: bool = False


class Outbox:
    """`stop` and `drop` map allocations to fences."""

    def __init__(self) -> None:
        self._acks: list[int] = []
        self._assign: dict[str, tuple[Run, Attempt]] = {}
        self._stop: dict[str, int] = {}
        self._drop: dict[str, int] = {}
        self._logs: dict[int, pb.ServerLogRequest] = {}
        self._beat = False
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._acks) + len(self._assign) + len(self._stop) + len(self._drop) + len(self._logs)

    @property
    def unsent_acks(self) -> int:
        return len(self._acks)

    def acknowledge(self, sequence: int) -> None:
        self._acks.append(sequence)
        self._wake.set()

    def assign(self, run: Run, attempt: Attempt) -> None:
        self._assign[allocation_id(run.id, attempt.number)] = (run, attempt)
        self._wake.set()

    def stop(self, allocation: str, fence: int) -> None:
        self._stop[allocation] = fence
        self._wake.set()

    def drop(self, allocation: str, fence: int) -> None:
        """The agent is to forget it; one that it was not told of yet, it is never told of."""
        self._stop.pop(allocation, None)
        unsent = self._assign.get(allocation)
        if unsent is not None and unsent[1].fence == fence:
            del self._assign[allocation]
            return
        self._drop[allocation] = fence
        self._wake.set()

    def ask_log(self, request: pb.ServerLogRequest) -> None:
        self._logs[request.request_id] = request
        self._wake.set()

    def forget_log(self, number: int) -> None:
        self._logs.pop(number, None)

    def beat(self) -> None:
        """Say something, if only that we are there."""
        self._beat = True
        self._wake.set()

    async def filled(self) -> None:
        """Return when there may be something to take."""
        await self._wake.wait()

    def take(self) -> Parcel:
        """The next to be sent: all acknowledgements and log requests, and at most a batch of each of the others.

        Taken in one step: nothing can overtake what it builds on.
        """
        acks, self._acks = self._acks, []
        assign = [item for _, item in _popped(self._assign)]
        sent = (key for key in self._stop if key not in self._assign)
        stop = {key: self._stop[key] for key in islice(sent, BATCH)}
        for key in stop:
            del self._stop[key]
        logs, self._logs = list(self._logs.values()), {}
        drop = dict(_popped(self._drop))
        idle = not (acks or assign or stop or drop or logs)
        beat, self._beat = self._beat and idle, False
        parcel = Parcel(acks, assign, stop, drop, logs, beat)
        if not len(self):
            self._wake.clear()
        return parcel


def _popped(waiting: dict[str, V]) -> Iterator[tuple[str, V]]:
    for key in list(islice(waiting, BATCH)):
        yield key, waiting.pop(key)
