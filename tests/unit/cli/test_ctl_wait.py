"""`job wait` and `job logs --follow`: to the end of a run, over whatever breaks, with its exit code."""

from typing import Any

import pytest

from jobpool.model.errors import NotFound, Unavailable
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli.harness import Ctl

HELLO = pb.ScheduleWatchResponse(position="1.7")


def changed(status: str, **fields: int) -> pb.ScheduleWatchResponse:
    job = pb.Job(id="j", plan_id="p", namespace="default", status=status, **fields)  # type: ignore[arg-type]
    change = pb.ScheduleChange(kind="job", action="set", n=8, id="j", position="1.7.1", job=job)
    return pb.ScheduleWatchResponse(data=[change], position="1.8")


def detail(status: str) -> pb.ScheduleJobDetailResponse:
    return pb.ScheduleJobDetailResponse(data=pb.Job(id="j", status=status))


@pytest.mark.parametrize(
    ("status", "fields", "code"),
    [
        ("complete", {}, 0),
        ("complete", {"exit_code": 3}, 0),
        ("failed", {"exit_code": 3}, 3),
        ("failed", {"exit_code": 0}, 1),
        ("failed", {"exit_code": -9}, 1),
        ("failed", {"exit_code": 4096}, 1),
        ("failed", {}, 1),
        ("skipped", {}, 1),
        ("cancelled", {}, 1),
        ("expired", {}, 1),
    ],
)
async def test_wait_ends_as_the_run_did(run: Ctl, api: FakeApi, status: str, fields: dict[str, int], code: int) -> None:
    api.answers("JobDetail", detail("running"))
    api.streams("Watch", [HELLO, changed("running"), changed(status, **fields)])
    outcome = await run("job", "wait", "j")
    assert outcome.code == code
    assert status in outcome.out
    assert api.received("Watch") == [pb.ScheduleWatchRequest(kinds=["job"], id="j")]


async def test_wait_for_a_run_that_has_ended_already(run: Ctl, api: FakeApi) -> None:
    api.answers("JobDetail", detail("complete"))
    api.streams("Watch", [HELLO, None])
    assert (await run("job", "wait", "j")).code == 0


async def test_wait_goes_on_where_it_broke(run: Ctl, api: FakeApi) -> None:
    api.answers("JobDetail", detail("running"))
    api.streams("Watch", [HELLO, Unavailable("stopping")], [changed("complete")])
    assert (await run("job", "wait", "j", "-w", "json")).code == 0
    assert [request.after for request in api.received("Watch")] == ["", "1.7"]  # type: ignore[attr-defined]


async def test_wait_gives_up_in_time_and_says_so(run: Ctl, api: FakeApi) -> None:
    api.answers("JobDetail", detail("running"))
    api.streams("Watch", [HELLO, None])
    outcome = await run("job", "wait", "j", "--timeout", "50ms")
    assert (outcome.code, outcome.out, outcome.err) == (124, "", "job j has not ended yet; it goes on\n")


async def test_wait_for_a_run_that_is_none(run: Ctl, api: FakeApi) -> None:
    api.answers("JobDetail", NotFound("job", "j"))
    api.streams("Watch", [HELLO, None])
    outcome = await run("job", "wait", "j")
    assert outcome.code == 1
    assert "does not exist" in outcome.err


async def test_wait_where_no_server_is(bare: Ctl) -> None:
    assert (await bare("job", "wait", "j", "--endpoints", "127.0.0.1:1")).code == 2


def piece(data: bytes, end: int, *, attempt: int = 1, **fields: Any) -> pb.JobLogsResponse:
    return pb.JobLogsResponse(data=data, next_offset=end, size=end, attempt=attempt, **fields)


async def test_logs_are_followed_over_breaks_and_attempts(run: Ctl, api: FakeApi) -> None:
    api.streams(
        "JobLogsFollow",
        [piece(b"", 0), piece(b"one\n", 4), Unavailable("stopping")],
        [piece(b"\xfftwo\n", 9), piece(b"", 9, complete=True), Unavailable("stopping")],
        [piece(b"three\n", 6, attempt=2), piece(b"", 6, attempt=2, complete=True, truncated=True)],
    )
    outcome = await run("job", "logs", "j", "-f")
    assert (outcome.code, outcome.raw) == (0, b"one\n\xfftwo\nthree\n")
    assert outcome.err.splitlines() == ["attempt 2", "the output was longer than the agent keeps: the rest was dropped"]
    asked = api.received("JobLogsFollow")
    places = [(request.attempt, request.offset) for request in asked]  # type: ignore[attr-defined]
    assert places == [(0, 0), (1, 4), (2, 0)]


async def test_one_attempt_is_followed_to_its_end(run: Ctl, api: FakeApi) -> None:
    api.streams("JobLogsFollow", [piece(b"one", 4, complete=True), piece(b"two", 3, attempt=2)])
    outcome = await run("job", "logs", "j", "--follow", "--attempt", "1", "--offset", "1")
    assert (outcome.code, outcome.out) == (0, "one")
    assert api.received("JobLogsFollow") == [pb.JobLogsRequest(id="j", attempt=1, offset=1)]


async def test_logs_that_cannot_be_followed(run: Ctl, api: FakeApi) -> None:
    api.streams("JobLogsFollow", [NotFound("job", "j")])
    assert (await run("job", "logs", "j", "-f")).code == 1
    api.streams("JobLogsFollow", [Unavailable("the agent of node n is not connected")])
    assert (await run("job", "logs", "j", "-f")).code == 2
