"""`--compat`: the original's shapes, held by golden files, and what they do with odd values."""

import json

import pytest
from google.protobuf.message import Message

from jobpool.cli.compat import compact_text, go_json, instant
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli import samples
from tests.unit.cli.harness import Ctl, check_golden
from tests.unit.cli.samples import HEADER, at
from tests.unit.cli.test_ctl_operations import MEMBERS, status

SHOWN: dict[str, tuple[str, Message]] = {
    "plan list": ("PlanList", samples.PLANS),
    "job list": ("JobList", samples.JOBS),
    "eval list": ("EvalList", samples.EVALUATIONS),
    "allocation list": ("AllocationList", samples.ALLOCATIONS),
    "namespace list": ("NameSpaceList", samples.NAMESPACES),
    "node list": ("NodeList", samples.NODES),
    "plan detail x": ("PlanDetail", pb.SchedulePlanDetailResponse(header=HEADER, data=samples.HOURLY)),
    "job detail x": ("JobDetail", pb.ScheduleJobDetailResponse(header=HEADER, data=samples.FAILED)),
    "eval detail x": ("EvalDetail", pb.ScheduleEvalDetailResponse(header=HEADER, data=samples.WAITING)),
    "allocation detail x": (
        "AllocationDetail",
        pb.ScheduleAllocationDetailResponse(header=HEADER, data=samples.PLACED),
    ),
    "job update x failed": ("JobUpdate", pb.ScheduleJobStatusUpdateResponse(header=HEADER, data=samples.FAILED)),
    "namespace add x": ("NameSpaceAdd", pb.ScheduleNameSpaceAddResponse(header=HEADER)),
    "member list": ("MemberList", pb.MemberListResponse(header=HEADER, data=MEMBERS)),
}


@pytest.mark.parametrize("form", ["simple", "table", "json"])
@pytest.mark.parametrize("words", SHOWN)
async def test_printed(run: Ctl, api: FakeApi, *, words: str, form: str) -> None:
    rpc, answer = SHOWN[words]
    api.answers(rpc, answer)
    outcome = await run(*words.split(), "-w", form, "--compat")
    check_golden(f"compat/{'-'.join(words.split()[:2])}.{form}", outcome)


@pytest.mark.parametrize("form", ["simple", "table", "json"])
async def test_all_pages_are_one_page(run: Ctl, api: FakeApi, form: str) -> None:
    api.answers("PlanList", samples.PLANS)
    whole = await run("plan", "list", "-w", form, "--compat")
    pages = [pb.SchedulePlanListResponse(header=HEADER, data=[one]) for one in samples.PLANS.data]
    for page in pages:
        page.totalElements, page.totalPages = 12, 2
    api.answers("PlanList", *pages)
    assert await run("plan", "list", "-w", form, "--compat", "--all") == whole


async def test_the_servers(run: Ctl, api: FakeApi) -> None:
    api.answers("ServerStatus", status(1, raft_leader=True))
    api.answers("HashKV", pb.HashKVResponse(header=HEADER, hash=77, revision=3, compact_revision=2))
    there = f"http://{api.endpoint}"
    shown = await run("endpoint", "status", "--compat")
    assert shown.out == f"{there}, a1, 3.5.30, 25 MB, true, false, 2, 77, 77, \n"
    (row,) = json.loads((await run("endpoint", "status", "--compat", "-w", "json")).out)
    assert row["Endpoint"] == there
    assert row["Status"]["leader"] == 0xA1
    assert (row["Status"]["raftIndex"], row["Status"]["dbSize"]) == (77, 25_400_000)
    assert (await run("endpoint", "hashkv", "--compat")).out == f"{there}, 77\n"
    (row,) = json.loads((await run("endpoint", "hashkv", "--compat", "-w", "json")).out)
    assert (row["HashKV"]["hash"], row["HashKV"]["compact_revision"]) == (77, 2)


async def test_the_version_is_what_scripts_of_the_original_look_for(bare: Ctl) -> None:
    assert (await bare("version", "--compat")).out == "etcdctl version: 3.5.7\nAPI version: 3.5\n"


async def test_by_the_environment(run: Ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBPOOLCTL_COMPAT", "true")
    assert (await run("namespace", "delete", "x")).out == "success\n"
    assert (await run("namespace", "delete", "x", "--compat=false")).out == "namespace x deleted\n"


def test_json_as_go_writes_it() -> None:
    job = pb.Job(
        id='<&>"\\\n\x01\u2028é', timeout=2**63, exit_code=0, attempt=3, create_time=at("1970-01-01T00:00:00Z")
    )
    shown = '{"id":"\\u003c\\u0026\\u003e\\"\\\\\\n\\u0001\\u2028é","timeout":9223372036854775808,"create_time":{}}'
    assert go_json(job) == shown
    assert go_json(pb.Job()) == "{}"


def test_text_as_go_writes_it() -> None:
    plan = pb.Plan(id='é"\\\n\x7f', periodic=pb.PeriodicConfig(spec="@daily", enabled=True), stop=True, executor="rest")
    assert compact_text(plan) == 'id:"\\303\\251\\"\\\\\\n\\177" stop:true periodic:<enabled:true spec:"@daily" > '
    assert compact_text(pb.Job(create_time=at("1970-01-01T00:00:07.5Z"))) == (
        "create_time:<seconds:7 nanos:500000000 > "
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("2026-11-22T10:00:00.250Z", "2026-11-22T10:00:00.25Z"),
        ("2026-11-22T10:00:00.000000001Z", "2026-11-22T10:00:00.000000001Z"),
    ],
)
def test_instants(text: str, shown: str) -> None:
    assert instant(pb.Job(create_time=at(text)), "create_time") == shown
    assert instant(pb.Job(), "create_time") == "(timestamp: nil Timestamp)"
