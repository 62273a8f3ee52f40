"""Work on agents' streams: assignments, stops and drops go out, reports come in and are acknowledged."""

import pytest

from jobpool.api.agent_outbox import BATCH
from jobpool.model.statuses import NodeStatus
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import SECOND, World, end_of, given, joined


async def test_reports_are_acknowledged_after_the_commit_and_not_before(world: World) -> None:
    agent, [item] = await given(world)
    world.store.hold_commits()
    await agent.finish(item)
    assert agent.stream.acked == []
    assert world.state.run(item.job_id) is not None
    world.store.release_commits()
    await settle()
    assert agent.stream.acked == [1]
    run = world.history.runs[item.job_id]
    assert (run.status, run.attempts[0].status) == ("complete", "complete")


async def test_every_message_of_reports_is_acknowledged_by_its_own_number(world: World) -> None:
    """An agent forgets only what is named: two messages behind one slow answer need two acknowledgements."""
    agent, items = await given(world, 3)
    agent.stream.block()
    for item in items:
        await agent.finish(item)
    agent.stream.unblock()
    await settle()
    assert agent.stream.acked == [1, 2, 3]


@pytest.mark.invariant("P-10")
async def test_a_refused_commit_ends_the_stream_without_an_acknowledgement(world: World) -> None:
    agent, [item] = await given(world)
    world.store.fail_next_commit("refuse")
    world.store.fail_next_commit("refuse")
    await agent.finish(item)
    assert agent.failure.code.name == "UNAVAILABLE"
    assert agent.stream.acked == []
    assert world.state.run(item.job_id) is not None
    again = await world.agent().join((item.allocation_id, item.fence))
    await again.finish(item)
    assert again.stream.acked == [1]
    assert world.history.runs[item.job_id].status == "complete"


async def test_what_the_agent_said_itself_is_not_dropped(world: World) -> None:
    agent, items = await given(world, 3)
    await agent.report(*(end_of(item) for item in items))
    assert agent.stream.held("drop") == []
    assert agent.stream.acked == [1]


async def test_repeated_and_late_reports_are_acknowledged_and_change_nothing(world: World) -> None:
    agent, [item] = await given(world)
    await agent.finish(item)
    n, run = world.n, world.history.runs[item.job_id]
    await agent.finish(item, "failed")
    assert agent.stream.acked == [1, 2]
    assert world.n == n
    assert world.history.runs[item.job_id] == run


async def test_a_stale_fence_is_acknowledged_but_not_taken(world: World) -> None:
    agent, [item] = await given(world)
    await agent.report(pb.Report(allocation_id=item.allocation_id, fence=item.fence - 1, status="complete"))
    assert agent.stream.acked == [1]
    run = world.state.run(item.job_id)
    assert run is not None
    assert run.status == "pending"


async def test_a_report_of_another_nodes_attempt_is_not_taken(world: World) -> None:
    _, [item] = await given(world)
    stranger = await joined(world, "node-2")
    await stranger.finish(item)
    assert stranger.stream.acked == [1]
    run = world.state.run(item.job_id)
    assert run is not None
    assert run.status == "pending"


async def test_garbage_among_reports_does_not_hold_up_the_others(world: World) -> None:
    agent, [item] = await given(world)
    garbage = [
        pb.Report(),
        pb.Report(allocation_id="\x00\x01", status="complete"),
        pb.Report(allocation_id=f"{item.job_id}-e1", fence=item.fence, status="complete"),
        pb.Report(allocation_id=f"{item.job_id}-a01", fence=item.fence, status="complete"),
        pb.Report(allocation_id=item.allocation_id, fence=item.fence, status="pending"),
        pb.Report(allocation_id=item.allocation_id, fence=item.fence, status="sparkling"),
        pb.Report(allocation_id=f"{item.job_id}-a{'9' * 50}", fence=item.fence, status="complete"),
        pb.Report(allocation_id="nobody-a1", fence=(1 << 64) - 1, status="lost"),
    ]
    await agent.report(*garbage, end_of(item))
    assert agent.stream.acked == [1]
    assert world.history.runs[item.job_id].status == "complete"


async def test_an_agents_clock_and_texts_are_held_in_bounds(world: World) -> None:
    agent, [item] = await given(world)
    await world.clock.advance(5 * SECOND)
    await agent.finish(
        item,
        "failed",
        reason="no such reason",
        description="d" * 100_000,
        result="r" * 100_000,
        exit_code=-(1 << 31),
        started_at=-(1 << 63),
        finished_at=(1 << 63) - 1,
    )
    run = world.history.runs[item.job_id]
    assert (run.reason, run.exit_code) == ("executor_error", -(1 << 31))
    assert (len(run.info), len(run.result)) == (4096, 4096)
    assert run.started_at == run.attempts[0].created_at
    assert run.finished_at == world.clock.now()


async def test_more_reports_than_an_agent_sends_at_once_are_refused(world: World) -> None:
    agent = await joined(world)
    await agent.report(*(pb.Report() for _ in range(1001)))
    assert (agent.failure.code.name, agent.failure.field) == ("INVALID_ARGUMENT", "reports")


async def test_lost_is_taken_as_a_loss(world: World) -> None:
    agent, [item] = await given(world)
    await agent.finish(item, "lost")
    run = world.state.run(item.job_id)
    assert run is not None
    assert run.losses == 1
    assert agent.stream.acked == [1]
    assert agent.stream.held("drop") == []
    assert [assignment.attempt for assignment in agent.stream.assigned] == [1, 2]


async def test_an_accepted_asynchronous_run_is_neither_dropped_nor_open(world: World) -> None:
    agent = await joined(world, executors=["rest"])
    await world.add_plan(executor="rest", parameters='{"url": "http://example.org/"}')
    job = await world.run_plan()
    [item] = agent.stream.assigned
    assert not item.synchronous
    await agent.finish(item, "running", accepted=True)
    assert agent.stream.acked == [1]
    assert agent.stream.held("drop") == []
    assert world.state.node_load("node-1") == 0
    await world.finish(job.id)
    assert agent.stream.held("drop") == []
    assert world.history.runs[job.id].status == "complete"


# ---- assignments, stops and drops


async def test_an_assignment_says_all_an_agent_needs(world: World) -> None:
    agent = await joined(world)
    await world.add_plan(timeout="90s", parameters='{"sleep": "1s"}')
    job = await world.run_plan(parameters='{"sleep": "2s"}')
    [item] = agent.stream.assigned
    run = world.state.run(job.id)
    assert run is not None
    assert item == pb.Assignment(
        allocation_id=f"{job.id}-a1",
        job_id=job.id,
        plan_id="p",
        namespace="default",
        name="p",
        fence=run.attempts[0].fence,
        attempt=1,
        executor="noop",
        parameters='{"sleep": "2s"}',
        synchronous=True,
        timeout=90_000,
        scheduled_time=world.clock.now(),
    )


async def test_a_run_keeps_the_plan_version_it_was_made_with(world: World) -> None:
    await world.add_plan(parameters='{"result": "old"}')
    await world.run_plan()
    update = pb.SchedulePlanUpdateRequest(id="p", namespace="default", parameters='{"result": "new"}')
    await world.ask("PlanUpdate", update)
    await world.ask("PlanOffline", pb.SchedulePlanOfflineRequest(id="p", namespace="default"))
    await world.ask("PlanDelete", pb.SchedulePlanDeleteRequest(id="p", namespace="default"))
    agent = await joined(world)
    assert [item.parameters for item in agent.stream.assigned] == ['{"result": "old"}']


async def test_a_run_whose_plan_version_cannot_be_read_ends_rather_than_hang(world: World) -> None:
    agent = await joined(world)
    await world.add_plan(parameters='{"result": "old"}')
    agent.stream.block()
    await world.run_plan()
    other = await world.run_plan()
    world.state.plans.clear()  # as after a start with a damaged record
    agent.stream.unblock()
    await settle()
    run = world.history.runs[other.id]
    assert (run.status, run.reason) == ("failed", "executor_error")
    assert "version" in run.info


async def test_a_cancel_is_passed_on_and_its_end_is_the_agents_word(world: World) -> None:
    agent, [item] = await given(world)
    await world.ask("JobCancel", pb.JobCancelRequest(id=item.job_id, description="enough"))
    await world.ask("JobCancel", pb.JobCancelRequest(id=item.job_id))
    await settle()
    assert agent.stream.held("stops") == [(item.allocation_id, item.fence)]
    await agent.finish(item, "cancelled")
    run = world.history.runs[item.job_id]
    assert (run.status, run.reason, run.info) == ("cancelled", "cancelled", "enough")
    assert agent.stream.held("drop") == []


async def test_a_run_that_ends_without_its_agent_is_dropped(world: World) -> None:
    agent, [item] = await given(world)
    await world.finish(item.job_id)
    await settle()
    assert agent.stream.held("drop") == [(item.allocation_id, item.fence)]


async def test_a_stop_never_overtakes_its_assignment(world: World) -> None:
    """The agent reads nothing while a run is placed and cancelled; what it then reads makes sense in order."""
    agent = await joined(world)
    await world.add_plan()
    agent.stream.block()
    await world.run_plan()  # its message is on its way and stuck
    late = await world.run_plan()
    await world.ask("JobCancel", pb.JobCancelRequest(id=late.id))
    await settle()
    agent.stream.unblock()
    await settle()
    kinds = [message.WhichOneof("kind") for message in agent.stream.sent[1:]]
    assert kinds == ["assignments", "assignments", "stops"]
    assert agent.stream.held("stops")[0][0] == f"{late.id}-a1"


async def test_a_stop_waits_for_its_assignment_in_a_later_batch(world: World) -> None:
    agent = await joined(world, capacity=1000)
    await world.add_plan()
    agent.stream.block()
    await world.run_plan()
    for _ in range(BATCH * 2):
        last = (await world.ask("PlanRun", pb.PlanRunRequest(id="p", namespace="default"))).data.id
    await world.clock.advance(SECOND)
    await world.ask("JobCancel", pb.JobCancelRequest(id=last))
    await settle()
    agent.stream.unblock()
    await settle()
    said = [message.WhichOneof("kind") for message in agent.stream.sent if message.WhichOneof("kind") != "welcome"]
    assert said == ["assignments", "assignments", "assignments", "stops"]


async def test_a_run_that_ended_before_it_was_sent_is_never_sent(world: World) -> None:
    agent = await joined(world)
    await world.add_plan()
    agent.stream.block()
    first = await world.run_plan()
    late = await world.run_plan()
    await world.finish(late.id)
    await settle()
    agent.stream.unblock()
    await settle()
    assert [item.job_id for item in agent.stream.assigned] == [first.id]
    assert agent.stream.held("drop") == []


async def test_many_assignments_go_in_batches(world: World) -> None:
    agent = await joined(world, capacity=1000)
    await world.add_plan()
    agent.stream.block()
    for _ in range(BATCH * 2 + 11):
        await world.ask("PlanRun", pb.PlanRunRequest(id="p", namespace="default"))
    await settle(500)
    agent.stream.unblock()
    await settle()
    assert len(agent.stream.assigned) == BATCH * 2 + 11
    assert len({item.allocation_id for item in agent.stream.assigned}) == BATCH * 2 + 11
    assert max(len(message.items) for message in agent.stream.of("assignments")) <= BATCH


async def test_an_agent_that_takes_nothing_is_sent_away_and_holds_back_nothing_meanwhile(world: World) -> None:
    agent = await joined(world, capacity=5)
    await world.add_plan()
    agent.stream.block()
    for _ in range(100):
        job = await world.run_plan()
        await world.finish(job.id)
        await settle(5)
    [session] = world.sessions._sessions.values()
    assert len(session.outbox) <= 5
    for _ in range(7):
        agent.stream.say(beat=pb.AgentBeat())
        await world.clock.advance(5 * SECOND)
    assert agent.failure.code.name == "UNAVAILABLE"
    assert "took nothing" in str(agent.failure)
    assert len(world.sessions) == 0


async def test_an_agent_that_reports_and_never_reads_is_sent_away(world: World) -> None:
    agent = await joined(world)
    agent.stream.block()
    for _ in range(1100):
        agent.stream.say(reports=pb.AgentReports(sequence=1))
    await settle(6000)
    assert agent.failure.field == "reports"


async def test_drain_takes_the_node_out_and_its_runs_go_on(world: World) -> None:
    agent, [item] = await given(world)
    agent.stream.say(drain=pb.AgentDrain())
    await settle()
    node = world.state.node("node-1")
    assert node is not None
    assert node.draining
    await world.run_plan()
    assert len(agent.stream.assigned) == 1
    await agent.finish(item)
    assert agent.stream.acked == [1]


async def test_an_agent_that_drained_and_left_is_down_at_once(world: World) -> None:
    agent, [item] = await given(world)
    agent.stream.say(drain=pb.AgentDrain())
    await agent.finish(item)
    agent.stream.hang_up()
    await settle()
    node = world.state.node("node-1")
    assert node is not None
    assert (node.status, node.status_description) == (NodeStatus.DOWN, "its agent drained and left")


async def test_an_agent_that_just_goes_or_leaves_work_behind_is_waited_for(world: World) -> None:
    agent, [item] = await given(world)
    agent.stream.say(drain=pb.AgentDrain())
    agent.stream.hang_up()
    await settle()
    node = world.state.node("node-1")
    assert node is not None
    assert (node.status, node.server) == (NodeStatus.INITIALIZING, "")
    assert "stream broke" in node.status_description
    assert world.state.runs[item.job_id].open_attempt is not None


@pytest.mark.invariant("H-1")
async def test_an_agent_is_heard_while_what_it_said_waits(world: World) -> None:
    agent, [item] = await given(world)
    world.store.hold_commits()
    await agent.finish(item)
    for _ in range(10):
        agent.stream.say(beat=pb.AgentBeat(running=0))
        await world.clock.advance(8 * SECOND)
    world.store.release_commits()
    await settle()
    assert not agent.ended
    assert agent.stream.acked == [1]
    assert world.history.runs[item.job_id].status == "complete"
