"""Exported plans are documents that change nothing when they are applied, and that make the same plan elsewhere."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobpool.declare import Document, apply_documents, document_of, parse_documents, survey, write_documents
from jobpool.declare.apply import Action
from jobpool.declare.differ import changes
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import World, world_of
from tests.unit.declare.direct import Direct

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
spans = st.sampled_from(["1s", "90s", "10m", "1h", "2d", "1h30m"])
labels = st.dictionaries(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,8}", fullmatch=True), texts, max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
of_plugins = st.dictionaries(texts, json_values, max_size=4)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


work = st.one_of(
    st.builds(lambda parameters: {"executor": "plugin", "parameters": parameters}, of_plugins),
    some(synchronous=st.booleans()).map(lambda said: {"parameters": {"url": "http://a/"}} | said),
    st.just({"executor": "noop"}),
    st.sampled_from(["2", "1e5", "yes", "null", "0900", "2026-01-01", " a", "a: b", "a\nb\n", "# c"]).map(
        lambda text: {"executor": "shell", "parameters": {"command": ["echo", text]}, "description": text}
    ),
)
periodic = st.fixed_dictionaries(
    {"spec": st.sampled_from(["0 3 * * *", "*/5 * * * *", "@daily", "@every 90s", "0 0 */2 * FRI", "H H * * *"])},
    optional={
        "time_zone": st.sampled_from(["Europe/Berlin", "UTC"]),
        "enabled": st.booleans(),
        "start_time": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.25+01:00"]),
        "end_time": st.sampled_from(["2036-01-01T00:00:00Z"]),
    },
)
policies = some(
    name=texts.filter(bool),
    description=texts,
    priority=st.integers(0, 200),
    status=st.sampled_from(["pending", "running", "dead"]),
    periodic=periodic,
    overlap=st.sampled_from(["allow", "skip"]),
    catch_up=some(
        mode=st.sampled_from(["none", "latest", "all"]),
        window=spans,
        max_runs=st.integers(1, 2000),
        rate_per_minute=st.integers(0, 10),
    ),
    retry=some(
        attempts=st.integers(0, 3),
        backoff=spans.filter(lambda span: span != "2d"),
        max_backoff=spans.filter(lambda span: span != "2d"),
        on=st.lists(st.sampled_from(["timeout", "exit_nonzero"]), unique=True),
    ),
    timeout=spans,
    delivery=st.sampled_from(["at-least-once", "at-most-once"]),
    dst=some(gap=st.sampled_from(["run-after", "skip"]), overlap=st.sampled_from(["first", "second", "both"])),
    match=st.sampled_from(["any", "all"]),
    strategy=st.sampled_from(["random", "spread"]),
    labels=labels,
    owner=texts,
)
documents = st.builds(lambda policy, job: {"id": "p"} | policy | job, policies, work)


@settings(max_examples=60, deadline=None)
@given(documents, documents)
def test_an_exported_plan_changes_nothing_and_is_the_same_plan_elsewhere(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    asyncio.run(_changed_exported_and_applied(first, second))


async def _changed_exported_and_applied(first: dict[str, Any], second: dict[str, Any]) -> None:
    async with world_of() as here, world_of() as there:
        for document in (first, second, second):
            report = await apply_documents(Direct(here), [Document(document, "a")])
            assert [str(step.error) for step in report.failed] == []
        found = await survey(Direct(here), [Document(second, "a")])
        assert [step.action for step in found.steps] == [Action.NONE]
        stored = await _stored(here)
        exported = parse_documents(write_documents([document_of(stored)]), "exported.yaml")
        found = await survey(Direct(here), exported)
        assert [(step.action, step.changes, str(step.error)) for step in found.steps] == [(Action.NONE, (), "None")]
        await apply_documents(Direct(there), exported)
        assert changes(_as_it_acts(stored), _as_it_acts(await _stored(there))) == ()


def _as_it_acts(plan: pb.Plan) -> pb.Plan:
    """A dead plan does not fire, whatever these say, and they go when it is brought online."""
    if plan.status == "dead":
        plan.ClearField("stop")
        plan.periodic.ClearField("enabled")
    return plan


async def _stored(world: World) -> pb.Plan:
    plan: pb.Plan = (await world.ask("PlanDetail", pb.SchedulePlanDetailRequest(id="p", namespace="default"))).data
    return plan
