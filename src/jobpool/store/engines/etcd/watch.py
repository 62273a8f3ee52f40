"""One watch on one endpoint: whole revisions in order, and the revision from which another may go on.

That revision comes from the last event or from a progress notification, never from the header of events: in a batch
that catches up, the header tells the revision of the store, and whoever resumed there would lose what lies between.
"""

import asyncio
from collections.abc import AsyncIterator

import grpc
from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.store.engines.etcd.errors import Unreachable, explain, judge
from jobpool.store.engines.etcd.link import WatchCall, raise_if_cancelled
from jobpool.store.engines.etcd.settings import Timeouts
from jobpool.store.port import Compacted
from jobpool.wire.etcd_pb2 import (
    Event,
    WatchCreateRequest,
    WatchProgressRequest,
    WatchRequest,
    WatchResponse,
)

MAX_BEHIND = 10_000
"""Revisions. A watcher that is farther behind holds up etcd's writes; loading again is cheaper."""


class Batch(Struct, frozen=True):
    """Events in order; no revision is split over two batches. A watch that is cut goes on from `resume`."""

    events: tuple[Event, ...]
    resume: int


class WatchStream:
    """A stream with one watch on it. Close it when done."""

    def __init__(self, call: WatchCall, endpoint: str, timeouts: Timeouts) -> None:
        self._call = call
        self._where = f"at {endpoint}"
        self._timeouts = timeouts
        self._reading: asyncio.Task[object] | None = None

    async def begin(self, first: bytes, last: bytes, start: int) -> None:
        """Ask for the watch. Raises Compacted when what is missing is gone or too much."""
        create = WatchCreateRequest(
            key=first, range_end=last, start_revision=start, progress_notify=True, fragment=True
        )
        await self._send(WatchRequest(create_request=create))
        response = await self._receive(self._timeouts.answer)
        if response is None:
            raise Unreachable(f"etcd {self._where}: no answer to a watch")
        self._check(response, start)

    async def batches(self, start: int) -> AsyncIterator[Batch]:
        """What comes, for ever; `start` is what `begin` was given. Raises as `begin` does, and Unreachable."""
        pending: list[Event] = []
        asked = False
        while True:
            response = await self._receive(self._timeouts.answer if asked else self._timeouts.quiet)
            if response is None:
                if asked:
                    raise Unreachable(f"etcd {self._where}: the watch hears nothing")
                asked = True
                await self._send(WatchRequest(progress_request=WatchProgressRequest()))
                continue
            asked = False
            self._check(response, start)
            pending += response.events
            if response.fragment:
                continue
            if pending:
                start = pending[-1].kv.mod_revision + 1
            elif not response.created:
                start = response.header.revision + 1
            yield Batch(tuple(pending), start)
            pending = []

    async def aclose(self) -> None:
        self._call.cancel()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _check(self, response: WatchResponse, start: int) -> None:
        if response.compact_revision:
            raise Compacted(f"etcd keeps steps from revision {response.compact_revision} on, wanted {start}")
        if response.canceled:
            raise judge(None, response.cancel_reason or "the watch was canceled", self._where)
        behind = response.header.revision - start
        if behind > MAX_BEHIND:
            raise Compacted(f"wanted a watch at most {MAX_BEHIND} revisions behind, found {behind}")

    async def _send(self, request: WatchRequest) -> None:
        try:
            async with asyncio.timeout(self._timeouts.answer / 1000):
                await self._call.write(request)
        except grpc.aio.AioRpcError as error:
            raise explain(error, self._where) from error
        except TimeoutError:
            raise Unreachable(f"etcd {self._where}: a watch cannot be asked for") from None
        except asyncio.CancelledError:
            raise_if_cancelled()
            raise Unreachable(f"etcd {self._where}: the connection was closed") from None
        except asyncio.InvalidStateError:
            raise Unreachable(f"etcd {self._where}: the watch has ended") from None

    async def _receive(self, patience: Millis) -> WatchResponse | None:
        """The next response, or None when there is none in time."""
        if self._reading is None:
            # A read that is cancelled would end the whole call, so it goes on over several waits.
            self._reading = asyncio.get_running_loop().create_task(self._call.read())
        done, _ = await asyncio.wait({self._reading}, timeout=patience / 1000)
        if not done:
            return None
        task, self._reading = self._reading, None
        if task.cancelled():
            raise Unreachable(f"etcd {self._where}: the connection was closed")
        try:
            response = task.result()
        except grpc.aio.AioRpcError as error:
            raise explain(error, self._where) from error
        if not isinstance(response, WatchResponse):
            raise Unreachable(f"etcd {self._where}: the watch has ended")
        return response
