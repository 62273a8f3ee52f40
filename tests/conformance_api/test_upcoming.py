"""Upcoming, over both transports."""

from typing import Any

import pytest

from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.conformance_api.harness import Api
from tests.unit.api.nouns import MINUTE, NOW


async def test_starts_by_minute_and_the_plans_of_one(api: Api) -> None:
    await api.world.add_plan(name="each hour", periodic=pb.PeriodicConfig(spec="0 * * * *", time_zone="Asia/Tokyo"))
    first = NOW - NOW % MINUTE
    place = -(first // MINUTE) % 60
    minute = timestamp(first + place * MINUTE)
    answer = await api.ask("Upcoming", namespace="default", hours=1, minute=minute, limit=5)
    assert [at for at, count in enumerate(answer.counts) if count] == [place]
    assert (answer.complete, answer.counted, answer.plans, answer.median) == (True, 1, 1, 1)
    assert (getattr(answer, "from"), answer.minute.starts, answer.minute.plans) == (timestamp(first), 1, 1)
    (plan,) = answer.minute.data
    assert (plan.id, plan.namespace, plan.name, plan.starts) == ("p", "default", "each hour", 1)
    assert (plan.first, plan.time_zone) == (minute, "Asia/Tokyo")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [({"hours": 25}, "INVALID_ARGUMENT", "hours"), ({"namespace": "nobody"}, "NOT_FOUND", "namespace")],
)
async def test_refusals_name_the_field(api: Api, fields: dict[str, Any], code: str, field: str) -> None:
    refusal = await api.refused("Upcoming", **fields)
    assert (refusal.code, refusal.field) == (code, field)
