"""An administrator's calls to the embedded engine: what one file can do, and what to do for what it cannot."""

import sqlite3
from collections.abc import Sequence
from typing import NoReturn
from zlib import crc32

from jobpool.model.errors import FailedPrecondition
from jobpool.store.engines.sqlite import SqliteStore
from jobpool.store.operations import Alarm, EngineStatus, KeysHash, Member


class EmbeddedOperations:
    """Implements `store.operations.Operations` for a server that is alone."""

    engine = "embedded"

    def __init__(self, store: SqliteStore, *, server_id: str, name: str) -> None:
        self._store = store
        self._member = Member(server_id, name)

    async def status(self) -> EngineStatus:
        return EngineStatus(space=await self._store.space(), version=sqlite3.sqlite_version)

    async def members(self) -> Sequence[Member]:
        return [self._member]

    async def add_member(self, peer_urls: Sequence[str], *, learner: bool) -> Member:
        self._refuse()

    async def remove_member(self, member_id: str) -> None:
        self._refuse()

    async def update_member(self, member_id: str, peer_urls: Sequence[str]) -> None:
        self._refuse()

    async def promote_member(self, member_id: str) -> None:
        self._refuse()

    async def move_raft_leader(self, to: Sequence[str]) -> Member:
        self._refuse()

    async def alarms(self) -> Sequence[Alarm]:
        return []

    async def disarm(self, alarm: Alarm) -> None:
        """There is never one."""

    async def defragment(self) -> None:
        await self._store.vacuum()

    async def hash_keys(self, revision: int) -> KeysHash:
        """A CRC-32 over all keys and values; the revision is n."""
        fence, chunks = await self._store.load(("",))
        if revision not in (0, fence.n):
            raise FailedPrecondition(f"the embedded engine keeps only its newest revision, {fence.n}", field="revision")
        value = 0
        async for chunk in chunks:
            for pair in chunk:
                key = pair.key.encode()
                value = crc32(pair.value, crc32(key, crc32(b"%d %d " % (len(key), len(pair.value)), value)))
        return KeysHash(value, fence.n, fence.n)

    def _refuse(self) -> NoReturn:
        raise FailedPrecondition(
            "this server has the embedded engine, which has no members: to grow into a cluster, save a snapshot and "
            "restore it into a server with etcd (docs/operations.md, “From one to three”)"
        )
