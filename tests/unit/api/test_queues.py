"""Queues and the job map over the API: what waits, and how a namespace's slots are used."""

import pytest

from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import SECOND, World, world_of


async def job_map(world: World, namespace: str = "default") -> pb.QueueJobStats:
    found: pb.QueueJobStats = (await world.ask("QueueJobViewDetail", pb.QueueJobViewRequest(namespace=namespace))).data
    return found


async def test_the_evaluation_queue_counts_what_waits_for_a_node(world: World) -> None:
    await world.add_plan()
    empty = (await world.ask("QueueDetail", pb.QueueDetailRequest(type="evaluation"))).data
    assert empty == pb.QueueDetail()
    for _ in range(3):
        await world.run_plan()
    stuck = (await world.ask("QueueDetail", pb.QueueDetailRequest(type="evaluation"))).data
    assert (stuck.total, stuck.total_blocked, stuck.total_ready, stuck.total_unacked) == (3, 3, 0, 0)
    await world.agent().join()
    await world.clock.advance(SECOND)
    assert (await world.ask("QueueDetail", pb.QueueDetailRequest(type="evaluation"))).data == pb.QueueDetail()


async def test_the_allocation_queue_counts_what_waits_for_the_commit(world: World) -> None:
    await world.add_plan()
    world.store.hold_commits()
    for _ in range(4):
        world.start("PlanRun", pb.PlanRunRequest(id="p", namespace="default"))
    await settle()
    assert (await world.ask("QueueDetail", pb.QueueDetailRequest(type="allocation"))).data.total == 4
    world.store.release_commits()
    await settle()
    assert (await world.ask("QueueDetail", pb.QueueDetailRequest(type="allocation"))).data.total == 0


@pytest.mark.parametrize("kind", ["", "job", "Evaluation", "x" * 10_000, "\x00"])
async def test_another_queue_is_refused(world: World, kind: str) -> None:
    refusal = await world.refusal("QueueDetail", pb.QueueDetailRequest(type=kind))
    assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", "type", 1104)
    assert len(refusal.text) < 200


async def test_the_job_map_adds_up_to_the_slots() -> None:
    async with world_of(slots=6) as world:
        await world.ask("NameSpaceUpdate", pb.ScheduleNameSpaceUpdateRequest(name="default", when_full="wait"))
        agent = await world.agent(capacity=3).join()
        await world.add_plan()
        await world.add_plan("again", retry=pb.Retry(attempts=1, backoff="1m"))
        jobs = [(await world.run_plan("again")).id]
        await agent.finish(agent.stream.assigned[0], "failed")
        jobs += [(await world.run_plan()).id for _ in range(6)]
        await agent.finish(agent.stream.assigned[1], "running")
        stats = await job_map(world)
        assert (stats.total, stats.running, stats.retry, stats.pending, stats.un_used) == (6, 1, 1, 4, 0)
        assert list(stats.running_jobs) == [agent.stream.assigned[1].job_id]
        assert sorted(stats.pending_jobs) == sorted(set(jobs) - set(stats.running_jobs))
        await agent.finish(agent.stream.assigned[1])
        for job in (await job_map(world)).pending_jobs:
            await world.ask("JobCancel", pb.JobCancelRequest(id=job))
        for item in agent.stream.assigned[2:]:
            await agent.finish(item, "cancelled")
        await settle()
        stats = await job_map(world)
        assert (stats.total, stats.un_used, list(stats.pending_jobs)) == (6, 6, [])


async def test_the_job_map_is_of_one_namespace(world: World) -> None:
    await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="other", job_parallelism_limit=2))
    await world.add_plan()
    await world.run_plan()
    assert await job_map(world, "other") == pb.QueueJobStats(total=2, un_used=2)
    assert (await job_map(world)).pending == 1


async def test_a_lower_limit_ends_nothing_and_leaves_none_unused(world: World) -> None:
    await world.add_plan()
    for _ in range(3):
        await world.run_plan()
    await world.ask("NameSpaceUpdate", pb.ScheduleNameSpaceUpdateRequest(name="default", job_parallelism_limit=1))
    stats = await job_map(world)
    assert (stats.total, stats.pending, stats.un_used) == (1, 3, 0)


@pytest.mark.parametrize(
    ("namespace", "code"), [("", "INVALID_ARGUMENT"), ("A", "INVALID_ARGUMENT"), ("no", "NOT_FOUND")]
)
async def test_the_job_map_of_nothing_is_refused(world: World, namespace: str, code: str) -> None:
    refusal = await world.refusal("QueueJobViewDetail", pb.QueueJobViewRequest(namespace=namespace))
    assert (refusal.code, refusal.field) == (code, "namespace")
