"""JobAdd, EvalAdd, AllocationAdd, PlanAllocationEnqueue: records under ids that callers bring."""

from typing import Any

import pytest

from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp
from tests.conformance_api.harness import Api, Refusal, serving
from tests.unit.api.nouns import MINUTE, NOW

JOB: dict[str, Any] = {"id": "mine", "plan_id": "p", "namespace": "default", "status": "pending"}


async def job(api: Api, job_id: str = "mine") -> pb.Job:
    found: pb.Job = (await api.ask("JobDetail", id=job_id)).data
    return found


def told(refusal: Refusal) -> tuple[str, str, int]:
    return refusal.code, refusal.field, refusal.engine_code


# ---- JobAdd


async def test_a_job_is_kept_as_it_was_brought(api: Api) -> None:
    await api.world.add_plan()
    made = (
        await api.ask(
            "JobAdd",
            **{**JOB, "status": "failed"},
            name="by hand",
            derived_plan_id="p/periodic-1759999980",
            timeout=5000,
            parameters='{"sleep": "2s"}',
            info="so it went",
            operatorId="me",
            create_time=timestamp(NOW - 2 * MINUTE),
            update_time=timestamp(NOW - MINUTE),
        )
    ).data
    assert (made.id, made.name, made.status, made.info, made.timeout) == (
        "mine",
        "by hand",
        "failed",
        "so it went",
        5000,
    )
    assert (made.derived_plan_id, made.parameters, made.created_by) == (
        "p/periodic-1759999980",
        '{"sleep": "2s"}',
        "me",
    )
    assert (made.create_time, made.update_time) == (timestamp(NOW - 2 * MINUTE), timestamp(NOW - MINUTE))
    assert await job(api) == made
    assert [it.id for it in (await api.ask("JobList", plan_id="p")).data] == ["mine"]
    plan = (await api.ask("PlanDetail", id="p", namespace="default")).data
    assert (plan.last_job, plan.launch_time) == ("mine", timestamp(NOW - 2 * MINUTE))


async def test_a_pending_job_waits_for_an_evaluation_and_takes_its_slot_then(api: Api) -> None:
    await api.world.core.add_node()
    await api.world.add_plan()
    await api.ask("JobAdd", **JOB)
    await api.world.clock.advance(MINUTE)
    assert ((await job(api)).status, api.world.state.slots_used("default")) == ("pending", 0)
    assert not (await api.ask("AllocationList", job_id="mine")).data
    made = (await api.ask("EvalAdd", id="look", job_id="mine", status="pending")).data
    assert (made.id, made.job_id, made.status, made.triggered_by) == ("look", "mine", "pending", "job-register")
    await api.world.clock.advance(1000)
    [placed] = (await api.ask("AllocationList", job_id="mine")).data
    assert (placed.eval_id, placed.node_id, api.world.state.slots_used("default")) == ("look", "node-1", 1)
    await api.ask("AllocationUpdate", id=placed.id, status="complete")
    assert ((await job(api)).status, api.world.state.slots_used("default")) == ("complete", 0)


@pytest.mark.parametrize("status", ["running", "unknown"])
async def test_a_running_job_is_with_its_callee_until_a_report_or_its_timeout(api: Api, status: str) -> None:
    await api.world.add_plan()
    await api.ask("JobAdd", **{**JOB, "status": status}, timeout=60_000)
    await api.ask("JobAdd", **{**JOB, "id": "other", "status": status})
    assert (await job(api)).status == "running"
    await api.ask("JobUpdate", id="other", status="complete", result="42")
    assert (await job(api, "other")).result == "42"
    await api.world.clock.advance(2 * MINUTE)
    assert (await job(api)).status == "expired"


@pytest.mark.parametrize("status", ["complete", "skipped", "cancelled", "expired"])
async def test_a_job_that_ended_is_history_and_stays_so(api: Api, status: str) -> None:
    await api.world.add_plan()
    await api.ask("JobAdd", **{**JOB, "status": status})
    assert (await job(api)).status == status
    assert not api.world.state.runs
    if status != "skipped":
        assert (await api.ask("JobUpdate", id="mine", status=status)).data.status == status
    assert told(await api.refused("JobUpdate", id="mine", status="failed"))[0] == "FAILED_PRECONDITION"
    for again in ("pending", status):
        refusal = await api.refused("JobAdd", **{**JOB, "status": again})
        assert told(refusal) == ("ALREADY_EXISTS", "id", 1100)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": ""}, ("INVALID_ARGUMENT", "id", 1001)),
        ({"plan_id": ""}, ("INVALID_ARGUMENT", "plan_id", 1001)),
        ({"plan_id": "q"}, ("NOT_FOUND", "plan_id", 1101)),
        ({"namespace": "nowhere"}, ("NOT_FOUND", "plan_id", 1101)),
        ({"status": "shiny"}, ("INVALID_ARGUMENT", "status", 1002)),
        ({"derived_plan_id": "q/periodic-1"}, ("INVALID_ARGUMENT", "derived_plan_id", 1010)),
        ({"create_time": timestamp(NOW + MINUTE)}, ("INVALID_ARGUMENT", "create_time", 1010)),
        ({"parameters": "nonsense"}, ("INVALID_ARGUMENT", "parameters", 1010)),
        ({"timeout": 1 << 60}, ("INVALID_ARGUMENT", "timeout", 1010)),
    ],
)
async def test_a_job_that_is_none_is_refused(api: Api, fields: dict[str, Any], expected: tuple[str, str, int]) -> None:
    await api.world.add_plan()
    assert told(await api.refused("JobAdd", **{**JOB, **fields})) == expected


async def test_a_live_job_counts_for_the_overlap_of_its_plan(api: Api) -> None:
    await api.world.add_plan(overlap="skip")
    await api.ask("JobAdd", **JOB)
    assert told(await api.refused("PlanRun", id="p", namespace="default"))[0] == "FAILED_PRECONDITION"
    await api.ask("JobCancel", id="mine")
    await api.ask("PlanRun", id="p", namespace="default")


# ---- EvalAdd


async def test_an_evaluation_is_found_again_by_the_id_it_came_with(idle: Api) -> None:
    await idle.world.add_plan()
    live = (await idle.world.run_plan()).id
    await idle.ask("EvalAdd", id="look", job_id=live, status="pending", triggered_by="node-update", node_id="n")
    seen = (await idle.ask("EvalDetail", id="look")).data
    assert (seen.id, seen.triggered_by, seen.node_id, seen.previous_eval) == ("look", "node-update", "n", f"{live}-e1")
    first = (await idle.ask("EvalDetail", id=f"{live}-e1")).data
    assert (first.status, first.next_eval) == ("canceled", "look"), "both asked for the same"
    assert told(await idle.refused("EvalAdd", id="look", job_id=live, status="pending")) == (
        "ALREADY_EXISTS",
        "id",
        1100,
    )
    await idle.ask("JobCancel", id=live)
    assert (await idle.ask("EvalDetail", id="look")).data.status == "canceled"
    assert [it.id for it in (await idle.ask("EvalList", id="look")).data] == ["look"]
    await idle.world.add_plan("q")
    other = (await idle.world.run_plan("q")).id
    assert told(await idle.refused("EvalAdd", id="look", job_id=other, status="pending"))[0] == "ALREADY_EXISTS"


async def test_what_was_superseded_is_not_handed_out(idle: Api) -> None:
    await idle.world.add_plan()
    live = (await idle.world.run_plan()).id
    await idle.ask("EvalAdd", id="look", job_id=live, status="blocked", status_description="wait")
    taken = await idle.ask("EvalDequeue", schedulers=["service"], timeout=1000)
    if taken.data.id != "look":
        await idle.ask("EvalAck", id=taken.data.id, token=taken.token)
        taken = await idle.ask("EvalDequeue", schedulers=["service"], timeout=1000)
    assert (taken.data.id, taken.data.status) == ("look", "blocked")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": ""}, ("INVALID_ARGUMENT", "id", 1001)),
        ({"status": "shiny"}, ("INVALID_ARGUMENT", "status", 1002)),
        ({"job_id": ""}, ("INVALID_ARGUMENT", "job_id", 1001)),
        ({"job_id": "nobody"}, ("NOT_FOUND", "job_id", 1101)),
        ({"plan_id": "q"}, ("INVALID_ARGUMENT", "plan_id", 1010)),
        ({"namespace": "other"}, ("INVALID_ARGUMENT", "namespace", 1010)),
        ({"priority": 7}, ("INVALID_ARGUMENT", "priority", 1010)),
        ({"type": "batch"}, ("INVALID_ARGUMENT", "type", 1010)),
        ({"triggered_by": "whim"}, ("INVALID_ARGUMENT", "triggered_by", 1002)),
        ({"status": "complete"}, ("FAILED_PRECONDITION", "status", 1107)),
        ({"id": "x-e9", "job_id": "x"}, ("NOT_FOUND", "job_id", 1101)),
    ],
)
async def test_an_evaluation_that_is_none_is_refused(
    idle: Api, fields: dict[str, Any], expected: tuple[str, str, int]
) -> None:
    await idle.world.add_plan()
    live = (await idle.world.run_plan()).id
    given = {"id": "look", "job_id": live, "status": "pending", **fields}
    assert told(await idle.refused("EvalAdd", **given)) == expected


async def test_ids_that_are_made_here_cannot_be_taken(idle: Api) -> None:
    await idle.world.add_plan()
    live = (await idle.world.run_plan()).id
    assert told(await idle.refused("EvalAdd", id=f"{live}-e7", job_id=live, status="pending"))[:2] == (
        "INVALID_ARGUMENT",
        "id",
    )
    assert (await idle.ask("EvalAdd", id=f"{live}-e2", job_id=live, status="pending")).data.id == f"{live}-e2"


@pytest.mark.invariant("S-1")
async def test_an_evaluation_takes_no_slot_that_is_not_there(api: Api) -> None:
    async with serving(api.transport, slots=1) as small:
        await small.world.add_plan()
        await small.world.run_plan()
        await small.ask("JobAdd", **JOB)
        refusal = await small.refused("EvalAdd", id="look", job_id="mine", status="pending")
        assert refusal.code == "RESOURCE_EXHAUSTED"


async def test_a_placed_job_is_not_placed_twice(api: Api) -> None:
    await api.world.core.add_node()
    await api.world.add_plan()
    live = (await api.world.run_plan()).id
    refusal = await api.refused("EvalAdd", id="look", job_id=live, status="pending")
    assert told(refusal)[:2] == ("FAILED_PRECONDITION", "job_id")


# ---- PlanAllocationEnqueue


async def in_hand(api: Api) -> tuple[str, str, str]:
    """A job, its evaluation and the token of it."""
    await api.world.core.add_node()
    await api.world.add_plan()
    made = (await api.world.run_plan()).id
    taken = await api.ask("EvalDequeue", schedulers=["service"], timeout=1000)
    return made, taken.data.id, taken.token


async def test_a_caller_that_schedules_itself_places_and_acknowledges(idle: Api) -> None:
    made, name, token = await in_hand(idle)
    placement = pb.Allocation(id="put", node_id="node-1", job_id=made, eval_id=name)
    answer = await idle.ask("PlanAllocationEnqueue", eval_id=name, eval_token=token, allocations=[placement])
    [placed] = answer.data
    assert (placed.id, placed.node_id, placed.eval_id, placed.client_status) == ("put", "node-1", name, "pending")
    await idle.ask("EvalAck", id=name, token=token)
    await idle.world.clock.advance(MINUTE)
    assert not (await idle.ask("EvalUpdate", id=name, status="complete")).data.next_eval
    assert [it.id for it in (await idle.ask("SimpleAllocationList", node_id="node-1", status="pending")).data] == [
        "put"
    ]
    await idle.ask("AllocationUpdate", id="put", status="complete")
    assert (await job(idle, made)).status == "complete"
    assert (await idle.ask("AllocationDetail", id="put")).data.client_status == "complete"
    assert [it.id for it in (await idle.ask("AllocationList", ids=["put"])).data] == ["put"]
    assert (await idle.ask("AllocationDetail", id=f"{made}-a1")).data.id == "put"


@pytest.mark.invariant("P-12")
async def test_a_stale_token_commits_nothing(idle: Api) -> None:
    _, name, token = await in_hand(idle)
    placement = [pb.Allocation(node_id="node-1")]
    texts = {}
    texts["other"] = await idle.refused("PlanAllocationEnqueue", eval_id=name, eval_token="t", allocations=placement)
    await idle.world.clock.advance(61_000)
    texts["late"] = await idle.refused("PlanAllocationEnqueue", eval_id=name, eval_token=token, allocations=placement)
    texts["unknown"] = await idle.refused(
        "PlanAllocationEnqueue", eval_id="no-e1", eval_token=token, allocations=placement
    )
    assert {told(refusal)[:2] for refusal in texts.values()} == {("FAILED_PRECONDITION", "eval_token")}
    assert texts["other"].text == "evaluation token does not match"
    assert texts["late"].text == "evaluation is not outstanding"
    assert not (await idle.ask("AllocationList")).data


async def test_what_does_not_hold_is_not_committed_and_not_refused(idle: Api) -> None:
    made, name, token = await in_hand(idle)
    gone = [pb.Allocation(node_id="node-9")]
    assert not (await idle.ask("PlanAllocationEnqueue", eval_id=name, eval_token=token, allocations=gone)).data
    await idle.ask("JobCancel", id=made)
    there = [pb.Allocation(node_id="node-1")]
    assert not (await idle.ask("PlanAllocationEnqueue", eval_id=f"{made}-e1", eval_token=token, allocations=there)).data


@pytest.mark.parametrize(
    ("allocations", "field"),
    [
        ([], "allocations"),
        ([pb.Allocation(node_id="node-1")] * 2, "allocations"),
        ([pb.Allocation(id="a")], "allocations[0].node_id"),
        ([pb.Allocation(id="\x00", node_id="node-1")], "allocations[0].id"),
        ([pb.Allocation(node_id="node-1", job_id="other")], "allocations[0].job_id"),
    ],
)
async def test_a_placement_that_is_none_is_refused(idle: Api, allocations: list[pb.Allocation], field: str) -> None:
    _, name, token = await in_hand(idle)
    refusal = await idle.refused("PlanAllocationEnqueue", eval_id=name, eval_token=token, allocations=allocations)
    assert told(refusal)[:2] == ("INVALID_ARGUMENT", field)
    assert bool(allocations) or refusal.text == "cannot submit nil plan allocation"


# ---- AllocationAdd


async def test_an_allocation_is_placed_under_its_own_id_and_reported_in_the_same_way(idle: Api) -> None:
    made, _, _ = await in_hand(idle)
    placement = pb.Allocation(id="put", node_id="node-1", job_id=made)
    answer = await idle.ask("AllocationAdd", allocation_updated=[placement])
    assert not answer.HasField("data")
    assert (await idle.ask("AllocationDetail", id="put")).data.client_status == "pending"
    report = pb.Allocation(id="put", client_status="failed", client_description="broke")
    await idle.ask("AllocationAdd", allocation_stopped=[report])
    assert ((await job(idle, made)).status, (await job(idle, made)).info) == ("failed", "broke")
    before = idle.world.n
    await idle.ask("AllocationAdd", allocation_preempted=[report])
    assert idle.world.n == before


async def test_all_of_a_request_or_nothing(idle: Api) -> None:
    made, _, _ = await in_hand(idle)
    await idle.ask("AllocationAdd", allocation_updated=[pb.Allocation(id="put", node_id="node-1", job_id=made)])
    other = (await idle.world.run_plan()).id
    refusal = await idle.refused(
        "AllocationAdd",
        allocation_updated=[pb.Allocation(id="put", client_status="complete")],
        allocation_stopped=[pb.Allocation(id="new", node_id="node-9", job_id=other)],
    )
    assert told(refusal)[:2] == ("FAILED_PRECONDITION", "node_id")
    await idle.ask(
        "AllocationAdd",
        allocation_updated=[
            pb.Allocation(id="put", client_status="complete"),
            pb.Allocation(id="new", node_id="node-1", job_id=other),
        ],
    )
    assert ((await job(idle, made)).status, (await idle.ask("AllocationDetail", id="new")).data.job_id) == (
        "complete",
        other,
    )


async def test_evaluations_of_a_request_are_added_and_updated(idle: Api) -> None:
    await idle.world.add_plan()
    first, second = [(await idle.world.run_plan()).id for _ in range(2)]
    await idle.ask(
        "AllocationAdd",
        evaluation_preemption=[
            pb.Evaluation(id=f"{first}-e1", status="blocked", status_description="later"),
            pb.Evaluation(id="look", job_id=second, status="pending"),
        ],
    )
    assert (await idle.ask("EvalDetail", id=f"{first}-e1")).data.status_description == "later"
    assert (await idle.ask("EvalDetail", id="look")).data.job_id == second


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (pb.Allocation(id="new", job_id="j"), "allocation_updated[0].node_id"),
        (pb.Allocation(id="new", node_id="node-1"), "allocation_updated[0].job_id"),
        (pb.Allocation(id="new", client_status="running"), "allocation_updated[0].client_status"),
        (pb.Allocation(id="new", client_status="shiny"), "allocation_updated[0].client_status"),
        (pb.Allocation(id="new", desired_status="evict"), "allocation_updated[0].desired_status"),
    ],
)
async def test_an_allocation_that_is_none_is_refused(api: Api, given: pb.Allocation, field: str) -> None:
    refusal = await api.refused("AllocationAdd", allocation_updated=[given])
    assert told(refusal)[:2] == ("INVALID_ARGUMENT", field)


async def test_two_records_of_one_job_in_one_request_are_refused(idle: Api) -> None:
    made, name, _ = await in_hand(idle)
    refusal = await idle.refused(
        "AllocationAdd",
        allocation_updated=[pb.Allocation(id="put", node_id="node-1", job_id=made)],
        evaluation_preemption=[pb.Evaluation(id=name, status="blocked")],
    )
    assert refusal.code == "INVALID_ARGUMENT"


# ---- what made every server of the original crash, again and again


@pytest.mark.parametrize(
    ("rpc", "fields", "field"),
    [
        ("JobAdd", {"id": "j"}, "plan_id"),
        ("AllocationAdd", {"allocation_updated": [pb.Allocation(id="a"), pb.Allocation()]}, "allocation_updated[1].id"),
        (
            "AllocationAdd",
            {"evaluation_preemption": [pb.Evaluation(id="e", status="odd")]},
            "evaluation_preemption[0].status",
        ),
        ("EvalAdd", {"id": "e"}, "status"),
        ("EvalUpdate", {"id": "e", "status": "odd"}, "status"),
    ],
)
async def test_what_killed_the_original_is_refused_and_leaves_nothing(
    api: Api, rpc: str, fields: dict[str, Any], field: str
) -> None:
    assert told(await api.refused(rpc, **fields))[:2] == ("INVALID_ARGUMENT", field)
    await api.world.add_plan()
    await api.ask("PlanDetail", id="p", namespace="default")
