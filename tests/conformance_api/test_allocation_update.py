"""AllocationUpdate: what the original's agents report, and what a repeat, a straggler or a stranger changes."""

from typing import Any

import pytest

from jobpool.model.errors import Unavailable
from jobpool.wire import jobpool_pb2 as pb
from tests.conformance_api.harness import Api

REST = '{"url": "http://127.0.0.1:9/", "method": "post", "body": "{\\"a\\": 1}"}'


async def running(api: Api, count: int = 1, **plan: Any) -> list[pb.Allocation]:
    """Allocations that an agent was given, the oldest first."""
    await api.world.core.add_node(executors=["noop", "rest"])
    await api.world.add_plan(**{"synchronous": True, **plan})
    for _ in range(count):
        await api.world.run_plan()
        await api.world.clock.advance(1000)
    return list((await api.ask("AllocationList", status="pending,running")).data)[::-1]


async def job(api: Api, job_id: str) -> pb.Job:
    found: pb.Job = (await api.ask("JobDetail", id=job_id)).data
    return found


@pytest.mark.invariant("A-3")
@pytest.mark.parametrize("status", ["complete", "failed", "cancelled", "expired"])
async def test_an_end_is_the_jobs_end_and_frees_its_slot(api: Api, status: str) -> None:
    [item] = await running(api)
    assert api.world.state.slots_used("default") == 1
    answer = await api.ask("AllocationUpdate", id=item.id, status=status, description="as told")
    assert [(it.id, it.client_status, it.client_description) for it in answer.data] == [(item.id, status, "as told")]
    ended = await job(api, item.job_id)
    assert (ended.status, ended.info) == (status, "" if status == "complete" else "as told")
    assert api.world.state.slots_used("default") == 0


async def test_ids_of_the_body_and_of_the_path_each_end_their_own_job(api: Api) -> None:
    first, second, third = await running(api, 3)
    answer = await api.ask("AllocationUpdate", id=first.id, ids=[second.id], status="failed")
    assert {it.id for it in answer.data} == {first.id, second.id}
    statuses = [(await job(api, it.job_id)).status for it in (first, second, third)]
    assert statuses == ["failed", "failed", "pending"]


@pytest.mark.parametrize("status", ["complete", "failed", "running", ""])
async def test_after_the_end_nothing_changes_and_nothing_is_refused(api: Api, status: str) -> None:
    [item] = await running(api)
    await api.ask("AllocationUpdate", id=item.id, status="complete")
    before = api.world.n
    answer = await api.ask("AllocationUpdate", id=item.id, status=status, description="late")
    assert (list(answer.data), api.world.n) == ([], before)
    assert (await job(api, item.job_id)).status == "complete"


async def test_no_status_and_the_present_one_change_nothing(api: Api) -> None:
    [item] = await running(api)
    await api.ask("AllocationUpdate", id=item.id, status="running")
    before = api.world.n
    for status in ("", "running", "pending"):
        assert not (await api.ask("AllocationUpdate", id=item.id, status=status)).data
    assert api.world.n == before


@pytest.mark.parametrize("status", ["running", "unknown"])
async def test_running_and_unknown_make_the_job_run(api: Api, status: str) -> None:
    [item] = await running(api)
    answer = await api.ask("AllocationUpdate", id=item.id, status=status)
    assert [it.client_status for it in answer.data] == ["running"]
    assert (await job(api, item.job_id)).status == "running"


async def test_an_attempt_that_was_lost_is_not_listened_to(api: Api) -> None:
    [item] = await running(api, retry=pb.Retry(attempts=1, backoff="1s"))
    await api.ask("AllocationUpdate", id=item.id, status="failed")
    await api.world.clock.advance(10_000)
    [again] = (await api.ask("AllocationList", status="pending")).data
    assert again.id == f"{item.job_id}-a2"
    assert not (await api.ask("AllocationUpdate", id=item.id, status="complete")).data
    assert (await job(api, item.job_id)).status == "pending"


async def test_one_unknown_id_and_nothing_is_stored(api: Api) -> None:
    [item] = await running(api)
    refusal = await api.refused("AllocationUpdate", id=item.id, ids=[f"{item.job_id}-a7"], status="complete")
    assert (refusal.code, refusal.field, refusal.engine_code) == ("NOT_FOUND", "id", 1101)
    assert (await job(api, item.job_id)).status == "pending"


async def test_a_word_that_is_no_status_is_refused_by_name(api: Api) -> None:
    [item] = await running(api)
    refusal = await api.refused("AllocationUpdate", id=item.id, status="shiny")
    assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", "status", 1002)


async def test_more_ids_than_one_transaction_holds_are_refused(api: Api) -> None:
    refusal = await api.refused("AllocationUpdate", id="a", ids=[f"a{at}" for at in range(50)], status="failed")
    assert (refusal.code, refusal.field) == ("INVALID_ARGUMENT", "ids")


async def test_an_allocation_that_only_tells_of_a_skip_brings_the_parameters(api: Api) -> None:
    await api.world.core.add_node(executors=["rest"])
    await api.world.add_plan(
        executor="rest",
        parameters=REST,
        overlap="skip",
        periodic=pb.PeriodicConfig(enabled=True, spec="* * * * *", time_zone="UTC"),
    )
    await api.world.clock.advance(180_000)
    found = (await api.ask("AllocationList", node_id="node-1", status="pending")).data
    skips = [item for item in found if item.desired_status == "skip"]
    assert {item.client_description for item in skips} == {REST}
    assert {item.client_description for item in found if item.desired_status == ""} == {""}
    answer = await api.ask("AllocationUpdate", id=skips[0].id, status="skipped", description="told")
    assert [(it.client_status, it.client_description) for it in answer.data] == [("skipped", "told")]
    assert (await job(api, skips[0].job_id)).status == "skipped"


class Unsearched(dict[str, Any]):
    """Runs that may be looked up, and not gone through."""

    def values(self) -> Any:
        raise AssertionError("all runs were gone through")


async def test_what_is_pending_at_a_node_is_looked_up(api: Api) -> None:
    await running(api, 2)
    api.world.state.runs = Unsearched(api.world.state.runs)
    api.world.history.trouble = Unavailable("nobody is to ask here")
    found = await api.ask("SimpleAllocationList", node_id="node-1", status="pending")
    assert (len(found.data), found.totalElements) == (2, 2)
    whole = await api.ask("AllocationList", node_id="node-1", status="pending")
    assert [item.id for item in whole.data] == [item.id for item in found.data]


async def test_a_polling_agent_is_told_ids_of_what_it_has_to_take(api: Api) -> None:
    first, second = await running(api, 2)
    await api.ask("AllocationUpdate", id=first.id, status="running")
    simple = await api.ask("SimpleAllocationList", node_id="node-1", status="pending")
    assert [item.id for item in simple.data] == [second.id]
    both = await api.ask("SimpleAllocationList", node_id="node-1", status="pending,running")
    assert {item.id for item in both.data} == {first.id, second.id}
    assert both.totalElements == 2
    assert not (await api.ask("SimpleAllocationList", node_id="node-2", status="pending")).data
