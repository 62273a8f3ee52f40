"""What Prometheus is told: names, and values that follow what happened."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from jobpool.leader.allowance import Allowance
from jobpool.server.metrics import Metrics
from jobpool.store.operations import Space
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import MINUTE, NOW, SECOND, World, world_of


class Backlog:
    backlog_bytes = 4711


class Watched:
    """A world and what its metrics say."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.allowance = Allowance()
        self._metrics = Metrics(
            world.core.replica,
            world.core.leadership,
            Backlog(),
            evaluators=world.core.evaluators,
            allowance=self.allowance,
            agents=world.sessions,
        )

    def values(self) -> dict[tuple[str, ...], float]:
        """By sample name and label values, in the order of the labels' names."""
        text = self._metrics.text().decode()
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    async with world_of(slots=5) as world:
        yield Watched(world)


async def test_the_names_that_dashboards_rely_on(watched: Watched) -> None:
    names = {name for name, *_ in watched.values()}
    assert names >= {
        "jobpool_start_lateness_seconds_count",
        "jobpool_commit_seconds_bucket",
        "jobpool_commit_operations_sum",
        "jobpool_leader",
        "jobpool_agents_connected",
        "jobpool_reports_stale_total",
        "jobpool_history_backlog_bytes",
        "jobpool_placements_total",
        "jobpool_placements_refused_total",
        "jobpool_slots",
        "jobpool_runs_live",
        "jobpool_plans",
        "jobpool_replica_n",
        "jobpool_term",
        "jobpool_replica_lag",
        "jobpool_queue_depth",
        "jobpool_commits_total",
        "jobpool_commands_total",
    }


async def test_each_commit_is_observed_once(watched: Watched) -> None:
    before = watched.values()
    world = watched.world
    n = world.n
    await world.add_plan()
    for _ in range(3):
        await world.run_plan()
    after = watched.values()
    commits = world.n - n
    assert commits > 4
    for name in ("jobpool_commit_seconds_count", "jobpool_commit_operations_count"):
        assert after[(name,)] - before.get((name,), 0) == commits
    assert after[("jobpool_commits_total",)] - before[("jobpool_commits_total",)] == commits
    assert after[("jobpool_replica_n",)] == world.n
    assert after[("jobpool_replica_lag",)] == 0


async def test_a_held_commit_shows_as_waiting_commands(watched: Watched) -> None:
    world = watched.world
    await world.add_plan()
    world.store.hold_commits()
    for _ in range(3):
        world.start("PlanRun", pb.PlanRunRequest(id="p", namespace="default"))
    await world.clock.advance(0)
    assert watched.values()[("jobpool_queue_depth", "commands")] == 3
    world.store.release_commits()


async def test_slots_nodes_and_queues_follow_the_state(watched: Watched) -> None:
    world = watched.world
    await world.add_plan()
    await world.run_plan()
    await world.run_plan()
    values = watched.values()
    assert values[("jobpool_slots", "total", "default")] == 5
    assert values[("jobpool_slots", "used", "default")] == 2
    assert values[("jobpool_queue_depth", "blocked")] == 2
    assert values[("jobpool_queue_depth", "ready")] == 0
    assert values[("jobpool_runs_live",)] == 2
    assert values[("jobpool_agents_connected",)] == 0
    await world.agent().join()
    await world.clock.advance(SECOND)
    values = watched.values()
    assert values[("jobpool_nodes", "ready")] == 1
    assert values[("jobpool_agents_connected",)] == 1
    assert values[("jobpool_queue_depth", "blocked")] == 0
    assert values[("jobpool_placements_total",)] == 2
    assert values[("jobpool_plans",)] == 1
    assert values[("jobpool_history_backlog_bytes",)] == 4711
    assert values[("jobpool_term",)] == 1


async def test_runs_are_counted_by_outcome_and_lateness_is_that_of_the_first_start(watched: Watched) -> None:
    world = watched.world
    agent = await world.agent().join()
    await world.add_plan(retry=pb.Retry(attempts=1, backoff="10m"))
    for _ in range(2):
        await world.run_plan()
    await world.clock.advance(3 * SECOND)
    first, second = agent.stream.assigned
    now = world.clock.now()
    await agent.finish(first, started_at=NOW + SECOND, finished_at=now)
    await agent.finish(second, "failed", reason="exit_nonzero", started_at=NOW + 2 * SECOND, finished_at=now)
    for _ in range(90):
        agent.stream.say(beat=pb.AgentBeat())
        await world.clock.advance(8 * SECOND)
    await agent.finish(agent.stream.assigned[2], "failed", reason="exit_nonzero", started_at=now + 11 * MINUTE)
    await world.ask("JobCancel", pb.JobCancelRequest(id=(await world.run_plan()).id))
    await agent.finish(agent.stream.assigned[3], "cancelled")
    values = watched.values()
    assert values[("jobpool_runs_total", "", "complete")] == 1
    assert values[("jobpool_runs_total", "exit_nonzero", "failed")] == 1
    assert values[("jobpool_runs_total", "cancelled", "cancelled")] == 1
    assert values[("jobpool_start_lateness_seconds_count",)] == 2
    assert values[("jobpool_start_lateness_seconds_sum",)] == 3


async def test_results_that_came_too_late_are_counted(watched: Watched) -> None:
    world = watched.world
    agent = await world.agent().join()
    await world.add_plan()
    await world.run_plan()
    [item] = agent.stream.assigned
    late = pb.Report(allocation_id=item.allocation_id, fence=item.fence - 1, status="complete")
    assert watched.values()[("jobpool_reports_stale_total",)] == 0
    await agent.report(late, late)
    await agent.finish(item)
    assert watched.values()[("jobpool_reports_stale_total",)] == 2


async def test_without_a_term_there_are_no_queues_and_no_leader(watched: Watched) -> None:
    world = watched.world
    await world.add_plan(status="pending")
    assert watched.values()[("jobpool_leader",)] == 1
    await world.store.campaign("another")
    world.start("PlanDelete", pb.SchedulePlanDeleteRequest(id="p", namespace="default"))
    await world.clock.advance(100)
    values = watched.values()
    assert values[("jobpool_leader",)] == 0
    assert not [name for name, *_ in values if name in ("jobpool_queue_depth", "jobpool_commits_total")]
    await world.clock.advance(2 * SECOND)
    values = watched.values()
    assert values[("jobpool_leader",)] == 1
    assert values[("jobpool_term",)] == 3


async def test_the_space_of_the_store_is_told_once_it_was_looked_at(watched: Watched) -> None:
    assert not [name for name, *_ in watched.values() if name == "jobpool_store_bytes"]
    watched.allowance.looked(Space(9, 7, 11))
    values = watched.values()
    assert (values[("jobpool_store_bytes", "in_use")], values[("jobpool_store_bytes", "quota")]) == (7, 11)


async def test_the_servers_process_is_told_of_as_everywhere(watched: Watched) -> None:
    assert watched.values()["process_resident_memory_bytes",] > 1_000_000
