"""Operations: servers, the members of their etcd, and the care of their databases."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from jobpool import __version__
from jobpool.api.checks import check_text
from jobpool.api.context import Context
from jobpool.api.service import Call, Handler
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import Millis
from jobpool.kit.pure.settings import split_url
from jobpool.model.errors import FailedPrecondition, InvalidArgument, JobpoolError, NotFound
from jobpool.model.server import ServerRecord
from jobpool.store.commands.servers import RemoveServer
from jobpool.store.operations import Alarm, EngineStatus, Member, Space
from jobpool.store.operations import Operations as Engine
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp

_MAX_TEXT = 512
_MAX_URLS = 16
_ALARMS = ("NOSPACE", "CORRUPT")

AT_THE_LEADER = frozenset({"MemberRemove", "MoveLeader"})
"""The calls that are the leader's to answer; all others are about the server that was asked."""


class ServerSeen(Struct, frozen=True):
    """A server as this one sees it: `heard` ms ago, None = never; 0 for itself. `n`: how far it said it has folded."""

    record: ServerRecord
    heard: Millis | None
    leads: bool
    n: int


class ClusterInfo(Protocol):
    """What this server knows of the servers."""

    @property
    def server_id(self) -> str:
        """Its own id."""
        ...

    def servers(self) -> Sequence[ServerSeen]:
        """All that belong to the cluster, this one included, even before it is recorded."""
        ...

    @property
    def lag(self) -> int:
        """Commits that it knows of and has not folded."""
        ...

    @property
    def agents(self) -> int:
        """Agents that are connected to it."""
        ...

    @property
    def raft_heirs(self) -> Sequence[str]:
        """The etcd members of the other servers that are there, the best first to lead Raft."""
        ...

    async def move_leader(self, to: str, *, avoid: str = "") -> str:
        """Hand the lead of the scheduling over, from this server, to the one with this id; its id.

        Empty: any other, that of the etcd member `avoid` only when there is no choice. Raises FailedPrecondition when
        there is no such heir, Unavailable when this server does not lead or it failed.
        """
        ...


class Operations:
    """An administrator's calls. What concerns the store goes to its engine, in whose words it refuses."""

    def __init__(self, context: Context, engine: Engine, cluster: ClusterInfo) -> None:
        self._context = context
        self._engine = engine
        self._cluster = cluster
        self._started = context.clock.now()
        self._log = get_logger("operations")

    @property
    def handlers(self) -> dict[str, Handler]:
        return {
            "ServerStatus": self.server_status,
            "ServerList": self.server_list,
            "MemberList": self.member_list,
            "MemberAdd": self.member_add,
            "MemberRemove": self.member_remove,
            "MemberUpdate": self.member_update,
            "MemberPromote": self.member_promote,
            "MoveLeader": self.move_leader,
            "MoveRaftLeader": self.move_raft_leader,
            "AlarmList": self.alarm_list,
            "AlarmDisarm": self.alarm_disarm,
            "Defragment": self.defragment,
            "HashKV": self.hash_kv,
        }

    # ---- servers

    async def server_status(self, request: pb.ServerStatusRequest, call: Call) -> pb.ServerStatusResponse:
        """Answers whatever has failed below: that is when it is asked."""
        try:
            status = await self._context.read(self._engine.status(), call)
        except JobpoolError as failure:
            status = EngineStatus(space=Space(0, 0), errors=(failure.reason,))
        servers = self._cluster.servers()
        own = next(seen for seen in servers if seen.record.id == self._cluster.server_id)
        leader = next((seen.record for seen in servers if seen.leads), None)
        fence = self._context.state.fence
        return pb.ServerStatusResponse(
            header=self._context.header(),
            id=own.record.id,
            name=own.record.name,
            url=own.record.url,
            version=__version__,
            engine=self._engine.engine,
            is_leader=own.leads,
            raft_leader=status.raft_leader and bool(own.record.etcd_member),
            n=fence.n,
            term=fence.term,
            lag=self._cluster.lag,
            leader_id=leader.id if leader else "",
            leader_name=leader.name if leader else "",
            agents=self._cluster.agents,
            db_size=status.space.size,
            db_size_in_use=status.space.in_use,
            db_quota=status.space.quota,
            etcd_version=status.version if self._engine.engine == "etcd" else "",
            member_id=own.record.etcd_member,
            is_learner=status.is_learner,
            raft_term=status.raft_term,
            raft_index=status.raft_index,
            raft_applied_index=status.raft_applied_index,
            errors=status.errors,
            started_at=timestamp(self._started),
        )

    async def server_list(self, request: pb.ServerListRequest, call: Call) -> pb.ServerListResponse:
        servers = sorted(self._cluster.servers(), key=lambda seen: (seen.record.name, seen.record.id))
        return pb.ServerListResponse(header=self._context.header(), data=[server_message(seen) for seen in servers])

    async def move_leader(self, request: pb.MoveLeaderRequest, call: Call) -> pb.MoveLeaderResponse:
        to = check_text("to", request.to, _MAX_TEXT)
        heir = self._server_named(to).record.id if to else ""
        if heir == self._cluster.server_id:
            raise FailedPrecondition(f"{to!r} leads already", field="to")
        avoid = "" if heir else await self._raft_leader()
        led = await self._context.read(self._cluster.move_leader(heir, avoid=avoid), call)
        self._log.info("the lead was handed over on request", event_name="lead_moved", to=led, peer=call.peer)
        return pb.MoveLeaderResponse(header=self._context.header(), data=server_message(self._server_named(led)))

    async def _raft_leader(self) -> str:
        try:
            return (await self._engine.status()).leader_id
        except JobpoolError:
            return ""

    def _server_named(self, name: str) -> ServerSeen:
        there = self._cluster.servers()
        found = [seen for seen in there if name == seen.record.id] or [
            seen for seen in there if name == seen.record.name
        ]
        if not found:
            raise NotFound("server", name, field="to", there=[_named(seen.record) for seen in there])
        _require_one([seen.record for seen in found], name, field="to")
        return found[0]

    # ---- members

    async def member_list(self, request: pb.MemberListRequest, call: Call) -> pb.MemberListResponse:
        members = await self._members(call)
        return pb.MemberListResponse(header=self._context.header(), data=members)

    async def member_add(self, request: pb.MemberAddRequest, call: Call) -> pb.MemberAddResponse:
        urls = _peer_urls(request.peer_urls)
        added = await self._engine.add_member(urls, learner=request.is_learner)
        self._log.info("a member was added", event_name="member_added", member=added.id, peer_urls=list(urls))
        return pb.MemberAddResponse(
            header=self._context.header(), member=self._member(added), data=await self._members(call)
        )

    async def member_remove(self, request: pb.MemberRemoveRequest, call: Call) -> pb.MemberRemoveResponse:
        """Out of etcd and out of the cluster's records. What was done is found done when it is asked again."""
        name = check_text("id", request.id, _MAX_TEXT)
        server = self._server_of(name)
        if server is not None and server.id == self._cluster.server_id:
            raise FailedPrecondition(
                f"{server.name} leads and cannot remove itself: `jobpoolctl move-leader`, then again", field="id"
            )
        member_id = (await self._member_named(name, call)).id if server is None else server.etcd_member
        try:
            if member_id:
                await self._engine.remove_member(member_id)
        except NotFound:
            if server is None:
                raise
        if server is not None:
            await self._context.write(RemoveServer(server.id), call)
        self._log.info("a member was removed", event_name="member_removed", member=member_id)
        return pb.MemberRemoveResponse(header=self._context.header(), data=await self._members(call))

    async def member_update(self, request: pb.MemberUpdateRequest, call: Call) -> pb.MemberUpdateResponse:
        name, urls = check_text("id", request.id, _MAX_TEXT), _peer_urls(request.peer_urls)
        await self._engine.update_member((await self._member_named(name, call)).id, urls)
        return pb.MemberUpdateResponse(header=self._context.header(), data=await self._members(call))

    async def member_promote(self, request: pb.MemberPromoteRequest, call: Call) -> pb.MemberPromoteResponse:
        found = await self._member_named(check_text("id", request.id, _MAX_TEXT), call)
        if not found.is_learner:  # etcd would log an error
            raise FailedPrecondition(f"member {_shown(found)} has a vote already", field="id")
        await self._engine.promote_member(found.id)
        return pb.MemberPromoteResponse(header=self._context.header(), data=await self._members(call))

    async def move_raft_leader(self, request: pb.MoveRaftLeaderRequest, call: Call) -> pb.MoveRaftLeaderResponse:
        to = check_text("to", request.to, _MAX_TEXT)
        leads = await self._engine.move_raft_leader([to] if to else self._cluster.raft_heirs)
        return pb.MoveRaftLeaderResponse(header=self._context.header(), data=self._member(leads))

    async def _members(self, call: Call) -> list[pb.Member]:
        return [self._member(member) for member in await self._context.read(self._engine.members(), call)]

    def _server_of(self, name: str) -> ServerRecord | None:
        """The server that has this member; a server's own id or name will do where it is the only one."""
        records = [seen.record for seen in self._cluster.servers()]
        found = [record for record in records if name and name in (record.etcd_member, record.id)]
        found = found or [record for record in records if record.name == name]
        _require_one(found, name, field="id")
        return found[0] if found else None

    async def _member_named(self, name: str, call: Call) -> Member:
        """By its id, or its name where that is the only one."""
        there = await self._context.read(self._engine.members(), call)
        found = [one for one in there if one.id == name] or [one for one in there if name and one.name == name]
        if not found:
            if not all(one.name for one in there):
                told = ", ".join(sorted(map(_shown, there)))
                reason = f"{name!r} may be one that has no name until it has started; there are {told}"
                raise FailedPrecondition(reason, field="id")
            servers = [seen.record for seen in self._cluster.servers() if not seen.record.etcd_member]
            raise NotFound("member", name, field="id", there=[*map(_shown, there), *map(_named, servers)])
        if len(found) > 1:
            ids = ", ".join(one.id for one in found)
            raise FailedPrecondition(f"{len(found)} members are named {name!r}: say the id of one ({ids})", field="id")
        return found[0]

    def _member(self, member: Member) -> pb.Member:
        server = next((seen.record for seen in self._cluster.servers() if seen.record.etcd_member == member.id), None)
        return pb.Member(
            id=member.id,
            name=member.name,
            peer_urls=member.peer_urls,
            is_learner=member.is_learner,
            server=server.name if server else "",
            server_url=server.url if server else "",
        )

    # ---- the database

    async def alarm_list(self, request: pb.AlarmListRequest, call: Call) -> pb.AlarmListResponse:
        alarms = await self._context.read(self._engine.alarms(), call)
        return pb.AlarmListResponse(header=self._context.header(), data=[_alarm(alarm) for alarm in alarms])

    async def alarm_disarm(self, request: pb.AlarmDisarmRequest, call: Call) -> pb.AlarmDisarmResponse:
        kind = request.alarm or _ALARMS[0]
        if kind not in _ALARMS:
            raise InvalidArgument("alarm", f"must be one of {', '.join(_ALARMS)}; found {kind[:40]!r}")
        found = [alarm for alarm in await self._context.read(self._engine.alarms(), call) if alarm.kind == kind]
        for alarm in found:
            await self._engine.disarm(alarm)
            self._log.warning("an alarm was disarmed", event_name="alarm_disarmed", member=alarm.member_id, alarm=kind)
        return pb.AlarmDisarmResponse(header=self._context.header(), data=[_alarm(alarm) for alarm in found])

    async def defragment(self, request: pb.DefragmentRequest, call: Call) -> pb.DefragmentResponse:
        before = (await self._engine.status()).space.size
        await self._engine.defragment()
        after = (await self._engine.status()).space.size
        self._log.info("the database was defragmented", event_name="defragmented", before=before, after=after)
        return pb.DefragmentResponse(header=self._context.header(), db_size_before=before, db_size=after)

    async def hash_kv(self, request: pb.HashKVRequest, call: Call) -> pb.HashKVResponse:
        if request.revision < 0:
            raise InvalidArgument("revision", f"wanted a number ≥ 0, found {request.revision}")
        found = await self._engine.hash_keys(request.revision)
        return pb.HashKVResponse(
            header=self._context.header(),
            hash=found.value,
            revision=found.revision,
            compact_revision=found.compact_revision,
        )


def server_message(seen: ServerSeen) -> pb.Server:
    record = seen.record
    return pb.Server(
        id=record.id,
        name=record.name,
        url=record.url,
        version=record.version,
        heard_ago=seen.heard,
        leads=seen.leads,
        n=seen.n,
        member_id=record.etcd_member,
    )


def _named(record: ServerRecord) -> str:
    return f"{record.name} ({record.id})" if record.name else record.id


def _shown(member: Member) -> str:
    return f"{member.name or 'without a name yet'} ({member.id})"


def _require_one(found: Sequence[ServerRecord], name: str, *, field: str) -> None:
    if len(found) > 1:
        ids = ", ".join(record.id for record in found)
        raise FailedPrecondition(f"{len(found)} servers are named {name!r}: say the id of one ({ids})", field=field)


def _alarm(alarm: Alarm) -> pb.Alarm:
    return pb.Alarm(member_id=alarm.member_id, alarm=alarm.kind)


def _peer_urls(urls: Sequence[str]) -> tuple[str, ...]:
    if not 0 < len(urls) <= _MAX_URLS:
        raise InvalidArgument("peer_urls", f"wanted 1 to {_MAX_URLS} of http(s)://host:port, found {len(urls)}")
    for url in urls:
        parts = split_url(url)
        if parts is None or not parts.port or "," in url or len(url) > _MAX_TEXT:
            raise InvalidArgument("peer_urls", f"wanted http(s)://host:port, found {url[:100]!r}")
    return tuple(urls)
