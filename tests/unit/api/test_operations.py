"""An administrator's calls: what is told of servers and members, and where each refusal comes from."""

from collections.abc import Sequence

import pytest
from google.protobuf.message import Message
from msgspec.structs import replace

from jobpool.api.operations import Operations, ServerSeen
from jobpool.api.service import Call
from jobpool.model.errors import FailedPrecondition, InvalidArgument, JobpoolError, NotFound, StoreFailed, Unavailable
from jobpool.model.server import ServerRecord
from jobpool.store.commands.servers import JoinServer
from jobpool.store.operations import Alarm, EngineStatus, KeysHash, Member, Space
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import World

CALL = Call(transport="grpc")
STATUS = EngineStatus(
    space=Space(900, 300, 2000),
    version="3.5.30",
    member_id="b",
    leader_id="b",
    raft_term=4,
    raft_index=70,
    raft_applied_index=69,
    errors=("memberID:11 alarm:NOSPACE ",),
)


def record(at: int) -> ServerRecord:
    return ServerRecord(f"{at}{at}", f"server{at}", f"http://10.0.0.{at}:2379", "0.1.0", 0, etcd_member="abc"[at - 1])


class Etcd:
    """An engine of three members that keeps what it was asked."""

    engine = "etcd"

    def __init__(self) -> None:
        self.ids = ["a", "b", "c"]
        self.learners: set[str] = set()
        self.nameless = ""
        self.asked: list[tuple[object, ...]] = []
        self.failure: JobpoolError | None = None
        self.raised = [Alarm("a", "NOSPACE"), Alarm("b", "CORRUPT"), Alarm("c", "NOSPACE")]

    async def status(self) -> EngineStatus:
        self._ask("status")
        return STATUS

    async def members(self) -> Sequence[Member]:
        return [
            Member(one, f"server{at}" * (one != self.nameless), (f"http://10.0.0.{at}:2380",), one in self.learners)
            for at, one in enumerate(self.ids, 1)
        ]

    async def add_member(self, peer_urls: Sequence[str], *, learner: bool) -> Member:
        self._ask("add", tuple(peer_urls), learner)
        return Member("d", "", tuple(peer_urls), learner)

    async def remove_member(self, member_id: str) -> None:
        self._ask("remove", member_id)
        if member_id not in self.ids:
            raise NotFound("member", member_id, field="id")
        self.ids.remove(member_id)

    async def update_member(self, member_id: str, peer_urls: Sequence[str]) -> None:
        self._ask("update", member_id, tuple(peer_urls))

    async def promote_member(self, member_id: str) -> None:
        self._ask("promote", member_id)

    async def move_raft_leader(self, to: Sequence[str]) -> Member:
        self._ask("move raft leader", *to)
        return Member("c", "server3")

    async def alarms(self) -> Sequence[Alarm]:
        return self.raised

    async def disarm(self, alarm: Alarm) -> None:
        self._ask("disarm", alarm.member_id, alarm.kind)

    async def defragment(self) -> None:
        self._ask("defragment")

    async def hash_keys(self, revision: int) -> KeysHash:
        self._ask("hash", revision)
        return KeysHash(99, revision or 12, 5)

    def _ask(self, *what: object) -> None:
        self.asked.append(what)
        if self.failure is not None:
            raise self.failure


class Seen:
    """The second of three servers; the first leads, the third was never heard."""

    server_id = "22"
    lag = 3
    agents = 7
    raft_heirs = ("c", "a")

    def __init__(self) -> None:
        self.leader = 1
        self.own_member = "b"
        self.more: list[ServerSeen] = []
        self.moved: list[str] = []
        self.avoided = ""

    def servers(self) -> Sequence[ServerSeen]:
        heard = {1: 120, 2: 0, 3: None}
        records = {at: record(at) for at in (3, 2, 1)}
        records[2] = replace(records[2], etcd_member=self.own_member)
        return [ServerSeen(one, heard[at], at == self.leader, 40 + at) for at, one in records.items()] + self.more

    async def move_leader(self, to: str, *, avoid: str = "") -> str:
        self.moved.append(to)
        self.avoided = avoid
        return to or "33"


class Desk:
    """The calls, over a world that has recorded the three servers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.etcd = Etcd()
        self.seen = Seen()
        self.operations = Operations(world.context, self.etcd, self.seen)

    async def __call__(self, name: str, request: Message) -> Message:
        return await self.operations.handlers[name](request, CALL)

    async def refusal(self, name: str, request: Message, kind: type[JobpoolError]) -> JobpoolError:
        with pytest.raises(kind) as refused:
            await self(name, request)
        return refused.value


@pytest.fixture
async def desk(world: World) -> Desk:
    for at in (1, 2, 3):
        await world.core.submit(JoinServer(record(at)))
    return Desk(world)


async def test_a_server_tells_of_itself_and_its_database(desk: Desk) -> None:
    told = await desk("ServerStatus", pb.ServerStatusRequest())
    fence = desk.world.state.fence
    assert isinstance(told, pb.ServerStatusResponse)
    assert (told.id, told.name, told.url, told.engine) == ("22", "server2", "http://10.0.0.2:2379", "etcd")
    assert (told.is_leader, told.raft_leader, told.leader_id, told.leader_name) == (False, True, "11", "server1")
    assert (told.n, told.term, told.lag, told.agents) == (fence.n, fence.term, 3, 7)
    assert (told.db_size, told.db_size_in_use, told.db_quota) == (900, 300, 2000)
    assert (told.etcd_version, told.member_id, told.raft_term, told.raft_index) == ("3.5.30", "b", 4, 70)
    assert list(told.errors) == ["memberID:11 alarm:NOSPACE "]


async def test_a_server_whose_etcd_does_not_answer_says_why(desk: Desk) -> None:
    desk.etcd.failure = StoreFailed("etcd at http://127.0.0.1:1: connection refused")
    desk.seen.leader = 0
    told = await desk("ServerStatus", pb.ServerStatusRequest())
    assert isinstance(told, pb.ServerStatusResponse)
    assert (told.name, told.raft_leader, told.db_size, told.leader_id) == ("server2", False, 0, "")
    assert list(told.errors) == ["etcd at http://127.0.0.1:1: connection refused"]


async def test_all_servers_are_listed_with_when_they_were_heard(desk: Desk) -> None:
    told = await desk("ServerList", pb.ServerListRequest())
    assert isinstance(told, pb.ServerListResponse)
    assert [(one.name, one.leads, one.n, one.member_id) for one in told.data] == [
        ("server1", True, 41, "a"),
        ("server2", False, 42, "b"),
        ("server3", False, 43, "c"),
    ]
    assert [one.heard_ago if one.HasField("heard_ago") else None for one in told.data] == [120, 0, None]


# ---- the lead


@pytest.mark.parametrize(("to", "heir"), [("", ""), ("server3", "33"), ("33", "33")])
async def test_the_lead_goes_to_whom_was_named(desk: Desk, *, to: str, heir: str) -> None:
    desk.seen.leader = 2
    told = await desk("MoveLeader", pb.MoveLeaderRequest(to=to))
    assert isinstance(told, pb.MoveLeaderResponse)
    assert desk.seen.moved == [heir]
    assert desk.seen.avoided == ("" if to else "b")
    assert told.data.name == "server3"


async def test_the_lead_goes_to_nobody_unknown_and_not_to_who_has_it(desk: Desk) -> None:
    desk.seen.leader = 2
    assert (await desk.refusal("MoveLeader", pb.MoveLeaderRequest(to="nobody"), NotFound)).field == "to"
    assert "leads already" in str(await desk.refusal("MoveLeader", pb.MoveLeaderRequest(to="22"), FailedPrecondition))
    assert desk.seen.moved == []


@pytest.mark.parametrize(("to", "heirs"), [("server3", ("server3",)), ("", ("c", "a"))])
async def test_the_raft_lead_is_the_engines(desk: Desk, *, to: str, heirs: tuple[str, ...]) -> None:
    told = await desk("MoveRaftLeader", pb.MoveRaftLeaderRequest(to=to))
    assert isinstance(told, pb.MoveRaftLeaderResponse)
    assert desk.etcd.asked == [("move raft leader", *heirs)]
    assert (told.data.name, told.data.server) == ("server3", "server3")


# ---- members


async def test_members_are_told_with_their_servers(desk: Desk) -> None:
    told = await desk("MemberList", pb.MemberListRequest())
    assert isinstance(told, pb.MemberListResponse)
    assert told.data[0] == pb.Member(
        id="a", name="server1", peer_urls=["http://10.0.0.1:2380"], server="server1", server_url="http://10.0.0.1:2379"
    )


async def test_a_member_is_added(desk: Desk) -> None:
    told = await desk("MemberAdd", pb.MemberAddRequest(peer_urls=["http://10.0.0.4:2380"], is_learner=True))
    assert isinstance(told, pb.MemberAddResponse)
    assert (told.member.id, told.member.is_learner, told.member.server) == ("d", True, "")
    assert len(told.data) == 3
    assert desk.etcd.asked == [("add", ("http://10.0.0.4:2380",), True)]


@pytest.mark.parametrize(
    "urls",
    [[], ["10.0.0.4:2380"], ["http://10.0.0.4"], ["http://a:1/path"], ["http://a:1,http://b:1"], ["http://a:1"] * 17],
)
async def test_peer_urls_are_checked(desk: Desk, urls: list[str]) -> None:
    for name, request in (
        ("MemberAdd", pb.MemberAddRequest(peer_urls=urls)),
        ("MemberUpdate", pb.MemberUpdateRequest(id="a", peer_urls=urls)),
    ):
        refused = await desk.refusal(name, request, InvalidArgument)
        assert refused.field == "peer_urls"
    assert desk.etcd.asked == []


async def test_a_removed_member_takes_its_server_along(desk: Desk) -> None:
    told = await desk("MemberRemove", pb.MemberRemoveRequest(id="c"))
    assert isinstance(told, pb.MemberRemoveResponse)
    assert [one.id for one in told.data] == ["a", "b"]
    assert sorted(desk.world.state.servers) == ["11", "22"]


async def test_what_was_half_removed_is_removed_by_asking_again(desk: Desk) -> None:
    desk.etcd.ids.remove("c")
    await desk("MemberRemove", pb.MemberRemoveRequest(id="c"))
    assert sorted(desk.world.state.servers) == ["11", "22"]


@pytest.mark.parametrize("name", ["c", "33", "server3"])
async def test_a_member_is_known_by_its_server_too(desk: Desk, name: str) -> None:
    await desk("MemberRemove", pb.MemberRemoveRequest(id=name))
    assert desk.etcd.asked == [("remove", "c")]
    assert sorted(desk.world.state.servers) == ["11", "22"]


async def test_a_server_without_a_member_is_forgotten(desk: Desk) -> None:
    bare = ServerRecord("44", "server4", "http://10.0.0.4:2379", "0.1.0", 0)
    await desk.world.core.submit(JoinServer(bare))
    desk.seen.more.append(ServerSeen(bare, None, False, 0))
    await desk("MemberRemove", pb.MemberRemoveRequest(id="server4"))
    assert desk.etcd.asked == []
    assert sorted(desk.world.state.servers) == ["11", "22", "33"]


async def test_of_two_servers_with_one_name_none_is_taken(desk: Desk) -> None:
    desk.seen.more.append(ServerSeen(replace(record(3), id="55"), None, False, 0))
    for name, request in (
        ("MemberRemove", pb.MemberRemoveRequest(id="server3")),
        ("MoveLeader", pb.MoveLeaderRequest(to="server3")),
    ):
        refused = await desk.refusal(name, request, FailedPrecondition)
        assert refused.reason == "2 servers are named 'server3': say the id of one (33, 55)"
    assert desk.etcd.asked == []


async def test_an_unknown_member_is_not_removed(desk: Desk) -> None:
    for name, request in (
        ("MemberRemove", pb.MemberRemoveRequest(id="zz")),
        ("MemberPromote", pb.MemberPromoteRequest(id="zz")),
        ("MemberUpdate", pb.MemberUpdateRequest(id="zz", peer_urls=["http://a:1"])),
    ):
        refused = await desk.refusal(name, request, NotFound)
        assert refused.message == "id: member 'zz' does not exist; there are server1 (a), server2 (b), server3 (c)"
    assert desk.etcd.asked == []
    assert sorted(desk.world.state.servers) == ["11", "22", "33"]


async def test_a_member_that_has_not_started_is_told_of_by_its_id(desk: Desk) -> None:
    desk.etcd.nameless = "c"
    refused = await desk.refusal("MemberPromote", pb.MemberPromoteRequest(id="zz"), FailedPrecondition)
    assert refused.message == (
        "id: 'zz' may be one that has no name until it has started; "
        "there are server1 (a), server2 (b), without a name yet (c)"
    )
    assert desk.etcd.asked == []


async def test_a_server_keeps_its_record_when_etcd_refuses(desk: Desk) -> None:
    desk.etcd.failure = FailedPrecondition("unhealthy cluster")
    await desk.refusal("MemberRemove", pb.MemberRemoveRequest(id="c"), FailedPrecondition)
    assert sorted(desk.world.state.servers) == ["11", "22", "33"]


async def test_a_leader_does_not_remove_itself(desk: Desk) -> None:
    refused = await desk.refusal("MemberRemove", pb.MemberRemoveRequest(id="b"), FailedPrecondition)
    assert "move-leader" in refused.reason
    assert desk.etcd.asked == []


async def test_members_are_promoted_and_moved(desk: Desk) -> None:
    desk.etcd.learners = {"c"}
    await desk("MemberPromote", pb.MemberPromoteRequest(id="server3"))
    await desk("MemberUpdate", pb.MemberUpdateRequest(id="c", peer_urls=["https://h:1", "http://[::1]:2"]))
    assert desk.etcd.asked == [("promote", "c"), ("update", "c", ("https://h:1", "http://[::1]:2"))]


async def test_a_member_with_a_vote_is_not_promoted_again(desk: Desk) -> None:
    refused = await desk.refusal("MemberPromote", pb.MemberPromoteRequest(id="c"), FailedPrecondition)
    assert refused.reason == "member server3 (c) has a vote already"
    assert desk.etcd.asked == []


async def test_a_server_on_an_etcd_of_others_has_no_member_and_no_raft_lead(desk: Desk) -> None:
    desk.seen.own_member = ""
    told = await desk("ServerStatus", pb.ServerStatusRequest())
    assert isinstance(told, pb.ServerStatusResponse)
    assert (told.raft_leader, told.member_id, told.raft_index) == (False, "", 70)


# ---- the database


async def test_only_alarms_of_the_kind_are_disarmed(desk: Desk) -> None:
    told = await desk("AlarmDisarm", pb.AlarmDisarmRequest())
    assert isinstance(told, pb.AlarmDisarmResponse)
    assert desk.etcd.asked == [("disarm", "a", "NOSPACE"), ("disarm", "c", "NOSPACE")]
    assert [one.member_id for one in told.data] == ["a", "c"]
    desk.etcd.asked.clear()
    await desk("AlarmDisarm", pb.AlarmDisarmRequest(alarm="CORRUPT"))
    assert desk.etcd.asked == [("disarm", "b", "CORRUPT")]
    assert (await desk.refusal("AlarmDisarm", pb.AlarmDisarmRequest(alarm="x"), InvalidArgument)).field == "alarm"


async def test_alarms_are_listed(desk: Desk) -> None:
    told = await desk("AlarmList", pb.AlarmListRequest())
    assert isinstance(told, pb.AlarmListResponse)
    assert [(one.member_id, one.alarm) for one in told.data] == [("a", "NOSPACE"), ("b", "CORRUPT"), ("c", "NOSPACE")]


async def test_a_database_is_defragmented(desk: Desk) -> None:
    told = await desk("Defragment", pb.DefragmentRequest())
    assert isinstance(told, pb.DefragmentResponse)
    assert desk.etcd.asked == [("status",), ("defragment",), ("status",)]
    assert (told.db_size_before, told.db_size) == (900, 900)


async def test_a_hash_is_told_with_its_revisions(desk: Desk) -> None:
    told = await desk("HashKV", pb.HashKVRequest(revision=9))
    assert isinstance(told, pb.HashKVResponse)
    assert (told.hash, told.revision, told.compact_revision) == (99, 9, 5)
    assert (await desk.refusal("HashKV", pb.HashKVRequest(revision=-1), InvalidArgument)).field == "revision"


async def test_what_the_engine_refuses_reaches_the_caller(desk: Desk) -> None:
    desk.etcd.learners = {"a"}
    desk.etcd.failure = Unavailable("no quorum")
    for name, request in (
        ("MemberAdd", pb.MemberAddRequest(peer_urls=["http://a:1"])),
        ("MemberPromote", pb.MemberPromoteRequest(id="a")),
        ("Defragment", pb.DefragmentRequest()),
        ("HashKV", pb.HashKVRequest()),
    ):
        assert (await desk.refusal(name, request, Unavailable)).reason == "no quorum"
