"""Global flags and environment, prefixes, filters and pages."""

from collections.abc import Awaitable, Callable
from typing import TypedDict

import pytest
from google.protobuf.message import Message

from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli.harness import Ctl
from tests.unit.cli.samples import at


class Page(TypedDict):
    pageNumber: int
    pageSize: int


async def test_unique_beginnings_of_names(run: Ctl, api: FakeApi) -> None:
    assert (await run("na", "l")).code == 0
    assert (await run("all", "det", "a1")).code == 0
    assert [rpc for rpc, _ in api.requests] == ["NameSpaceList", "AllocationDetail"]


@pytest.mark.parametrize(
    ("words", "rpc"),
    [("pl l", "PlanList"), ("job l", "JobList"), ("pl d p1 ns", "PlanDetail"), ("n d ns", "NameSpaceDelete")],
)
async def test_with_compat_beginnings_mean_the_originals_commands(
    run: Ctl, api: FakeApi, words: str, rpc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await run(*words.split())).code == 128
    assert (await run("--compat", *words.split())).code == 0
    assert (await run(*words.split(), "--compat")).code == 0
    monkeypatch.setenv("JOBPOOLCTL_COMPAT", "true")
    assert (await run(*words.split())).code == 0
    assert [name for name, _ in api.requests] == [rpc] * 3


async def test_with_compat_new_commands_may_be_shortened_too(run: Ctl, api: FakeApi) -> None:
    assert (await run("--compat", "p", "l")).code == 128  # plan, put: so it was
    assert (await run("--compat", "pl", "pau", "p1")).code == 0
    assert [name for name, _ in api.requests] == ["PlanPause"]


async def test_a_whole_name_wins_over_those_it_begins(run: Ctl, api: FakeApi) -> None:
    assert (await run("plan", "o")).code == 128  # online, offline
    assert (await run("plan", "on", "x")).code == 0
    assert api.received("PlanOnline") == [pb.SchedulePlanOnlineRequest(id="x", namespace="default")]


@pytest.mark.parametrize(
    "words", [("-w", "json", "node", "list"), ("node", "-w", "json", "list"), ("node", "list", "-w", "json")]
)
async def test_global_flags_at_any_place(run: Ctl, api: FakeApi, words: tuple[str, ...]) -> None:
    api.answers("NodeList", pb.NodeListResponse(totalElements=3))
    assert (await run(*words)).out == '{\n  "totalElements": 3\n}\n'


async def test_precedence(run: Ctl, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag nearest to the command, then farther ones, then JOBPOOLCTL_…, then ETCDCTL_…, then the default."""
    api.answers("NodeList", pb.NodeListResponse(totalElements=3))
    assert (await run("node", "list")).out == ""
    monkeypatch.setenv("ETCDCTL_WRITE_OUT", "table")
    assert (await run("node", "list")).out.startswith("+")
    monkeypatch.setenv("JOBPOOLCTL_WRITE_OUT", "json")
    assert (await run("node", "list")).out.startswith("{")
    assert (await run("-w", "table", "node", "list")).out.startswith("+")
    assert (await run("-w", "table", "node", "list", "-w", "simple")).out == ""


async def test_etcdctl_endpoints(bare: Ctl, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", f"127.0.0.1:1, {api.endpoint}")
    assert (await bare("node", "list")).code == 0


async def test_filters(run: Ctl, api: FakeApi) -> None:
    await run("plan", "list", "--ns", "ops", "--status", "running", "--name", "n", "--id", "i", "--size", "5")
    words = ["--status", "failed", "--plan-id", "p", "--ns", "ops", "--name", "n", "--number", "2"]
    await run("job", "list", *words, "--since", "2026-11-22T10:00", "--until", "2026-11-22T12:00:00Z")
    await run("eval", "list", "--status", "blocked", "--plan-id", "p", "--job-id", "j", "--ns", "ops")
    await run("allocation", "list", "--status", "s", "--plan-id", "p", "--job-id", "j", "--eval-id", "e")
    await run("allocation", "list", "--node-id", "n", "--ns", "ops", "--name", "x")
    await run("node", "list", "--status", "ready", "--name", "agent-a")
    await run("namespace", "list", "--name", "ops")
    page = Page(pageNumber=1, pageSize=10)
    assert [request for call, request in api.requests if call != "NameSpaceDetail"] == [
        pb.SchedulePlanListRequest(namespace="ops", status="running", name="n", id="i", pageNumber=1, pageSize=5),
        pb.ScheduleJobListRequest(
            namespace="ops",
            status="failed",
            plan_id="p",
            name="n",
            pageNumber=2,
            pageSize=10,
            start_time=at("2026-11-22T09:00:00Z"),  # Berlin
            end_time=at("2026-11-22T12:00:00Z"),
        ),
        pb.ScheduleEvalListRequest(namespace="ops", status="blocked", plan_id="p", job_id="j", **page),
        pb.ScheduleAllocationListRequest(status="s", plan_id="p", job_id="j", eval_id="e", **page),
        pb.ScheduleAllocationListRequest(node_id="n", namespace="ops", name="x", **page),
        pb.NodeListRequest(status="ready", name="agent-a", **page),
        pb.ScheduleNameSpaceListRequest(name="ops", **page),
    ]


async def test_since_a_span_ago(run: Ctl, api: FakeApi) -> None:
    await run("job", "list", "--since", "1h", "--until", "30m")
    (request,) = api.received("JobList")
    assert isinstance(request, pb.ScheduleJobListRequest)
    assert request.end_time.ToSeconds() - request.start_time.ToSeconds() in (1799, 1800, 1801)


def pages(*ids: list[str]) -> Callable[[Message], Awaitable[Message]]:
    """Answers a job list with these pages."""

    async def answer(request: Message) -> Message:
        assert isinstance(request, pb.ScheduleJobListRequest)
        assert request.pageSize == 1000
        data = [pb.Job(id=id_) for id_ in ids[request.pageNumber - 1]]
        return pb.ScheduleJobListResponse(data=data, totalElements=5, totalPages=len(ids))

    return answer


async def test_every_page_and_nothing_twice(run: Ctl, api: FakeApi) -> None:
    api.answers("JobList", pages(["e", "d"], ["d", "c"], ["b", "a"]))
    outcome = await run("job", "list", "--all")
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["e", "d", "c", "b", "a"]
    assert outcome.err == "5 in all\n"
    table = (await run("job", "list", "--all", "-w", "table")).out
    assert [line.split()[1] for line in table.splitlines()[3:-1]] == ["e", "d", "c", "b", "a"]
    json = (await run("job", "list", "--all", "-w", "json")).out
    assert json.count('"id"') == 5
    assert '"totalElements": 5' in json


async def test_a_page_beyond_the_end(run: Ctl, api: FakeApi) -> None:
    api.answers("JobList", pb.ScheduleJobListResponse(totalElements=5, totalPages=1))
    assert (await run("job", "list", "--number", "2")).err == "nothing on page 2: there are 5 in all\n"
