"""What makes room in an etcd that may refuse every write: compaction, and deletions that need no space.

Once its quota is used up etcd refuses transactions with a put, and every commit puts the fence; those that only delete
it takes. So the oldest history can go without a commit. It is nobody's state: replicas do not hold it, and the leader's
next round of retention tells the read models.
"""

from msgspec import Struct

from jobpool.kit.pure.durations import MINUTE, Millis
from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.fences import decode_held
from jobpool.store.engines.etcd.keys import Keyspace
from jobpool.store.engines.etcd.messages import delete, put, read, unmoved, value_is
from jobpool.store.keyspace import FOLDERS, Table
from jobpool.store.port import Compacted
from jobpool.wire.etcd_pb2 import RangeRequest, TxnRequest

TURN_LASTS: Millis = 35 * MINUTE
"""Longer than a defragmentation is waited for: whoever has the turn for so long is dead."""
_TURN = b"\xffturn"
_PAGE = 100


class Pruned(Struct, frozen=True):
    """How much went, and the number of the newest commit whose finished runs are gone; -1 = none."""

    size: int
    n: int


class Relief:
    """Under one prefix of an etcd that is jobpool's alone."""

    def __init__(self, client: EtcdClient, keys: Keyspace) -> None:
        self._client = client
        self._keys = keys
        self._turn = keys.first + _TURN
        self._seen: tuple[int, Millis] = (0, 0)

    async def compact(self, keep: int) -> None:
        """Forget what was before the last `keep` revisions; its space is free when this returns."""
        newest = (await self._client.range(RangeRequest(key=self._keys.fence))).header.revision
        try:
            await self._client.compact(max(1, newest - keep), physical=True)
        except Compacted:
            return  # by another server

    async def oldest(self, size: int) -> Pruned:
        """So many bytes of history, from the oldest on."""
        folder = FOLDERS[Table.SEGMENT]
        first, last = self._keys.span(folder)
        found = Pruned(0, -1)
        while found.size < size:
            page = await self._client.range(RangeRequest(key=first, range_end=last, limit=_PAGE))
            for pair in page.kvs:
                n = int(self._keys.text(pair.key).removeprefix(folder))
                found = Pruned(found.size + len(pair.key) + len(pair.value), n)
                if found.size >= size:
                    return found
            if not page.more or not page.kvs:
                return found
            first = page.kvs[-1].key + b"\0"
        return found

    async def prune(self, size: int) -> Pruned:
        """Delete so many bytes of history without a commit. Raises StoreFailed while a restore goes on."""
        fence = (await self._client.range(RangeRequest(key=self._keys.fence))).kvs[0]
        decode_held(fence.value, fence.mod_revision).sound()
        found = await self.oldest(size)
        if found.n < 0:
            return found
        first = self._keys.span(FOLDERS[Table.SEGMENT])[0]
        last = self._keys.key(f"{FOLDERS[Table.SEGMENT]}{found.n + 1:020}")
        request = TxnRequest(
            compare=[unmoved(self._keys.fence, fence.mod_revision)],
            success=[delete(first, last)],
            failure=[read(self._keys.fence)],
        )
        answer = await self._client.read(request, long=True)  # done twice it deletes nothing the second time
        return found if answer.succeeded else Pruned(0, -1)

    async def take_turn(self, server_id: str, now: Millis) -> bool:
        """Whether it is this server's turn, of all servers, until `end_turn`. `now` on this server's monotonic clock.

        One that was not given back can be taken once it has not changed hands for `TURN_LASTS` before our eyes.
        """
        found = (await self._client.range(RangeRequest(key=self._turn))).kvs
        held = found[0].mod_revision if found else 0
        if held != self._seen[0]:
            self._seen = (held, now)
        free = not found or found[0].value == server_id.encode() or now - self._seen[1] >= TURN_LASTS
        if not free:
            return False
        request = TxnRequest(
            compare=[unmoved(self._turn, held)],
            success=[put(self._turn, server_id.encode())],
            failure=[read(self._turn)],
        )
        answer = await self._client.write(request)
        return answer.succeeded

    async def end_turn(self, server_id: str) -> None:
        """Give it back, unless another server has it by now."""
        own = value_is(self._turn, server_id.encode())
        await self._client.read(TxnRequest(compare=[own], success=[delete(self._turn)]))
