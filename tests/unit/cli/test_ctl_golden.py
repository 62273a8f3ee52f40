"""What `jobpoolctl` prints, held by golden files. Rewrite them with REWRITE=1 pytest."""

import msgspec
import pytest
from google.protobuf.message import Message

from jobpool.cli.ctl import COMMANDS
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli import samples
from tests.unit.cli.harness import Ctl, check_golden

LISTS: dict[str, tuple[str, Message]] = {
    "plan list": ("PlanList", samples.PLANS),
    "job list": ("JobList", samples.JOBS),
    "eval list": ("EvalList", samples.EVALUATIONS),
    "allocation list": ("AllocationList", samples.ALLOCATIONS),
    "node list": ("NodeList", samples.NODES),
    "namespace list": ("NameSpaceList", samples.NAMESPACES),
    "plan detail hourly": ("PlanDetail", pb.SchedulePlanDetailResponse(header=samples.HEADER, data=samples.HOURLY)),
    "plan preview hourly": ("PlanPreview", samples.TICKS),
    "plan run hourly": ("PlanRun", pb.PlanRunResponse(header=samples.HEADER, data=samples.FAILED)),
    "job detail 01M8": ("JobDetail", pb.ScheduleJobDetailResponse(header=samples.HEADER, data=samples.DONE)),
    "node detail 01M8NODE": ("NodeDetail", pb.NodeDetailResponse(header=samples.HEADER, data=samples.NODE)),
    "eval detail x": ("EvalDetail", pb.ScheduleEvalDetailResponse(header=samples.HEADER, data=samples.WAITING)),
    "allocation detail x": (
        "AllocationDetail",
        pb.ScheduleAllocationDetailResponse(header=samples.HEADER, data=samples.PLACED),
    ),
    "namespace detail ops": (
        "NameSpaceDetail",
        pb.ScheduleNameSpaceDetailResponse(header=samples.HEADER, data=samples.NAMESPACES.data[1]),
    ),
    "alarm list": ("AlarmList", pb.AlarmListResponse(data=[pb.Alarm(member_id="a1", alarm="NOSPACE")])),
    "queue allocation": ("QueueDetail", pb.QueueDetailResponse(data=pb.QueueDetail(total=1, total_ready=1))),
    "queue evaluation": (
        "QueueDetail",
        pb.QueueDetailResponse(data=pb.QueueDetail(total=4, total_ready=2, total_unacked=1, total_delayed=1)),
    ),
    "queue pause --by ada --note moving": (
        "QueuePause",
        pb.QueuePauseResponse(header=samples.HEADER, data=samples.PAUSE),
    ),
    "queue job ops": (
        "QueueJobViewDetail",
        pb.QueueJobViewResponse(
            data=pb.QueueJobStats(
                total=5, running=2, pending=1, un_used=2, running_jobs=["01A", "01B"], pending_jobs=["01C"]
            )
        ),
    ),
}


@pytest.mark.parametrize("form", ["simple", "table", "json"])
@pytest.mark.parametrize("words", LISTS)
async def test_printed(run: Ctl, api: FakeApi, *, words: str, form: str) -> None:
    rpc, answer = LISTS[words]
    api.answers(rpc, answer)
    outcome = await run(*words.split(), "-w", form)
    check_golden(f"{'-'.join(words.split()[:2])}.{form}", outcome)


async def test_a_plan_is_added(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanAdd", pb.SchedulePlanAddResponse(data=samples.HOURLY))
    api.answers("PlanPreview", samples.TICKS)
    api.answers("NodeList", samples.NODES)
    check_golden("plan-add.simple", await run("plan", "add", "--id", "hourly", "--spec", "0 * * * *"))


async def test_a_paused_queue(run: Ctl, api: FakeApi) -> None:
    api.answers("QueueDetail", pb.QueueDetailResponse(data=pb.QueueDetail(total=2, total_ready=2, pause=samples.PAUSE)))
    check_golden("queue-paused.simple", await run("queue", "evaluation"))
    check_golden("queue-paused.table", await run("queue", "evaluation", "-w", "table"))


async def test_an_empty_list(run: Ctl) -> None:
    check_golden("empty.table", await run("plan", "list", "-w", "table"))


async def test_help(bare: Ctl) -> None:
    outcome = await bare("--help")
    above, rest = outcome.out.split("Commands:\n")
    commands, below = rest.split("\n\n", 1)
    check_golden("help", msgspec.structs.replace(outcome, out=above + below))
    assert [line.split()[0] for line in commands.splitlines() if line[2] != " "] == sorted(COMMANDS)


CHANGES: dict[str, tuple[str, Message]] = {
    "plan online hourly": ("PlanOnline", pb.SchedulePlanDetailResponse(data=samples.HOURLY)),
    "plan offline hourly": ("PlanOffline", pb.SchedulePlanDetailResponse(data=samples.BY_HAND)),
    "plan update hourly --spec @daily": ("PlanUpdate", pb.SchedulePlanUpdateResponse(data=samples.HOURLY)),
    "job cancel 01M8": ("JobCancel", pb.JobCancelResponse(data=samples.FAILED)),
    "node eligibility 01M8NODE --enable": ("NodeEligibility", pb.NodeEligibilityResponse(data=samples.NODE)),
    "node drain 01M8OTHER --deadline 10m": ("NodeDrain", pb.NodeDrainResponse(data=samples.DRAINING)),
    "queue resume": ("QueueResume", pb.QueueResumeResponse()),
    "job update 01M8 complete": ("JobUpdate", pb.ScheduleJobStatusUpdateResponse(data=samples.DONE)),
}


@pytest.mark.parametrize("words", CHANGES)
async def test_a_change_is_one_line(run: Ctl, api: FakeApi, words: str) -> None:
    rpc, answer = CHANGES[words]
    api.answers(rpc, answer)
    check_golden(f"{'-'.join(words.split()[:2])}.simple", await run(*words.split()))
