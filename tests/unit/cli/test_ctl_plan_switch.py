"""`jobpoolctl plan pause|resume`, labels and owners, and the fires before and after a change."""

import pytest

from jobpool.model.errors import FailedPrecondition, RevisionMismatch
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli.harness import Ctl
from tests.unit.cli.samples import at

PLAN = pb.Plan(id="p", namespace="default", status="running", name="p", executor="noop")
PAUSED = pb.Plan(id="p", namespace="default", status="running", paused=pb.Paused(by="ann"))


def fires(*hours: str) -> pb.PlanPreviewResponse:
    ticks = [pb.PreviewTick(time=at(f"2026-01-31T{hour}:00Z"), time_zone="UTC") for hour in hours]
    for tick, hour in zip(ticks, hours, strict=True):
        tick.local = f"2026-01-31 {hour}:00+00:00"
    return pb.PlanPreviewResponse(data=ticks)


# ---- pause and resume


async def test_a_plan_is_paused_until_a_time_in_its_zone(run: Ctl, api: FakeApi) -> None:
    tokyo = pb.Plan(id="p", namespace="ops", periodic=pb.PeriodicConfig(time_zone="Asia/Tokyo"))
    api.answers("PlanDetail", pb.SchedulePlanDetailResponse(data=tokyo))
    api.answers("PlanPause", pb.SchedulePlanDetailResponse(data=PAUSED))
    outcome = await run(
        "plan", "pause", "p", "ops", "--by", "ann", "--note", "moving", "--until", "2026-01-31T09:00:00"
    )
    until = at("2026-01-31T00:00:00Z")
    assert api.received("PlanPause") == [
        pb.PlanPauseRequest(id="p", namespace="ops", by="ann", note="moving", until=until)
    ]
    assert (outcome.code, outcome.out) == (0, "p  default  running, paused  (no schedule)  by ann\n")


async def test_what_is_paused_says_until_when_by_whom_and_why(run: Ctl, api: FakeApi) -> None:
    paused = pb.Paused(by="ann", note="stocktaking", until=at("2026-01-31T00:00:00Z"))
    plan = pb.Plan(id="p", periodic=pb.PeriodicConfig(spec="@daily", time_zone="Asia/Tokyo"), paused=paused)
    api.answers("PlanList", pb.SchedulePlanListResponse(data=[plan], totalElements=1, totalPages=1))
    assert "  until 2026-01-31 09:00:00+09:00 by ann: stocktaking\n" in (await run("plan", "list")).out


async def test_without_until_it_is_paused_until_it_is_resumed(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanPause", pb.SchedulePlanDetailResponse(data=PAUSED))
    assert (await run("plan", "pause", "p")).code == 0
    assert api.received("PlanPause") == [pb.PlanPauseRequest(id="p", namespace="default")]
    assert api.received("PlanDetail") == []


@pytest.mark.parametrize("words", [(), ("--catch-up",)])
async def test_a_plan_is_resumed(run: Ctl, api: FakeApi, words: tuple[str, ...]) -> None:
    api.answers("PlanResume", pb.SchedulePlanDetailResponse(data=PLAN))
    outcome = await run("plan", "resume", "p", "--ns", "ops", *words)
    assert api.received("PlanResume") == [pb.PlanResumeRequest(id="p", namespace="ops", catch_up=bool(words))]
    assert (outcome.code, outcome.out) == (0, "p  default  running  (no schedule)  noop\n")


# ---- labels and owners


async def test_a_list_is_asked_by_label_and_owner(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanList", pb.SchedulePlanListResponse(data=[PLAN], totalElements=1, totalPages=1))
    assert (await run("plan", "list", "--label", "team=red", "--label", "tier", "--owner", "ann")).code == 0
    (request,) = api.received("PlanList")
    assert isinstance(request, pb.SchedulePlanListRequest)
    assert (list(request.labels), request.owner) == (["team=red", "tier"], "ann")
    assert not request.HasField("paused")


@pytest.mark.parametrize(("word", "paused"), [("--paused", True), ("--not-paused", False)])
async def test_a_list_is_asked_by_a_part_of_the_name_and_by_pause(
    run: Ctl, api: FakeApi, word: str, paused: bool
) -> None:
    api.answers("PlanList", pb.SchedulePlanListResponse(data=[PLAN], totalElements=1, totalPages=1))
    assert (await run("plan", "list", "--text", "night", "--executor", "shell", word)).code == 0
    (request,) = api.received("PlanList")
    assert isinstance(request, pb.SchedulePlanListRequest)
    assert (request.text, request.executor, request.paused) == ("night", "shell", paused)


async def test_plans_are_added_and_changed_with_labels_and_owner(run: Ctl, api: FakeApi) -> None:
    words = ("--label", "team=red", "--label", "note=a=b", "--owner", "ann")
    await run("plan", "add", "--id", "p", *words)
    await run("plan", "update", "p", *words, "--clear", "labels.old")
    (added,), (changed,) = api.received("PlanAdd"), api.received("PlanUpdate")
    assert isinstance(added, pb.SchedulePlanAddRequest)
    assert isinstance(changed, pb.SchedulePlanUpdateRequest)
    for request in (added, changed):
        assert (dict(request.labels), request.owner) == ({"team": "red", "note": "a=b"}, "ann")
    assert list(changed.clear) == ["labels.old"]


@pytest.mark.parametrize("text", ["team", "=red", ""])
async def test_a_label_without_name_and_value_is_refused(run: Ctl, api: FakeApi, text: str) -> None:
    outcome = await run("plan", "add", "--id", "p", "--label", text)
    assert f"Error: label: wanted NAME=VALUE, found {text!r}" in outcome.err
    assert (outcome.code, api.requests) == (3, [])


# ---- before and after


async def test_an_update_shows_the_fires_before_and_after(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanPreview", fires("03:00", "04:00"), fires("05:00"))
    api.answers("PlanUpdate", pb.SchedulePlanUpdateResponse(data=PLAN))
    outcome = await run("plan", "update", "p", "--spec", "0 5 * * *")
    assert [line.split()[:3] for line in outcome.out.splitlines()] == [
        ["p", "default", "running"],
        ["before", "2026-01-31", "03:00:00+00:00"],
        ["before", "2026-01-31", "04:00:00+00:00"],
        ["after", "2026-01-31", "05:00:00+00:00"],
    ]


async def test_an_update_that_moves_nothing_shows_the_next_fires(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanPreview", fires("03:00"))
    api.answers("PlanUpdate", pb.SchedulePlanUpdateResponse(data=PLAN))
    outcome = await run("plan", "update", "p", "--priority", "60")
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["p", "next"]


async def test_a_plan_without_a_schedule_shows_no_fires(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanPreview", FailedPrecondition("plan default/p has no schedule"))
    api.answers("PlanUpdate", pb.SchedulePlanUpdateResponse(data=PLAN))
    outcome = await run("plan", "update", "p", "--priority", "60")
    assert (outcome.code, len(outcome.out.splitlines())) == (0, 1)


async def test_a_refused_update_says_so(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanPreview", fires("03:00"))
    api.answers("PlanUpdate", RevisionMismatch("plan", "default/p", wanted=1, found=2))
    outcome = await run("plan", "update", "p", "--priority", "60")
    assert (outcome.code, outcome.out) == (1, "")
    assert "wanted revision 1, found 2" in outcome.err


async def test_programs_get_the_answer_and_nothing_else(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanUpdate", pb.SchedulePlanUpdateResponse(data=PLAN))
    assert (await run("plan", "update", "p", "--priority", "60", "-w", "json")).code == 0
    assert api.received("PlanPreview") == []
