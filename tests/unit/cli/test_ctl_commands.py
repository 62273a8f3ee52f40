"""What each changing command sends, and what it says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from google.protobuf.message import Message

import jobpool
from jobpool.model.errors import JobpoolError, NotFound, Unavailable, Unimplemented
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli import samples
from tests.unit.cli.harness import Ctl


def drained(**fields: Any) -> pb.Node:
    return pb.Node(ID="n", status="ready", eligibility="ineligible", **fields)


SENT: list[tuple[str, str, Message]] = [
    ("namespace add ops", "NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="ops")),
    (
        "namespace add ops --limit 5 --when-full wait --tz UTC --description d",
        "NameSpaceAdd",
        pb.ScheduleNameSpaceAddRequest(
            name="ops", job_parallelism_limit=5, when_full="wait", default_time_zone="UTC", description="d"
        ),
    ),
    ("namespace detail ops", "NameSpaceDetail", pb.ScheduleNameSpaceDetailRequest(name="ops")),
    (
        "namespace update ops --limit 7",
        "NameSpaceUpdate",
        pb.ScheduleNameSpaceUpdateRequest(name="ops", job_parallelism_limit=7),
    ),
    (
        "namespace update ops --rename duty",
        "NameSpaceUpdate",
        pb.ScheduleNameSpaceUpdateRequest(name="duty", old_name="ops"),
    ),
    ("namespace delete ops", "NameSpaceDelete", pb.ScheduleNameSpaceDeleteRequest(name="ops")),
    ("plan detail x ops", "PlanDetail", pb.SchedulePlanDetailRequest(id="x", namespace="ops")),
    ("plan detail x --ns ops", "PlanDetail", pb.SchedulePlanDetailRequest(id="x", namespace="ops")),
    ("plan offline x", "PlanOffline", pb.SchedulePlanOfflineRequest(id="x", namespace="default")),
    (
        "plan online x ops --description why",
        "PlanOnline",
        pb.SchedulePlanOnlineRequest(id="x", namespace="ops", description="why"),
    ),
    ("plan delete x", "PlanDelete", pb.SchedulePlanDeleteRequest(id="x", namespace="default")),
    (
        "plan run x --parameters {} --idempotency-key k --overlap allow",
        "PlanRun",
        pb.PlanRunRequest(
            id="x",
            namespace="default",
            parameters="{}",
            idempotency_key="k",
            overlap="allow",
            created_by="jobpoolctl",
        ),
    ),
    ("plan run x", "PlanRun", pb.PlanRunRequest(id="x", namespace="default", created_by="jobpoolctl")),
    (
        "plan preview x -n 3 --after 2026-11-22T12:00:00+01:00",
        "PlanPreview",
        pb.PlanPreviewRequest(id="x", namespace="default", n=3, after=samples.at("2026-11-22T11:00:00Z")),
    ),
    (
        "job update j complete",
        "JobUpdate",
        pb.ScheduleJobStatusUpdateRequest(id="j", status="complete", description="change by command line tools"),
    ),
    ("job cancel j --description why", "JobCancel", pb.JobCancelRequest(id="j", description="why")),
    ("job detail j", "JobDetail", pb.ScheduleJobDetailRequest(id="j")),
    ("eval detail e", "EvalDetail", pb.ScheduleEvalDetailRequest(id="e")),
    ("allocation detail a", "AllocationDetail", pb.ScheduleAllocationDetailRequest(id="a")),
    ("node detail n", "NodeDetail", pb.NodeDetailRequest(id="n")),
    ("node delete n", "NodeDelete", pb.NodeDeleteRequest(id="n")),
    ("node delete n --force", "NodeDelete", pb.NodeDeleteRequest(id="n", force=True)),
    ("node eligibility n --enable", "NodeEligibility", pb.NodeEligibilityRequest(id="n", eligible=True)),
    (
        "node eligibility n --disable --description why",
        "NodeEligibility",
        pb.NodeEligibilityRequest(id="n", eligible=False, description="why"),
    ),
    ("node drain n", "NodeDrain", pb.NodeDrainRequest(id="n", enable=True)),
    (
        "node drain n --deadline 90s --description why",
        "NodeDrain",
        pb.NodeDrainRequest(id="n", enable=True, deadline="1m30s", description="why"),
    ),
    ("node drain n --force", "NodeDrain", pb.NodeDrainRequest(id="n", enable=True, force=True)),
    ("node drain n --disable", "NodeDrain", pb.NodeDrainRequest(id="n", enable=False)),
    ("node drain n --disable --eligible", "NodeDrain", pb.NodeDrainRequest(id="n", enable=False, eligible=True)),
    ("queue allocation", "QueueDetail", pb.QueueDetailRequest(type="allocation")),
    ("queue pause", "QueuePause", pb.QueuePauseRequest()),
    ("queue pause --by ada --note why", "QueuePause", pb.QueuePauseRequest(by="ada", note="why")),
    ("queue resume", "QueueResume", pb.QueueResumeRequest()),
    ("queue job", "QueueJobViewDetail", pb.QueueJobViewRequest(namespace="default")),
]


@pytest.mark.parametrize(("words", "rpc", "request_"), SENT, ids=[words for words, _, _ in SENT])
async def test_sent(run: Ctl, api: FakeApi, *, words: str, rpc: str, request_: Message) -> None:
    assert (await run(*words.split())).code == 0
    assert api.requests == [(rpc, request_)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("namespace add ops", "namespace ops added\n"),
        ("namespace update ops --rename duty", "namespace ops is now duty\n"),
        ("plan delete x", "plan x deleted\n"),
        ("node delete n -w json", "{}\n"),
    ],
)
async def test_said(run: Ctl, words: str, said: str) -> None:
    assert (await run(*words.split())).out == said


@pytest.mark.parametrize(("status", "told"), [("unknown", True), ("running", False)])
async def test_who_cancels_a_run_out_of_reach_is_told_that_it_waits(
    run: Ctl, api: FakeApi, *, status: str, told: bool
) -> None:
    api.answers("JobCancel", pb.JobCancelResponse(data=pb.Job(id="j", status=status, node_id="rack-3")))
    outcome = await run("job", "cancel", "j")
    assert outcome.code == 0
    assert ("told to stop the run when it is back" in outcome.err) == told
    assert ("jobpoolctl node delete rack-3 --force" in outcome.err) == told


async def test_a_plan_that_never_fires_again(run: Ctl) -> None:
    assert (await run("plan", "preview", "x")).err == "it never fires again\n"


async def test_a_pending_plan_says_how_to_start_it(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanAdd", pb.SchedulePlanAddResponse(data=samples.BY_HAND))
    assert (await run("plan", "add", "--id", "by-hand", "--pending", "--command", "true")).out.splitlines() == [
        "plan by-hand added in namespace ops, pending",
        "start it: jobpoolctl plan online by-hand --ns ops",
        "it has no schedule: jobpoolctl plan run by-hand --ns ops",
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            pb.NodeListResponse(),
            "Warning: no ready agent offers 'rest': its runs wait for one (`jobpoolctl node list`)\n",
        ),
        (
            pb.NodeListResponse(data=[drained(executors=["rest"])], totalElements=1),
            "Warning: no ready agent offers 'rest': its runs wait for one (`jobpoolctl node list`)\n",
        ),
        (pb.NodeListResponse(data=[pb.Node(ID="n", executors=["rest"])], totalElements=1), ""),
        (pb.NodeListResponse(data=[pb.Node(ID="n", executors=["noop"])], totalElements=2), ""),  # one is not shown
        (Unimplemented("NodeList"), ""),
    ],
    ids=["none", "not eligible", "one", "more than a page", "not told"],
)
async def test_an_added_plan_that_no_agent_could_run(
    run: Ctl, api: FakeApi, *, answer: Message | JobpoolError, said: str
) -> None:
    api.answers("PlanAdd", pb.SchedulePlanAddResponse(data=pb.Plan(id="x", namespace="default", executor="rest")))
    api.answers("NodeList", answer)
    outcome = await run("plan", "add", "--id", "x", "--url", "http://a")
    assert (outcome.code, outcome.err) == (0, said)
    assert api.received("NodeList") == [pb.NodeListRequest(status="ready")]


async def test_an_empty_list_of_a_namespace_that_is_not_there(run: Ctl, api: FakeApi) -> None:
    for words in ("plan list", "job list", "eval list", "allocation list", "job list --all"):
        assert (await run(*words.split(), "--ns", "ops")).code == 0
    api.answers("NameSpaceDetail", NotFound("namespace", "ops", field="name"))
    for words in ("plan list", "job list", "eval list", "allocation list", "job list --all"):
        outcome = await run(*words.split(), "--ns", "ops")
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith("Error: namespace: namespace 'ops' does not exist\nHint: ")
    api.answers("JobList", pb.ScheduleJobListResponse(data=[samples.DONE], totalElements=1))  # history outlives it
    assert (await run("job", "list", "--ns", "ops")).code == 0


async def test_an_added_plan_is_added_even_without_a_preview(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanAdd", pb.SchedulePlanAddResponse(data=samples.HOURLY))
    api.answers("NodeList", Unimplemented("NodeList"))
    api.answers("PlanPreview", Unimplemented("PlanPreview"))
    outcome = await run("plan", "add", "--id", "hourly", "--spec", "@hourly")
    assert (outcome.code, outcome.out) == (0, "plan hourly added in namespace default, running\n")
    assert outcome.err == "Warning: it is added, but its next fires cannot be shown: PlanPreview\n"


async def test_an_added_plan_as_json_is_one_answer(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanAdd", pb.SchedulePlanAddResponse(data=samples.HOURLY))
    outcome = await run("plan", "add", "--id", "hourly", "--spec", "@hourly", "-w", "json")
    assert json.loads(outcome.out)["data"]["id"] == "hourly"
    assert api.received("PlanPreview") == []


# ---- nodes by name


@pytest.mark.parametrize("words", ["detail", "eligibility --enable", "drain"])
async def test_a_node_is_named_where_only_one_has_the_name(run: Ctl, api: FakeApi, words: str) -> None:
    name, *flags = words.split()
    rpc = {"detail": "NodeDetail", "eligibility": "NodeEligibility", "drain": "NodeDrain"}[name]
    answer = getattr(pb, f"{rpc}Response")(data=pb.Node(ID="n7", name="alpha"))
    api.answers(rpc, NotFound("node", "alpha"), answer)
    api.answers("NodeList", pb.NodeListResponse(data=[pb.Node(ID="n7", name="alpha"), pb.Node(ID="n8", name="alpha2")]))
    outcome = await run("node", name, "alpha", *flags)
    assert outcome.code == 0, outcome.err
    assert [cast(Any, request).id for request in api.received(rpc)] == ["alpha", "n7"]


@pytest.mark.parametrize(
    ("names", "told"),
    [([], "does not exist"), (["alpha"] * 2, "2 nodes are named 'alpha': say the id of one (n0, n1)")],
)
async def test_a_name_of_no_node_or_of_two_is_refused(run: Ctl, api: FakeApi, *, names: list[str], told: str) -> None:
    api.answers("NodeDrain", NotFound("node", "alpha"))
    nodes = [pb.Node(ID=f"n{at}", name=name) for at, name in enumerate(names)]
    api.answers("NodeList", pb.NodeListResponse(data=nodes))
    outcome = await run("node", "drain", "alpha")
    assert outcome.code == 1
    assert told in outcome.err
    assert len(api.received("NodeDrain")) == 1


# ---- drains


async def test_a_drain_is_followed_until_nothing_is_left(run: Ctl, api: FakeApi) -> None:
    under = pb.Drain(deadline=samples.at("2026-11-22T10:10:00Z"))
    api.answers("NodeDrain", pb.NodeDrainResponse(data=drained(drain=under, running=2)))
    api.answers(
        "NodeDetail",
        pb.NodeDetailResponse(data=drained(drain=under, running=2)),
        pb.NodeDetailResponse(data=drained(drain=under, running=1)),
        pb.NodeDetailResponse(data=drained(eligibility_description="drained at 10:03")),
    )
    outcome = await run("node", "drain", "n", "--wait", "--deadline", "10m")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        "2 runs left, until 2026-11-22 11:10:00+01:00",
        "1 run left, until 2026-11-22 11:10:00+01:00",
    ]
    assert outcome.out.endswith("drained at 10:03\n")
    assert len(api.received("NodeDetail")) == 3


async def test_a_drain_that_somebody_ends_is_no_success(run: Ctl, api: FakeApi) -> None:
    api.answers("NodeDrain", pb.NodeDrainResponse(data=drained(drain=pb.Drain(), running=2)))
    api.answers("NodeDetail", pb.NodeDetailResponse(data=drained(running=2)))
    outcome = await run("node", "drain", "n", "--wait")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "2 runs left\nError: somebody ended the drain with 2 runs left on the node\n"
    api.answers("NodeDetail", pb.NodeDetailResponse(data=pb.Node(ID="n", eligibility="eligible")))
    assert (await run("node", "drain", "n", "--wait")).code == 1


async def test_a_drain_is_followed_over_a_moment_without_a_server(run: Ctl, api: FakeApi) -> None:
    api.answers("NodeDrain", pb.NodeDrainResponse(data=drained(drain=pb.Drain())))
    api.answers("NodeDetail", Unavailable("no leader"), pb.NodeDetailResponse(data=drained()))
    assert (await run("node", "drain", "n", "--wait")).code == 0


@pytest.mark.parametrize(
    "words", ["node eligibility n", "node drain n --disable --wait", "node drain n --deadline -5m"]
)
async def test_words_about_nodes_that_make_no_sense(run: Ctl, api: FakeApi, words: str) -> None:
    assert (await run(*words.split())).code == 128
    assert api.requests == []


# ---- logs


async def test_logs_are_poured_out_by_offset(run: Ctl, api: FakeApi) -> None:
    api.answers(
        "JobLogs",
        pb.JobLogsResponse(data=b"one\n\x1b[31m", next_offset=9, size=13),
        pb.JobLogsResponse(data=b"two\n", next_offset=13, size=13, complete=True),
    )
    outcome = await run("job", "logs", "j", "--attempt", "2")
    assert (outcome.out, outcome.err) == ("one\n\x1b[31mtwo\n", "")
    assert api.received("JobLogs") == [
        pb.JobLogsRequest(id="j", limit=262144, attempt=2, offset=offset) for offset in (0, 9)
    ]


async def test_logs_of_a_run_that_goes_on(run: Ctl, api: FakeApi) -> None:
    api.answers("JobLogs", pb.JobLogsResponse(data=b"x", next_offset=8, size=8, truncated=True))
    outcome = await run("job", "logs", "j", "--offset", "7")
    assert outcome.out == "x"
    assert outcome.err.splitlines() == [
        "the output was longer than the agent keeps: the rest was dropped",
        "not complete yet: --offset 8 goes on from here",
    ]


async def test_logs_end_when_nothing_comes(run: Ctl, api: FakeApi) -> None:
    api.answers("JobLogs", pb.JobLogsResponse(next_offset=0, size=10))
    assert (await run("job", "logs", "j")).code == 0
    assert len(api.requests) == 1


async def test_logs_of_an_unknown_run(run: Ctl, api: FakeApi) -> None:
    api.answers("JobLogs", NotFound("job", "j"))
    assert (await run("job", "logs", "j")).code == 1


# ---- the plain HTTP questions


@asynccontextmanager
async def http(status: int, body: str) -> AsyncIterator[str]:
    """An endpoint that answers every GET so, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.0 {status} X\r\n\r\n{body}".encode())
        writer.close()
        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield "{}:{}".format(*server.sockets[0].getsockname())
        await ended.wait()


async def test_health(bare: Ctl) -> None:
    async with http(200, '{"health":"true","reason":""}') as fine, http(503, '{"reason":"disk full"}') as sick:
        outcome = await bare("endpoint", "health", "--endpoints", f"{fine},{sick},127.0.0.1:1", "-w", "json")
    rows = json.loads(outcome.out)
    assert [(row["endpoint"], row["health"], row.get("error")) for row in rows] == [
        (f"http://{fine}", True, None),
        (f"http://{sick}", False, "disk full"),
        ("http://127.0.0.1:1", False, "connection refused"),
    ]
    assert outcome.code == 1


async def test_all_healthy(bare: Ctl) -> None:
    async with http(200, '{"health":"true"}') as fine:
        outcome = await bare("endpoint", "health", "--endpoints", fine)
    assert outcome.code == 0
    assert outcome.out.startswith(f"http://{fine} is healthy: took ")


async def test_unhealthy_goes_to_stderr(bare: Ctl) -> None:
    async with http(404, "no such page") as other:
        outcome = await bare("endpoint", "health", "--endpoints", other)
    assert (outcome.code, outcome.out, outcome.err) == (1, "", f"http://{other} is unhealthy: it answers 404\n")


async def test_version(bare: Ctl) -> None:
    assert (await bare("version")).out == f"jobpoolctl version: {jobpool.__version__}\n"
    assert json.loads((await bare("version", "-w", "json")).out) == {"jobpoolctl": jobpool.__version__}


async def test_version_of_the_servers(bare: Ctl) -> None:
    async with http(200, '{"jobpool":"0.1.0","etcdserver":"","engine":"embedded"}') as there:
        outcome = await bare("version", "--server", "--endpoints", there)
        assert outcome.out.splitlines()[1] == f"http://{there}  jobpool 0.1.0  engine embedded"
    async with http(200, '{"jobpool":"0.1.0","etcdserver":"","engine":"embedded"}') as there:
        outcome = await bare("version", "--server", "--endpoints", f"127.0.0.1:1,{there}")
    assert (outcome.code, outcome.err) == (1, "http://127.0.0.1:1 does not answer: connection refused\n")
    assert outcome.out.splitlines()[1] == f"http://{there}  jobpool 0.1.0  engine embedded"
    assert (await bare("version", "--server", "--endpoints", "127.0.0.1:1")).code == 2
