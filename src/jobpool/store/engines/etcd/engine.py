"""The engine on etcd: every transaction compares the fence and moves it, so n orders all, whatever else etcd holds.

Other keys may live in the same etcd: they move its revisions, which only ever locate a fence, and are not seen here.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from jobpool.model.errors import InvalidArgument, StoreFailed
from jobpool.store.engines import rules
from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.errors import NoSpace
from jobpool.store.engines.etcd.fences import Held, decode_held, find
from jobpool.store.engines.etcd.identity import make_user
from jobpool.store.engines.etcd.keys import Keyspace, keyspace
from jobpool.store.engines.etcd.maintenance import EtcdOperations
from jobpool.store.engines.etcd.messages import held_in, request_of, steps_of
from jobpool.store.engines.etcd.opening import check_members, ensure_fence, probe_limits
from jobpool.store.engines.etcd.pages import chunks, pages
from jobpool.store.engines.etcd.relief import Relief
from jobpool.store.engines.etcd.restore import Restore
from jobpool.store.engines.etcd.settings import DEFAULT_PREFIX, Timeouts, Tls, User
from jobpool.store.engines.etcd.turns import InTurn, Turns
from jobpool.store.engines.etcd.versions import oldest
from jobpool.store.engines.outcomes import Outcomes
from jobpool.store.port import Compacted, Fence, Fenced, KeyValue, Limits, OutcomeUnknown, Step, Transaction
from jobpool.wire.etcd_pb2 import RangeRequest, StatusResponse


class EtcdStore:
    """A `Store` under one prefix of an etcd cluster."""

    def __init__(self, client: EtcdClient, keys: Keyspace, *, limits: Limits, may_compact: bool) -> None:
        self._client = client
        self._keys = keys
        self._limits = limits
        self._may_compact = may_compact
        self._kept_after = -1
        self._outcomes = Outcomes(self._write)
        self._closed = False

    @classmethod
    async def open(
        cls,
        endpoints: Sequence[str],
        *,
        prefix: str = DEFAULT_PREFIX,
        tls: Tls | None = None,
        user: User | None = None,
        timeouts: Timeouts | None = None,
        may_compact: bool = False,
    ) -> "EtcdStore":
        """Connect; an unused prefix gets the first fence.

        `may_compact`: `compact` compacts the whole etcd, which must then be jobpool's alone; otherwise it is left to
        whoever runs it. Raises InvalidArgument for a bad endpoint or prefix, StoreFailed when no endpoint answers, one
        runs an etcd that loses data, or the prefix holds what is not jobpool's.
        """
        timeouts = timeouts or Timeouts()
        keys = keyspace(prefix)
        client = EtcdClient(endpoints, tls=tls, user=user, timeouts=timeouts)
        try:
            await check_members(client)
            await ensure_fence(client, keys)
            limits = await probe_limits(client, keys)
        except BaseException:
            await client.close()
            raise
        return cls(client, keys, limits=limits, may_compact=may_compact)

    @property
    def limits(self) -> Limits:
        return self._limits

    async def versions(self) -> tuple[str, str]:
        """The oldest etcd among the endpoints that answer, and what its cluster can have; empty texts without any."""
        statuses = (await self._client.statuses()).values()
        return oldest([status.version for status in statuses if isinstance(status, StatusResponse)])

    async def fence(self) -> Fence:
        return (await self._sound())[0]

    async def load(self, prefixes: tuple[str, ...]) -> tuple[Fence, AsyncIterator[list[KeyValue]]]:
        spans = [self._keys.span(prefix) for prefix in prefixes]
        fence, revision = await self._sound()
        return fence, self._chunks(spans, revision)

    def watch(self, after: Fence) -> AsyncIterator[Step]:
        return self._follow(after)

    async def commit(self, transaction: Transaction) -> None:
        self._check_open()
        rules.check(transaction, self._limits)
        await self._outcomes.send(transaction, may_be_resent=True)

    async def range(self, first: str, last: str, *, limit: int, reverse: bool = False) -> list[KeyValue]:
        if limit < 0:
            raise InvalidArgument("limit", f"wanted a number ≥ 0, found {limit}")
        begin, end = self._keys.key(first), self._keys.key(last)
        revision = (await self._sound())[1]
        found: list[KeyValue] = []
        async for page in pages(self._client, begin, end, revision=revision, limit=limit, reverse=reverse):
            found += (pair for chunk in chunks(page, self._keys) for pair in chunk)
        return found

    async def compact(self, before: int) -> None:
        if not self._may_compact:
            return
        now = await self._held()
        held = await find(min(before - 1, now.fence.n), now, self._held_at)
        if held is None:
            return  # compacted before
        try:
            await self._client.compact(held.revision)
        except Compacted:
            return
        self._kept_after = max(self._kept_after, held.fence.n)

    async def snapshot(self) -> AsyncIterator[list[KeyValue]]:
        _, found = await self.load(("",))
        return found

    async def restore(self, chunks: AsyncIterator[list[KeyValue]]) -> Fence:
        now = await self._held()
        restore = Restore(self._client, self._keys, limits=self._limits)
        return await restore.run(now, chunks)

    async def campaign(self, server_id: str) -> Fence:
        transaction = rules.campaign(await self.fence(), server_id)
        await self._outcomes.send(transaction, may_be_resent=False)
        return transaction.leaves

    async def compactable(self, n: int) -> int:
        """The newest etcd revision to which all may be compacted without loss for who has folded up to this n.

        Raises Compacted when that n is not kept any more.
        """
        now, revision = await self._read_fence()
        if n >= now.fence.n:
            return revision
        following = await find(n + 1, now, self._held_at)
        if following is None:
            raise Compacted(f"the step {n + 1} is not kept any more")
        return following.revision - 1

    def operations(self, *, owned: bool, quota: int = 0) -> EtcdOperations:
        """What an administrator may ask; for the arguments see there."""
        return EtcdOperations(self._client, owned=owned, quota=quota)

    def operations_in_turn(self, turns: Turns, *, quota: int) -> InTurn:
        """The same of a member of ours, one server after the other where two at once would do harm."""
        return InTurn(self._client, turns, quota=quota)

    async def make_user(self, user: User) -> None:
        """etcd has this user from now on, with every right. Raises JobpoolError."""
        await make_user(self._client, user)

    def relief(self) -> Relief:
        """What makes room in an etcd that is jobpool's alone."""
        return Relief(self._client, self._keys)

    async def close(self) -> None:
        """Every watch and read that goes on ends with StoreFailed. Closing twice is harmless."""
        self._closed = True
        await self._client.close()
        await self._outcomes.settled()

    async def _write(self, transaction: Transaction, *, may_be_resent: bool) -> None:
        try:
            answer = await self._client.write(request_of(transaction, self._keys))
        except NoSpace as failure:
            # etcd says so too when it finds the space used up after it has applied the transaction.
            if await self._has_landed(transaction.leaves, failure):
                return
            raise
        if answer.succeeded:
            return
        held = held_in(answer)
        if held is None:
            raise self._lost_fence()
        actual = held.sound()
        if not may_be_resent or actual != transaction.leaves:
            raise Fenced(actual)

    async def _has_landed(self, leaves: Fence, failure: NoSpace) -> bool:
        try:
            held = await self._client.range(RangeRequest(key=self._keys.fence))
        except StoreFailed as unread:
            raise OutcomeUnknown(f"{failure.reason}; then {unread.reason}") from failure
        return any(decode_held(pair.value, 0).fence == leaves for pair in held.kvs)

    async def _follow(self, after: Fence) -> AsyncIterator[Step]:
        self._check_open()
        revision = await self._revision_of(after)
        async with aclosing(self._client.watch(self._keys.first, self._keys.last, revision + 1)) as batches:
            async for batch in batches:
                for step in steps_of(batch.events, self._keys):
                    self._check_open()
                    self._check_next(after, step.fence)
                    after = step.fence
                    yield step

    def _check_next(self, after: Fence, fence: Fence) -> None:
        if after.n < self._kept_after:
            raise Compacted(f"steps are kept after n {self._kept_after}, wanted those after {after.n}")
        if fence.incarnation != after.incarnation or fence.n != after.n + 1:
            raise Compacted(f"wanted the step after {after.incarnation}.{after.n}, found {fence.incarnation}.{fence.n}")

    async def _revision_of(self, after: Fence) -> int:
        """Where that fence was put. Raises Compacted when it never was, or is no longer kept."""
        now = await self._held()
        held = await find(after.n, now, self._held_at)
        if held is None or held.fence != after:
            raise Compacted(f"the step {after.incarnation}.{after.n} is not kept, or is not the one that happened")
        return held.revision

    async def _sound(self) -> tuple[Fence, int]:
        """The fence, and a revision as of which it is in force. Raises StoreFailed while the keys are not whole."""
        held, revision = await self._read_fence()
        return held.sound(), revision

    async def _held(self) -> Held:
        return (await self._read_fence())[0]

    async def _read_fence(self) -> tuple[Held, int]:
        """The fence, read after every transaction that was abandoned is decided, and the revision of the read."""
        self._check_open()
        await self._outcomes.settled()
        answer = await self._client.range(RangeRequest(key=self._keys.fence))
        if not answer.kvs:
            raise self._lost_fence()
        return decode_held(answer.kvs[0].value, answer.kvs[0].mod_revision), answer.header.revision

    async def _held_at(self, revision: int) -> Held | None:
        try:
            answer = await self._client.range(RangeRequest(key=self._keys.fence, revision=revision))
        except Compacted:
            return None
        return decode_held(answer.kvs[0].value, answer.kvs[0].mod_revision) if answer.kvs else None

    async def _chunks(self, spans: Sequence[tuple[bytes, bytes]], revision: int) -> AsyncIterator[list[KeyValue]]:
        for first, last in spans:
            async for page in pages(self._client, first, last, revision=revision):
                for chunk in chunks(page, self._keys):
                    yield chunk

    def _lost_fence(self) -> StoreFailed:
        return StoreFailed(f"the fence under {self._keys.first.decode()} is gone: somebody deleted jobpool's keys")

    def _check_open(self) -> None:
        if self._closed:
            raise StoreFailed("the store is closed")
