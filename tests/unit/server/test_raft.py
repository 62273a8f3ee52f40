"""Who leads Raft: told to the election, and moved away from who leads the scheduling."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from msgspec import Struct

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import FailedPrecondition, Unavailable
from jobpool.model.server import ServerRecord
from jobpool.server.raft import RaftWatch, raft_heirs
from jobpool.store.operations import EngineStatus, Member, Operations, Space
from jobpool.testing.clock import FakeClock


class Engine:
    def __init__(self) -> None:
        self.leader = "1"
        self.silent = False
        self.stays = False
        self.moved: list[str] = []

    async def status(self) -> EngineStatus:
        if self.silent:
            raise Unavailable("no answer")
        return EngineStatus(space=Space(0, 0), member_id="1", leader_id=self.leader)

    async def move_raft_leader(self, to: Sequence[str]) -> Member:
        self.moved.append(",".join(to))
        if self.stays:
            raise FailedPrecondition("no")
        self.leader = to[0]
        return Member(to[0], "other")


class Term(Struct, frozen=True):
    number: int


class Lead:
    def __init__(self) -> None:
        self.leads = True
        self.reign = Term(1)
        self.told: list[bool] = []

    def raft_leader(self, is_me: bool) -> None:
        self.told.append(is_me)


class World:
    def __init__(self) -> None:
        self.clock, self.engine, self.lead, self.heirs = FakeClock(), Engine(), Lead(), ["2", "3"]
        engine, leadership = cast(Operations, self.engine), cast(Leadership, self.lead)
        watch = RaftWatch(engine, leadership, clock=self.clock, heirs=lambda: self.heirs)
        self.task = asyncio.get_running_loop().create_task(watch.run())

    async def advance(self, span: int) -> None:
        await self.clock.advance(span)


async def test_both_leads_on_one_server_are_parted_after_a_second() -> None:
    world = World()
    world.lead.leads = False
    await world.advance(MINUTE)
    world.lead.leads = True
    await world.advance(SECOND)
    assert (world.engine.moved, world.lead.told[-1]) == ([], True)
    await world.advance(2 * SECOND)
    assert (world.engine.moved, world.lead.told[-1]) == (["2,3"], False)
    world.task.cancel()


async def test_who_came_back_a_moment_ago_does_not_lead_raft() -> None:
    """Its links to the others were cut: etcd's own may still be."""
    world = World()
    world.lead.leads = False
    await world.advance(MINUTE)
    world.lead.leads, world.heirs = True, []
    await world.advance(3 * SECOND)
    world.heirs = ["2", "3"]
    await world.advance(4 * SECOND)
    assert world.engine.moved == []
    await world.advance(3 * SECOND)
    assert world.engine.moved == ["2,3"]
    world.task.cancel()


async def test_nothing_moves_without_an_heir_or_from_who_does_not_lead() -> None:
    world = World()
    world.heirs = []
    await world.advance(MINUTE)
    world.heirs, world.lead.leads = ["2"], False
    await world.advance(MINUTE)
    assert world.engine.moved == []
    world.task.cancel()


async def test_a_lead_that_stays_is_asked_to_move_once_a_minute() -> None:
    world = World()
    world.engine.stays = True
    await world.advance(2 * MINUTE)
    assert world.engine.moved == ["2,3", "2,3"]
    world.task.cancel()


async def test_each_term_parts_them_anew() -> None:
    """Faults within a minute of each other must not find both leads on one server."""
    world = World()
    await world.advance(7 * SECOND)
    assert world.engine.moved == ["2,3"]
    world.engine.leader, world.lead.reign = "1", Term(2)
    await world.advance(2 * SECOND)
    assert world.engine.moved == ["2,3", "2,3"]
    world.task.cancel()


async def test_a_member_that_does_not_answer_leads_nobody() -> None:
    world = World()
    world.engine.silent = True
    await world.advance(10 * SECOND)
    assert set(world.lead.told) == {False}
    assert world.engine.moved == []
    world.task.cancel()


@pytest.mark.parametrize(
    ("there", "leader", "heirs"),
    [
        ("bc", "b", ["3", "2"]),
        ("bc", "a", ["2", "3"]),
        ("bc", None, ["2", "3"]),
        ("b", "b", ["2"]),
        ("cdx", "b", ["3"]),
        ("", "b", []),
    ],
)
def test_who_leads_the_scheduling_is_the_last_to_lead_raft_and_who_is_not_there_none(
    there: str, leader: str | None, heirs: list[str]
) -> None:
    """Of `d` no etcd member is known, `x` is no server of the cluster."""
    members = {"a": "1", "b": "2", "c": "3", "d": ""}
    servers = {
        server_id: ServerRecord(id=server_id, name=server_id, url="", version="", joined_at=0, etcd_member=member)
        for server_id, member in members.items()
    }
    assert raft_heirs(servers, frozenset(there), leader=leader) == heirs
