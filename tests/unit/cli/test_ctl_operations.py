"""`jobpoolctl endpoint`, `member`, `alarm`, `defrag` and `move-leader`, at fake servers."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec.structs import replace

from jobpool.model.errors import FailedPrecondition, Unavailable
from jobpool.testing.fake_api import FakeApi
from jobpool.testing.ports import free_port
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli.harness import Ctl, check_golden
from tests.unit.cli.samples import HEADER

MEMBERS = [
    pb.Member(
        id="a1", name="server1", peer_urls=["http://10.0.0.1:2380"], server="server1", server_url="http://10.0.0.1:2379"
    ),
    pb.Member(id="b2", name="server2", peer_urls=["http://10.0.0.2:2380"], is_learner=True),
    pb.Member(id="c3", peer_urls=["http://10.0.0.3:2380"]),
]


def status(at: int, **fields: Any) -> pb.ServerStatusResponse:
    return pb.ServerStatusResponse(
        header=HEADER,
        id=f"{at}f",
        name=f"server{at}",
        version="0.1.0",
        engine="etcd",
        n=40 + at,
        term=3,
        db_size=25_400_000,
        db_size_in_use=900,
        db_quota=8_589_934_592,
        etcd_version="3.5.30",
        member_id=f"a{at}",
        raft_term=2,
        raft_index=77,
        raft_applied_index=77,
        **fields,
    )


@pytest.fixture
async def apis() -> AsyncIterator[list[FakeApi]]:
    """Three servers of one cluster; the first leads the scheduling, the second has the Raft leader."""
    async with AsyncExitStack() as stack:
        found = [await stack.enter_async_context(FakeApi()) for _ in range(3)]
        servers = [
            pb.Server(id=f"{at}f", name=f"server{at}", url=f"http://{one.endpoint}") for at, one in enumerate(found, 1)
        ]
        for at, one in enumerate(found, 1):
            one.answers("ServerList", pb.ServerListResponse(header=HEADER, data=servers))
            one.answers("ServerStatus", status(at, is_leader=at == 1, raft_leader=at == 2))
        yield found


async def test_a_row_of_status_for_every_server(bare: Ctl, apis: list[FakeApi]) -> None:
    outcome = await bare("endpoint", "status", "--cluster", "-w", "json", "--endpoints", apis[0].endpoint)
    assert outcome.code == 0
    rows = json.loads(outcome.out)
    assert [row["endpoint"] for row in rows] == [f"http://{one.endpoint}" for one in apis]
    assert [row["is_leader"] for row in rows] == [True, False, False]
    assert [row["raft_leader"] for row in rows] == [False, True, False]
    assert [(row["n"], row["term"], row["version"]) for row in rows] == [
        (41, 3, "0.1.0"),
        (42, 3, "0.1.0"),
        (43, 3, "0.1.0"),
    ]
    assert not any("error" in row for row in rows)


SERVERS_TOLD = {
    "endpoint status --cluster": "endpoint-status",
    "endpoint hashkv --cluster": "endpoint-hashkv",
    "defrag --cluster": "defrag",
}


@pytest.mark.parametrize("form", ["simple", "table", "json", "fields"])
@pytest.mark.parametrize("words", SERVERS_TOLD)
async def test_what_is_said_of_servers(bare: Ctl, apis: list[FakeApi], *, words: str, form: str) -> None:
    for at, one in enumerate(apis, 1):
        one.answers("HashKV", pb.HashKVResponse(header=HEADER, hash=70 + at // 3, revision=12, compact_revision=3))
        one.answers("Defragment", pb.DefragmentResponse(db_size_before=25_400_000, db_size=900))
    outcome = await bare(*words.split(), "-w", form, "--endpoints", apis[0].endpoint)
    out, err = outcome.out, outcome.err
    for at, one in enumerate(apis, 1):
        out, err = (text.replace(f"127.0.0.1:{one.port}", f"127.0.0.1:1000{at}") for text in (out, err))
    check_golden(f"{SERVERS_TOLD[words]}.{form}", replace(outcome, out=out, err=err))


def whole() -> pb.ClusterDetailResponse:
    at = Timestamp(seconds=1_780_000_000)
    silent = pb.ClusterServer(server=pb.Server(id="3f", name="server3", version="0.1.0", n=40), error="it is away")
    answers = [
        pb.ClusterServer(
            server=pb.Server(
                id=f"{number}f", name=f"server{number}", url=f"http://10.0.0.{number}:2379", n=40 + number
            ),
            status=status(number, is_leader=number == 1, raft_leader=number == 2, agents=number, started_at=at),
        )
        for number in (1, 2)
    ]
    return pb.ClusterDetailResponse(
        header=HEADER,
        servers=[*answers, silent],
        leader_id="1f",
        leader_name="server1",
        led_since=at,
        term=3,
        queues=pb.QueueDetail(total_ready=5, total_unacked=2, total_blocked=7, total_waiting=1, total_delayed=1),
        commands=4,
        commit=pb.ClusterLatency(count=900, p50=3, p99=21, longest=60),
        samples=[pb.ClusterSample(time=at, of_leader=True, ready=5, ended=90, span_ms=2000)],
        events=[
            pb.ClusterEvent(id="term-3", time=at, kind="leader", level="info", subject="server1", count=1),
            pb.ClusterEvent(
                id="9-n0", time=at, kind="node_lost", level="warning", subject="n8", text="silent", count=8
            ),
        ],
    )


@pytest.mark.parametrize("form", ["simple", "table", "json", "fields"])
async def test_the_cluster_at_a_glance(bare: Ctl, apis: list[FakeApi], *, form: str) -> None:
    apis[0].answers("ClusterDetail", whole())
    outcome = await bare("cluster", "status", "-w", form, "--endpoints", apis[0].endpoint)
    check_golden(f"cluster-status.{form}", outcome)


async def test_only_the_newest_events_are_shown(bare: Ctl, apis: list[FakeApi]) -> None:
    apis[0].answers("ClusterDetail", whole())
    outcome = await bare("cluster", "status", "--events", "1", "-w", "json", "--endpoints", apis[0].endpoint)
    assert [event["id"] for event in json.loads(outcome.out)["events"]] == ["9-n0"]


ETCD = "0.1.0  etcd 3.5.30  25 MB of 8.6 GB  900 B"


async def test_status_for_people(bare: Ctl, apis: list[FakeApi]) -> None:
    apis[2].answers("ServerStatus", status(3, errors=["memberID:3 alarm:NOSPACE "], agents=1))
    outcome = await bare("endpoint", "status", "--cluster", "--endpoints", apis[0].endpoint)
    assert [line.split("  ", 1)[1] for line in outcome.out.splitlines()] == [
        f"server1  1f  {ETCD}  leader                 term 3  n 41  lag 0  0 agents  raft term 2  index 77",
        f"server2  2f  {ETCD}  follower  raft leader  term 3  n 42  lag 0  0 agents  raft term 2  index 77",
        f"server3  3f  {ETCD}  follower               term 3  n 43  lag 0  1 agent   raft term 2  index 77"
        "  memberID:3 alarm:NOSPACE",
    ]


async def test_a_table_says_its_titles_once(bare: Ctl, apis: list[FakeApi]) -> None:
    apis[2].answers("ServerStatus", status(3, is_learner=True, agents=2))
    outcome = await bare("endpoint", "status", "--cluster", "-w", "table", "--endpoints", apis[0].endpoint)
    title, *rows = (
        [cell.strip() for cell in line.split("|")[2:-1]] for line in outcome.out.splitlines()[1:] if "|" in line
    )
    assert title[:2] == ["Name", "ID"]
    assert title[6:] == ["Is leader", "Raft leader", "Term", "N", "Lag", "Agents", "Raft term", "Raft index", "Errors"]
    assert [row[6:] for row in rows] == [
        ["true", "false", "3", "41", "0", "0", "2", "77", ""],
        ["false", "true", "3", "42", "0", "0", "2", "77", ""],
        ["false", "learner", "3", "43", "0", "2", "2", "77", ""],
    ]


async def test_a_server_that_is_away_has_its_row_and_fails_the_command(bare: Ctl, apis: list[FakeApi]) -> None:
    away = f"127.0.0.1:{free_port()}"
    outcome = await bare("endpoint", "status", "-w", "json", "--endpoints", f"{apis[0].endpoint},{away}")
    assert outcome.code == 1
    there, gone = json.loads(outcome.out)
    assert there["is_leader"] is True
    assert gone["endpoint"] == f"http://{away}"
    assert gone["is_leader"] is gone["raft_leader"] is gone["n"] is gone["term"] is gone["version"] is None
    assert "connection refused" in gone["error"]


async def test_a_server_that_is_away_is_told_apart_from_those_that_answer(bare: Ctl, apis: list[FakeApi]) -> None:
    away = f"127.0.0.1:{free_port()}"
    outcome = await bare("endpoint", "status", "--endpoints", f"{away},{apis[0].endpoint}")
    assert outcome.code == 1
    assert outcome.err == f"http://{away} does not answer: connection refused\n"
    assert len(outcome.out.splitlines()) == 1


async def test_without_any_server_the_cluster_is_not_known(bare: Ctl) -> None:
    outcome = await bare("endpoint", "status", "--cluster", "--endpoints", f"127.0.0.1:{free_port()}")
    assert outcome.code == 2
    assert "cannot reach" in outcome.err


async def test_a_server_without_an_address_is_named(bare: Ctl, api: FakeApi) -> None:
    api.answers("ServerList", pb.ServerListResponse(data=[pb.Server(name="server2")]))
    outcome = await bare("endpoint", "health", "--cluster", "--endpoints", api.endpoint)
    assert outcome.code == 2
    assert "server2" in outcome.err


# ---- hashes


def hashed(value: int, *, revision: int = 9, compacted: int = 5) -> pb.HashKVResponse:
    return pb.HashKVResponse(header=HEADER, hash=value, revision=revision, compact_revision=compacted)


async def test_hashes_are_compared_at_the_oldest_of_the_newest_revisions(bare: Ctl, apis: list[FakeApi]) -> None:
    for at, one in enumerate(apis):
        one.answers("HashKV", hashed(at, revision=20 - at), hashed(7, revision=18))
    outcome = await bare("endpoint", "hashkv", "--cluster", "-w", "json", "--endpoints", apis[0].endpoint)
    assert outcome.code == 0
    assert [(row["hash"], row["revision"], row["error"]) for row in json.loads(outcome.out)] == [(7, 18, None)] * 3
    asked = [request.revision for request in apis[0].received("HashKV") if isinstance(request, pb.HashKVRequest)]
    assert asked == [0, 18]


async def test_hashes_for_people(bare: Ctl, apis: list[FakeApi]) -> None:
    apis[0].answers("HashKV", hashed(7, compacted=-1))
    apis[1].answers("HashKV", hashed(7))
    where = f"{apis[0].endpoint},{apis[1].endpoint}"
    outcome = await bare("endpoint", "hashkv", "--rev", "9", "--endpoints", where)
    assert [line.split("  ", 1)[1] for line in outcome.out.splitlines()] == [
        "hash 7  revision 9",
        "hash 7  revision 9  compacted at 5",
    ]
    outcome = await bare("endpoint", "hashkv", "--rev", "9", "-w", "table", "--endpoints", where)
    assert "-1" not in outcome.out


async def test_databases_that_differ_fail_the_command(bare: Ctl, apis: list[FakeApi]) -> None:
    for at, one in enumerate(apis):
        one.answers("HashKV", hashed(1 if at else 2))
    outcome = await bare("endpoint", "hashkv", "--cluster", "--rev", "9", "--endpoints", apis[0].endpoint)
    assert outcome.code == 1
    assert "damaged" in outcome.err


async def test_hashes_of_different_compactions_are_not_compared(bare: Ctl, apis: list[FakeApi]) -> None:
    for at, one in enumerate(apis):
        one.answers("HashKV", hashed(at, compacted=at))
    outcome = await bare("endpoint", "hashkv", "--cluster", "--rev", "9", "--endpoints", apis[0].endpoint)
    assert outcome.code == 0


# ---- members


@pytest.mark.parametrize("form", ["simple", "table", "json"])
async def test_members_are_listed(run: Ctl, api: FakeApi, form: str) -> None:
    api.answers("MemberList", pb.MemberListResponse(header=HEADER, data=MEMBERS))
    check_golden(f"member-list.{form}", await run("member", "list", "-w", form))


@pytest.mark.parametrize("form", ["simple", "table", "json"])
async def test_servers_on_an_etcd_of_others_are_listed_below_its_members(run: Ctl, api: FakeApi, form: str) -> None:
    servers = [
        pb.Server(id="5f", name="one", url="http://10.0.0.5:2379", heard_ago=0, leads=True),
        pb.Server(id="6f", name="two", url="http://10.0.0.6:2379", heard_ago=1200),
        pb.Server(id="7f", name="three"),
    ]
    member = pb.Member(id="a1", name="etcd1", peer_urls=["http://10.0.0.1:2380"])
    api.answers("MemberList", pb.MemberListResponse(header=HEADER, data=[member]))
    api.answers("ServerList", pb.ServerListResponse(header=HEADER, data=servers))
    check_golden(f"member-list-external.{form}", await run("member", "list", "-w", form))


async def test_a_server_without_a_member_is_removed_though_a_member_has_its_name(run: Ctl, api: FakeApi) -> None:
    api.answers("MemberList", pb.MemberListResponse(data=MEMBERS))
    api.answers("ServerList", pb.ServerListResponse(data=[pb.Server(id="5f", name="server1")]))
    assert (await run("member", "remove", "server1")).code == 0
    assert api.received("MemberRemove") == [pb.MemberRemoveRequest(id="server1")]


async def test_what_must_be_known_is_blank_where_it_is_not(bare: Ctl, apis: list[FakeApi]) -> None:
    unknown = pb.ServerStatusResponse(header=HEADER, id="1f", name="server1", version="0.1.0", engine="etcd")
    apis[0].answers("ServerStatus", unknown)
    outcome = await bare("endpoint", "status", "-w", "table", "--endpoints", apis[0].endpoint)
    [row] = [line.split("|") for line in outcome.out.splitlines() if "server1" in line]
    assert [row[at].strip() for at in (6, 7, 8, 9)] == ["", "", "false", ""]


async def test_a_refusal_is_no_silence(bare: Ctl, apis: list[FakeApi]) -> None:
    apis[0].answers("HashKV", FailedPrecondition("future revision"))
    outcome = await bare("endpoint", "hashkv", "--rev", "99", "--endpoints", apis[0].endpoint)
    assert outcome.err == f"http://{apis[0].endpoint} refuses: future revision\n"


async def test_no_alarm_is_an_empty_list_for_programs(run: Ctl, api: FakeApi) -> None:
    api.answers("AlarmList", pb.AlarmListResponse())
    assert json.loads((await run("alarm", "list", "-w", "json")).out) == {"data": []}


async def test_what_the_new_server_must_say_is_printed(run: Ctl, api: FakeApi) -> None:
    added = pb.Member(id="d4", peer_urls=["http://10.0.0.4:2380"], is_learner=True)
    api.answers("MemberList", pb.MemberListResponse(data=MEMBERS))
    api.answers("MemberAdd", pb.MemberAddResponse(member=added, data=[*MEMBERS, added]))
    outcome = await run("member", "add", "server4", "--peer-urls", "http://10.0.0.4:2380", "--learner")
    check_golden("member-add.simple", outcome)
    assert api.received("MemberAdd") == [pb.MemberAddRequest(peer_urls=["http://10.0.0.4:2380"], is_learner=True)]


async def test_a_name_that_is_taken_is_refused_before_anything_is_done(run: Ctl, api: FakeApi) -> None:
    api.answers("MemberList", pb.MemberListResponse(data=MEMBERS))
    outcome = await run("member", "add", "server1", "--peer-urls", "http://10.0.0.4:2380")
    assert (outcome.code, api.received("MemberAdd")) == (1, [])
    assert "already exists" in outcome.err


@pytest.mark.parametrize(
    ("words", "rpc", "request_"),
    [
        (("remove", "server2"), "MemberRemove", pb.MemberRemoveRequest(id="b2")),
        (("remove", "c3"), "MemberRemove", pb.MemberRemoveRequest(id="c3")),
        (("promote", "server2"), "MemberPromote", pb.MemberPromoteRequest(id="b2")),
        (
            ("update", "server2", "--peer-urls", "http://a:1,http://b:2"),
            "MemberUpdate",
            pb.MemberUpdateRequest(id="b2", peer_urls=["http://a:1", "http://b:2"]),
        ),
    ],
    ids=["remove", "remove-by-id", "promote", "update"],
)
async def test_a_member_is_named_or_numbered(
    run: Ctl, api: FakeApi, *, words: tuple[str, ...], rpc: str, request_: object
) -> None:
    api.answers("MemberList", pb.MemberListResponse(data=MEMBERS))
    outcome = await run("member", *words)
    assert outcome.code == 0
    assert api.received(rpc) == [request_]


# ---- the lead, alarms, space


async def test_the_lead_is_handed_over(run: Ctl, api: FakeApi) -> None:
    api.answers("MoveLeader", pb.MoveLeaderResponse(data=pb.Server(name="server2")))
    outcome = await run("move-leader", "server2")
    assert outcome.out == "server server2 leads\n"
    assert api.received("MoveLeader") == [pb.MoveLeaderRequest(to="server2")]


async def test_the_raft_lead_is_given_away_by_who_has_it(bare: Ctl, apis: list[FakeApi]) -> None:
    apis[1].answers("MoveRaftLeader", pb.MoveRaftLeaderResponse(data=pb.Member(name="server3")))
    outcome = await bare("move-leader", "--raft", "--endpoints", apis[2].endpoint)
    assert outcome.out == "member server3 leads the Raft group\n"
    assert [len(one.received("MoveRaftLeader")) for one in apis] == [0, 1, 0]


async def test_an_id_and_compat_mean_the_raft_lead(bare: Ctl, apis: list[FakeApi]) -> None:
    apis[1].answers("MoveRaftLeader", pb.MoveRaftLeaderResponse(data=pb.Member(id="a3", name="server3")))
    outcome = await bare("move-leader", "a3", "--compat", "--endpoints", apis[0].endpoint)
    assert (outcome.code, outcome.out) == (0, "Leadership transferred from a2 to a3\n")
    assert apis[1].received("MoveRaftLeader") == [pb.MoveRaftLeaderRequest(to="a3")]


async def test_a_raft_leader_that_does_not_answer_is_told(bare: Ctl, apis: list[FakeApi]) -> None:
    apis[1].answers("ServerStatus", Unavailable("away"))
    outcome = await bare("move-leader", "--raft", "--endpoints", apis[2].endpoint)
    assert outcome.code == 2
    assert "no server that answers" in outcome.err


async def test_alarms(run: Ctl, api: FakeApi) -> None:
    raised = [pb.Alarm(member_id="a1", alarm="NOSPACE")]
    api.answers("AlarmList", pb.AlarmListResponse(data=raised), pb.AlarmListResponse())
    api.answers("AlarmDisarm", pb.AlarmDisarmResponse(data=raised))
    assert (await run("alarm", "list")).out == "a1  NOSPACE\n"
    assert (await run("alarm", "list")).err == "no alarm is raised\n"
    assert (await run("alarm", "disarm")).err == "disarmed: 1\n"
    await run("alarm", "disarm", "--alarm", "CORRUPT")
    assert api.received("AlarmDisarm") == [pb.AlarmDisarmRequest(alarm=kind) for kind in ("NOSPACE", "CORRUPT")]


async def test_those_that_lead_are_defragmented_last(bare: Ctl, apis: list[FakeApi]) -> None:
    for one in apis:
        one.answers("Defragment", pb.DefragmentResponse(db_size_before=9, db_size=3))
    outcome = await bare("defrag", "--cluster", "--endpoints", apis[0].endpoint)
    assert outcome.code == 0
    order = [line.split()[0] for line in outcome.out.splitlines()]
    assert order == [f"http://{apis[at].endpoint}" for at in (2, 1, 0)]
    assert "9 B → 3 B" in outcome.out


async def test_the_first_that_fails_is_the_last(bare: Ctl, apis: list[FakeApi]) -> None:
    apis[2].answers("Defragment", FailedPrecondition("not now"))
    outcome = await bare("defrag", "--cluster", "-w", "json", "--endpoints", apis[0].endpoint)
    assert outcome.code == 1
    assert [row["error"] for row in json.loads(outcome.out)] == ["not now"]
    assert [len(one.received("Defragment")) for one in apis] == [0, 0, 1]


async def test_nobody_is_defragmented_while_one_is_away(bare: Ctl, apis: list[FakeApi]) -> None:
    apis[0].answers("ServerStatus", Unavailable("away"))
    outcome = await bare("defrag", "--cluster", "--endpoints", apis[1].endpoint)
    assert outcome.code == 2
    assert [len(one.received("Defragment")) for one in apis] == [0, 0, 0]
