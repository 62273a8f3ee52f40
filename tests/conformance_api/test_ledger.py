"""PlanLedger, over both transports: what became of each tick."""

from typing import Any

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.conformance_api.harness import Api, Refusal

NAMED: dict[str, Any] = {"id": "p", "namespace": "default"}
MINUTELY: dict[str, Any] = {"periodic": pb.PeriodicConfig(spec="* * * * *", time_zone="Europe/Berlin")}


async def ledger(api: Api, **fields: Any) -> list[pb.LedgerEntry]:
    return list((await api.ask("PlanLedger", **NAMED, **fields)).data)


async def to_the_minute(api: Api) -> int:
    """Until just before the next tick; returns the tick."""
    now = api.world.clock.now()
    tick: int = (now // MINUTE + 1) * MINUTE
    await api.world.clock.advance(tick - now - 1)
    return tick


def told(entries: list[pb.LedgerEntry]) -> list[tuple[str, int, int]]:
    return [(entry.decision, entry.first.ToMilliseconds(), entry.last.ToMilliseconds()) for entry in entries]


async def test_a_plan_without_a_past(api: Api) -> None:
    plan = await api.world.add_plan(**MINUTELY)
    answer = await api.ask("PlanLedger", **NAMED)
    assert (list(answer.data), getattr(answer, "continue"), answer.time_zone) == ([], "", "Europe/Berlin")
    assert answer.known_from == plan.create_time


async def test_runs_skips_and_ticks_without_a_slot(api: Api) -> None:
    await api.ask("NameSpaceUpdate", name="default", job_parallelism_limit=1)
    await api.world.add_plan(**MINUTELY)
    tick = await to_the_minute(api)
    await api.world.clock.advance(MINUTE + 2)
    failed, ran = (await api.ask("JobList", plan_id="p")).data
    await api.ask("PlanUpdate", **NAMED, overlap="skip")
    await api.world.clock.advance(MINUTE)
    entries = await ledger(api)
    assert told(entries) == [
        ("skipped", tick + 2 * MINUTE, tick + 2 * MINUTE),
        ("no_slot", tick + MINUTE, tick + MINUTE),
        ("run", tick, tick),
    ]
    skipped, none, run = entries
    assert (run.job_id, run.status, run.trigger, run.count, run.reason) == (ran.id, "pending", "schedule", 1, "no_node")
    assert (none.job_id, none.status, none.reason, none.count) == (failed.id, "failed", "no_slot", 1)
    assert (skipped.status, skipped.reason) == ("skipped", "overlap")
    await api.world.finish(ran.id)
    assert told(await ledger(api)) == told(entries), "the end of a job does not move it"


async def test_ticks_of_a_pause_are_one_entry_that_grows(api: Api) -> None:
    await api.world.add_plan(**MINUTELY)
    tick = await to_the_minute(api)
    await api.ask("PlanPause", **NAMED)
    await api.world.clock.advance(3 * MINUTE)
    assert await ledger(api) == [], "while it is paused its ticks are not decided"
    await api.ask("PlanResume", **NAMED)
    [entry] = await ledger(api)
    assert entry == pb.LedgerEntry(decision="paused", first=timestamp(tick), last=timestamp(tick + 2 * MINUTE), count=3)
    await api.world.clock.advance(MINUTE)
    assert [entry.decision for entry in await ledger(api)] == ["run", "paused"]


async def test_runs_by_hand_are_there_and_say_so(api: Api) -> None:
    await api.world.add_plan(**MINUTELY)
    job = await api.world.run_plan()
    again = (await api.ask("JobRerun", id=job.id)).data
    assert {(entry.job_id, entry.trigger) for entry in await ledger(api)} == {
        (job.id, "manual"),
        (again.id, "rerun"),
    }


async def test_what_catch_up_left_out(api: Api) -> None:
    await api.world.add_plan(**MINUTELY, catch_up=pb.CatchUp(mode="all", window="2m", max_runs=1))
    tick = await to_the_minute(api)
    await api.ask("PlanPause", **NAMED)
    await api.world.clock.advance(5 * MINUTE)
    await api.ask("PlanResume", **NAMED, catch_up=True)
    await settle()
    entries = await ledger(api)
    assert [(entry.decision, entry.count, entry.trigger) for entry in entries] == [
        ("run", 1, "catch-up"),
        ("coalesced", 1, ""),
        ("missed_window", 3, ""),
    ]
    assert entries[2].first == timestamp(tick)


async def filled(api: Api, minutes: int = 6) -> int:
    """Runs and ranges in turn; returns the first tick."""
    await api.world.add_plan(**MINUTELY)
    tick = await to_the_minute(api)
    for _ in range(minutes // 2):
        await api.world.clock.advance(MINUTE)
        await api.ask("PlanPause", **NAMED)
        await api.world.clock.advance(MINUTE)
        await api.ask("PlanResume", **NAMED)
    for job in (await api.ask("JobList", plan_id="p")).data[::2]:
        await api.world.finish(job.id)
    return tick


async def test_it_goes_on_from_a_place(api: Api) -> None:
    await filled(api)
    whole = await ledger(api)
    assert [entry.decision for entry in whole] == ["paused", "run"] * 3
    for limit in (1, 2, 4):
        seen: list[pb.LedgerEntry] = []
        token = ""
        while True:
            place: dict[str, Any] = {"continue": token}
            answer = await api.ask("PlanLedger", pb.PlanLedgerRequest(**NAMED, limit=limit, **place))
            assert len(answer.data) <= limit
            seen += answer.data
            token = getattr(answer, "continue")
            if not token:
                break
            await api.world.clock.advance(1)
            await api.world.run_plan()  # what is new comes before the place
        assert seen == whole
        whole = await ledger(api)


async def test_it_is_narrowed_by_time_both_ends_included(api: Api) -> None:
    tick = await filled(api)
    assert len(await ledger(api, start_time=timestamp(tick), end_time=timestamp(tick))) == 1
    assert len(await ledger(api, start_time=timestamp(tick + MINUTE), end_time=timestamp(tick + 2 * MINUTE))) == 2
    assert len(await ledger(api, end_time=timestamp(tick - 1))) == 0
    assert len(await ledger(api, start_time=timestamp(tick + 4 * MINUTE))) == 2


async def test_it_is_narrowed_by_decision(api: Api) -> None:
    await filled(api)
    assert [entry.decision for entry in await ledger(api, decisions=["paused"])] == ["paused"] * 3
    assert len(await ledger(api, decisions=["run", "paused"])) == 6
    first = await api.ask("PlanLedger", **NAMED, decisions=["paused"], limit=2)
    rest = await api.ask(
        "PlanLedger",
        pb.PlanLedgerRequest(**NAMED, decisions=["paused"], limit=2, **{"continue": getattr(first, "continue")}),
    )
    assert (len(first.data), len(rest.data), getattr(rest, "continue")) == (2, 1, "")


async def test_a_range_that_reaches_into_the_time_is_there(api: Api) -> None:
    await api.world.add_plan(**MINUTELY)
    tick = await to_the_minute(api)
    await api.ask("PlanPause", **NAMED)
    await api.world.clock.advance(4 * MINUTE)
    await api.ask("PlanResume", **NAMED)
    at = timestamp(tick + MINUTE + SECOND)
    assert len(await ledger(api, start_time=at, end_time=at)) == 1


async def test_it_says_since_when_it_is_whole(api: Api) -> None:
    await api.world.add_plan(**MINUTELY)
    await api.world.clock.advance(11 * MINUTE)
    answer = await api.ask("PlanLedger", **NAMED, limit=1)
    assert answer.known_from == timestamp(api.world.clock.now() - 10 * MINUTE), "so long are ranges kept here"


def named(refusal: Refusal) -> tuple[str, str]:
    return refusal.code, refusal.field


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"id": "nobody"}, ("NOT_FOUND", "id")),
        ({"namespace": "nowhere"}, ("NOT_FOUND", "namespace")),
        ({"namespace": ""}, ("INVALID_ARGUMENT", "namespace")),
        ({"limit": -1}, ("INVALID_ARGUMENT", "limit")),
        ({"limit": 1001}, ("INVALID_ARGUMENT", "limit")),
        ({"continue": "what"}, ("INVALID_ARGUMENT", "continue")),
        ({"decisions": ["ran"]}, ("INVALID_ARGUMENT", "decisions")),
        ({"start_time": timestamp(2000), "end_time": timestamp(1000)}, ("INVALID_ARGUMENT", "end_time")),
    ],
)
async def test_a_bad_request_is_refused_by_field(api: Api, fields: dict[str, Any], refused: tuple[str, str]) -> None:
    await api.world.add_plan(**MINUTELY)
    request = pb.PlanLedgerRequest(**{**NAMED, **fields})
    assert named(await api.refused("PlanLedger", request)) == refused


async def test_a_place_belongs_to_its_list(api: Api) -> None:
    await filled(api)
    token = getattr(await api.ask("PlanLedger", **NAMED, limit=1), "continue")
    request = pb.PlanLedgerRequest(**NAMED, decisions=["run"], **{"continue": token})
    assert named(await api.refused("PlanLedger", request)) == ("INVALID_ARGUMENT", "continue")
