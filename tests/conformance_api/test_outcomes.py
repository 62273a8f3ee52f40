"""PlanOutcomes, over both transports: how the last runs of several plans ended."""

from typing import Any

import pytest

from jobpool.api.outcomes import ENDS, MOST_PLANS, outcomes_of
from jobpool.history.queries import End
from jobpool.kit.pure.durations import SECOND
from jobpool.model.reasons import Reason
from jobpool.model.statuses import JobStatus
from jobpool.wire import jobpool_pb2 as pb
from tests.conformance_api.harness import Api


async def outcomes(api: Api, *plans: str, namespace: str = "default") -> list[pb.PlanOutcomes]:
    return list((await api.ask("PlanOutcomes", namespace=namespace, id=plans)).data)


async def test_a_plan_that_never_ran(api: Api) -> None:
    await api.world.add_plan()
    [told] = await outcomes(api, "p")
    assert told == pb.PlanOutcomes(id="p", namespace="default")


async def test_a_run_that_goes_on_is_the_last_until_it_ends(api: Api) -> None:
    await api.world.add_plan()
    first = await api.world.run_plan()
    await api.world.finish(first.id)
    await api.world.clock.advance(SECOND)
    second = await api.world.run_plan()
    [told] = await outcomes(api, "p")
    assert [end.job_id for end in told.ends] == [first.id]
    assert (told.live, told.last.job_id, told.last.status) == (1, second.id, "pending")
    assert not told.last.HasField("finished_at")
    await api.world.finish(second.id)
    [told] = await outcomes(api, "p")
    assert [end.job_id for end in told.ends] == [second.id, first.id]
    assert (told.live, told.last, told.succeeded, told.counted) == (0, told.ends[0], 2, 2)
    assert told.last.HasField("finished_at")


async def test_only_the_newest_are_told(api: Api) -> None:
    await api.world.add_plan()
    made = []
    for _ in range(ENDS + 1):
        made.append((await api.world.run_plan()).id)
        await api.world.finish(made[-1])
        await api.world.clock.advance(1)
    [told] = await outcomes(api, "p")
    assert [end.job_id for end in told.ends] == list(reversed(made[1:]))


async def test_several_plans_each_once_and_none_that_is_not_there(api: Api) -> None:
    for plan in ("a", "b"):
        await api.world.add_plan(plan)
    assert [told.id for told in await outcomes(api, "b", "nobody", "a", "b")] == ["b", "a"]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"id": ["p"]}, "INVALID_ARGUMENT", "namespace"),
        ({"namespace": "default"}, "INVALID_ARGUMENT", "id"),
        ({"namespace": "default", "id": ["p", "a b"]}, "INVALID_ARGUMENT", "id"),
        ({"namespace": "default", "id": [f"p{k}" for k in range(MOST_PLANS + 1)]}, "INVALID_ARGUMENT", "id"),
        ({"namespace": "nowhere", "id": ["p"]}, "NOT_FOUND", "namespace"),
    ],
)
async def test_refusals_name_the_field(api: Api, fields: dict[str, Any], code: str, field: str) -> None:
    refusal = await api.refused("PlanOutcomes", **fields)
    assert (refusal.code, refusal.field) == (code, field)


# ---- the figures


def ends(*kinds: tuple[JobStatus, int | None]) -> list[End]:
    return [End(f"j{k}", status, Reason.NONE, 0, 0, took) for k, (status, took) in enumerate(kinds)]


def test_skips_and_cancels_do_not_count_for_or_against_a_plan() -> None:
    told = outcomes_of(
        "default",
        "p",
        ends(
            (JobStatus.COMPLETE, 5),
            (JobStatus.SKIPPED, None),
            (JobStatus.FAILED, 9),
            (JobStatus.CANCELLED, 9),
            (JobStatus.EXPIRED, 9),
            (JobStatus.COMPLETE, 7),
        ),
        live=0,
        last=None,
    )
    assert (told.succeeded, told.counted, told.median_ms, told.p95_ms) == (2, 4, 5, 7)


def test_what_there_is_nothing_to_say_of_is_absent() -> None:
    told = outcomes_of("default", "p", ends((JobStatus.SKIPPED, None)), live=0, last=None)
    assert (told.counted, told.HasField("median_ms"), told.HasField("p95_ms")) == (0, False, False)
    failed = outcomes_of("default", "p", ends((JobStatus.FAILED, None)), live=0, last=None)
    assert (failed.succeeded, failed.counted, failed.HasField("median_ms")) == (0, 1, False)


@pytest.mark.parametrize(("count", "median", "p95"), [(1, 1, 1), (2, 1, 2), (3, 2, 3), (19, 10, 19), (20, 10, 19)])
def test_percentiles_are_values_that_were_measured(count: int, median: int, p95: int) -> None:
    told = outcomes_of(
        "default", "p", ends(*((JobStatus.COMPLETE, took) for took in range(count, 0, -1))), live=0, last=None
    )
    assert (told.median_ms, told.p95_ms) == (median, p95)
