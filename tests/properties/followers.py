"""Servers that share one store: each a replica, the service that follows the log, and a committer while it leads."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress

from jobpool.leader.committer import Committer
from jobpool.model.errors import JobpoolError, StoreFailed
from jobpool.replica.follow import Follower
from jobpool.replica.replica import Replica
from jobpool.store.commands import AddNamespace
from jobpool.store.engines.ring import RingLimits
from jobpool.store.port import Fence, KeyValue, Step
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.store import MemoryStore

SLOTS = 100


class ShakyStore(MemoryStore):
    """A fake engine whose watches and reads can be spoiled; `watches` and `loads` count what was asked for."""

    def __init__(self, ring: RingLimits | None = None) -> None:
        super().__init__(ring=ring)
        self.watches = 0
        self.loads = 0
        self._may_load = asyncio.Event()
        self._may_load.set()
        self._may_show = asyncio.Event()
        self._may_show.set()
        self._spoil: Callable[[Step], Step | None] | None = None
        self._down = False
        self._broken: asyncio.Event | None = None

    def break_watches(self) -> None:
        """Every watch that goes on ends with StoreFailed at its next step."""
        if self._broken is not None:
            self._broken.set()
        self._broken = None

    def spoil_next_step(self, spoil: Callable[[Step], Step | None]) -> None:
        """The next step that anybody is shown is shown so; None = not at all."""
        self._spoil = spoil

    def hold_loads(self) -> None:
        """A load reads what is there when it begins, and goes on when `release_loads` says so."""
        self._may_load.clear()

    def release_loads(self) -> None:
        self._may_load.set()

    def hold_watches(self) -> None:
        """Watches that go on show nothing more until `release_watches`, and then only what the log still keeps."""
        self._may_show.clear()

    def release_watches(self) -> None:
        self._may_show.set()

    def cut(self) -> None:
        self._down = True
        self.break_watches()

    def mend(self) -> None:
        self._down = False

    def spare(self) -> None:
        """No fault that is planned will come."""
        self._faults.clear()
        self._spoil = None

    async def fence(self) -> Fence:
        self._answer()
        return await super().fence()

    async def load(self, prefixes: tuple[str, ...]) -> tuple[Fence, AsyncIterator[list[KeyValue]]]:
        self._answer()
        self.loads += 1
        fence, chunks = await super().load(prefixes)
        await self._may_load.wait()
        return fence, chunks

    async def watch(self, after: Fence) -> AsyncIterator[Step]:
        self._answer()
        self.watches += 1
        self._broken = broken = self._broken or asyncio.Event()
        async for step in super().watch(after):
            if broken.is_set():
                raise StoreFailed("the connection was closed")
            spoil, self._spoil = self._spoil, None
            shown = step if spoil is None else spoil(step)
            if shown is not None:
                yield shown
            await self._may_show.wait()

    def _answer(self) -> None:
        if self._down:
            raise StoreFailed("no answer")


class Server:
    """`given_up` counts the loads before which it was asked to end its term, `ended` says why its terms ended."""

    def __init__(self, name: str, store: MemoryStore, clock: FakeClock) -> None:
        self.name = name
        self.replica = Replica(default_slots=SLOTS)
        self.follower = Follower(store, self.replica, clock=clock, give_up=self._give_up)
        self.given_up = 0
        self.ended: list[str] = []
        self.added: list[str] = []
        self._store = store
        self._clock = clock
        self._following = self._spawn(self.follower.run())
        self._reigning: asyncio.Task[None] | None = None
        self._asked: list[asyncio.Task[None]] = []
        self.committer: Committer | None = None

    @staticmethod
    def _spawn(work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    async def _give_up(self) -> None:
        self.given_up += 1
        await self.resign()

    async def resign(self) -> None:
        if self._reigning is not None:
            self._reigning.cancel()
            await asyncio.gather(self._reigning, return_exceptions=True)

    def campaign(self) -> None:
        if self._reigning is None or self._reigning.done():
            self._reigning = self._spawn(self._reign())

    async def _reign(self) -> None:
        try:
            fence = await self._store.campaign(self.name)
            await self.replica.wait_for(fence.n)
            self.committer = Committer(self._store, self.replica, self._clock, server_id=self.name)
            await self.committer.run()
        except JobpoolError as failure:
            self.ended.append(type(failure).__name__)
        finally:
            self.committer = None

    def add(self, name: str) -> None:
        """Ask for a namespace, if this server leads."""
        if self.committer is not None:
            self._asked.append(self._spawn(self._add(self.committer, name)))

    async def _add(self, committer: Committer, name: str) -> None:
        with suppress(JobpoolError):
            await committer.submit(AddNamespace(name))
            self.added.append(name)

    async def stop(self) -> None:
        await self.resign()
        self._following.cancel()
        for task in self._asked:
            task.cancel()
        waiting: list[Awaitable[object]] = [self._following, *self._asked]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome


async def lead(server: Server) -> None:
    """Campaign until it leads."""
    server.campaign()
    await settle()
    assert server.committer is not None
