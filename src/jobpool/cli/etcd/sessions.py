"""A lease that lives as long as a command: locks and elections hang on it."""

import asyncio
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

from msgspec import Struct

from jobpool.client.etcd import Etcd
from jobpool.kit.effects.clock import Clock, SystemClock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import JobpoolError, Unavailable
from jobpool.wire import etcd_pb2 as pb

Result = TypeVar("Result")
AGAIN: Millis = SECOND // 2
"""Between two tries to reach a server while the lease still lives."""


async def beats(
    etcd: Etcd, lease_id: int, *, clock: Clock | None = None
) -> AsyncGenerator[pb.LeaseKeepAliveResponse, None]:
    """Keep a lease alive, and tell of each time; the last one has no TTL: the lease is gone.

    A lost connection is made again while the lease lives. Raises what `conversation` raises.
    """
    clock, ends = clock or SystemClock(), 0
    while True:
        try:
            async with etcd.conversation("LeaseKeepAlive", pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse) as talk:
                while True:
                    await talk.send(pb.LeaseKeepAliveRequest(ID=lease_id))
                    answer = await talk.receive()
                    if answer is None:
                        raise Unavailable("the server no longer keeps the lease alive")
                    yield answer
                    if answer.TTL <= 0:
                        return
                    ends = clock.monotonic() + answer.TTL * SECOND
                    await clock.sleep(answer.TTL * SECOND // 3)
        except Unavailable:
            if clock.monotonic() >= ends:
                raise
        await clock.sleep(AGAIN)


class Session(Struct, frozen=True):
    """A lease that is kept alive; `lost` is set when that no longer works, `told` by `signals` that want our end."""

    lease_id: int
    lost: asyncio.Event
    told: asyncio.Event
    signals: list[int]

    async def unless_ended(self, work: Coroutine[Any, Any, Result]) -> Result | None:
        """What it comes to; None, and it is given up, when the lease is lost or we are to end before."""
        loop = asyncio.get_running_loop()
        doing = loop.create_task(work)
        ends = [loop.create_task(self.lost.wait()), loop.create_task(self.told.wait())]
        try:
            await asyncio.wait([doing, *ends], return_when=asyncio.FIRST_COMPLETED)
            return doing.result() if doing.done() else None
        finally:
            for task in (doing, *ends):
                task.cancel()
            await asyncio.gather(doing, *ends, return_exceptions=True)

    async def ended(self) -> None:
        """Return when the lease is lost or we are to end."""
        await self.unless_ended(asyncio.Event().wait())


@asynccontextmanager
async def session(etcd: Etcd, ttl: int) -> AsyncIterator[Session]:
    """A lease of `ttl` seconds, kept alive meanwhile, and revoked in the end."""
    granted = await etcd.call("LeaseGrant", pb.LeaseGrantRequest(TTL=ttl), reply=pb.LeaseGrantResponse)
    held = Session(granted.ID, asyncio.Event(), asyncio.Event(), [])
    beating = asyncio.get_running_loop().create_task(_beat(etcd, held))
    try:
        with _signals(held):
            yield held
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        with suppress(JobpoolError):  # it ends by itself then
            await etcd.call("LeaseRevoke", pb.LeaseRevokeRequest(ID=held.lease_id), reply=pb.LeaseRevokeResponse)


async def _beat(etcd: Etcd, held: Session) -> None:
    try:
        async with aclosing(beats(etcd, held.lease_id)) as answers:
            async for _ in answers:
                pass
    except JobpoolError:
        pass  # whoever holds the session says that it is lost
    held.lost.set()


@contextmanager
def _signals(held: Session) -> Iterator[None]:
    """SIGINT and SIGTERM tell it instead of ending us."""
    loop = asyncio.get_running_loop()

    def note(kind: int) -> None:
        held.signals.append(kind)
        held.told.set()

    kinds = (signal.SIGINT, signal.SIGTERM)
    with suppress(ValueError, RuntimeError):  # outside the main thread no signal comes
        for kind in kinds:
            loop.add_signal_handler(kind, note, kind)
    try:
        yield
    finally:
        with suppress(ValueError, RuntimeError):
            for kind in kinds:
                loop.remove_signal_handler(kind)
