"""What another server asks is answered to it alone, and what its evaluators were given and lost is handed out again."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from jobpool.api.agent_desk import LocalDesk
from jobpool.leader.leadership import Leadership, NotLeader
from jobpool.model.errors import AlreadyExists, PermissionDenied, Unavailable
from jobpool.model.queued import SERVICE_QUEUE, Delivery, QueuedEvaluation
from jobpool.model.server import ServerRecord
from jobpool.model.verdict import Settled, Verdict, VerdictKind
from jobpool.peers.words import HoldAgents, Join, Question, RegisterAgent, SettleEvaluations, TakeEvaluations
from jobpool.replica.replica import Replica
from jobpool.server.answers import Answers
from jobpool.store.change import Change
from jobpool.store.commands import JoinServer
from jobpool.store.keyspace import Table
from jobpool.store.port import Fence


class Queues:
    """A leader's queue: gives what `ready` has, keeps what is settled."""

    def __init__(self) -> None:
        self.ready: asyncio.Queue[str] = asyncio.Queue()
        self.settled: list[Verdict] = []
        self.outcome = Settled.DONE
        self.over: Unavailable | None = None
        self._tokens = 0

    async def dequeue(self, types: Sequence[str], limit: int, *, timeout: int) -> list[Delivery]:
        self._tokens += 1
        evaluation = QueuedEvaluation(await self.ready.get(), 1, "default", "p", 50, 1, 1)
        return [Delivery(evaluation, f"token-{self._tokens}", 1)]

    async def settle(self, verdicts: Sequence[Verdict]) -> list[Settled]:
        if self.over is not None:
            raise self.over
        self.settled += verdicts
        return [self.outcome] * len(verdicts)

    @property
    def handed_back(self) -> list[str]:
        return [verdict.job_id for verdict in self.settled if verdict.kind is VerdictKind.ABANDONED]


class Lead:
    """The terms of this server."""

    def __init__(self) -> None:
        self.number = 1
        self.queues = Queues()
        self.leads = True
        self.heard = frozenset({"a", "b", "c"})
        self.joined: list[ServerRecord] = []
        self.committer = self

    @property
    def reign(self) -> "Lead":
        if not self.leads:
            raise NotLeader
        return self

    async def submit(self, command: JoinServer) -> ServerRecord:
        self.joined.append(command.server)
        return command.server


class World:
    def __init__(self) -> None:
        self.lead = Lead()
        self.queues = self.lead.queues
        leadership, desk = cast(Leadership, self.lead), cast(LocalDesk, None)
        self.replica = Replica(default_slots=1)
        self.answers = Answers(leadership, self.replica, desk)

    async def take(self, job_id: str, *, server: str = "b", evaluator: int | None = 0) -> Delivery:
        """Ask, when there is this to be had."""
        self.queues.ready.put_nowait(job_id)
        found = await self.answers.answer(TakeEvaluations([SERVICE_QUEUE], 1, evaluator), server)
        return cast(list[Delivery], found)[0]

    async def settle(self, delivery: Delivery, *, server: str = "b") -> None:
        evaluation = delivery.evaluation
        verdict = Verdict(evaluation.job_id, evaluation.number, delivery.token, VerdictKind.NOTHING, 1)
        await self.answers.answer(SettleEvaluations([verdict]), server)


async def test_what_a_server_that_is_gone_had_in_hand_is_handed_out_again() -> None:
    world = World()
    await world.take("r1", evaluator=0)
    await world.take("r2", evaluator=1)
    await world.take("r3", server="c")
    assert world.answers.lent_to == {"b", "c"}
    await world.answers.take_back("b")
    assert world.queues.handed_back == ["r1", "r2"]
    assert world.answers.lent_to == {"c"}


async def test_what_an_evaluator_never_got_is_handed_out_when_it_asks_again() -> None:
    """The answer crossed its withdrawal: without this it would be waited for a minute."""
    world = World()
    await world.take("r1", evaluator=0)
    await world.take("r2", evaluator=1)
    await world.take("r3", server="c", evaluator=0)
    await world.take("r4", evaluator=0)
    assert world.queues.handed_back == ["r1"]


async def test_what_was_settled_is_not_handed_out_again() -> None:
    world = World()
    await world.settle(await world.take("r1"))
    assert world.answers.lent_to == frozenset()
    await world.take("r2")
    assert world.queues.handed_back == []


async def test_what_was_refused_is_still_in_hand() -> None:
    world = World()
    world.queues.outcome = Settled.REFUSED
    await world.settle(await world.take("r1"))
    await world.take("r2")
    assert world.queues.handed_back == ["r1"]


async def test_an_evaluator_that_does_not_say_which_it_is_keeps_what_it_has() -> None:
    world = World()
    await world.take("r1", evaluator=None)
    await world.take("r2", evaluator=None)
    await world.take("r3", evaluator=0)
    assert world.queues.handed_back == []
    assert world.answers.lent_to == {"b"}


async def test_another_term_begins_with_nothing_lent() -> None:
    world = World()
    await world.take("r1")
    world.lead.number = 2
    await world.answers.take_back("b")
    await world.take("r2", server="c")
    assert world.queues.handed_back == []
    assert world.answers.lent_to == {"c"}


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_term_that_ends_meanwhile_is_no_failure(at_once: bool) -> None:
    world = World()
    await world.take("r1")
    if at_once:
        world.lead.leads = False
    else:
        world.queues.over = Unavailable("this server stopped leading; try again")
    await world.answers.take_back("b")
    assert world.queues.handed_back == []
    assert world.answers.lent_to == frozenset()


@pytest.mark.parametrize(
    "question", [Join(ServerRecord("c", "c", "http://c:1", "1", 0)), HoldAgents("c", []), RegisterAgent(b"", "c")]
)
async def test_a_server_does_not_speak_for_another(question: Question) -> None:
    """The handshake has proved that it is b. Here the term has no committer and the desk is none: nothing is tried."""
    with pytest.raises(PermissionDenied) as refused:
        await World().answers.answer(question, "b")
    assert str(refused.value) == "server: wanted the id of the server that asks, b, found 'c'"


async def test_a_name_is_free_once_nobody_of_that_name_is_there() -> None:
    world = World()
    one, other = (ServerRecord(at, "server1", f"http://{at}", "1", 0) for at in "bc")
    world.replica.apply(Fence(1, 1, 1, "x"), [Change(Table.SERVER, ("b",), one)])
    await world.answers.answer(Join(one), "b")
    with pytest.raises(AlreadyExists, match=r"server1 \(b at http://b\)"):
        await world.answers.answer(Join(other), "c")
    world.lead.heard = frozenset({"a"})
    await world.answers.answer(Join(other), "c")
    assert world.lead.joined == [one, other]


async def test_two_that_have_one_name_already_go_on() -> None:
    world = World()
    servers = [ServerRecord(at, "server1", f"http://{at}", "1", 0) for at in "bc"]
    world.replica.apply(Fence(1, 1, 1, "x"), [Change(Table.SERVER, (one.id,), one) for one in servers])
    await world.answers.answer(Join(servers[1]), "c")
    assert world.lead.joined == [servers[1]]
