"""What the jobs of an app have in common, and the documents that come of it."""

import sys
from types import ModuleType
from typing import Unpack

import pytest

import jobpool
from jobpool.jobs.options import Options
from jobpool.model.errors import InvalidArgument

HERE = sys.modules[__name__]


@jobpool.job(schedule="@daily", labels={"kind": "report"})
def daily() -> None: ...


def first() -> None: ...


def second() -> None: ...


def app(**defaults: Unpack[Options]) -> jobpool.App:
    return jobpool.App("billing", **defaults)


def test_defaults_hold_for_each() -> None:
    billing = app(namespace="bills", tz="Europe/Berlin", labels={"team": "a", "kind": "job"}, venv="/srv/venv")
    assert (
        billing.job(schedule="@hourly", tz="UTC", labels={"kind": "first"}, python="/usr/bin/python3")(first) is first
    )
    billing.job(second)
    one, two = billing.documents()
    assert one == {
        "id": "first",
        "namespace": "bills",
        "name": "first",
        "executor": "python",
        "description": "",
        "labels": {"team": "a", "kind": "first"},
        "periodic": {"spec": "@hourly", "time_zone": "UTC"},
        "parameters": {"entry": f"{__name__}:first", "interpreter": "/usr/bin/python3"},
    }
    assert two["parameters"] == {"entry": f"{__name__}:second", "venv": "/srv/venv"}
    assert "periodic" not in two


def test_takes_in_modules() -> None:
    billing = app(tz="Asia/Tokyo")
    billing.include(HERE)
    assert list(billing.jobs) == [f"{__name__}:daily"]
    (document,) = billing.documents()
    assert document["periodic"] == {"spec": "@daily", "time_zone": "Asia/Tokyo"}


def test_a_module_without_jobs_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"modules: there is no @jobpool\.job in empty"):
        app().include(ModuleType("empty"))


def test_who_deploys_has_the_last_word() -> None:
    billing = app(namespace="bills", python="/usr/bin/python3")
    billing.job(first)
    over: Options = {"namespace": "staging", "venv": "/srv/venv"}
    (document,) = billing.documents(lambda job: over)
    assert document["namespace"] == "staging"
    assert document["parameters"] == {"entry": f"{__name__}:first", "venv": "/srv/venv"}


def test_two_jobs_under_one_id_are_refused() -> None:
    billing = app()
    billing.job(id="same")(first)
    billing.job(id="same")(second)
    with pytest.raises(InvalidArgument, match=r"id: .*first and .*second are both 'same'"):
        billing.documents()
    billing.job(id="same", namespace="other")(second)
    assert [document["namespace"] for document in billing.documents()] == ["default", "other"]


@pytest.mark.parametrize(
    ("defaults", "field"),
    [
        ({"id": "x"}, "id"),
        ({"schedule": "@daily"}, "schedule"),
        ({"kwargs": {}}, "kwargs"),
        ({"tzz": "UTC"}, "tzz"),
        ({"overlap": "no"}, "overlap"),
        ({"python": "a", "venv": "b"}, "venv"),
    ],
)
def test_defaults_are_checked(defaults: Options, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        app(**defaults)
    assert refused.value.field == field


def test_a_default_that_does_not_fit_is_told_at_the_job() -> None:
    with pytest.raises(InvalidArgument, match="tz: "):
        app(tz="Mars").job(schedule="@daily")(first)


def test_the_name_is_one() -> None:
    with pytest.raises(InvalidArgument, match="name: wanted a letter"):
        jobpool.App("my app")
