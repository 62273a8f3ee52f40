"""Model to message: times at the edge of what a Timestamp is, and what a run shows at each stage of its life."""

import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from jobpool.model.errors import InvalidArgument
from jobpool.model.node import Drain, Node
from jobpool.model.plan import Plan
from jobpool.model.run import Attempt, Run
from jobpool.model.schedule import Periodic
from jobpool.model.statuses import AllocationStatus, DesiredStatus, JobStatus, NodeStatus, Trigger
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import (
    allocation_message,
    assignment_message,
    job_message,
    millis_of,
    node_message,
    timestamp,
)
from tests.unit.history.samples import NOW, finished_run


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_760_000_000_123, "2025-10-09T08:53:20.123Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_goes_there_and_back(at: int, text: str) -> None:
    assert timestamp(at).ToJsonString() == text
    assert millis_of("t", timestamp(at)) == at


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [
        (-62_135_596_801, 0),
        (253_402_300_800, 0),
        ((1 << 63) - 1, 0),
        (-(1 << 63), 0),
        (0, -1),
        (0, 1_000_000_000),
        (0, (1 << 31) - 1),
    ],
)
def test_what_is_no_time_is_refused(seconds: int, nanos: int) -> None:
    with pytest.raises(InvalidArgument) as refused:
        millis_of("start_time", Timestamp(seconds=seconds, nanos=nanos))
    assert refused.value.field == "start_time"


def test_parts_of_a_millisecond_are_cut() -> None:
    assert millis_of("t", Timestamp(seconds=1, nanos=1_999_999)) == 1001
    assert millis_of("t", Timestamp(seconds=-1, nanos=999_999_999)) == -1


PLAN = Plan(
    "backup",
    "default",
    "backup",
    "service",
    1,
    1,
    NOW,
    NOW,
    parameters='{"of": "plan"}',
    periodic=Periodic(spec="@daily", time_zone="Asia/Tokyo"),
)


def waiting() -> Run:
    return msgspec.structs.replace(
        finished_run("a"), status=JobStatus.PENDING, attempts=(), evaluations=(), finished_at=None
    )


def test_a_run_that_has_not_started_shows_no_times_and_no_node() -> None:
    job = job_message(waiting(), PLAN)
    assert not any(job.HasField(field) for field in ("started_at", "finished_at", "exit_code"))
    assert (job.attempt, job.node_id, job.fence, job.lateness_ms) == (0, "", 0, 0)
    assert job.parameters == '{"of": "plan"}'
    assert job.derived_plan_id == f"backup/periodic-{NOW // 1000}"


def test_a_runs_own_parameters_and_kind_show() -> None:
    run = msgspec.structs.replace(waiting(), parameters="", trigger=Trigger.MANUAL)
    job = job_message(run, PLAN)
    assert (job.parameters, job.time_zone) == ("", "Asia/Tokyo")
    assert job.derived_plan_id == f"backup/manual-{run.id}"


def test_an_exit_code_of_zero_shows() -> None:
    run = finished_run("a")
    first = msgspec.structs.replace(run.attempts[0], started_at=NOW + 7)
    run = msgspec.structs.replace(run, exit_code=0, started_at=NOW + 7, attempts=(first,))
    job = job_message(run, None)
    assert (job.parameters, job.time_zone) == ("", "")
    assert job.HasField("exit_code")
    assert (job.exit_code, job.lateness_ms, job.started_at) == (0, 7, timestamp(NOW + 7))


@pytest.mark.parametrize(
    ("desired", "sent", "words"),
    [
        (DesiredStatus.RUN, "", ""),
        (DesiredStatus.SKIP, "skip", "a run of the plan is live, this one is skipped"),
        (DesiredStatus.FAIL, "fail", "no slot was free"),
        (DesiredStatus.STOP, "", "stop on request"),
    ],
)
def test_what_an_attempt_is_for_is_told_to_agents_and_people(desired: DesiredStatus, sent: str, words: str) -> None:
    attempt = Attempt(1, 1, "node-1", 9, AllocationStatus.PENDING, NOW, NOW, desired)
    run = msgspec.structs.replace(waiting(), attempts=(attempt,))
    assert assignment_message(run, attempt, "{}").desired_status == sent
    shown = allocation_message(run, attempt)
    assert (shown.desired_status, shown.desired_description) == (desired.value, words)


def test_a_node_never_shows_its_secret() -> None:
    node = Node("n", "name", "5e884898da", NodeStatus.READY, NOW, NOW, draining=True)
    message = node_message(node, 3)
    assert "5e884898da" not in str(message)
    assert (message.secret_id, message.running, message.drain_status) == ("", 3, "draining")
    assert message.status_update_at == NOW * 1000


def test_a_node_shows_where_its_agent_is() -> None:
    node = Node("n", "name", "0", NodeStatus.READY, NOW, NOW, server="8e9e05c52164694d")
    assert node_message(node, 0, "server1").server == "server1"
    assert node_message(node, 0).server == ""


def test_a_node_shows_what_an_operator_said_of_it() -> None:
    node = Node("n", "name", "0", NodeStatus.READY, NOW, NOW)
    assert (node_message(node, 0).eligibility, node_message(node, 0).HasField("drain")) == ("eligible", False)
    drained = msgspec.structs.replace(node, eligible=False, eligibility_description="kernel", drain=Drain(NOW))
    message = node_message(drained, 0)
    assert (message.eligibility, message.eligibility_description) == ("ineligible", "kernel")
    assert (message.drain_status, message.drain) == ("draining", pb.Drain(since=timestamp(NOW)))
    message = node_message(msgspec.structs.replace(drained, drain=Drain(NOW, NOW + 1)), 0)
    assert message.drain.deadline == timestamp(NOW + 1)
