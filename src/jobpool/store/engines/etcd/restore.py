"""Filling an empty prefix from a snapshot, in many transactions that nobody can mistake for a whole one.

The fence is marked first and written last. In between no writer's transaction can land, no reader gets an answer, and
of two restores only the later goes on; one that was killed leaves the mark, and the next restore begins anew.
"""

from collections.abc import AsyncIterator, Callable, Sequence

from jobpool.model.errors import StoreFailed
from jobpool.store.engines import rules
from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.fences import Held, encode_restoring
from jobpool.store.engines.etcd.keys import Keyspace
from jobpool.store.engines.etcd.messages import delete, held_in, none_in, put, read, unmoved, value_is
from jobpool.store.port import Fence, KeyValue, Limits, OutcomeUnknown
from jobpool.wire.etcd_pb2 import RequestOp, TxnRequest, TxnResponse

_TRIES = 10


class Restore:
    """One restore into one prefix. `begin`, then `fill`, then `finish`; `undo` when something fails in between."""

    def __init__(self, client: EtcdClient, keys: Keyspace, *, limits: Limits) -> None:
        self._client = client
        self._keys = keys
        self._limits = limits
        self._own = rules.INITIAL_FENCE
        self._mark = 0

    async def run(self, now: Held, chunks: AsyncIterator[list[KeyValue]]) -> Fence:
        """All of it; the new fence. Raises StoreFailed; the prefix is then empty again, if etcd can be reached."""
        await self._begin(now)
        try:
            found = await self._fill(chunks)
            if found is None:
                raise StoreFailed("the snapshot holds no fence: it is not a whole one")
            fence = rules.restored(self._own, found)
            await self._finish(fence)
        except BaseException as failure:
            await self._undo(failure)
            raise
        return fence

    async def _begin(self, now: Held) -> None:
        keys, mark = self._keys, put(self._keys.fence, encode_restoring(now.fence))
        if now.restoring:
            request = TxnRequest(compare=[unmoved(keys.fence, now.revision)], success=[*self._wiped(), mark])
        else:
            empty = (none_in(keys.first, keys.fence), none_in(keys.fence + b"\0", keys.texts_end))
            same = value_is(keys.fence, rules.encode_fence(now.fence))
            request = TxnRequest(compare=[same, *empty], success=[mark])
        # Not sent twice: of two restores that begin at once, each would take the other's mark for its own.
        answer = await self._client.write(request)
        if not answer.succeeded:
            raise StoreFailed(f"cannot restore under {keys.first.decode()}: it is not empty; use a new prefix")
        self._own, self._mark = now.fence, answer.header.revision

    async def _fill(self, chunks: AsyncIterator[list[KeyValue]]) -> Fence | None:
        found: Fence | None = None
        ops: list[RequestOp] = []
        size = 0
        async for chunk in chunks:
            found = rules.fence_in(chunk) or found
            for pair in chunk:
                if pair.key == rules.FENCE_KEY:
                    continue
                if ops and (len(ops) >= self._limits.max_ops or size + len(pair.value) > self._limits.max_bytes):
                    await self._put(ops)
                    ops, size = [], 0
                ops.append(put(self._keys.key(pair.key), pair.value))
                size += len(pair.value)
        if ops:
            await self._put(ops)
        return found

    async def _put(self, ops: Sequence[RequestOp]) -> None:
        await self._settled(self._marked(ops), landed=lambda held: False)

    async def _finish(self, fence: Fence) -> None:
        request = self._marked([put(self._keys.fence, rules.encode_fence(fence))])
        await self._settled(request, landed=lambda held: held.fence == fence and not held.restoring)

    async def _undo(self, failure: BaseException) -> None:
        own = put(self._keys.fence, rules.encode_fence(self._own))
        try:
            await self._client.read(self._marked([*self._wiped(), own]), long=True)
        except StoreFailed as left:
            failure.add_note(f"what was restored so far could not be taken back: {left.reason}")

    def _marked(self, ops: Sequence[RequestOp]) -> TxnRequest:
        """Done only while our mark stands."""
        fence = self._keys.fence
        return TxnRequest(compare=[unmoved(fence, self._mark)], success=ops, failure=[read(fence)])

    def _wiped(self) -> list[RequestOp]:
        keys = self._keys
        return [delete(keys.first, keys.fence), delete(keys.fence + b"\0", keys.last)]

    async def _settled(self, request: TxnRequest, *, landed: Callable[[Held], bool]) -> None:
        """Send it until it is known to be done: it changes nothing the second time."""
        for further in reversed(range(_TRIES)):
            try:
                answer = await self._client.write(request)
            except OutcomeUnknown:
                if not further:
                    raise
            else:
                self._judge(answer, landed)
                return

    def _judge(self, answer: TxnResponse, landed: Callable[[Held], bool]) -> None:
        held = held_in(answer)
        if not answer.succeeded and (held is None or not landed(held)):
            raise StoreFailed("the restore was cut short: another one took over, or the prefix was written to")
