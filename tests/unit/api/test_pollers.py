"""The original's agent beside the real core: it registers, beats, fetches its work and says what became of it."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from google.protobuf.message import Message

from jobpool.kit.effects.dice import Dice
from jobpool.model.statuses import JobStatus, NodeStatus
from jobpool.testing.clock import settle
from jobpool.testing.original_agent import AgentDied, HttpAnswer, HttpCall, OriginalAgent
from jobpool.testing.restored import restored_from
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import MINUTE, PLAIN, SECOND, World, end_of, world_of

ID = "01HV6ZGQF3M8AXEJ4BCW0N7PKT"
CALL = '{"url": "http://callee/work", "method": "post", "body": "{}"}'
REST: dict[str, Any] = {"executor": "rest", "parameters": CALL, "synchronous": True}


class Callee:
    """What the agents call. It answers `answer`, once it is `open`."""

    def __init__(self) -> None:
        self.calls: list[HttpCall] = []
        self.answer = HttpAnswer(200, '{"code": 200}')
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, call: HttpCall) -> HttpAnswer:
        self.calls.append(call)
        await self.open.wait()
        return self.answer

    @property
    def bodies(self) -> Sequence[str | None]:
        return [call.body for call in self.calls]


class Fleet:
    """Agents of the original in a world, and what they call."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.callee = Callee()
        self.lives: dict[str, asyncio.Task[None]] = {}

    async def ask(self, rpc: str, request: Message) -> Message:
        return cast("Message", await self.world.ask(rpc, request, PLAIN))

    def start(self, agent: OriginalAgent) -> OriginalAgent:
        self.lives[agent.node_id] = self.world.spawn(agent.run())
        return agent

    def agent(self, node_id: str = ID, *, repeats: bool = False) -> OriginalAgent:
        self.world.core.silent.add(node_id)
        return self.start(
            OriginalAgent(
                self.ask,
                self.callee,
                clock=self.world.clock,
                dice=Dice(5),
                node_id=node_id,
                secret="01HV6ZGQF3SECRET",
                repeats=repeats,
            )
        )

    async def ready(self, **settings: Any) -> OriginalAgent:
        agent = self.agent(**settings)
        await self.world.clock.advance(11 * SECOND)
        assert self.node.status is NodeStatus.READY
        return agent

    async def kill(self, agent: OriginalAgent) -> None:
        self.lives[agent.node_id].cancel()
        await settle()

    @property
    def node(self):
        return self.world.state.nodes[ID]

    async def job(self, job_id: str) -> pb.Job:
        found: pb.Job = (await self.world.ask("JobDetail", pb.ScheduleJobDetailRequest(id=job_id))).data
        return found


@pytest.fixture
def fleet(world: World) -> Fleet:
    return Fleet(world)


async def test_it_registers_beats_and_is_ready(fleet: Fleet) -> None:
    agent = fleet.agent()
    await settle()
    assert fleet.node.status is NodeStatus.INITIALIZING
    await fleet.world.clock.advance(11 * SECOND)
    session = fleet.node.session
    node = (await fleet.world.ask("NodeDetail", pb.NodeDetailRequest(id=ID))).data
    assert (node.status, node.secret_id, node.capacity, list(node.executors)) == ("ready", "", 256, ["rest"])
    await fleet.world.clock.advance(10 * MINUTE)
    assert (fleet.node.status, fleet.node.session) == (NodeStatus.READY, session)
    assert agent.errors == []
    assert min(agent.ttls) >= 10 * SECOND


@pytest.mark.invariant("H-4")
async def test_its_beats_write_nothing(fleet: Fleet) -> None:
    await fleet.ready()
    before = fleet.world.n
    await fleet.world.clock.advance(50 * SECOND)  # less than the upkeep's minute
    assert fleet.world.n == before


async def test_it_works_a_synchronous_run(fleet: Fleet) -> None:
    agent = await fleet.ready(repeats=True)
    await fleet.world.add_plan(**REST)
    job = await fleet.world.run_plan()
    await fleet.world.clock.advance(SECOND)
    assert (await fleet.job(job.id)).status == "complete"
    assert fleet.callee.calls == [HttpCall("POST", "http://callee/work", "application/json", "{}")]
    assert [status for _, status, _ in agent.reported] == ["complete"]
    assert agent.errors == []


async def test_it_hands_over_an_asynchronous_run_and_the_callee_ends_it(fleet: Fleet) -> None:
    await fleet.ready()
    await fleet.world.add_plan(**{**REST, "synchronous": False})
    job = await fleet.world.run_plan()
    await fleet.world.clock.advance(SECOND)
    assert fleet.callee.bodies == [f'{{"planId": "p", "jobId":"{job.id}"}}']
    assert (await fleet.job(job.id)).status == "running"
    assert fleet.world.state.runs[job.id].accepted
    await fleet.world.finish(job.id)
    assert (await fleet.job(job.id)).status == "complete"


@pytest.mark.parametrize(
    ("answer", "status", "info"),
    [
        (HttpAnswer(500), "failed", ""),
        (HttpAnswer(200, '{"code": 7, "error": "no"}'), "failed", "no"),
        (HttpAnswer(200, '{"CODE": 200}'), "running", ""),
        (HttpAnswer(200, "fine"), "running", ""),
    ],
)
async def test_what_the_callee_answers_is_what_the_job_is(
    fleet: Fleet, answer: HttpAnswer, status: str, info: str
) -> None:
    fleet.callee.answer = answer
    await fleet.ready()
    await fleet.world.add_plan(**{**REST, "synchronous": False})
    job = await fleet.world.run_plan()
    await fleet.world.clock.advance(SECOND)
    found = await fleet.job(job.id)
    assert (found.status, found.info) == (status, info)


async def test_a_report_without_a_status_changes_nothing_and_the_timeout_ends_the_run(fleet: Fleet) -> None:
    fleet.callee.answer = HttpAnswer(200, '{"code": 7}')
    agent = await fleet.ready()
    await fleet.world.add_plan(**{**REST, "synchronous": False, "timeout": "5m"})
    job = await fleet.world.run_plan()
    await fleet.world.clock.advance(SECOND)
    assert [status for _, status, _ in agent.reported] == [""]
    assert (await fleet.job(job.id)).status == "pending"
    await fleet.world.clock.advance(6 * MINUTE)
    assert (await fleet.job(job.id)).status == "expired"
    assert fleet.world.state.slots_used("default") == 0


async def test_the_callee_of_a_skipped_tick_is_told(fleet: Fleet) -> None:
    await fleet.ready()
    plan = {**REST, "synchronous": False, "overlap": "skip"}
    await fleet.world.add_plan(**plan, periodic=pb.PeriodicConfig(spec="* * * * *", time_zone="UTC"))
    await fleet.world.clock.advance(2 * MINUTE)
    first, second = fleet.callee.bodies
    jobs = (await fleet.world.ask("JobList", pb.ScheduleJobListRequest(status="skipped"))).data
    assert first is not None
    assert "status" not in first
    said = f'"jobId":"{jobs[0].id}", "status": "skipped", "message":"same job is running, skipped"}}'
    assert second == f'{{"planId": "p", {said}'
    assert jobs[0].id not in fleet.world.state.runs


async def test_the_callee_of_a_tick_without_a_slot_is_told() -> None:
    async with world_of(slots=1) as world:
        fleet = Fleet(world)
        await fleet.ready()
        spec = pb.PeriodicConfig(spec="* * * * *", time_zone="UTC")
        await world.add_plan(**{**REST, "synchronous": False}, periodic=spec)
        await world.clock.advance(2 * MINUTE)
        [job] = (await world.ask("JobList", pb.ScheduleJobListRequest(status="failed"))).data
        said = f'"jobId":"{job.id}", "status": "failed", "message":"no slot left in scheduler engine"}}'
        assert fleet.callee.bodies[-1] == f'{{"planId": "p", {said}'
        assert (job.reason, job.id in world.state.runs) == ("no_slot", False)


@pytest.mark.parametrize(
    ("delivery", "calls", "status"), [("at-least-once", 2, "complete"), ("at-most-once", 1, "failed")]
)
async def test_what_it_had_before_a_restart_is_not_left_to_it(
    fleet: Fleet, delivery: str, calls: int, status: str
) -> None:
    agent = await fleet.ready()
    fleet.callee.open.clear()
    await fleet.world.add_plan(**REST, delivery=delivery)
    job = await fleet.world.run_plan()
    await fleet.world.clock.advance(SECOND)
    await fleet.kill(agent)
    fleet.callee.open.set()
    again = fleet.start(agent.restarted())
    await fleet.world.clock.advance(15 * SECOND)
    assert again.node_id == ID.lower()
    assert list(fleet.world.state.nodes) == [ID]
    assert len(fleet.callee.calls) == calls
    found = await fleet.job(job.id)
    assert (found.status, found.reason) == (status, "" if status == "complete" else "node_lost")


async def test_without_a_beat_it_is_down_and_its_work_goes_to_another(fleet: Fleet) -> None:
    agent = await fleet.ready()
    fleet.callee.open.clear()
    await fleet.world.add_plan(**REST)
    job = await fleet.world.run_plan()
    await fleet.world.clock.advance(SECOND)
    await fleet.kill(agent)
    fleet.callee.open.set()
    await fleet.world.clock.advance(MINUTE)
    assert fleet.node.status is NodeStatus.DOWN
    assert fleet.world.state.runs[job.id].open_attempt is None
    fleet.agent("01HV6ZGQF3ANOTHER0N7PKTXYZ")
    await fleet.world.clock.advance(15 * SECOND)
    assert (await fleet.job(job.id)).status == "complete"


async def test_what_would_kill_it_waits_for_an_agent_of_ours(fleet: Fleet) -> None:
    await fleet.ready()
    await fleet.world.add_plan(**{**REST, "parameters": '{"url": "http://callee/", "method": "put"}'})
    await fleet.world.add_plan("other", **REST)
    job = await fleet.world.run_plan()
    ran = await fleet.world.run_plan("other")
    await fleet.world.clock.advance(SECOND)
    assert (await fleet.job(ran.id)).status == "complete"
    held = fleet.world.state.runs[job.id]
    assert held.evaluation is not None
    assert "agents of the original" in held.evaluation.description
    await fleet.world.ask(
        "PlanUpdate", pb.SchedulePlanUpdateRequest(id="p", namespace="default", parameters=CALL, synchronous=True)
    )
    assert (await fleet.job(job.id)).status == "pending"
    ours = await fleet.world.agent("ours", executors=["rest"]).join()
    await fleet.world.clock.advance(SECOND)
    assert [item.job_id for item in ours.stream.assigned] == [job.id]


async def test_a_cancelled_run_ends_at_once_and_its_late_word_changes_nothing(fleet: Fleet) -> None:
    agent = await fleet.ready()
    fleet.callee.open.clear()
    await fleet.world.add_plan(**REST)
    job = await fleet.world.run_plan()
    await fleet.world.clock.advance(SECOND)
    await fleet.world.ask("JobCancel", pb.JobCancelRequest(id=job.id))
    fleet.callee.open.set()
    await fleet.world.clock.advance(SECOND)
    assert (await fleet.job(job.id)).status == "cancelled"
    assert [status for _, status, _ in agent.reported] == ["complete"]
    assert agent.errors == []


async def test_polling_asks_no_history_and_lists_what_is_pending(fleet: Fleet) -> None:
    await fleet.ready()
    fleet.callee.open.clear()
    await fleet.world.add_plan(**REST)
    job = await fleet.world.run_plan()
    asked = pb.ScheduleAllocationListRequest(node_id=ID.lower(), status="pending")
    simple = (await fleet.world.ask("SimpleAllocationList", asked)).data
    whole = (await fleet.world.ask("AllocationList", asked)).data
    assert [item.id for item in simple] == [item.id for item in whole] == [f"{job.id}-a1"]
    assert whole[0].node_id == ID


async def test_it_keeps_no_output_and_whoever_asks_is_told_so(fleet: Fleet) -> None:
    await fleet.ready()
    await fleet.world.add_plan(**REST)
    job = await fleet.world.run_plan()
    await fleet.world.clock.advance(SECOND)
    refusal = await fleet.world.refusal("JobLogs", pb.JobLogsRequest(id=job.id))
    assert refusal.code == "NOT_FOUND"
    assert "keeps no output" in refusal.text


async def test_beside_ours_each_has_its_part_and_full_it_leaves_the_rest_to_ours(fleet: Fleet) -> None:
    await fleet.ready()
    fleet.callee.open.clear()
    ours = await fleet.world.agent("ours", executors=["rest"], capacity=1).join()
    await fleet.world.add_plan(**REST)
    own = [await fleet.world.run_plan(parameters=CALL) for _ in range(2)]
    anywhere = [await fleet.world.run_plan() for _ in range(3)]
    await fleet.world.clock.advance(SECOND)
    runs = fleet.world.state.runs
    assert {runs[job.id].attempts[0].node_id for job in anywhere} == {ID}
    [first] = ours.stream.assigned
    await ours.report(end_of(first))
    await fleet.world.clock.advance(SECOND)
    assert [item.job_id for item in ours.stream.assigned] == [job.id for job in own]


async def test_after_a_restore_it_is_not_given_again_what_it_may_have_run(fleet: Fleet) -> None:
    agent = await fleet.ready()
    fleet.callee.open.clear()
    await fleet.world.add_plan(**REST)
    job = await fleet.world.run_plan()
    await fleet.kill(agent)
    now = fleet.world.clock.now()
    store = await restored_from(fleet.world.store, taken_at=now, at=now + MINUTE)
    async with world_of(store=store, at=now + MINUTE) as world:
        later = Fleet(world)
        assert world.state.runs[job.id].open_attempt is not None
        later.agent()
        await world.clock.advance(10 * MINUTE)
        assert later.callee.calls == []
        found = await later.job(job.id)
        assert (found.status, found.reason) == ("failed", "node_lost")


async def test_a_beat_that_says_down_is_not_waited_for(fleet: Fleet) -> None:
    agent = await fleet.ready()
    await fleet.kill(agent)
    beat = pb.NodeUpdateRequest(ID=ID.lower(), status="down", secret_id="01HV6ZGQF3SECRET")
    answer = await fleet.world.ask("NodeUpdate", beat)
    assert (answer.heartbeat_ttl, answer.data.status, answer.data.secret_id) == (0, "down", "")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"ID": "nobody"}, "NOT_FOUND", "ID"),
        ({"secret_id": "other"}, "PERMISSION_DENIED", "secret_id"),
        ({"secret_id": ""}, "INVALID_ARGUMENT", "secret_id"),
        ({"status": ""}, "INVALID_ARGUMENT", "status"),
        ({"status": "shiny"}, "INVALID_ARGUMENT", "status"),
    ],
)
async def test_a_beat_that_is_not_sound_is_refused(fleet: Fleet, fields: dict[str, str], code: str, field: str) -> None:
    await fleet.kill(await fleet.ready())
    given: dict[str, Any] = {"ID": ID, "secret_id": "01HV6ZGQF3SECRET", "status": "ready", **fields}
    refusal = await fleet.world.refusal("NodeUpdate", pb.NodeUpdateRequest(**given))
    assert (refusal.code, refusal.field) == (code, field)
    assert ("node not found" in refusal.text) == (code == "NOT_FOUND")


async def test_nobody_takes_its_id(fleet: Fleet) -> None:
    await fleet.kill(await fleet.ready())
    request = pb.NodeAddRequest(ID=ID, name="x", data_center="d", secret_id="mine", status="initializing")
    refusal = await fleet.world.refusal("NodeAdd", request)
    assert (refusal.code, refusal.engine_code) == ("ALREADY_EXISTS", 1100)


async def test_the_double_dies_of_what_kills_the_original(fleet: Fleet) -> None:
    """Else the rule about what it is given would be held by nothing."""
    fleet.callee.answer = HttpAnswer(200, "null")
    agent = await fleet.ready()
    await fleet.world.add_plan(**{**REST, "synchronous": False})
    job = await fleet.world.run_plan()
    await fleet.world.clock.advance(SECOND)
    with pytest.raises(BaseExceptionGroup) as died:
        await fleet.lives.pop(agent.node_id)
    fleet.world.tasks.pop()
    assert died.group_contains(AgentDied)
    assert fleet.world.state.runs[job.id].status is JobStatus.PENDING
