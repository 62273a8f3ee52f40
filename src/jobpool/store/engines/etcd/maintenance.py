"""An administrator's calls to etcd, told in the words of the one error tree and with what to do next."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from jobpool.kit.pure.durations import MINUTE, Millis
from jobpool.model.errors import FailedPrecondition, InvalidArgument, JobpoolError, NotFound, StoreFailed, Unavailable
from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.errors import Unreachable
from jobpool.store.engines.etcd.link import Method
from jobpool.store.operations import Alarm, EngineStatus, KeysHash, Member, Space
from jobpool.wire.etcd_pb2 import (
    NOSPACE,
    AlarmMember,
    AlarmRequest,
    AlarmResponse,
    AlarmType,
    DefragmentRequest,
    DefragmentResponse,
    HashKVRequest,
    HashKVResponse,
    MemberAddRequest,
    MemberAddResponse,
    MemberListResponse,
    MemberPromoteRequest,
    MemberPromoteResponse,
    MemberRemoveRequest,
    MemberRemoveResponse,
    MemberUpdateRequest,
    MemberUpdateResponse,
    MoveLeaderRequest,
    MoveLeaderResponse,
    StatusResponse,
)
from jobpool.wire.etcd_pb2 import Member as EtcdMember

_ADD: Method[MemberAddRequest, MemberAddResponse] = Method("/etcdserverpb.Cluster/MemberAdd", MemberAddResponse)
_REMOVE: Method[MemberRemoveRequest, MemberRemoveResponse] = Method(
    "/etcdserverpb.Cluster/MemberRemove", MemberRemoveResponse
)
_UPDATE: Method[MemberUpdateRequest, MemberUpdateResponse] = Method(
    "/etcdserverpb.Cluster/MemberUpdate", MemberUpdateResponse
)
_PROMOTE: Method[MemberPromoteRequest, MemberPromoteResponse] = Method(
    "/etcdserverpb.Cluster/MemberPromote", MemberPromoteResponse
)
_MOVE: Method[MoveLeaderRequest, MoveLeaderResponse] = Method(
    "/etcdserverpb.Maintenance/MoveLeader", MoveLeaderResponse
)
_ALARM: Method[AlarmRequest, AlarmResponse] = Method("/etcdserverpb.Maintenance/Alarm", AlarmResponse)
_DEFRAGMENT: Method[DefragmentRequest, DefragmentResponse] = Method(
    "/etcdserverpb.Maintenance/Defragment", DefragmentResponse
)
_HASH: Method[HashKVRequest, HashKVResponse] = Method("/etcdserverpb.Maintenance/HashKV", HashKVResponse)

CHANGE_WITHIN: Millis = 10_000
"""A change of the membership, or a move of the lead: etcd itself gives up after 5 to 7 s."""
_LISTED_WITHIN: Millis = 1_000
_HASHED_WITHIN: Millis = 3 * MINUTE
"""A member reads all that it has for it."""
DEFRAGMENT_WITHIN: Millis = 30 * MINUTE
"""8 GiB on a slow disk."""

_REFUSALS = (
    (
        "not enough started members",
        "too few members are running to stay a quorum with this change: start those that are down, or remove the "
        "member that is gone for good first",
    ),
    (
        "unhealthy cluster",
        "etcd wants all its members connected for 5 s before the membership changes: start those that are down, or "
        "remove the member that is gone for good first",
    ),
    ("in sync with leader", "the member has not caught up yet, or does not run: try again in a moment"),
    ("can only promote a learner", "the member has a vote already"),
    ("too many learner", "promote or remove the learner that there is first"),
    ("member ID already exist", "a member with these peer URLs is there already: `jobpoolctl member list` shows it"),
    ("Peer URLs already exists", "a member with these peer URLs is there already: `jobpoolctl member list` shows it"),
    ("not leader", "only the server whose member leads the Raft group can: `jobpoolctl endpoint status --cluster`"),
    ("bad leader transferee", "that member cannot lead: it has no vote, or is not there"),
    ("future revision", "this member has not reached that revision yet"),
    ("revision has been compacted", "that revision is not kept any more: leave it out, or name a newer one"),
    ("not supported for learner", "this server's member is still a learner: ask another server, or promote it"),
    ("etcd cluster is not capable", "every member must run a version that knows this call"),
)
_LOST = "no answer, so it may have been done or not: `jobpoolctl member list` and `endpoint status --cluster` show it"


class EtcdOperations:
    """Implements `store.operations.Operations`.

    `owned`: the one endpoint is this server's own member; otherwise etcd is somebody else's, and so is its care.
    `quota` in bytes, for an etcd that does not tell its own (before 3.6); 0 = not known.
    """

    engine = "etcd"

    def __init__(self, client: EtcdClient, *, owned: bool, quota: int = 0) -> None:
        self._client = client
        self._owned = owned
        self._quota = quota

    async def status(self) -> EngineStatus:
        async with told():
            return self._read(await self._client.status())

    async def members(self) -> Sequence[Member]:
        async with told():
            return _members(await self._client.members(within=_LISTED_WITHIN))

    async def add_member(self, peer_urls: Sequence[str], *, learner: bool) -> Member:
        self._check_owned("member add")
        async with told(_LOST):
            request = MemberAddRequest(peerURLs=peer_urls, isLearner=learner)
            return _member((await self._client.once(_ADD, request, timeout=CHANGE_WITHIN)).member)

    async def remove_member(self, member_id: str) -> None:
        self._check_owned("member remove")
        status = await self.status()
        if member_id == status.leader_id != status.member_id:
            raise FailedPrecondition(
                "this member leads the Raft group, whose election would hold up all changes: "
                "`jobpoolctl move-leader --raft`, then again",
                field="id",
            )
        async with told(_LOST, member=member_id):
            request = MemberRemoveRequest(ID=number_of(member_id))
            await self._client.once(_REMOVE, request, timeout=CHANGE_WITHIN)

    async def update_member(self, member_id: str, peer_urls: Sequence[str]) -> None:
        self._check_owned("member update")
        async with told(_LOST, member=member_id):
            request = MemberUpdateRequest(ID=number_of(member_id), peerURLs=peer_urls)
            await self._client.once(_UPDATE, request, timeout=CHANGE_WITHIN)

    async def promote_member(self, member_id: str) -> None:
        self._check_owned("member promote")
        async with told(_LOST, member=member_id):
            request = MemberPromoteRequest(ID=number_of(member_id))
            await self._client.once(_PROMOTE, request, timeout=CHANGE_WITHIN)

    async def move_raft_leader(self, to: Sequence[str]) -> Member:
        self._check_owned("move-leader")
        status = await self.status()
        if not status.raft_leader:
            raise FailedPrecondition("this server's member does not lead the Raft group", field="to")
        others = [one for one in await self.members() if one.id != status.member_id and not one.is_learner and one.name]
        heir = next((one for wanted in to for one in others if wanted in (one.id, one.name)), None)
        if heir is None:
            names = ", ".join(one.name for one in others) or "nobody"
            found = ", ".join(map(repr, to)) or "none whose server answers"
            raise FailedPrecondition(f"wanted another member with a vote ({names}), found {found}", field="to")
        async with told(_LOST):
            request = MoveLeaderRequest(targetID=number_of(heir.id))
            await self._client.once(_MOVE, request, timeout=CHANGE_WITHIN)
        return heir

    async def alarms(self) -> Sequence[Alarm]:
        async with told():
            answer = await self._client.ask(_ALARM, AlarmRequest(action=AlarmRequest.GET), timeout=CHANGE_WITHIN)
        return [_alarm(one) for one in answer.alarms]

    async def disarm(self, alarm: Alarm) -> None:
        self._check_owned("alarm disarm")
        request = AlarmRequest(action=AlarmRequest.DEACTIVATE, memberID=number_of(alarm.member_id), alarm=alarm.kind)
        async with told(_LOST):
            await self._client.once(_ALARM, request, timeout=CHANGE_WITHIN)

    async def defragment(self) -> None:
        self._check_owned("defrag")
        async with told("no answer: it may still go on, `jobpoolctl endpoint status` shows the size"):
            await self._client.once(_DEFRAGMENT, DefragmentRequest(), timeout=DEFRAGMENT_WITHIN)

    async def hash_keys(self, revision: int) -> KeysHash:
        async with told():
            answer = await self._client.ask(_HASH, HashKVRequest(revision=revision), timeout=_HASHED_WITHIN)
        return KeysHash(answer.hash, revision or answer.header.revision, answer.compact_revision)

    def _read(self, found: StatusResponse) -> EngineStatus:
        return EngineStatus(
            space=Space(found.dbSize, found.dbSizeInUse, found.dbSizeQuota or self._quota),
            version=found.version,
            member_id=hex_of(found.header.member_id),
            leader_id=hex_of(found.leader) if found.leader else "",
            is_learner=found.isLearner,
            raft_term=found.raftTerm,
            raft_index=found.raftIndex,
            raft_applied_index=found.raftAppliedIndex,
            errors=tuple(found.errors),
        )

    def _check_owned(self, command: str) -> None:
        if not self._owned:
            raise FailedPrecondition(
                f"this etcd is not supervised by jobpool (`etcd-endpoints`): whoever runs it uses `etcdctl {command}`"
            )


def hex_of(number: int) -> str:
    return f"{number:x}"


def number_of(member_id: str) -> int:
    """Raises InvalidArgument for what is no id."""
    try:
        number = int(member_id, 16)
    except ValueError:
        number = 0
    if not 0 < number < 2**64:
        raise InvalidArgument(
            "id", f"wanted a member's id in hexadecimal, or the name of one that has started; found {member_id[:40]!r}"
        )
    return number


def full(status: EngineStatus) -> bool:
    """Whether some member's quota is used up: etcd then refuses whatever could need space, on all members."""
    return any(AlarmType.Name(NOSPACE) in error for error in status.errors)


def _members(answer: MemberListResponse) -> list[Member]:
    return sorted(map(_member, answer.members), key=lambda member: member.name)


def _member(found: EtcdMember) -> Member:
    return Member(hex_of(found.ID), found.name, tuple(found.peerURLs), found.isLearner)


def _alarm(found: AlarmMember) -> Alarm:
    return Alarm(hex_of(found.memberID), AlarmType.Name(found.alarm))


@asynccontextmanager
async def told(lost: str = "", *, member: str = "") -> AsyncIterator[None]:
    """Tell etcd's refusals in our words. `lost` is what a missing answer means to whoever asked for a change."""
    try:
        yield
    except StoreFailed as failure:
        raise _explained(failure, lost, member) from failure


def _explained(failure: StoreFailed, lost: str, member: str) -> JobpoolError:
    reason = failure.reason
    if "member not found" in reason:
        return NotFound("member", member, field="id")
    if "member URLs are invalid" in reason:
        return InvalidArgument("peer_urls", reason)
    for sign, advice in _REFUSALS:
        if sign in reason:
            return FailedPrecondition(f"{reason}; {advice}")
    if isinstance(failure, Unreachable):
        return Unavailable(f"{reason}; {lost}" if lost else reason)
    return FailedPrecondition(reason)
