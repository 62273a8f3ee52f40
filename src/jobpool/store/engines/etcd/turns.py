"""Defragmentations that somebody asks for take their turn: one member of the cluster at a time, `upkeep`'s among them.

With its quota used up etcd has no room to note whose turn it is; it serves no commit either, so there they go without.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import FailedPrecondition, JobpoolError
from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.errors import NoSpace
from jobpool.store.engines.etcd.maintenance import EtcdOperations

AGAIN: Millis = SECOND
TRIES = 10
"""To give a turn back: until then, or until `relief.TURN_LASTS`, no other member has one."""
_BUSY = (
    "a member of this cluster is being defragmented: one after the other, so that no second one is missing; try again"
)


class Room(Protocol):
    """Who has the turn, as `relief.Relief` has it."""

    async def take_turn(self, server_id: str, now: Millis) -> bool: ...

    async def end_turn(self, server_id: str) -> None: ...


class Turns:
    """Of one server. Its own upkeep counts as somebody else."""

    def __init__(self, room: Room, server_id: str, *, clock: Clock) -> None:
        self._room = room
        self._holder = f"{server_id} by hand"
        self._clock = clock
        self._taken = asyncio.Lock()
        self._log = get_logger("upkeep")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """No other member is defragmented meanwhile. Raises FailedPrecondition while one is; what etcd fails with."""
        if self._taken.locked():
            raise FailedPrecondition(_BUSY)
        async with self._taken:
            try:
                ours = await self._room.take_turn(self._holder, self._clock.monotonic())
            except NoSpace:
                ours = True  # noted or not: that may have been found out late
            if not ours:
                raise FailedPrecondition(_BUSY)
            try:
                yield
            finally:
                await self._give_back()

    async def _give_back(self) -> None:
        for tried in range(1, TRIES + 1):
            try:
                await self._room.end_turn(self._holder)
            except JobpoolError as failure:
                if tried == TRIES:
                    self._log.warning(
                        "the turn to defragment could not be given back; the others wait for it",
                        event_name="turn_kept",
                        error=failure.reason,
                    )
                    return
                await self._clock.sleep(AGAIN)
            else:
                return


class InTurn(EtcdOperations):
    """What an administrator asks of a member of ours."""

    def __init__(self, client: EtcdClient, turns: Turns, *, quota: int) -> None:
        super().__init__(client, owned=True, quota=quota)
        self._turns = turns

    async def defragment(self) -> None:
        async with self._turns.turn():
            await super().defragment()
