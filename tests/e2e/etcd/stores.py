"""What the tests of the engine do with stores: open them, write for certain, read steps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

from jobpool.store.engines.etcd.engine import EtcdStore
from jobpool.store.engines.etcd.settings import Timeouts, Tls, User
from jobpool.store.port import Fence, Op, OutcomeUnknown, Step, Store, Transaction
from jobpool.testing.store import following

QUICK = Timeouts(write=1_500, read=5_000, quiet=200, answer=500)
"""Where etcd is to be found silent; a commit that takes long on a busy machine may then be of unknown outcome."""
PATIENT = Timeouts(write=30_000, read=10_000, quiet=200, answer=10_000)
"""Where it answers, however slowly."""


class Opener:
    """Opens stores that are closed with the test."""

    def __init__(self, stack: AsyncExitStack, prefix: str, timeouts: Timeouts) -> None:
        self._stack = stack
        self.prefix = prefix
        self._timeouts = timeouts

    async def __call__(
        self,
        *endpoints: str,
        prefix: str = "",
        tls: Tls | None = None,
        user: User | None = None,
        may_compact: bool = False,
    ) -> EtcdStore:
        store = await EtcdStore.open(
            endpoints,
            prefix=prefix or self.prefix,
            tls=tls,
            user=user,
            timeouts=self._timeouts,
            may_compact=may_compact,
        )
        self._stack.push_async_callback(store.close)
        return store


async def settle(store: Store, transaction: Transaction) -> int:
    """Send the transaction until its outcome is known; how often it was not."""
    unknown = 0
    while True:
        try:
            await store.commit(transaction)
        except OutcomeUnknown:
            unknown += 1
            await asyncio.sleep(0.05)
        else:
            return unknown


async def settled(store: Store, *ops: Op) -> Fence:
    """Commit `ops` on top of the fence in force, for certain; returns the fence they left."""
    transaction = following(await store.fence(), *ops)
    await settle(store, transaction)
    return transaction.leaves


async def take(steps: AsyncIterator[Step], count: int) -> list[Step]:
    """The next steps; fails after half a minute without them."""
    async with asyncio.timeout(30):
        return [await anext(steps) for _ in range(count)]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return once it holds; fails after half a minute."""
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - asked from outside, there is nothing to be told by
            await asyncio.sleep(0.01)
