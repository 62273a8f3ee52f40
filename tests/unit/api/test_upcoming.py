"""What is to start in the hours to come, as it is counted, as plans change, and which minutes are herds."""

import asyncio
import gc
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobpool.api.forecast import Window
from jobpool.model.errors import InvalidArgument
from jobpool.store.commands.ticks import timetable_of
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.unit.api.nouns import MINUTE, NOW, World, joined, world_of

FIRST = NOW - NOW % MINUTE
HOUR = 60


def asking(**fields: Any) -> pb.UpcomingRequest:
    return pb.UpcomingRequest(**fields)


async def counts(world: World, **fields: Any) -> dict[int, int]:
    """Minutes from now on that have starts."""
    answer = await world.ask("Upcoming", asking(**fields))
    assert answer.complete
    return {place: count for place, count in enumerate(answer.counts) if count}


async def add(world: World, plan_id: str = "p", spec: str = "0 * * * *", **fields: Any) -> None:
    await world.add_plan(plan_id, **{"periodic": pb.PeriodicConfig(spec=spec, time_zone="UTC"), **fields})


async def test_nothing_is_to_come_without_plans(world: World) -> None:
    answer = await world.ask("Upcoming", asking())
    assert (len(answer.counts), sum(answer.counts), list(answer.herds), answer.median) == (24 * HOUR, 0, [], 0)
    assert getattr(answer, "from") == timestamp(FIRST)
    assert (answer.complete, answer.counted, answer.plans) == (True, 0, 0)
    assert not answer.HasField("minute")


async def test_hours_and_from_cut_the_day_out(world: World) -> None:
    await add(world)
    hourly = await counts(world)
    place = -(FIRST // MINUTE) % HOUR
    assert hourly == {place + HOUR * hour: 1 for hour in range(24)}
    answer = await world.ask("Upcoming", asking(hours=2))
    assert [minute for minute, count in enumerate(answer.counts) if count] == [place, place + HOUR]
    assert len(answer.counts) == 2 * HOUR
    later = {"from": timestamp(FIRST + place * MINUTE + 59_999)}
    assert await counts(world, **later) == {HOUR * hour: 1 for hour in range(24)}


async def test_changes_of_plans_are_followed(world: World) -> None:
    await add(world)
    assert len(await counts(world)) == 24
    await add(world, "q", "30 * * * *")
    assert len(await counts(world)) == 48
    request = pb.SchedulePlanUpdateRequest(id="q", namespace="default")
    request.periodic.spec = "45 3 * * *"
    await world.ask("PlanUpdate", request)
    assert len(await counts(world)) == 25
    named: dict[str, Any] = {"id": "p", "namespace": "default"}
    await world.ask("PlanPause", pb.PlanPauseRequest(**named))
    assert len(await counts(world)) == 1
    await world.ask("PlanResume", pb.PlanResumeRequest(**named))
    assert len(await counts(world)) == 25
    await world.ask("PlanOffline", pb.SchedulePlanOfflineRequest(**named))
    assert len(await counts(world)) == 1
    await world.ask("PlanDelete", pb.SchedulePlanDeleteRequest(**named))
    assert len(await counts(world)) == 1


async def test_what_is_written_while_nobody_counts_is_counted_once(world: World) -> None:
    await add(world)
    await counts(world)
    for spec in ("1 * * * *", "2 * * * *", "3 * * * *"):
        request = pb.SchedulePlanUpdateRequest(id="p", namespace="default")
        request.periodic.spec = spec
        await world.ask("PlanUpdate", request)
    assert len(await counts(world)) == 24
    assert len(await counts(world, **{"from": timestamp(FIRST + 400 * MINUTE)})) == 24


async def test_the_herd_is_what_room_and_median_leave_behind(world: World) -> None:
    await joined(world, capacity=4)
    for number in range(6):
        await add(world, f"herd-{number}", "0 3 * * *")
    for number in range(3):
        await add(world, f"even-{number}", f"{number * 7 + 5} * * * *")
    answer = await world.ask("Upcoming", asking())
    assert (answer.median, answer.room, answer.herd_above) == (1, 4, 5)
    (place,) = answer.herds
    assert answer.counts[place] == 6
    at = FIRST // MINUTE + place
    assert at % (24 * HOUR) == 3 * HOUR


async def test_room_is_what_the_namespace_lets_run(world: World) -> None:
    await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="small", job_parallelism_limit=7))
    await add(world)
    assert (await world.ask("Upcoming", asking(namespace="small"))).room == 7
    assert (await world.ask("Upcoming", asking())).room == 1007
    assert await counts(world, namespace="small") == {}
    await joined(world, capacity=3)
    assert (await world.ask("Upcoming", asking(namespace="small"))).room == 3


async def test_the_plans_of_a_minute_the_largest_first(world: World) -> None:
    await add(world, "rare", "0 * * * *", name="once an hour")
    await add(world, "often", "*/20 * * * * *")
    await add(world, "never", "30 * * * *")
    await add(world, "held", "* * * * *", status="pending")
    place = next(minute for minute, count in (await counts(world)).items() if count == 4)
    at = FIRST + place * MINUTE
    minute = (await world.ask("Upcoming", asking(minute=timestamp(at + 30_500)))).minute
    assert (minute.time, minute.starts, minute.plans, minute.complete) == (timestamp(at), 4, 2, True)
    assert [(plan.id, plan.name, plan.starts, plan.first) for plan in minute.data] == [
        ("often", "often", 3, timestamp(at)),
        ("rare", "once an hour", 1, timestamp(at)),
    ]
    short = (await world.ask("Upcoming", asking(minute=timestamp(at), limit=1))).minute
    assert (short.plans, [plan.id for plan in short.data]) == (2, ["often"])


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"hours": -1}, "INVALID_ARGUMENT", "hours"),
        ({"hours": 25}, "INVALID_ARGUMENT", "hours"),
        ({"limit": -1}, "INVALID_ARGUMENT", "limit"),
        ({"limit": 101}, "INVALID_ARGUMENT", "limit"),
        ({"namespace": "A b"}, "INVALID_ARGUMENT", "namespace"),
        ({"namespace": "nobody"}, "NOT_FOUND", "namespace"),
        ({"from": timestamp(-1)}, "INVALID_ARGUMENT", "from"),
        ({"from": timestamp(250_000_000_000_000)}, "INVALID_ARGUMENT", "from"),
        ({"minute": timestamp(-1)}, "INVALID_ARGUMENT", "minute"),
        ({"minute": pb.UpcomingRequest().minute.__class__(seconds=1 << 61)}, "INVALID_ARGUMENT", "minute"),
    ],
)
async def test_what_is_asked_wrongly_is_refused_by_field(
    world: World, fields: dict[str, Any], code: str, field: str
) -> None:
    refusal = await world.refusal("Upcoming", asking(**fields))
    assert (refusal.code, refusal.field) == (code, field)


async def test_the_edges_of_time_can_be_asked_for(world: World) -> None:
    await add(world, spec="* * * * *")
    for at in (0, 250_000_000_000_000 - 3 * 24 * HOUR * MINUTE):
        found = await world.ask("Upcoming", asking(**{"from": timestamp(at)}))
        assert set(found.counts) == {1}


async def test_counting_many_lets_others_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobpool.api.upcoming._IN_A_SLICE", 16)
    for number in range(64):
        await add(world, f"p-{number}", "H * * * *")
    asked, turns = world.start("Upcoming", asking()), 0
    while not asked.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 4
    answer = await asked
    assert (answer.complete, answer.counted, sum(answer.counts)) == (True, 64, 64 * 24)


async def test_counting_that_takes_too_long_says_so_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        await add(world, f"p-{number}")
    monkeypatch.setattr("jobpool.api.upcoming._PATIENCE", 0)
    monkeypatch.setattr("jobpool.api.upcoming._IN_A_SLICE", 1)
    minute = timestamp(FIRST + (-(FIRST // MINUTE) % HOUR) * MINUTE)
    first = await world.ask("Upcoming", asking(minute=minute))
    assert (first.complete, first.counted, first.plans, sum(first.counts)) == (False, 1, 40, 24)
    assert (first.minute.complete, first.minute.plans) == (False, 1)
    for _ in range(38):
        await world.ask("Upcoming", asking())
    last = await world.ask("Upcoming", asking(minute=minute))
    assert (last.complete, last.counted, last.plans, sum(last.counts)) == (True, 40, 40, 40 * 24)
    assert (last.minute.complete, last.minute.plans) == (True, 40)


async def test_the_plans_of_a_minute_are_those_counted_as_they_change(world: World) -> None:
    for number in range(5):
        await add(world, f"p-{number}")
    await add(world, "q", "0 * * * * *")
    at = FIRST + (-(FIRST // MINUTE) % HOUR) * MINUTE

    async def listed(at: int, **fields: Any) -> list[str]:
        minute = (await world.ask("Upcoming", asking(minute=timestamp(at), **fields))).minute
        assert (minute.complete, minute.plans) == (True, minute.starts)
        return [plan.id for plan in minute.data]

    assert await listed(at) == ["p-0", "p-1", "p-2", "p-3", "p-4", "q"]
    assert await listed(at, limit=2) == ["p-0", "p-1"]
    await world.ask("PlanOffline", pb.SchedulePlanOfflineRequest(id="p-0", namespace="default"))
    await world.ask("PlanPause", pb.PlanPauseRequest(id="p-2", namespace="default"))
    assert await listed(at) == ["p-1", "p-3", "p-4", "q"]
    assert await listed(at + MINUTE) == ["q"]
    assert await listed(at + 24 * HOUR * MINUTE * 30) == ["p-1", "p-3", "p-4", "q"]  # another window
    await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="other", job_parallelism_limit=7))
    assert await listed(at, namespace="other") == []


async def test_after_one_dear_plan_others_have_their_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(24):
        await add(world, f"p-{number}")
    counted = Window.step

    def dear(window: Window) -> None:
        counted(window)
        world.clock.pause(6)

    monkeypatch.setattr(Window, "step", dear)
    asked, turns = world.start("Upcoming", asking()), 0
    while not asked.done():
        await asyncio.sleep(0)
        turns += 1
    assert (await asked).complete
    assert turns >= 24


async def test_plans_and_what_is_read_of_them_cost_collections_nothing(world: World) -> None:
    """A full collection walks over all that is tracked: it held the loop for many slices."""
    for number, spec in enumerate(("H * * * *", "@every 90s", "0 3 L * MON#1", "@at 2033-03-03T03:03:03Z")):
        labels = {"team": "night"}
        await add(world, f"p{number}", labels=labels, periodic=pb.PeriodicConfig(spec=spec, time_zone="Europe/Berlin"))
    await world.ask("PlanPause", pb.PlanPauseRequest(id="p0", namespace="default"))
    plans = list(world.context.state.plans.values())
    assert len(plans) == 4
    for plan in plans:
        assert plan.periodic is not None
        timetable = timetable_of(plan, plan.periodic)
        held = (plan, plan.periodic, plan.catch_up, plan.retry, plan.dst, plan.paused, timetable, timetable.rule)
        assert not any(gc.is_tracked(one) for one in held)


SPECS = ["* * * * *", "*/20 * * * * *", "30 2 * * *", "H * * * *", "@every 7s", "@every 90s", "0 3,15 * * MON-FRI"]
HOURS = 3
"""Of what previews are compared with."""
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
bounds = st.none() | st.integers(-3 * HOUR * MINUTE, 27 * HOUR * MINUTE)
plans = st.lists(st.tuples(st.sampled_from(SPECS), zones, bounds, bounds), max_size=4)
# Days on which clocks change, and one on which none does.
begins = st.sampled_from(
    [1_774_742_400_000, 1_792_886_400_000, 1_772_928_000_000, 1_793_491_200_000, 1_780_012_800_000]
)


@pytest.mark.invariant("C-7")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans, begins, st.integers(0, 24 * HOUR))
def test_counts_are_what_previews_list(plans, begin, later) -> None:
    begin += later * MINUTE

    async def story() -> None:
        async with world_of(at=begin) as world:
            twin: Counter[int] = Counter()
            for number, (spec, zone, start, end) in enumerate(plans):
                periodic = pb.PeriodicConfig(spec=spec, time_zone=zone)
                if start is not None:
                    periodic.start_time.CopyFrom(timestamp(begin + start))
                if end is not None and end > max(start or 0, 0):
                    periodic.end_time.CopyFrom(timestamp(begin + end))
                with suppress(InvalidArgument):  # one without a tick to come is refused
                    await world.add_plan(f"p{number}", periodic=periodic)
                    twin.update(await previewed(world, f"p{number}", begin))
            await settle()
            assert await counts(world, hours=HOURS, **{"from": timestamp(begin)}) == dict(twin)

    asyncio.run(story())


async def previewed(world: World, plan_id: str, begin: int) -> list[int]:
    """The minute of each tick of these hours, as PlanPreview lists them."""
    found, after, until = list[int](), begin - 1, begin + HOURS * HOUR * MINUTE
    while True:
        request = pb.PlanPreviewRequest(id=plan_id, namespace="default", n=1000, after=timestamp(after))
        times = [tick.time.ToMilliseconds() for tick in (await world.ask("PlanPreview", request)).data]
        found += [(time - begin) // MINUTE for time in times if time < until]
        if len(times) < 1000 or times[-1] >= until:
            return found
        after = times[-1]
