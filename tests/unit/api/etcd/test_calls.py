"""What becomes of a call to etcd: passed, changed on its way, or refused."""

import pytest
from google.protobuf.message import Message

from jobpool.api.etcd.calls import EtcdCalls, NoCalls
from jobpool.api.etcd.methods import METHODS
from jobpool.api.etcd.passage import Caller, refused
from jobpool.model.errors import (
    Code,
    FailedPrecondition,
    JobpoolError,
    NotFound,
    PermissionDenied,
    Unimplemented,
)
from jobpool.wire import etcd_pb2 as etcd
from tests.unit.api.etcd.passages import LOCAL, REMOTE, FakePassage, FakeSite, listed


class Desk:
    def __init__(self) -> None:
        self.passage = FakePassage()
        self.site = FakeSite()
        self.calls = EtcdCalls(self.passage, self.site)

    async def call(self, name: str, request: Message, caller: Caller = LOCAL) -> Message:
        return METHODS[name].answer.FromString(await self.calls.call(name, request, caller))

    async def refuses(self, name: str, request: Message, caller: Caller = LOCAL) -> JobpoolError:
        """How; nothing of it may have got to etcd."""
        with pytest.raises(JobpoolError) as caught:
            await self.call(name, request, caller)
        assert name not in self.asked
        return caught.value

    @property
    def asked(self) -> list[str]:
        return [name for name, _ in self.passage.asked]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_every_method_is_there_under_its_own_name() -> None:
    paths = {method.path for method in METHODS.values()}
    assert len(paths) == 48
    assert {"/etcdserverpb.KV/Range", "/v3lockpb.Lock/Lock", "/v3electionpb.Election/Observe"} <= paths
    assert METHODS["LeaseRevoke"].routes == ("/v3/lease/revoke", "/v3/kv/lease/revoke")
    assert {name for name, method in METHODS.items() if method.asks_more} == {"Watch", "LeaseKeepAlive"}
    assert {name for name, method in METHODS.items() if method.answers_more} == {
        *("Watch", "LeaseKeepAlive", "Snapshot", "Observe")
    }


async def test_every_call_with_one_answer_has_a_handler(desk: Desk) -> None:
    desk.site.user = "root"
    desk.passage.answers["UserGet"] = etcd.AuthUserGetResponse(roles=["root"])
    for name, method in METHODS.items():
        if not method.answers_more:
            request = method.request()
            if name in ("Lock", "Campaign", "Leader"):
                request.name = b"a"  # type: ignore[attr-defined]
            await desk.call(name, request)
    assert set(desk.asked) >= {name for name, method in METHODS.items() if not method.answers_more} - {"MemberRemove"}


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("Range", etcd.RangeRequest(key=b"/j/a")),
        ("Range", etcd.RangeRequest(key=b"/j/", range_end=b"/j0")),
        ("Put", etcd.PutRequest(key=b"/j/a")),
        ("Put", etcd.PutRequest(key=b"a", lease=7)),
        ("DeleteRange", etcd.DeleteRangeRequest(key=b"/j/", range_end=b"/j/b")),
        ("Txn", etcd.TxnRequest(compare=[etcd.Compare(key=b"/j/a")])),
        ("LeaseGrant", etcd.LeaseGrantRequest(ID=7)),
        ("LeaseRevoke", etcd.LeaseRevokeRequest(ID=7)),
        ("LeaseTimeToLive", etcd.LeaseTimeToLiveRequest(ID=7)),
        ("Lock", etcd.LockRequest(name=b"/j")),
        ("Lock", etcd.LockRequest(name=b"/j/mine")),
        ("Lock", etcd.LockRequest(name=b"")),
        ("Lock", etcd.LockRequest(name=b"a", lease=7)),
        ("Unlock", etcd.UnlockRequest(key=b"/j/a")),
        ("Campaign", etcd.CampaignRequest(name=b"/j")),
        ("Leader", etcd.LeaderRequest(name=b"/j")),
        ("Proclaim", etcd.ProclaimRequest(leader=etcd.LeaderKey(name=b"a", key=b"/j/a"))),
        ("Resign", etcd.ResignRequest(leader=etcd.LeaderKey(name=b"a", key=b"/j/a"))),
        ("Resign", etcd.ResignRequest(leader=etcd.LeaderKey(name=b"a", key=b"a/1", lease=7))),
        ("RoleDelete", etcd.AuthRoleDeleteRequest(role="root")),
        ("Authenticate", etcd.AuthenticateRequest(name="jobpool-1")),
        ("UserAdd", etcd.AuthUserAddRequest(name="jobpool-1")),
        ("UserGet", etcd.AuthUserGetRequest(name="jobpool-1")),
        ("UserDelete", etcd.AuthUserDeleteRequest(name="jobpool-1")),
        ("UserChangePassword", etcd.AuthUserChangePasswordRequest(name="jobpool-1")),
        ("UserGrantRole", etcd.AuthUserGrantRoleRequest(user="jobpool-1")),
        ("UserRevokeRole", etcd.AuthUserRevokeRoleRequest(name="jobpool-1")),
    ],
)
async def test_what_is_ours_is_refused(desk: Desk, name: str, request_: Message) -> None:
    assert isinstance(await desk.refuses(name, request_), PermissionDenied)
    assert desk.passage.asked == []


async def test_a_range_that_crosses_ours_is_one_transaction(desk: Desk) -> None:
    left = etcd.RangeResponse(kvs=[etcd.KeyValue(key=b"a")], count=1)
    right = etcd.RangeResponse(kvs=[etcd.KeyValue(key=b"z")], count=1)
    halves = [etcd.ResponseOp(response_range=left), etcd.ResponseOp(response_range=right)]
    header = etcd.ResponseHeader(revision=5, member_id=3)
    desk.passage.answers["Txn"] = etcd.TxnResponse(header=header, succeeded=True, responses=halves)
    answer = await desk.call("Range", etcd.RangeRequest(key=b"\0", range_end=b"\0"))
    assert answer == etcd.RangeResponse(header=header, kvs=[*left.kvs, *right.kvs], count=2)
    ((_, sent),) = desk.passage.asked
    assert isinstance(sent, etcd.TxnRequest)
    assert [one.request_range.key for one in sent.success] == [b"\0", b"/j0"]


async def test_leases_of_ours_and_keys_of_ours_are_not_listed(desk: Desk) -> None:
    desk.passage.answers["LeaseLeases"] = etcd.LeaseLeasesResponse(leases=[etcd.LeaseStatus(ID=one) for one in (6, 7)])
    answer = await desk.call("LeaseLeases", etcd.LeaseLeasesRequest())
    assert answer == etcd.LeaseLeasesResponse(leases=[etcd.LeaseStatus(ID=6)])
    desk.passage.answers["LeaseTimeToLive"] = etcd.LeaseTimeToLiveResponse(ID=6, keys=[b"a", b"/j/a"])
    answer = await desk.call("LeaseTimeToLive", etcd.LeaseTimeToLiveRequest(ID=6, keys=True))
    assert answer == etcd.LeaseTimeToLiveResponse(ID=6, keys=[b"a"])


async def test_a_compaction_takes_nothing_from_a_server_that_is_behind(desk: Desk) -> None:
    assert isinstance(await desk.refuses("Compact", etcd.CompactionRequest(revision=11)), FailedPrecondition)
    await desk.call("Compact", etcd.CompactionRequest(revision=10, physical=True))
    assert desk.passage.asked == [("Compact", etcd.CompactionRequest(revision=10, physical=True))]


async def test_members_are_shown_where_their_servers_are(desk: Desk) -> None:
    desk.passage.answers["MemberList"] = listed(1, 2)
    answer = await desk.call("MemberList", etcd.MemberListRequest(linearizable=True))
    assert isinstance(answer, etcd.MemberListResponse)
    assert [list(one.clientURLs) for one in answer.members] == [["http://server-1:2379"], ["http://server-2:2379"]]
    desk.site.supervised = False
    assert await desk.call("MemberList", etcd.MemberListRequest()) == listed(1, 2)


async def test_a_member_goes_with_its_server(desk: Desk) -> None:
    desk.passage.answers["MemberList"] = listed(1)
    answer = await desk.call("MemberRemove", etcd.MemberRemoveRequest(ID=2))
    assert isinstance(answer, etcd.MemberRemoveResponse)
    assert [one.ID for one in answer.members] == [1]
    assert desk.site.removed == [2]
    assert desk.asked == ["UserList", "MemberList"]


async def test_who_may_not_remove_a_member_at_etcd_may_not_here(desk: Desk) -> None:
    desk.passage.answers["UserList"] = refused(7, "etcdserver: permission denied")
    error = await desk.refuses("MemberRemove", etcd.MemberRemoveRequest(ID=2))
    assert (error.code, error.message) == (Code.PERMISSION_DENIED, "etcdserver: permission denied")
    assert desk.site.removed == []


async def test_an_unknown_member_is_told_in_etcd_s_words(desk: Desk) -> None:
    desk.site.unknown = NotFound("member", "2")
    error = await desk.refuses("MemberRemove", etcd.MemberRemoveRequest(ID=2))
    assert (error.code, error.message) == (Code.NOT_FOUND, "etcdserver: member not found")


ACTIVATE = etcd.AlarmRequest(action=etcd.AlarmRequest.ACTIVATE, alarm=etcd.NOSPACE)


async def test_alarms_are_raised_on_this_machine_or_by_a_root(desk: Desk) -> None:
    await desk.call("Alarm", etcd.AlarmRequest(action=etcd.AlarmRequest.DEACTIVATE), REMOTE)
    desk.passage.asked.clear()
    assert isinstance(await desk.refuses("Alarm", ACTIVATE, REMOTE), PermissionDenied)
    desk.passage.answers["AuthStatus"] = etcd.AuthStatusResponse(enabled=True)
    desk.passage.answers["UserList"] = refused(7, "etcdserver: permission denied")
    assert (await desk.refuses("Alarm", ACTIVATE, REMOTE)).code is Code.PERMISSION_DENIED
    del desk.passage.answers["UserList"]
    await desk.call("Alarm", ACTIVATE, REMOTE)
    desk.passage.asked.clear()
    await desk.call("Alarm", ACTIVATE, LOCAL)
    assert desk.asked == ["Alarm"]


async def test_a_member_is_defragmented_in_its_turn(desk: Desk) -> None:
    await desk.call("Defragment", etcd.DefragmentRequest())
    assert desk.asked == ["Defragment"]
    desk.passage.asked.clear()
    desk.site.turn_is_taken = True
    assert "another member's turn" in (await desk.refuses("Defragment", etcd.DefragmentRequest())).message


async def test_nothing_is_downgraded(desk: Desk) -> None:
    for action in (etcd.DowngradeRequest.ENABLE, 9):
        request = etcd.DowngradeRequest(action=action, version="3.4.0")  # type: ignore[arg-type]
        assert isinstance(await desk.refuses("Downgrade", request), FailedPrecondition)
    await desk.call("Downgrade", etcd.DowngradeRequest(action=etcd.DowngradeRequest.VALIDATE))


async def test_our_user_is_not_listed(desk: Desk) -> None:
    desk.passage.answers["UserList"] = etcd.AuthUserListResponse(users=["ann", "jobpool-1", "root"])
    answer = await desk.call("UserList", etcd.AuthUserListRequest())
    assert answer == etcd.AuthUserListResponse(users=["ann", "root"])


async def test_authentication_of_an_etcd_that_runs_apart_is_not_enabled_against_the_servers(desk: Desk) -> None:
    desk.site.own_user = ""
    assert "`etcd-user`" in (await desk.refuses("AuthEnable", etcd.AuthEnableRequest())).message
    desk.site.user = "jobs"
    desk.passage.answers["UserGet"] = refused(9, "etcdserver: user name not found")
    assert "user name not found" in (await desk.refuses("AuthEnable", etcd.AuthEnableRequest())).message
    desk.passage.answers["UserGet"] = etcd.AuthUserGetResponse()
    assert "needs a role" in (await desk.refuses("AuthEnable", etcd.AuthEnableRequest())).message
    desk.passage.answers["UserGet"] = etcd.AuthUserGetResponse(roles=["writer"])
    await desk.call("AuthEnable", etcd.AuthEnableRequest())
    assert desk.asked[-1] == "AuthEnable"


async def test_before_authentication_is_enabled_the_servers_have_their_user(desk: Desk) -> None:
    desk.site.user = desk.site.own_user
    desk.passage.answers["AuthStatus"] = etcd.AuthStatusResponse()
    desk.site.strangers = "others are server2"
    assert (await desk.refuses("AuthEnable", etcd.AuthEnableRequest())).message == "others are server2"
    assert "AuthEnable" not in desk.asked
    desk.site.strangers = ""
    await desk.call("AuthEnable", etcd.AuthEnableRequest())
    assert (desk.site.users_made, desk.asked[-1]) == (1, "AuthEnable")
    desk.passage.answers["AuthStatus"] = etcd.AuthStatusResponse(enabled=True)
    await desk.call("AuthEnable", etcd.AuthEnableRequest())
    assert desk.site.users_made == 1, "etcd decides whether this caller may"


class Broken(FakeSite):
    async def newest_compactable(self) -> int:
        raise ValueError("a defect")


async def test_a_defect_is_told_without_details() -> None:
    calls = EtcdCalls(FakePassage(), Broken())
    with pytest.raises(JobpoolError, match="internal error"):
        await calls.call("Compact", etcd.CompactionRequest(), LOCAL)


async def test_without_an_etcd_it_is_said_why() -> None:
    calls = NoCalls("there is none")
    with pytest.raises(Unimplemented, match=r"etcdserverpb\.KV/Put: there is none"):
        await calls.call("Put", etcd.PutRequest(), LOCAL)
    with pytest.raises(Unimplemented):
        calls.answers("Snapshot", etcd.SnapshotRequest(), LOCAL)


def test_only_what_means_something_to_etcd_is_passed_on() -> None:
    assert LOCAL.passed == (("token", "theirs"),)
    garbled = Caller(metadata={"token": "tök\x00en", "authorization": "a\nb", "hasleader": "true"})
    assert garbled.passed == (("hasleader", "true"),)


def test_a_refusal_keeps_its_status_and_text() -> None:
    for code in Code:
        error = refused(code, "etcdserver: as it was")
        assert (error.code, error.message) == (code, "etcdserver: as it was")
    assert refused(99, "x").code is Code.UNKNOWN


def _gets(count: int) -> list[etcd.RequestOp]:
    return [etcd.RequestOp(request_range=etcd.RangeRequest(key=b"a"))] * count


async def test_a_transaction_has_no_more_operations_than_etcd_takes(desk: Desk) -> None:
    """Members take 20,000 for jobpool itself; so many ranges over a large value would be built in memory at once."""
    within = etcd.TxnRequest(compare=[etcd.Compare(key=b"a")] * 128, success=_gets(128), failure=_gets(128))
    await desk.call("Txn", within)
    inner = etcd.RequestOp(request_txn=etcd.TxnRequest(success=_gets(127)))
    await desk.call("Txn", etcd.TxnRequest(success=[inner]))
    for beyond in (
        etcd.TxnRequest(success=_gets(129)),
        etcd.TxnRequest(failure=_gets(129)),
        etcd.TxnRequest(compare=[etcd.Compare(key=b"a")] * 129),
        etcd.TxnRequest(failure=[inner, *_gets(1)]),
        etcd.TxnRequest(success=[etcd.RequestOp(request_txn=etcd.TxnRequest(success=_gets(64)))] * 64),
    ):
        desk.passage.asked.clear()
        refusal = await desk.refuses("Txn", beyond)
        assert (refusal.code, str(refusal)) == (
            Code.INVALID_ARGUMENT,
            "etcdserver: too many operations in txn request",
        )
