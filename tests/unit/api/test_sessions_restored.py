"""Agents of a server that was restored from a snapshot: what they still have goes on, nothing is given out again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobpool.model.statuses import AllocationStatus
from jobpool.testing.restored import restored_from
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import MINUTE, NOW, World, end_of, given, joined, world_of


@asynccontextmanager
async def restored(before: World) -> AsyncIterator[World]:
    """The world as it is, restored a minute later."""
    store = await restored_from(before.store, taken_at=NOW, at=NOW + MINUTE)
    async with world_of(store=store, at=NOW + MINUTE) as world:
        yield world


async def test_what_the_agent_has_goes_on_to_its_end(world: World) -> None:
    _, [item] = await given(world)
    async with restored(world) as after:
        agent = await after.agent().join((item.allocation_id, item.fence))
        run = after.state.runs[item.job_id]
        assert run.vouched
        assert agent.stream.sent[-1].WhichOneof("kind") == "welcome", "nothing was assigned, stopped or dropped"
        await agent.report(end_of(item))
        assert agent.stream.acked == [1]
        assert after.history.runs[item.job_id].status == "complete"


async def test_what_the_agent_does_not_know_is_not_given_out_again(world: World) -> None:
    agent, items = await given(world, 2)
    await agent.report(pb.Report(allocation_id=items[0].allocation_id, fence=items[0].fence, status="running"))
    async with restored(world) as after:
        assert {run.attempts[0].status for run in after.state.runs.values()} == {
            AllocationStatus.PENDING,
            AllocationStatus.RUNNING,
        }
        agent = await joined(after)
        assert agent.stream.assigned == []
        assert not after.state.runs
        ended = [after.history.runs[item.job_id] for item in items]
        assert {(run.status, run.reason, len(run.attempts)) for run in ended} == {("failed", "node_lost", 1)}
        assert all("restored from a snapshot" in run.info for run in ended)


async def test_what_was_placed_since_the_snapshot_is_dropped_and_its_result_not_taken(world: World) -> None:
    await joined(world)
    await world.add_plan()
    snapshot = await restored_from(world.store, taken_at=NOW, at=NOW + MINUTE)
    since = await world.run_plan()
    attempt = world.state.runs[since.id].attempts[0]
    allocation = f"{since.id}-a1"
    async with world_of(store=snapshot, at=NOW + MINUTE) as after:
        agent = await after.agent().join((allocation, attempt.fence))
        assert agent.stream.held("drop") == [(allocation, attempt.fence)]
        await agent.report(pb.Report(allocation_id=allocation, fence=attempt.fence, status="complete"))
        assert agent.stream.acked == [1]
        assert since.id not in after.history.runs
        fresh = await after.run_plan()
        assert after.state.runs[fresh.id].attempts[0].fence > attempt.fence
