"""Timeline, over both transports: the runs of a span, live and finished, as many as were asked for."""

from typing import Any

import pytest

from jobpool.kit.pure.durations import HOUR, MINUTE, SECOND
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.conformance_api.harness import Api, Refusal


async def drawn(api: Api, **fields: Any) -> pb.TimelineResponse:
    answer: pb.TimelineResponse = await api.ask("Timeline", **fields)
    return answer


def ids(answer: pb.TimelineResponse) -> list[str]:
    return [bar.id for bar in answer.data]


async def three_runs(api: Api) -> list[str]:
    """One a minute: of two plans, the first has ended after half a minute, the last has not begun."""
    made: list[str] = []
    for plan in ("p", "q", "p"):
        if not made or plan == "q":
            await api.world.add_plan(plan)
        made.append((await api.world.run_plan(plan)).id)
        await api.world.clock.advance(30 * SECOND)
        if len(made) < 3:
            await api.world.finish(made[-1])
        await api.world.clock.advance(30 * SECOND)
    return made


async def test_bars_of_live_and_finished_runs_newest_first(api: Api) -> None:
    begin = api.world.clock.now()
    first, second, third = await three_runs(api)
    answer = await drawn(api)
    assert ids(answer) == [third, second, first]
    assert (answer.more, answer.HasField("complete_from")) == (False, False)
    assert answer.now == timestamp(begin + 3 * MINUTE)
    live, _, ended = answer.data
    assert (live.status, live.plan_id, live.namespace, live.HasField("finished")) == ("pending", "p", "default", False)
    assert (ended.status, ended.due, ended.created) == ("complete", timestamp(begin), timestamp(begin))
    assert ended.finished == timestamp(begin + 30 * SECOND)


async def test_only_what_lies_in_the_span(api: Api) -> None:
    begin = api.world.clock.now()
    first, second, third = await three_runs(api)

    async def within(since: int, until: int) -> list[str]:
        return ids(await drawn(api, **{"from": timestamp(begin + since), "until": timestamp(begin + until)}))

    assert await within(-HOUR, -1) == []
    assert await within(-HOUR, 0) == [first]
    assert await within(30 * SECOND, MINUTE - 1) == [first]
    assert await within(30 * SECOND + 1, MINUTE - 1) == []
    assert await within(MINUTE + 1, 2 * MINUTE) == [third, second]
    assert await within(HOUR, 2 * HOUR) == [third], "what has not ended goes on"


async def test_filters_and_what_has_a_node(api: Api) -> None:
    first, second, third = await three_runs(api)
    assert ids(await drawn(api, plan_id="p")) == [third, first]
    assert ids(await drawn(api, text="Q")) == [second]
    assert ids(await drawn(api, status="complete", namespace="default")) == [second, first]
    assert ids(await drawn(api, namespace="other")) == []
    assert ids(await drawn(api, node_id="elsewhere")) == []
    assert ids(await drawn(api, by="plan")) == [third, second, first]
    assert ids(await drawn(api, by="node")) == [], "none was ever on a node"


async def test_each_bar_names_the_zone_of_its_plan(api: Api) -> None:
    await api.world.add_plan("p", periodic=pb.PeriodicConfig(spec="0 4 1 1 *", time_zone="Asia/Kolkata"))
    await api.world.add_plan("q")
    for plan in ("p", "q"):
        await api.world.run_plan(plan)
        await api.world.clock.advance(SECOND)
    assert [(bar.plan_id, bar.time_zone) for bar in (await drawn(api)).data] == [("q", ""), ("p", "Asia/Kolkata")]


async def test_more_than_the_limit_is_said(api: Api) -> None:
    begin = api.world.clock.now()
    _, second, third = await three_runs(api)
    answer = await drawn(api, limit=2)
    assert (ids(answer), answer.more) == ([third, second], True)
    assert answer.complete_from == timestamp(begin + 1)
    assert not (await drawn(api, limit=3)).more


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"by": "color"}, "by"),
        ({"limit": -1}, "limit"),
        ({"limit": 5001}, "limit"),
        ({"from": timestamp(2 * HOUR), "until": timestamp(2 * HOUR)}, "from"),
        ({"status": "done"}, "status"),
        ({"text": "t" * 513}, "text"),
        ({"node_id": "n" * 513}, "node_id"),
    ],
)
async def test_what_cannot_be_drawn_is_refused_by_field(api: Api, fields: dict[str, Any], field: str) -> None:
    refusal: Refusal = await api.refused("Timeline", **fields)
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", field)
