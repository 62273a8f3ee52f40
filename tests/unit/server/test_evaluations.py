"""Evaluators of a server that leads make way, and go on when it does not; what they ask reaches whoever leads."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import DeadlineExceeded, Unavailable
from jobpool.model.queued import SERVICE_QUEUE, Delivery, QueuedEvaluation
from jobpool.model.verdict import Settled, Verdict, VerdictKind
from jobpool.peers.conversation import Told
from jobpool.peers.mesh import Mesh
from jobpool.peers.words import Question, SettleEvaluations, TakeEvaluations
from jobpool.replica.replica import Replica
from jobpool.server.evaluations import ClusterEvaluations, gives_way
from jobpool.server.leader_path import LeaderPath
from jobpool.server.local import LocalLeader
from jobpool.store.port import Fence
from jobpool.testing.clock import FakeClock, settle

SERVICE = (SERVICE_QUEUE,)


def delivery(job_id: str) -> Delivery:
    return Delivery(QueuedEvaluation(job_id, 1, "default", "p", 50, 1, 1), f"token-{job_id}", 1)


class Lead:
    """What a `Leadership` tells: who leads, and who is heard."""

    def __init__(self, leader: str | None, *heard: str) -> None:
        self.leader = leader
        self.heard = frozenset({"me", *heard})
        self._changed = asyncio.Event()

    @property
    def leads(self) -> bool:
        return self.leader == "me"

    async def leader_changes(self) -> None:
        await self._changed.wait()

    def become(self, leader: str | None) -> None:
        self.leader = leader
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Queue:
    """A leader's queue, here or elsewhere; `asked` counts who came for evaluations."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[Delivery] = asyncio.Queue()
        self.settled: list[Verdict] = []
        self.asked = 0
        self.n = 0

    async def dequeue(self, types: Sequence[str], limit: int, *, timeout: int) -> list[Delivery]:
        self.asked += 1
        return [await self.waiting.get()]

    async def settle(self, verdicts: Sequence[Verdict]) -> list[Settled]:
        self.settled += verdicts
        return [Settled.DONE] * len(verdicts)

    async def ask(self, server_id: str, question: Question, reply: Any, *, timeout: int) -> Told[Any]:
        if isinstance(question, TakeEvaluations):
            return Told(await self.dequeue(question.types, question.limit, timeout=0), self.n)
        assert isinstance(question, SettleEvaluations)
        return Told(await self.settle(question.verdicts), self.n)


class World:
    """One server and its evaluators: `here` is its own queue, `there` that of whoever else leads."""

    def __init__(self, leader: str | None, *heard: str) -> None:
        self.clock, self.replica = FakeClock(), Replica(default_slots=1)
        self.lead, self.here, self.there = Lead(leader, *heard), Queue(), Queue()
        self.path = LeaderPath(
            cast(Leadership, self.lead), cast(Mesh, self.there), self.replica, clock=self.clock, me="me"
        )

    def evaluations(self, *, gives_way: bool) -> ClusterEvaluations:
        local, leadership = cast(LocalLeader, self.here), cast(Leadership, self.lead)
        return ClusterEvaluations(self.path, local, leadership, clock=self.clock, number=3, gives_way=gives_way)

    def take(self, *, gives_way: bool) -> "asyncio.Task[Sequence[Delivery]]":
        asked = self.evaluations(gives_way=gives_way).dequeue(SERVICE, 9, timeout=0)
        return asyncio.get_running_loop().create_task(asked)


@pytest.mark.invariant("W-3")
@pytest.mark.parametrize(("evaluators", "at_work"), [(1, 1), (2, 1), (3, 1), (4, 1), (8, 2), (16, 4)])
def test_a_quarter_and_at_least_one_goes_on(evaluators: int, at_work: int) -> None:
    assert [gives_way(at, of=evaluators) for at in range(evaluators)].count(False) == at_work


@pytest.mark.invariant("W-3")
async def test_one_that_gives_way_takes_nothing_while_its_server_leads_others() -> None:
    world = World("me", "b")
    resting, working = world.take(gives_way=True), world.take(gives_way=False)
    world.here.waiting.put_nowait(delivery("r1"))
    await world.clock.advance(2 * MINUTE)
    assert (world.here.asked, resting.done()) == (1, False)
    assert await working == [delivery("r1")]
    resting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await resting


@pytest.mark.invariant("W-3")
async def test_it_goes_on_when_its_server_steps_down() -> None:
    world = World("me", "b")
    resting = world.take(gives_way=True)
    await settle()
    world.lead.become(None)
    await world.clock.advance(SECOND)
    world.lead.become("b")
    world.there.waiting.put_nowait(delivery("r1"))
    await world.clock.advance(SECOND)
    assert await resting == [delivery("r1")]
    assert world.here.asked == 0


@pytest.mark.invariant("W-3")
async def test_it_goes_on_when_nobody_else_is_left() -> None:
    world = World("me", "b")
    resting = world.take(gives_way=True)
    world.here.waiting.put_nowait(delivery("r1"))
    await settle()
    world.lead.heard = frozenset({"me"})
    await world.clock.advance(2 * SECOND)
    assert await resting == [delivery("r1")]


@pytest.mark.invariant("W-3")
@pytest.mark.parametrize(
    ("changes", "takes"),
    [
        (["b", "me"], "nowhere"),
        (["me", "b"], "there"),
        (["b", "me", "b"], "there"),
        (["b", None, "me"], "nowhere"),
        ([None, "b"], "there"),
        (["me", "b", "me"], "nowhere"),
    ],
)
async def test_however_the_lead_moves_the_last_change_counts(changes: list[str | None], takes: str) -> None:
    """Changes that come faster than an evaluator looks, and those that it sees one by one, end alike."""
    for pause in (0, SECOND):
        world = World("me", "b")
        resting = world.take(gives_way=True)
        await settle()
        for leader in changes:
            world.lead.become(leader)
            if pause:
                await world.clock.advance(pause)
        world.here.waiting.put_nowait(delivery("here"))
        world.there.waiting.put_nowait(delivery("there"))
        await world.clock.advance(3 * SECOND)
        assert resting.done() is (takes == "there")
        assert world.here.asked == 0
        resting.cancel()


@pytest.mark.invariant("W-3")
async def test_one_that_does_not_give_way_never_rests() -> None:
    world = World("me", "b", "c")
    world.here.waiting.put_nowait(delivery("r1"))
    assert await world.take(gives_way=False) == [delivery("r1")]


@pytest.mark.invariant("P-3")
@pytest.mark.invariant("W-5")
async def test_verdicts_that_are_answered_elsewhere_are_seen_here_first() -> None:
    """What a leader elsewhere refuses is decided anew on a state that has what it was refused for."""
    world = World("b", "b")
    world.there.n = 1
    asked = world.evaluations(gives_way=False).settle([Verdict("r1", 1, "t", VerdictKind.PLACE, 0, "a")])
    answer = asyncio.get_running_loop().create_task(asked)
    await settle()
    assert (len(world.there.settled), answer.done()) == (1, False)
    world.replica.apply(Fence(0, 0, 1, "x"), ())
    assert await answer == [Settled.DONE]


@pytest.mark.invariant("W-2")
async def test_a_verdict_whose_answer_is_not_seen_here_is_not_waited_for_long() -> None:
    """The evaluator asks for more then, which hands out again what was refused: others can decide it."""
    world = World("b", "b")
    world.there.n = 1
    asked = world.evaluations(gives_way=False).settle([Verdict("r1", 1, "t", VerdictKind.PLACE, 0, "a")])
    answer = asyncio.get_running_loop().create_task(asked)
    await world.clock.advance(SECOND)
    assert isinstance(answer.exception(), DeadlineExceeded)


@pytest.mark.invariant("W-2")
async def test_evaluations_reach_an_evaluator_whose_server_is_behind() -> None:
    """It gives them back at once; if they waited here, nobody else could decide them meanwhile."""
    world = World("b", "b")
    world.there.n = 1
    world.there.waiting.put_nowait(delivery("r1"))
    assert await world.take(gives_way=False) == [delivery("r1")]
    assert world.replica.n == 0


@pytest.mark.invariant("W-2")
async def test_verdicts_are_said_once() -> None:
    """A leader that is lost meanwhile takes the tokens with it: saying it to the next would change nothing."""

    async def lost(server_id: str, question: Question, reply: Any, *, timeout: int) -> Told[Any]:
        raise Unavailable("the term ended")

    world = World("b", "b")
    world.there.ask = lost  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await world.evaluations(gives_way=True).settle([Verdict("r1", 1, "t", VerdictKind.NOTHING, 0)])
