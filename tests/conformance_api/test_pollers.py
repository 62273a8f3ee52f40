"""NodeAdd and NodeUpdate as the original's agents send them, and what they are answered."""

from typing import Any

import pytest

from jobpool.wire.json import to_object
from tests.conformance_api.harness import Api

AGENT: dict[str, Any] = {
    "ID": "01HV6ZGQF3M8AXEJ4BCW0N7PKT",
    "name": "go",
    "data_center": "default",
    "secret_id": "s3cret",
}


async def beat(api: Api, status: str = "ready", **fields: Any) -> Any:
    given: dict[str, Any] = {"ID": AGENT["ID"], "secret_id": AGENT["secret_id"], "status": status, **fields}
    return await api.ask("NodeUpdate", **given)


async def test_it_is_registered_and_answered_how_long_it_has(api: Api) -> None:
    answer = await api.ask("NodeAdd", **AGENT, status="initializing")
    assert (answer.data.ID, answer.data.status, answer.data.secret_id) == (AGENT["ID"], "initializing", "")
    assert answer.heartbeat_ttl >= 10_000
    assert isinstance(to_object(answer)["heartbeat_ttl"], str)


async def test_a_beat_makes_it_ready_and_answers_how_long_it_has(api: Api) -> None:
    await api.ask("NodeAdd", **AGENT, status="initializing")
    answer = await beat(api, status_description="node is ready")
    assert answer.heartbeat_ttl >= 10_000
    found = (await api.ask("NodeDetail", id=AGENT["ID"].lower())).data
    assert (found.status, found.status_description, dict(found.attributes)) == (
        "ready",
        "node is ready",
        {"agent": "original"},
    )


@pytest.mark.invariant("H-4")
async def test_repeats_write_nothing(api: Api) -> None:
    await api.ask("NodeAdd", **AGENT, status="initializing")
    await beat(api)
    before = api.world.n
    await beat(api)
    await api.ask("NodeAdd", **AGENT, status="ready")
    await beat(api, ID=AGENT["ID"].lower())
    assert api.world.n == before


async def test_one_that_says_it_is_down_is_given_no_time(api: Api) -> None:
    await api.ask("NodeAdd", **AGENT, status="ready")
    answer = await beat(api, "down")
    assert (answer.heartbeat_ttl, answer.data.status) == (0, "down")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"data_center": ""}, "INVALID_ARGUMENT", "data_center"),
        ({"name": ""}, "INVALID_ARGUMENT", "name"),
        ({"status": "shiny"}, "INVALID_ARGUMENT", "status"),
        ({"secret_id": ""}, "INVALID_ARGUMENT", "secret_id"),
        ({"secret_id": "another"}, "ALREADY_EXISTS", "ID"),
    ],
)
async def test_a_registration_that_is_not_sound_is_refused(
    api: Api, fields: dict[str, Any], code: str, field: str
) -> None:
    await api.ask("NodeAdd", **AGENT, status="ready")
    refusal = await api.refused("NodeAdd", **{**AGENT, "status": "ready", **fields})
    assert (refusal.code, refusal.field) == (code, field)
    assert await api.ask("NodeList")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"status": ""}, "INVALID_ARGUMENT", "status"),
        ({"status": "shiny"}, "INVALID_ARGUMENT", "status"),
        ({"ID": "nobody"}, "NOT_FOUND", "ID"),
        ({"secret_id": "another"}, "PERMISSION_DENIED", "secret_id"),
    ],
)
async def test_a_beat_that_is_not_sound_is_refused(api: Api, fields: dict[str, Any], code: str, field: str) -> None:
    await api.ask("NodeAdd", **AGENT, status="ready")
    given: dict[str, Any] = {"ID": AGENT["ID"], "secret_id": AGENT["secret_id"], "status": "ready", **fields}
    refusal = await api.refused("NodeUpdate", **given)
    assert (refusal.code, refusal.field) == (code, field)
    assert ("node not found" in refusal.text) == (code == "NOT_FOUND")
