"""What can be said of a function, what is refused where it is said, and that the function stays what it was."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import assert_type

import pytest

import jobpool
from jobpool.jobs import jobs_of
from jobpool.jobs.options import _READ, Options
from jobpool.model.errors import InvalidArgument

HERE = sys.modules[__name__]


@jobpool.job(schedule="30 2 * * *", tz="Europe/Berlin", kwargs={"day": "yesterday"}, retries=2)
def report(day: str, *, copies: int = 1) -> list[str]:
    """Yesterday's numbers,
    for the morning.

    Nobody reads on.
    """
    return [day] * copies


@jobpool.job
async def clean() -> None: ...


def plain() -> None: ...


def taking(*args: object, **kwargs: object) -> None: ...


def test_the_function_stays_what_it_was() -> None:
    assert assert_type(report("today", copies=2), list[str]) == ["today", "today"]
    assert str(inspect.signature(report)) == "(day: str, *, copies: int = 1) -> list[str]"
    assert inspect.iscoroutinefunction(clean)


def test_the_module_knows_its_jobs_in_their_order() -> None:
    [first, second, *_] = jobs_of(HERE).values()  # other tests add some
    assert (first.entry, second.entry) == (f"{__name__}:report", f"{__name__}:clean")
    assert not jobs_of(sys)


def test_a_job_is_a_plan() -> None:
    assert jobs_of(HERE)["report"].fields(Options()) == {
        "id": "report",
        "executor": "python",
        "description": "Yesterday's numbers, for the morning.",
        "periodic": {"spec": "30 2 * * *", "time_zone": "Europe/Berlin"},
        "retry": {"attempts": 2},
        "parameters": {"entry": f"{__name__}:report", "kwargs": {"day": "yesterday"}},
    }
    assert jobs_of(HERE)["clean"].fields(Options()) == {
        "id": "clean",
        "executor": "python",
        "description": "",
        "parameters": {"entry": f"{__name__}:clean"},
    }


EVERYTHING: Options = {
    "id": "all-of.it",
    "name": "All of it",
    "description": "as said here",
    "namespace": "reports",
    "schedule": "@every 90s",
    "tz": "UTC",
    "start": datetime(2026, 1, 31, 9, tzinfo=UTC),
    "end": datetime(2026, 1, 31, 9, tzinfo=timezone(timedelta(hours=-1))),
    "enabled": False,
    "overlap": "skip",
    "timeout": timedelta(minutes=90),
    "retries": 3,
    "retry_backoff": "500ms",
    "retry_max_backoff": timedelta(0),
    "retry_on": ["timeout"],
    "catch_up": "all",
    "catch_up_window": "2d",
    "catch_up_runs": 5,
    "catch_up_rate": 6,
    "dst_gap": "skip",
    "dst_overlap": "both",
    "match": "all",
    "delivery": "at-most-once",
    "priority": 7,
    "strategy": "binpack",
    "labels": {"team": "a", "mark": ""},
    "args": [1, "b", None, (2, 3)],
    "kwargs": {"c": {"d": [True]}},
    "venv": "/srv/venv",
    "path": ["/srv/app"],
    "cwd": "/srv",
    "env": {"A": "b"},
    "kill_after": "3s",
    "output_limit": 1024,
}


def test_everything_that_can_be_said() -> None:
    assert set(EVERYTHING) | {"python"} == set(Options.__annotations__) == set(_READ)
    jobpool.job(**EVERYTHING)(taking)
    assert jobs_of(HERE)["taking"].fields(Options()) == {
        "id": "all-of.it",
        "name": "All of it",
        "description": "as said here",
        "namespace": "reports",
        "executor": "python",
        "periodic": {
            "spec": "@every 90s",
            "time_zone": "UTC",
            "start_time": "2026-01-31T09:00:00+00:00",
            "end_time": "2026-01-31T09:00:00-01:00",
            "enabled": False,
        },
        "overlap": "skip",
        "timeout": "1h30m",
        "retry": {"attempts": 3, "backoff": "500ms", "max_backoff": "0s", "on": ["timeout"]},
        "catch_up": {"mode": "all", "window": "2d", "max_runs": 5, "rate_per_minute": 6},
        "dst": {"gap": "skip", "overlap": "both"},
        "match": "all",
        "delivery": "at-most-once",
        "priority": 7,
        "strategy": "binpack",
        "labels": {"team": "a", "mark": ""},
        "parameters": {
            "entry": f"{__name__}:taking",
            "args": [1, "b", None, [2, 3]],
            "kwargs": {"c": {"d": [True]}},
            "venv": "/srv/venv",
            "path": ["/srv/app"],
            "cwd": "/srv",
            "env": {"A": "b"},
            "kill_after": "3s",
            "output_limit": 1024,
        },
    }


@pytest.mark.parametrize(
    ("options", "field", "why"),
    [
        ({"shedule": "@daily"}, "shedule", "did you mean schedule?"),
        ({"schedule": "0 2 * *"}, "schedule", "wanted 5 fields"),
        ({"schedule": "0 25 * * *"}, "schedule", "hour: "),
        ({"schedule": ""}, "schedule", "found nothing"),
        ({"schedule": 5}, "schedule", "wanted a text, found '5'"),
        ({"schedule": "@daily", "tz": "Europe/Berlim"}, "tz", "Europe/Berlin"),
        ({"schedule": "CRON_TZ=Mars 0 2 * * *"}, "schedule", "Mars"),
        ({"schedule": "@daily", "start": datetime(2026, 1, 1)}, "start", "a datetime with a zone"),
        ({"schedule": "@daily", "start": EVERYTHING["end"], "end": EVERYTHING["start"]}, "end", "before start"),
        ({"id": "a b"}, "id", "wanted a letter or digit"),
        ({"namespace": "Big"}, "namespace", "wanted a small letter"),
        ({"overlap": "queue"}, "overlap", "wanted 'allow' or 'skip', found 'queue'"),
        ({"overlap": True}, "overlap", "found 'True'"),
        ({"catch_up": "some"}, "catch_up", "'none' or 'latest' or 'all'"),
        ({"dst_gap": "run"}, "dst_gap", "'run-after'"),
        ({"match": ""}, "match", "found nothing"),
        ({"timeout": "90"}, "timeout", "such as 90s"),
        ({"timeout": 90}, "timeout", 'such as "90s" or a timedelta'),
        ({"timeout": timedelta(microseconds=1)}, "timeout", "whole milliseconds"),
        ({"timeout": timedelta(seconds=-1)}, "timeout", "1s to 30d"),
        ({"retries": -1}, "retries", "0 to 100"),
        ({"retries": True}, "retries", "whole number"),
        ({"retry_on": "timeout"}, "retry_on", "wanted a list"),
        ({"retry_on": ["bad luck"]}, "retry_on", "reasons of failure"),
        ({"enabled": "no"}, "enabled", "True or False"),
        ({"labels": ["a"]}, "labels", "texts by name"),
        ({"labels": {"a": 1}}, "labels.a", "wanted a text"),
        ({"env": {"A": None}}, "env.A", "wanted a text"),
        ({"args": "abc"}, "args", "wanted a list"),
        ({"args": [object()]}, "args", "JSON cannot hold it"),
        ({"args": [float("inf")]}, "args", "JSON cannot hold it"),
        ({"kwargs": {"a": {1: 2}}}, "kwargs", "JSON would make"),
        ({"kwargs": {1: 2}}, "kwargs", "values by name"),
        ({"python": "/usr/bin/python3", "venv": "/srv/venv"}, "venv", "one of the two"),
        ({"path": "/srv/app"}, "path", "wanted a list"),
        ({"path": ["app"]}, "path", "absolute"),
        ({"python": "python3"}, "python", "absolute"),
        ({"venv": ".venv"}, "venv", "absolute"),
        ({"cwd": "srv"}, "cwd", "absolute"),
        ({"env": {"A B": "c"}}, "env", ""),
        ({"kill_after": "2d"}, "kill_after", ""),
        ({"output_limit": 1 << 40}, "output_limit", ""),
    ],
)
def test_what_no_plan_can_hold_is_refused_where_it_is_said(options: Options, field: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        jobpool.job(**options)(taking)
    assert refused.value.field == field
    assert why in refused.value.reason


@pytest.mark.parametrize(
    ("options", "field"),
    [({}, "kwargs"), ({"kwargs": {"dya": "x"}}, "kwargs"), ({"args": ["x", "y"]}, "args")],
)
def test_arguments_that_the_function_does_not_take(options: Options, field: str) -> None:
    with pytest.raises(InvalidArgument, match=r"report\(\) cannot be called so") as refused:
        jobpool.job(**options)(report)
    assert refused.value.field == field


class Holder:
    def method(self) -> None: ...


def local() -> Callable[[], None]:
    def inner() -> None: ...

    return inner


def yielding() -> object:
    yield


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (local(), "is not at the top"),
        (Holder.method, "Holder.method is not at the top"),
        (lambda: None, "<lambda> is not at the top"),
        (yielding, "yields"),
        (Holder, "wanted a function"),
        (lru_cache(plain), "next to the function itself"),
        (print, "wanted a function"),
    ],
)
def test_what_an_agent_could_not_call(function: Callable[..., object], why: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^function: ") as refused:
        jobpool.job(function)
    assert why in refused.value.reason


def test_a_function_that_is_defined_again_takes_the_place() -> None:
    jobpool.job(id="first")(plain)
    jobpool.job(id="second")(plain)
    assert jobs_of(HERE)["plain"].id == "second"


def test_importing_jobpool_imports_nothing_but_what_is_used() -> None:
    told = "import sys, jobpool; before = set(sys.modules); jobpool.job; print(len(before & {'msgspec', 'asyncio'}))"
    words = [sys.executable, "-c", f"{told}; print('grpclib' in sys.modules, 'asyncio' in sys.modules)"]
    answer = subprocess.run(words, capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert answer.stdout.split() == ["0", "False", "False"]


def test_other_names_are_none() -> None:
    with pytest.raises(AttributeError, match="no attribute 'jop'"):
        _ = jobpool.jop  # type: ignore[attr-defined]
