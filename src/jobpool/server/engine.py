"""Opens the store that the configuration names, and keeps what runs beneath it: the etcd member of this server."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from jobpool.etcd.binary import choose
from jobpool.etcd.config import ETCDS_QUOTA, MemberConfig
from jobpool.etcd.member import Member
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.seldom import Seldom
from jobpool.kit.effects.service import Service
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument
from jobpool.server.config import ExternalEtcd, ServerConfig
from jobpool.server.keys import ETCD
from jobpool.store.datadir import DataDir
from jobpool.store.engines.etcd.engine import EtcdStore
from jobpool.store.engines.etcd.errors import Unreachable
from jobpool.store.engines.etcd.relief import Relief
from jobpool.store.engines.etcd.settings import Timeouts, User
from jobpool.store.engines.etcd.turns import Turns
from jobpool.store.engines.sqlite import SqliteStore
from jobpool.store.engines.sqlite_operations import EmbeddedOperations
from jobpool.store.operations import Operations
from jobpool.store.port import Store

Answer = TypeVar("Answer")

TIMEOUTS = Timeouts(write=SECOND, read=2 * SECOND)
"""A leader that cannot commit for a second resigns; its calls may not wait for longer."""

_FIRST_PAUSE: Millis = 100
_LONGEST_PAUSE: Millis = SECOND


class Engine:
    """An open store and what runs beneath it. Run the `services` as long as the store is used, then `close`.

    `relief` makes room in the etcd of our own; None for any other engine, whose room is not ours to make. What somebody
    asks for goes by `by_hand`, which with `turns` is one server after the other.
    """

    def __init__(
        self,
        kind: str,
        store: Store,
        *,
        operations: Operations,
        versions: Callable[[], Awaitable[tuple[str, str]]],
        relief: Relief | None = None,
        by_hand: Operations | None = None,
        turns: Turns | None = None,
        running: "RunningMember | None" = None,
    ) -> None:
        self.kind = kind
        self.store = store
        self.operations = operations
        self.relief = relief
        self.by_hand = by_hand or operations
        self.turns = turns
        self._versions = versions
        self._running = running

    @property
    def services(self) -> list[Service]:
        """They fail when the store cannot be used any more, with the reason."""
        return [] if self._running is None else [self._running]

    async def answered(self, call: Callable[[], Awaitable[Answer]], clock: Clock) -> Answer:
        """What `call` gets from the store, however long our own etcd waits for a majority; others' may answer or fail.

        Raises what `call` raises, and what our own etcd fails with.
        """
        running = self._running
        if running is None:
            return await call()

        async def ready_call() -> Answer:
            await running.ready()
            return await call()

        return await patiently(ready_call, clock)

    @property
    def member(self) -> Member | None:
        """The etcd that this server runs itself."""
        return None if self._running is None else self._running.member

    async def versions(self) -> tuple[str, str]:
        """Of the etcd that answers and of its cluster, now; empty texts for the embedded engine, or without answer."""
        return await self._versions()

    async def close(self) -> None:
        """Give up the store, then end the member, which may take 10 s. Closing twice is harmless."""
        try:
            await self.store.close()
        finally:
            if self._running is not None:
                await self._running.end()


class RunningMember:
    """A member that already runs, as a service: cancelled, it leaves etcd as it is, since the store is still in use."""

    name = "etcd"

    def __init__(self, member: Member) -> None:
        self.member = member
        self._task = asyncio.get_running_loop().create_task(member.run(), name="etcd")

    async def run(self) -> None:
        """Return once the member has ended. Raises what it fails with."""
        await asyncio.shield(self._task)

    async def ready(self) -> None:
        """Return once etcd answers, however long that takes. Raises what the member fails with."""
        waiting = asyncio.get_running_loop().create_task(self.member.ready.wait())
        try:
            await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._task.done():
            self._task.result()

    async def end(self) -> None:
        """End etcd, unless it has ended."""
        failed_before = self._task.done()
        await self.member.stop()
        await asyncio.wait((self._task,))
        failure = None if self._task.cancelled() else self._task.exception()
        if failure is not None and not failed_before:
            get_logger("etcd").error("etcd did not end well", event_name="etcd_end", error=str(failure))


async def open_engine(config: ServerConfig, data_dir: DataDir, clock: Clock) -> Engine:
    """The engine that is configured, ready to be used. A member of a cluster waits for a majority, however long.

    Raises InvalidArgument for a setting that cannot be used, StoreFailed (MemberFailed for our own etcd) when the store
    cannot be had. Whether it raises or is cancelled, nothing is left running.
    """
    match config.etcd:
        case None:
            return await _open_embedded(config, data_dir)
        case ExternalEtcd() as external:
            return await _open_external(external, config.etcd_user)
        case MemberConfig() as member:
            server_id = f"{data_dir.member_id:x}"
            return await _open_member(config, replace(member, data_dir=data_dir.path), clock, server_id=server_id)


async def _open_embedded(config: ServerConfig, data_dir: DataDir) -> Engine:
    store = await SqliteStore.open(data_dir.database)
    operations = EmbeddedOperations(store, server_id=f"{data_dir.member_id:x}", name=config.name)
    return Engine("embedded", store, operations=operations, versions=_no_versions)


async def _no_versions() -> tuple[str, str]:
    return "", ""


async def _open_external(etcd: ExternalEtcd, user: User | None) -> Engine:
    if etcd.tls is not None:
        for key, path in zip(ETCD.keys, (etcd.tls.ca, etcd.tls.cert, etcd.tls.key), strict=True):
            _check_readable(key, path)
    store = await EtcdStore.open(etcd.endpoints, prefix=etcd.prefix, tls=etcd.tls, user=user, timeouts=TIMEOUTS)
    return Engine("etcd", store, operations=store.operations(owned=False, quota=etcd.quota), versions=store.versions)


def _check_readable(key: str, path: Path | None) -> None:
    try:
        if path is not None:
            path.read_bytes()
    except OSError as error:
        raise InvalidArgument(f"{ETCD.block}.{key}", f"cannot read {str(path)!r}: {error.strerror}") from error


async def _open_member(config: ServerConfig, etcd: MemberConfig, clock: Clock, *, server_id: str) -> Engine:
    member = Member(etcd, await choose(config.etcd_binary), clock=clock)
    running = RunningMember(member)
    try:
        store = await _open_when_ready(running, config.etcd_user, clock)
    except BaseException:
        await running.end()
        raise
    quota, relief = etcd.quota_backend_bytes or ETCDS_QUOTA, store.relief()
    turns = Turns(relief, server_id, clock=clock)
    return Engine(
        "etcd",
        store,
        operations=store.operations(owned=True, quota=quota),
        versions=member.versions,
        relief=relief,
        by_hand=store.operations_in_turn(turns, quota=quota),
        turns=turns,
        running=running,
    )


async def _open_when_ready(running: RunningMember, user: User | None, clock: Clock) -> EtcdStore:
    async def connect() -> EtcdStore:
        await running.ready()
        endpoints = [running.member.client_endpoint]
        return await EtcdStore.open(endpoints, user=user, timeouts=TIMEOUTS, may_compact=True)

    return await patiently(connect, clock)


async def patiently(call: Callable[[], Awaitable[Answer]], clock: Clock) -> Answer:
    """What `call` returns, however long etcd does not answer: the majority may be lost while a server opens.

    Raises what `call` raises otherwise.
    """
    tries, seldom = 0, Seldom(clock)
    while True:
        try:
            return await call()
        except Unreachable as failure:
            tries += 1
            if times := seldom.times(failure.reason):
                get_logger("etcd").info(
                    "etcd was ready, but does not answer; trying again",
                    event_name="etcd_unanswered",
                    error=failure.reason,
                    times=times,
                )
        await clock.sleep(exponential(tries, base=_FIRST_PAUSE, limit=_LONGEST_PAUSE))
