"""What a job may say at most is what a server takes at most, option by option: neither more nor less."""

from datetime import timedelta

import pytest

from jobpool.api.plan_requests import add_patch
from jobpool.declare import add_request
from jobpool.jobs.app import App
from jobpool.jobs.options import _READ, Options
from jobpool.model.errors import InvalidArgument
from jobpool.store.commands.plan_rules import blank_plan, check_plan

MS = timedelta(milliseconds=1)
WITHIN: dict[str, list[object]] = {
    "name": ["n" * 256],
    "description": ["", "d" * 4096],
    "timeout": ["1s", "30d"],
    "retries": [0, 100],
    "retry_backoff": ["0s", "1d"],
    "retry_max_backoff": ["0s", "1d"],
    "catch_up_window": ["0s", "366d"],
    "catch_up_runs": [1, 100_000],
    "catch_up_rate": [0, 60_000],
    "priority": [1, 200],
    "labels": [{f"l{number}": "v" * 256 for number in range(64)}, {"l" * 63: ""}],
    "kill_after": ["0s", "1h"],
    "output_limit": [0, 1 << 30],
}
BEYOND: dict[str, list[object]] = {
    "name": ["n" * 257],
    "description": ["d" * 4097],
    "timeout": ["999ms", timedelta(days=30) + MS],
    "retries": [101],
    "retry_backoff": [timedelta(days=1) + MS],
    "retry_max_backoff": [timedelta(days=1) + MS],
    "catch_up_window": [timedelta(days=366) + MS],
    "catch_up_runs": [0, 100_001],
    "catch_up_rate": [60_001],
    "priority": [201],
    "labels": [{f"l{number}": "" for number in range(65)}, {"l" * 64: ""}, {"l": "v" * 257}, {"l": "\n"}],
    "kill_after": [timedelta(hours=1) + MS],
    "output_limit": [(1 << 30) + 1],
}


def job() -> None: ...


def fields_of(options: Options) -> dict[str, object]:
    app = App("bounds")
    said: Options = {**options, "schedule": "@daily", "tz": "UTC"}
    app.job(**said)(job)
    return app.documents()[0]


def cases(bounds: dict[str, list[object]]) -> list[tuple[str, object]]:
    return [(option, value) for option, values in bounds.items() for value in values]


def check_at_a_server(fields: dict[str, object]) -> None:
    request = add_request(fields, pending=False)
    check_plan(add_patch(request).on(blank_plan("default", "job", version=1, now=0)))


@pytest.mark.parametrize(("option", "value"), cases(WITHIN), ids=lambda value: str(value)[:20])
def test_what_a_job_may_say_a_server_takes(option: str, value: object) -> None:
    check_at_a_server(fields_of({option: value}))  # type: ignore[misc]


@pytest.mark.parametrize(("option", "value"), cases(BEYOND), ids=lambda value: str(value)[:20])
def test_what_a_job_may_not_say_a_server_refuses(option: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgument) as refused:
        fields_of({option: value})  # type: ignore[misc]
    assert refused.value.field.partition(".")[0] == option
    fields = fields_of({option: WITHIN[option][0]})  # type: ignore[misc]
    *outer, last = _READ[option][0].split(".")
    into: dict[str, object] = fields
    for part in outer:
        inner = into[part]
        assert isinstance(inner, dict)
        into = inner
    into[last] = f"{value // MS}ms" if isinstance(value, timedelta) else value
    with pytest.raises(InvalidArgument):
        check_at_a_server(fields)
