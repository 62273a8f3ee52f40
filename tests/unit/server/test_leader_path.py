"""The way to the leader: here or elsewhere, waited for within bounds, and nothing done twice that may not be."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from jobpool.kit.pure.durations import SECOND
from jobpool.leader.leadership import Leadership, NotLeader
from jobpool.model.errors import DeadlineExceeded, InvalidArgument, JobpoolError, Unavailable
from jobpool.peers.conversation import LinkDown, Told
from jobpool.peers.mesh import Mesh
from jobpool.peers.words import AgentReady, Question
from jobpool.replica.replica import Replica
from jobpool.server.leader_path import LeaderPath
from jobpool.store.port import Fence
from jobpool.testing.clock import FakeClock, settle

QUESTION = AgentReady("node", 1)


class Lead:
    """What a `Leadership` tells of who leads."""

    def __init__(self, leader: str | None) -> None:
        self.leader = leader
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


Answer = Callable[[str], Awaitable[Told[str]]]


class Links:
    """A mesh that answers as it is told; `asked` are the servers that were asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def ask(self, server_id: str, question: Question, reply: Any, *, timeout: int) -> Told[str]:
        self.asked.append(server_id)
        return await self.answers.pop(0)(server_id)


def saying(value: str, n: int = 0) -> Answer:
    async def answer(server_id: str) -> Told[str]:
        return Told(value, n)

    return answer


def raising(error: JobpoolError) -> Answer:
    async def answer(server_id: str) -> Told[str]:
        raise error

    return answer


async def never(server_id: str) -> Told[str]:
    await asyncio.Event().wait()
    raise AssertionError


class World:
    def __init__(self, leader: str | None, *answers: Answer) -> None:
        self.clock = FakeClock()
        self.lead, self.links, self.replica = Lead(leader), Links(*answers), Replica(default_slots=1)
        leadership, mesh = cast(Leadership, self.lead), cast(Mesh, self.links)
        self.path = LeaderPath(leadership, mesh, self.replica, clock=self.clock, me="me")

    def ask(self, *, again: bool = False, over_a_change: bool = False) -> asyncio.Task[str]:
        async def here() -> str:
            return "here"

        asked = self.path.ask(
            here,
            QUESTION,
            str,
            patience=3 * SECOND,
            timeout=5 * SECOND,
            again=again,
            over_a_change=over_a_change,
        )
        return asyncio.get_running_loop().create_task(asked)


async def test_the_leader_asks_nobody() -> None:
    world = World("me")
    assert await world.ask() == "here"
    assert world.links.asked == []


async def test_another_leader_is_asked_and_its_commit_folded_first() -> None:
    world = World("b", saying("there", n=1))
    asked = world.ask()
    await settle()
    assert not asked.done()
    world.replica.apply(Fence(0, 0, 1, "x"), ())
    assert await asked == "there"
    assert world.links.asked == ["b"]


async def test_without_a_leader_it_waits_for_one() -> None:
    world = World(None, saying("there"))
    asked = world.ask()
    await world.clock.advance(2 * SECOND)
    world.lead.become("c")
    await settle()
    assert await asked == "there"


async def test_without_a_leader_it_gives_up_after_a_while() -> None:
    world = World(None)
    asked = world.ask()
    await world.clock.advance(2900)
    assert not asked.done()
    await world.clock.advance(200)
    with pytest.raises(NotLeader):
        await asked


@pytest.mark.parametrize("definite", [NotLeader(), Unavailable("x", field="leader"), LinkDown("b", "gone", sent=False)])
async def test_what_was_surely_not_done_is_asked_again(definite: JobpoolError) -> None:
    world = World("b", raising(definite), saying("there"))
    asked = world.ask()
    await world.clock.advance(200)
    assert await asked == "there"


@pytest.mark.parametrize("open_", [Unavailable("the term ended"), LinkDown("b", "gone", sent=True)])
async def test_what_may_have_been_done_is_asked_again_only_where_that_is_safe(open_: JobpoolError) -> None:
    world = World("b", raising(open_), raising(open_), saying("there"))
    with pytest.raises(Unavailable):
        await world.ask()
    asked = world.ask(again=True)
    await world.clock.advance(500)
    assert await asked == "there"


async def test_a_refusal_is_final() -> None:
    world = World("b", raising(InvalidArgument("x", "no")))
    with pytest.raises(InvalidArgument):
        await world.ask(again=True)


async def test_a_leader_that_is_lost_while_it_works_leaves_the_outcome_open() -> None:
    world = World("b", never, never, saying("there"))
    asked = world.ask()
    await settle()
    world.lead.become("c")
    await settle()
    with pytest.raises(Unavailable, match="may have been made"):
        await asked
    asked = world.ask(again=True)
    await settle()
    world.lead.become("d")
    await world.clock.advance(200)
    assert await asked == "there"
    assert world.links.asked == ["b", "c", "d"]


async def test_a_server_that_does_not_see_what_was_done_says_so() -> None:
    world = World("b", saying("there", n=7))
    asked = world.ask()
    await world.clock.advance(5 * SECOND)
    with pytest.raises(DeadlineExceeded, match="behind"):
        await asked


async def test_what_ends_a_term_is_answered_by_the_one_whose_term_it_was() -> None:
    answer = asyncio.get_running_loop().create_future()

    async def late(server_id: str) -> Told[str]:
        return Told(await answer, 0)

    world = World("b", late)
    asked = world.ask(over_a_change=True)
    await settle()
    world.lead.become("c")
    await settle()
    assert not asked.done()
    answer.set_result("c leads")
    assert await asked == "c leads"
    assert world.links.asked == ["b"]
