"""What the commands ask an etcd, how they print its answers in each format, and how they end."""

import pytest
from grpclib.const import Status

from jobpool.cli.etcd.frame import prefix_end
from jobpool.wire import etcd_pb2 as pb
from tests.unit.cli.etcd.fake_etcd import HEADER, FakeEtcd, refusal
from tests.unit.cli.harness import Ctl

KV = pb.KeyValue(key=b"a", create_revision=2, mod_revision=3, version=2, value=b'x\ny"', lease=5)
FIELDS = '"ClusterID" : 1\n"MemberID" : 2\n"Revision" : 3\n"RaftTerm" : 4\n'
GO_HEADER = '{"cluster_id":1,"member_id":2,"revision":3,"raft_term":4}'


@pytest.mark.parametrize(
    ("form", "printed"),
    [
        ("simple", 'a\nx\ny"\n'),
        (
            "fields",
            FIELDS
            + '"Key" : "a"\n"CreateRevision" : 2\n"ModRevision" : 3\n"Version" : 2\n'
            + '"Value" : "x\\ny\\""\n"Lease" : 5\n"More" : false\n"Count" : 1\n',
        ),
        (
            "json",
            f'{{"header":{GO_HEADER},"kvs":[{{"key":"YQ==","create_revision":2,"mod_revision":3,"version":2,'
            '"value":"eAp5Ig==","lease":5}],"count":1}\n',
        ),
    ],
)
async def test_a_key_is_printed_as_etcdctl_does(ctl: Ctl, etcd: FakeEtcd, form: str, printed: str) -> None:
    etcd.answers["Range"] = pb.RangeResponse(header=HEADER, kvs=[KV], count=1)
    outcome = await ctl("get", "a", "-w", form)
    assert (outcome.code, outcome.out, outcome.err) == (0, printed, "")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("a",), pb.RangeRequest(key=b"a")),
        (("a", "b"), pb.RangeRequest(key=b"a", range_end=b"b")),
        (("a", "--prefix=true", "--limit=2"), pb.RangeRequest(key=b"a", range_end=b"b", limit=2)),
        (("", "--from-key"), pb.RangeRequest(key=b"\0", range_end=b"\0")),
        (("a", "--rev", "7", "--consistency", "s"), pb.RangeRequest(key=b"a", revision=7, serializable=True)),
        (("a", "--order", "ASCEND"), pb.RangeRequest(key=b"a")),
        (
            ("a", "--order", "descend", "--sort-by", "modify", "--keys-only"),
            pb.RangeRequest(key=b"a", sort_order="DESCEND", sort_target="MOD", keys_only=True),
        ),
    ],
)
async def test_what_get_asks(ctl: Ctl, etcd: FakeEtcd, words: tuple[str, ...], wanted: pb.RangeRequest) -> None:
    etcd.answers["Range"] = pb.RangeResponse(header=HEADER)
    assert (await ctl("get", *words)).code == 0
    assert etcd.asked == [wanted]


@pytest.mark.parametrize(
    ("prefix", "end"), [(b"a", b"b"), (b"a\xff", b"b"), (b"\xff\xff", b"\0"), (b"p/", b"p0"), (b"\x00", b"\x01")]
)
def test_the_end_of_a_prefix(prefix: bytes, end: bytes) -> None:
    assert prefix_end(prefix) == end


async def test_a_value_comes_from_stdin_byte_for_byte(ctl: Ctl, etcd: FakeEtcd) -> None:
    etcd.answers["Put"] = pb.PutResponse(header=HEADER, prev_kv=KV)
    outcome = await ctl("put", "k", "--prev-kv", "--hex", stdin=b"\xff\x00\n")
    assert (outcome.code, outcome.out) == (0, "OK\n\\x61\n\\x78\\x0a\\x79\\x22\n")
    assert etcd.asked == [pb.PutRequest(key=b"k", value=b"\xff\x00\n", prev_kv=True)]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("put", "a", "b", "-w", "table"), 4),
        (("user", "list", "-w", "table"), 4),
        (("put", "a"), 128),
        (("put", "a", "b", "--ignore-value"), 128),
        (("put", "a", "b", "--lease", "zz"), 128),
        (("get", "a", "--prefix", "--from-key"), 128),
        (("get", "a", "b", "--prefix"), 128),
        (("get", "a", "--keys-only", "--count-only"), 128),
        (("get", "a", "--count-only"), 128),
        (("get", "a", "--print-value-only", "-w", "json"), 128),
        (("del",), 128),
        (("compaction", "9223372036854775808"), 128),
        (("lease", "grant", "x"), 128),
        (("watch",), 128),
        (("watch", "a", "--"), 128),
        (("elect", "e"), 128),
        (("elect", "-l", "e", "x"), 128),
        (("role", "grant-permission", "r", "bogus", "a"), 128),
        (("user", "add", "u"), 128),
        (("user", "add", ":pw"), 128),
        (("make-mirror", "127.0.0.1:1", "--dest-prefix", "a", "--no-dest-prefix"), 128),
        (("check", "perf", "--load", "q"), 128),
    ],
)
async def test_arguments_that_make_no_sense_ask_nothing(
    ctl: Ctl, etcd: FakeEtcd, words: tuple[str, ...], code: int
) -> None:
    outcome = await ctl(*words)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("Error: ")
    assert etcd.asked == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(Status.PERMISSION_DENIED, 1), (Status.INVALID_ARGUMENT, 1), (Status.OUT_OF_RANGE, 1), (Status.UNAVAILABLE, 2)],
)
async def test_a_refusal_is_one_line(ctl: Ctl, etcd: FakeEtcd, status: Status, code: int) -> None:
    etcd.answers["DeleteRange"] = refusal("etcdserver: no", status)
    outcome = await ctl("del", "a")
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.splitlines()[0] == "Error: etcdserver: no"


async def test_leases_are_printed_as_etcdctl_does(ctl: Ctl, etcd: FakeEtcd) -> None:
    etcd.answers["LeaseGrant"] = pb.LeaseGrantResponse(header=HEADER, ID=31, TTL=9)
    etcd.answers["LeaseLeases"] = pb.LeaseLeasesResponse(header=HEADER, leases=[pb.LeaseStatus(ID=31)])
    etcd.answers["LeaseTimeToLive"] = pb.LeaseTimeToLiveResponse(
        header=HEADER, ID=31, TTL=8, grantedTTL=9, keys=[b"a", b"b"]
    )
    bare = GO_HEADER.rstrip("}")
    assert (await ctl("lease", "grant", "9")).out == "lease 000000000000001f granted with TTL(9s)\n"
    assert (await ctl("lease", "grant", "9", "-w", "json")).out == f'{bare},"ID":31,"TTL":9,"Error":""}}\n'
    assert (await ctl("lease", "list")).out == "found 1 leases\n000000000000001f\n"
    assert (await ctl("lease", "list", "-w", "json")).out == f'{bare},"leases":[{{"id":31}}]}}\n'
    told = await ctl("lease", "timetolive", "1f", "--keys")
    assert told.out == "lease 000000000000001f granted with TTL(9s), remaining(8s), attached keys([a b])\n"
    told = await ctl("lease", "timetolive", "1f", "-w", "json")
    assert told.out == f'{bare},"id":31,"ttl":8,"granted-ttl":9,"keys":["YQ==","Yg=="]}}\n'


async def test_a_lease_that_is_gone_is_told(ctl: Ctl, etcd: FakeEtcd) -> None:
    async def gone(stream) -> None:
        await stream.recv_message()
        await stream.send_message(pb.LeaseKeepAliveResponse(header=HEADER, ID=31))

    etcd.streams["LeaseKeepAlive"] = gone
    told = await ctl("lease", "keep-alive", "1f")
    assert (told.code, told.out) == (0, "lease 000000000000001f expired or revoked.\n")
    once = await ctl("lease", "keep-alive", "1f", "--once")
    assert (once.code, once.err) == (1, "Error: etcdserver: requested lease not found\n")


async def test_a_role_is_printed_as_etcdctl_does(ctl: Ctl, etcd: FakeEtcd) -> None:
    kind = pb.Permission
    etcd.answers["RoleGet"] = pb.AuthRoleGetResponse(
        header=HEADER,
        perm=[
            kind(permType="READ", key=b"a"),
            kind(permType="READWRITE", key=b"b", range_end=b"d"),
            kind(permType="WRITE", key=b"p/", range_end=b"p0"),
            kind(permType="READWRITE", key=b"z", range_end=b"\0"),
        ],
    )
    assert (await ctl("role", "get", "r")).out == (
        "Role r\nKV Read:\n\ta\n\t[b, d)\n\t[z, <open ended>\n"
        "KV Write:\n\t[b, d)\n\t[p/, p0) (prefix p/)\n\t[z, <open ended>\n"
    )


async def test_passwords_come_from_stdin_when_asked(ctl: Ctl, etcd: FakeEtcd) -> None:
    etcd.answers["UserAdd"] = pb.AuthUserAddResponse(header=HEADER)
    assert (await ctl("user", "add", "u", "--interactive=false", stdin=b"a b\n")).out == "User u created\n"
    assert (await ctl("user", "add", "u:pw")).code == 0
    assert (await ctl("user", "add", "u", "--no-password")).code == 0
    options = pb.UserAddOptions()
    assert etcd.asked == [
        pb.AuthUserAddRequest(name="u", password="a b", options=options),
        pb.AuthUserAddRequest(name="u", password="pw", options=options),
        pb.AuthUserAddRequest(name="u", options=pb.UserAddOptions(no_password=True)),
    ]


async def test_root_gets_its_role_before_authentication_is_on(ctl: Ctl, etcd: FakeEtcd) -> None:
    asked = []

    def enable(request: pb.AuthEnableRequest) -> pb.AuthEnableResponse:
        asked.append(request)
        if len(asked) == 1:
            raise refusal("etcdserver: root user does not have root role")
        return pb.AuthEnableResponse(header=HEADER)

    etcd.answers["AuthEnable"] = enable
    etcd.answers["UserGrantRole"] = pb.AuthUserGrantRoleResponse(header=HEADER)
    assert (await ctl("auth", "enable")).out == "Authentication Enabled\n"
    assert etcd.asked[1] == pb.AuthUserGrantRoleRequest(user="root", role="root")


async def test_a_user_is_authenticated_first(ctl: Ctl, etcd: FakeEtcd) -> None:
    etcd.answers["Authenticate"] = pb.AuthenticateResponse(header=HEADER, token="T")
    etcd.answers["AuthStatus"] = pb.AuthStatusResponse(header=HEADER, enabled=True, authRevision=7)
    outcome = await ctl("auth", "status", "--user", "me:secret:too")
    assert outcome.out == "Authentication Status: true\nAuthRevision: 7\n"
    assert etcd.asked[0] == pb.AuthenticateRequest(name="me", password="secret:too")
    assert [beside.get("token") for beside in etcd.beside] == [None, "T"]


async def test_a_user_is_passed_over_where_nobody_is_asked(ctl: Ctl, etcd: FakeEtcd) -> None:
    etcd.answers["Authenticate"] = refusal("etcdserver: authentication is not enabled")
    etcd.answers["Range"] = pb.RangeResponse(header=HEADER)
    assert (await ctl("get", "a", "--user", "me", "--password", "x")).code == 0
    wrong = refusal("etcdserver: authentication failed, invalid user ID or password", Status.INVALID_ARGUMENT)
    etcd.answers["Authenticate"] = wrong
    outcome = await ctl("get", "a", "--user", "me", "--password", "x")
    assert (outcome.code, outcome.err) == (1, f"Error: {wrong.message}\n")


async def test_a_token_that_is_no_longer_good_is_renewed(ctl: Ctl, etcd: FakeEtcd) -> None:
    tokens = iter(("old", "new"))
    etcd.answers["Authenticate"] = lambda _: pb.AuthenticateResponse(header=HEADER, token=next(tokens))

    def put(_: object) -> pb.PutResponse:
        if etcd.beside[-1]["token"] == "old":
            raise refusal("etcdserver: invalid auth token", Status.UNAUTHENTICATED)
        return pb.PutResponse(header=HEADER)

    etcd.answers["Put"] = put
    assert (await ctl("put", "a", "b", "--user", "me:x")).out == "OK\n"


async def test_nothing_listens(bare: Ctl, etcd: FakeEtcd) -> None:
    outcome = await bare("get", "a", "--endpoints", "127.0.0.1:1")
    assert outcome.code == 2
    etcd.answers["Range"] = pb.RangeResponse(header=HEADER)
    assert (await bare("get", "a", "--endpoints", f"127.0.0.1:1,{etcd.endpoint}")).code == 0
