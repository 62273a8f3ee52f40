"""etcd's own services on the client port: for the etcd beneath this server, or why there are none.

It speaks to that etcd by connections of its own, with the tokens of its callers. The few calls that clients of a
cluster make before anything else have an answer on the embedded engine too.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from google.protobuf.message import Message
from msgspec import Struct

from jobpool import __version__
from jobpool.api.etcd.administration import NO_USER
from jobpool.api.etcd.calls import Calls, EtcdCalls, NoCalls
from jobpool.api.etcd.kv import Handler
from jobpool.api.etcd.passage import Caller, EtcdPassage
from jobpool.api.etcd.ranges import Reserved
from jobpool.api.operations import ClusterInfo
from jobpool.api.service import Call, Service
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import FailedPrecondition
from jobpool.server.config import ExternalEtcd
from jobpool.server.engine import Engine
from jobpool.store.engines.etcd.engine import EtcdStore
from jobpool.store.engines.etcd.identity import is_of
from jobpool.store.engines.etcd.keys import keyspace
from jobpool.store.engines.etcd.link import Link
from jobpool.store.engines.etcd.settings import DEFAULT_PREFIX, Tls, User, parse_endpoint
from jobpool.store.engines.etcd.turns import Turns
from jobpool.wire import etcd_pb2 as etcd
from jobpool.wire import jobpool_pb2 as pb

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes of one answer of etcd: it is held whole until the caller has taken it."""
_THERE: Millis = 5 * SECOND
"""A server that was not heard for so long holds up no compaction: it loads everything anew when it is back."""

OFF = "this server does not answer for its etcd: `enable-etcd-api` is false"
EMBEDDED = "this server has the embedded engine: calls to etcd need the etcd engine"


class AccessConfig(Struct, frozen=True, kw_only=True):
    """`enabled`: `enable-etcd-api`. `allow_remote_snapshot`: callers elsewhere may save etcd's snapshots too.

    `user`: whom etcd knows this server as, where its authentication is on.
    """

    enabled: bool = True
    user: User | None = None
    allow_remote_snapshot: bool = False


class Around(Protocol):
    """What of the rest of the server this needs, as `server.core.Core` has it."""

    @property
    def seen(self) -> ClusterInfo: ...

    @property
    def service(self) -> Service: ...


class EtcdAccess:
    """`calls` are to be served. `stop` what waits when the server begins to stop, `close` once nothing is served."""

    def __init__(self, calls: Calls, passage: EtcdPassage | None = None) -> None:
        self.calls = calls
        self._passage = passage

    def stop(self) -> None:
        if self._passage is not None:
            self._passage.stop()

    async def close(self) -> None:
        if self._passage is not None:
            await self._passage.close()


def open_access(engine: Engine, core: Around, external: ExternalEtcd | None, *, config: AccessConfig) -> EtcdAccess:
    """For this engine; `external` is the etcd that it has not started itself. Nothing is connected before a call."""
    if not config.enabled:
        return EtcdAccess(NoCalls(OFF))
    if not isinstance(engine.store, EtcdStore):
        return EtcdAccess(NoCalls(EMBEDDED, EmbeddedAnswers(engine, core).handlers))
    if external is None:
        endpoints, tls = ([engine.member.client_endpoint] if engine.member is not None else []), None
    else:
        endpoints, tls = list(external.endpoints), external.tls
    site = EtcdSite(engine.store, core, external, config=config, turns=engine.turns)
    passage = EtcdPassage([_link(endpoint, tls) for endpoint in endpoints])
    return EtcdAccess(EtcdCalls(passage, site), passage)


def _link(endpoint: str, tls: Tls | None) -> Link:
    """Callers who do not read are many, so nothing is taken in before there is a place for it."""
    return Link(parse_endpoint(endpoint, tls=tls is not None), tls, max_answer=MAX_ANSWER, looks_ahead=False)


class EtcdSite:
    """Implements `api.etcd.site.Site`."""

    def __init__(
        self,
        store: EtcdStore,
        core: Around,
        external: ExternalEtcd | None,
        *,
        config: AccessConfig,
        turns: Turns | None,
    ) -> None:
        keys = keyspace(DEFAULT_PREFIX if external is None else external.prefix)
        self.reserved = Reserved(keys.first, keys.last)
        self._store = store
        self._core = core
        self._turns = turns
        self._supervised = external is None
        self._user = config.user
        self.user = "" if config.user is None else config.user.name
        self.own_user = self.user if self._supervised else ""
        self.allows_remote_snapshots = config.allow_remote_snapshot

    def own_leases(self) -> Collection[int]:
        """None: who leads is told by the fence."""
        return ()

    def urls_of(self, member_id: int) -> Sequence[str] | None:
        if not self._supervised:
            return None
        records = (seen.record for seen in self._core.seen.servers())
        return [record.url for record in records if record.etcd_member == f"{member_id:x}" and record.url]

    def turn(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._turns is None else self._turns.turn()

    async def make_user(self) -> None:
        if self._user is None:
            raise FailedPrecondition(NO_USER)
        if others := await asyncio.to_thread(self._unlike, self._user):
            raise FailedPrecondition(f"{NO_USER}. Without them, or with others, are {', '.join(others)}")
        await self._store.make_user(self._user)

    def _unlike(self, user: User) -> list[str]:
        """The servers whose configuration has another user or password than this one's, or none."""
        records = [seen.record for seen in self._core.seen.servers()]
        return sorted(one.name or one.id for one in records if not is_of(one.etcd_user, user, one.id))

    async def newest_compactable(self) -> int:
        there = [seen.n for seen in self._core.seen.servers() if seen.heard is not None and seen.heard <= _THERE]
        return await self._store.compactable(min(there))

    async def remove_member(self, member_id: int, caller: Caller) -> None:
        request = pb.MemberRemoveRequest(id=f"{member_id:x}")
        call = Call(transport="grpc", peer=caller.peer, timeout=caller.timeout)
        await self._core.service.call("MemberRemove", request, call)


class EmbeddedAnswers:
    """What a server that is alone says when it is asked as a member of etcd."""

    def __init__(self, engine: Engine, core: Around) -> None:
        self._engine = engine
        self._core = core

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "MemberList": self.member_list,
            "Status": self.status,
            "AuthStatus": self.auth_status,
            "Authenticate": self.authenticate,
        }

    async def member_list(self, request: Message, caller: Caller) -> bytes:
        members = [
            etcd.Member(ID=int(seen.record.id, 16), name=seen.record.name, clientURLs=[seen.record.url])
            for seen in self._core.seen.servers()
        ]
        return etcd.MemberListResponse(header=await self._header(caller), members=members).SerializeToString()

    async def status(self, request: Message, caller: Caller) -> bytes:
        found = await self._status(caller)
        header = _header(found)
        answer = etcd.StatusResponse(
            header=header,
            version=__version__,
            dbSize=found.db_size,
            dbSizeInUse=found.db_size_in_use,
            leader=header.member_id if found.is_leader else 0,
            raftTerm=found.term,
            raftIndex=found.n,
            raftAppliedIndex=found.n,
            errors=found.errors,
        )
        return answer.SerializeToString()

    async def auth_status(self, request: Message, caller: Caller) -> bytes:
        return etcd.AuthStatusResponse(header=await self._header(caller)).SerializeToString()

    async def authenticate(self, request: Message, caller: Caller) -> bytes:
        raise FailedPrecondition("etcdserver: authentication is not enabled")

    async def _header(self, caller: Caller) -> etcd.ResponseHeader:
        return _header(await self._status(caller))

    async def _status(self, caller: Caller) -> pb.ServerStatusResponse:
        call = Call(transport="grpc", peer=caller.peer, timeout=caller.timeout)
        found = await self._core.service.call("ServerStatus", pb.ServerStatusRequest(), call)
        assert isinstance(found, pb.ServerStatusResponse)
        return found


def _header(status: pb.ServerStatusResponse) -> etcd.ResponseHeader:
    found = status.header
    return etcd.ResponseHeader(
        cluster_id=found.cluster_id, member_id=int(status.id, 16), revision=found.revision, raft_term=found.raft_term
    )
