"""Applying documents: what changes, stays, is guarded, is pruned; and the second time nothing changes."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from jobpool.declare import (
    Document,
    Survey,
    apply_documents,
    carry_out,
    document_of,
    parse_documents,
    survey,
    with_fires,
)
from jobpool.declare.apply import Action
from jobpool.model.errors import InvalidArgument, Unavailable
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import World, world_of
from tests.unit.declare.direct import Direct

PLAN: dict[str, Any] = {"id": "p", "executor": "noop", "periodic": {"spec": "0 3 * * *", "time_zone": "Europe/Berlin"}}
EVERY_FIELD: dict[str, Any] = {
    "name": "P",
    "type": "service",
    "priority": 70,
    "synchronous": False,
    "status": "dead",
    "description": "two\nlines",
    "executor": "shell",
    "parameters": {"command": ["a", "b"], "env": {"X": "1"}},
    "periodic": {
        "spec": "0 4 * * *",
        "time_zone": "Asia/Shanghai",
        "enabled": False,
        "start_time": "2026-01-01T00:00:00Z",
        "end_time": "2036-01-01T00:00:00Z",
        "prohibit_overlap": True,
    },
    "overlap": "skip",
    "catch_up": {"mode": "all", "window": "2h", "max_runs": 7, "rate_per_minute": 3},
    "retry": {"attempts": 2, "backoff": "5s", "max_backoff": "1m", "on": ["timeout"]},
    "timeout": "90s",
    "delivery": "at-most-once",
    "dst": {"gap": "skip", "overlap": "both"},
    "match": "all",
    "strategy": "random",
    "labels": {"team": "a"},
    "owner": "me",
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with world_of() as world:
        yield world


@pytest.fixture
def client(world: World) -> Direct:
    return Direct(world)


def documents(*plans: Mapping[str, Any]) -> list[Document]:
    return [Document(plan, f"file-{number}.yaml", number) for number, plan in enumerate(plans, 1)]


async def stored(client: Direct, plan_id: str = "p") -> pb.Plan:
    return (await client.plan_detail(pb.SchedulePlanDetailRequest(id=plan_id, namespace="default"))).data


async def apply(client: Direct, *plans: Mapping[str, Any], **options: Any) -> list[tuple[str, str, bool, str]]:
    report = await apply_documents(client, documents(*plans), **options)
    return [(step.action, step.plan_id, step.done, str(step.error or "")) for step in report.steps]


async def test_a_plan_is_added_then_left_then_changed(client: Direct) -> None:
    assert await apply(client, PLAN) == [("add", "p", True, "")]
    assert (await stored(client)).status == "running"
    assert await apply(client, PLAN) == [("none", "p", False, "")]
    assert await apply(client, PLAN | {"priority": 60}) == [("update", "p", True, "")]
    assert (await stored(client)).priority == 60
    assert await apply(client, PLAN) == [("update", "p", True, "")]
    assert (await stored(client)).priority == 50
    assert client.asked == ["PlanAdd p", "PlanUpdate p", "PlanUpdate p"]


def test_every_field_of_a_document_is_tried() -> None:
    fields = {field.name for field in pb.SchedulePlanAddRequest.DESCRIPTOR.fields}
    assert fields - EVERY_FIELD.keys() == {"id", "namespace", "stop", "idempotency_key", "dry_run"}


@pytest.mark.parametrize("field", EVERY_FIELD)
async def test_applying_a_field_twice_changes_nothing_the_second_time(client: Direct, field: str) -> None:
    plan = {"id": "p", "executor": "noop", field: EVERY_FIELD[field]}
    if field in ("executor", "parameters"):
        plan |= {"executor": "shell", "parameters": EVERY_FIELD["parameters"]}
    assert (await apply(client, PLAN))[0][2]
    assert (await apply(client, plan))[0][3] == ""
    assert await apply(client, plan) == [("none", "p", False, "")]


async def test_applying_everything_twice_and_taking_it_back(client: Direct) -> None:
    whole = {"id": "p"} | EVERY_FIELD
    assert await apply(client, whole) == [("add", "p", True, "")]
    assert await apply(client, whole) == [("none", "p", False, "")]
    before = await stored(client)
    assert await apply(client, PLAN) == [("update", "p", True, "")]
    after = await stored(client)
    assert (after.status, after.stop, after.periodic.enabled) == (before.status, before.stop, False)
    assert document_of(after) == PLAN | {"namespace": "default", "status": "dead"}


async def test_what_operators_switched_stays(client: Direct) -> None:
    await apply(client, PLAN)
    await client.world.ask("PlanPause", pb.PlanPauseRequest(id="p", namespace="default", note="wait"))
    await client.plan_offline(pb.SchedulePlanOfflineRequest(id="p", namespace="default"))
    assert await apply(client, PLAN) == [("none", "p", False, "")]
    await apply(client, PLAN | {"description": "new"})
    plan = await stored(client)
    assert (plan.status, plan.paused.note, plan.description) == ("dead", "wait", "new")
    assert await apply(client, PLAN | {"description": "new", "status": "running"}) == [("update", "p", True, "")]
    assert (await stored(client)).status == "running"


async def test_parameters_are_compared_as_json(client: Direct) -> None:
    await apply(client, PLAN | {"parameters": '{"sleep":"1s",  "result":"a"}'})
    assert await apply(client, PLAN | {"parameters": {"result": "a", "sleep": "1s"}}) == [("none", "p", False, "")]
    found = await survey(client, documents(PLAN | {"parameters": {"result": "b", "sleep": "1s"}}))
    assert [(change.field, change.before, change.after) for change in found.steps[0].changes] == [
        ("parameters.result", '"a"', '"b"')
    ]


async def test_one_bad_plan_keeps_no_other_from_being_applied(client: Direct) -> None:
    bad = PLAN | {"id": "bad", "periodic": {"spec": "0 0 30 2 *"}}
    outcome = await apply(client, bad, PLAN, PLAN | {"id": "q", "namespace": "nowhere"})
    assert [(action, plan_id, done) for action, plan_id, done, _ in outcome] == [
        ("add", "bad", False),
        ("add", "p", True),
        ("add", "q", False),
    ]
    assert "periodic.spec" in outcome[0][3]
    assert "nowhere" in outcome[2][3]


@pytest.mark.parametrize(
    ("plans", "refused"),
    [
        ([PLAN, PLAN], "in file-1.yaml, line 1 and in file-2.yaml, line 2"),
        ([{"name": "x"}], "id: a document says which plan it is"),
        ([PLAN | {"colour": "red"}], "colour: unknown field (in file-1.yaml, line 1)"),
        ([PLAN | {"dry_run": True}], "dry_run: belongs to a call"),
        ([PLAN | {"paused": {}}], "paused: unknown field"),
    ],
)
async def test_documents_that_make_no_sense_are_refused_before_anything(
    client: Direct, plans: list[dict[str, Any]], refused: str
) -> None:
    with pytest.raises(InvalidArgument) as error:
        await apply(client, *plans)
    assert refused in str(error.value)
    assert client.asked == []


async def test_a_change_meanwhile_is_not_overwritten(client: Direct) -> None:
    await apply(client, PLAN, PLAN | {"id": "q"})
    found = await survey(client, documents(PLAN | {"priority": 9}, PLAN | {"id": "q", "priority": 9}))
    other = pb.SchedulePlanUpdateRequest(id="p", namespace="default", description="somebody else")
    await client.plan_update(other)
    report = await carry_out(client, found)
    assert [(step.done, "changed meanwhile" in str(step.error)) for step in report.steps] == [
        (False, True),
        (True, False),
    ]
    assert ((await stored(client)).priority, (await stored(client, "q")).priority) == (50, 9)


async def test_an_addition_or_deletion_meanwhile_is_told(client: Direct) -> None:
    await apply(client, PLAN)
    found = await survey(client, documents(PLAN | {"priority": 9}, PLAN | {"id": "q"}))
    await client.plan_offline(pb.SchedulePlanOfflineRequest(id="p", namespace="default"))
    await client.plan_delete(pb.SchedulePlanDeleteRequest(id="p", namespace="default"))
    await client.world.add_plan("q")
    told = [str(step.error) for step in (await carry_out(client, found)).steps]
    assert ["deleted meanwhile" in told[0], "added meanwhile" in told[1]] == [True, True]


async def test_nothing_more_is_tried_once_no_server_answers(client: Direct) -> None:
    plans = [PLAN | {"id": f"p{number:02}"} for number in range(40)]
    client.failures["PlanAdd"] = [None, Unavailable("no server answers")]
    report = await apply_documents(client, documents(*plans))
    assert [step.done for step in report.steps] == [True, False] + [True] * 14 + [False] * 24
    assert "not tried" in str(report.steps[-1].error)
    assert (report.count(Action.ADD), len(report.failed)) == (15, 25)


async def test_no_answer_to_the_first_look_is_raised(client: Direct) -> None:
    client.failures["PlanDetail"] = [Unavailable("no server answers")]
    with pytest.raises(Unavailable):
        await apply_documents(client, documents(PLAN))


# ---- owners and pruning


async def test_pruning_takes_what_its_owner_no_longer_names(client: Direct) -> None:
    await apply(client, PLAN, PLAN | {"id": "q"}, PLAN | {"id": "r", "status": "pending"}, owner="me")
    await apply(client, PLAN | {"id": "other"}, owner="you")
    await client.world.add_plan("nobodys")
    outcome = await apply(client, PLAN, owner="me", prune=True)
    assert outcome == [("none", "p", False, ""), ("delete", "q", True, ""), ("delete", "r", True, "")]
    assert client.asked[-3:] == ["PlanOffline q", "PlanDelete r", "PlanDelete q"]
    left = (await client.plan_list(pb.SchedulePlanListRequest())).data
    assert sorted(plan.id for plan in left) == ["nobodys", "other", "p"]


async def test_pruning_says_which_runs_it_leaves_to_their_end(client: Direct) -> None:
    await apply(client, PLAN | {"id": "q"}, owner="me")
    await client.world.run_plan("q")
    found = await survey(client, documents(PLAN), owner="me", prune=True)
    assert [(step.plan_id, step.live) for step in found.deletions] == [("q", 1)]


async def test_nothing_is_deleted_when_another_plan_failed(client: Direct) -> None:
    await apply(client, PLAN | {"id": "q"}, owner="me")
    outcome = await apply(client, PLAN | {"periodic": {"spec": "nonsense"}}, owner="me", prune=True)
    assert [done for _, _, done, _ in outcome] == [False, False]
    assert (await stored(client, "q")).status == "running"


async def test_a_plan_to_delete_that_changed_meanwhile_stays(client: Direct) -> None:
    await apply(client, PLAN | {"id": "q"}, owner="me")
    found = await survey(client, documents(PLAN), owner="me", prune=True)
    await client.plan_update(pb.SchedulePlanUpdateRequest(id="q", namespace="default", description="kept"))
    report = await carry_out(client, found)
    assert [step.plan_id for step in report.failed] == ["q"]
    assert (await stored(client, "q")).status == "running"


async def test_a_plan_to_delete_that_never_ran_and_changed_meanwhile_stays(client: Direct) -> None:
    await apply(client, PLAN | {"id": "q", "status": "pending"}, owner="me")
    found = await survey(client, documents(PLAN), owner="me", prune=True)
    await client.plan_update(pb.SchedulePlanUpdateRequest(id="q", namespace="default", description="kept"))
    report = await carry_out(client, found)
    assert [str(step.error) for step in report.failed] == [
        "revision: it was changed meanwhile; nothing of it was applied, look again"
    ]
    assert (await stored(client, "q")).description == "kept"


async def test_pruning_needs_an_owner(client: Direct) -> None:
    with pytest.raises(InvalidArgument, match="owner"):
        await apply(client, PLAN, prune=True)


async def test_an_owner_takes_no_plan_from_another_silently(client: Direct) -> None:
    await apply(client, PLAN, owner="you")
    (outcome,) = await apply(client, PLAN, owner="me")
    assert outcome[2:] == (False, "owner: the plan is of 'you'; a document with `owner: me` takes it over")
    assert (await apply(client, PLAN | {"owner": "me"}, owner="me"))[0][2]
    with pytest.raises(InvalidArgument, match="owner"):
        await apply(client, PLAN | {"owner": "you"}, owner="me")


async def test_what_is_not_confirmed_is_not_done(client: Direct) -> None:
    seen: list[Survey] = []

    def no(found: Survey) -> bool:
        seen.append(found)
        return False

    assert await apply(client, PLAN, confirm=no) == [("add", "p", False, "")]
    assert (client.asked, seen[0].differs) == ([], True)


# ---- fires


async def test_next_fires_before_and_after(client: Direct) -> None:
    await apply(client, PLAN)
    changed = PLAN | {"periodic": {"spec": "30 2 * * *", "time_zone": "Europe/Berlin"}}
    found = await with_fires(client, await survey(client, documents(changed, PLAN | {"id": "q", "periodic": None})))
    first, second = found.steps
    assert [tick.local for tick in first.before] == [
        "2025-10-10T03:00:00+02:00",
        "2025-10-11T03:00:00+02:00",
        "2025-10-12T03:00:00+02:00",
    ]
    assert [tick.local for tick in first.after][:1] == ["2025-10-10T02:30:00+02:00"]
    assert (second.before, second.after) == ((), ())


async def test_no_fires_where_the_timing_stays(client: Direct) -> None:
    await apply(client, PLAN)
    found = await with_fires(client, await survey(client, documents(PLAN | {"priority": 3})))
    assert (found.steps[0].before, found.steps[0].after) == ((), ())


async def test_lines_of_a_text_stand_in_refusals(client: Direct) -> None:
    text = "id: a\nexecutor: noop\n---\n- id: b\n  executor: noop\n- id: a\n  executor: noop\n"
    with pytest.raises(InvalidArgument, match=r"in plans.yaml, plan 1, line 1 and in plans.yaml, plan 3, line 6"):
        await apply_documents(client, parse_documents(text, "plans.yaml"))
