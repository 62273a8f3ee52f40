"""Keeps a member from running out of space, without an operator; every server looks after its own.

Three thresholds, in the order in which they are reached. Old revisions and old history go before what is in use comes
near the quota. A member whose file holds much that is free is defragmented, which blocks it: one member of the cluster
at a time, with the others well, and neither while it leads Raft nor while its server leads the scheduling. And when a
quota was reached all the same, and etcd takes no commit any more, room is made by what it still takes.

It is no duty of the leader because a cluster that takes no commits may have none, and because only a member's own
server can reach it.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import MINUTE, Millis
from jobpool.model.errors import JobpoolError
from jobpool.store.engines.etcd.errors import NoSpace
from jobpool.store.engines.etcd.looks import LOOK_AGAIN, LOOK_EVERY, Account, Rests
from jobpool.store.engines.etcd.maintenance import full
from jobpool.store.engines.etcd.relief import Pruned
from jobpool.store.operations import FULL_AT, Alarm, EngineStatus, Member, Space

REST: Millis = 10 * MINUTE
"""Between two defragmentations of a member: one that is needed more often does not help."""
LEADER_WAITS: Millis = 5 * MINUTE
"""The others' turn comes first, so that the lead need not move twice."""
PATIENCE: Millis = MINUTE
"""How long another server may take over a member that has no space, before this one does what it can."""
_EMPTY_EVERY: Millis = MINUTE
"""While nothing else is left to drop: followers that lag load everything anew."""
_KEEP = 1_000
"""Revisions that are kept for followers although space is short."""
_STEP = 32 * 1024 * 1024
"""Bytes of history that one commit drops: a larger one would hold up those behind it."""


class Need(Enum):
    NONE = 0
    WANTED = 1
    URGENT = 2


def need(space: Space) -> Need:
    """Whether defragmenting is worth its pause: etcd counts the whole file against the quota, free pages too."""
    free = space.size - space.in_use
    if not space.quota or space.size < 0.6 * space.quota:
        return Need.NONE
    if space.size >= 0.85 * space.quota and free >= 0.1 * space.size:
        return Need.URGENT
    return Need.WANTED if free >= 0.3 * space.size else Need.NONE


def too_much(space: Space) -> int:
    """Bytes in use that have to go before the quota is reached; 0 while there is room."""
    return 0 if not space.quota or space.in_use < 0.75 * space.quota else int(space.in_use - 0.65 * space.quota)


class Engine(Protocol):
    """The member, as `maintenance.EtcdOperations` has it."""

    async def status(self) -> EngineStatus: ...

    async def members(self) -> Sequence[Member]: ...

    async def move_raft_leader(self, to: Sequence[str]) -> Member: ...

    async def alarms(self) -> Sequence[Alarm]: ...

    async def disarm(self, alarm: Alarm) -> None: ...

    async def defragment(self) -> None: ...


class Room(Protocol):
    """What makes room, as `relief.Relief` has it."""

    async def compact(self, keep: int) -> None: ...

    async def oldest(self, size: int) -> Pruned: ...

    async def prune(self, size: int) -> Pruned: ...

    async def take_turn(self, server_id: str, now: Millis) -> bool: ...

    async def end_turn(self, server_id: str) -> None: ...


class Surroundings(Protocol):
    """The rest of this server."""

    @property
    def leads(self) -> bool:
        """Whether it leads the scheduling."""
        ...

    @property
    def others_well(self) -> bool:
        """Whether every other server of the cluster is heard and has folded what we have, as far as one can."""
        ...

    @property
    def raft_heirs(self) -> Sequence[str]:
        """The members that could lead Raft instead of this one, the best first."""
        ...

    async def step_aside(self) -> None:
        """Hand the lead of the scheduling to another server. Raises JobpoolError when none takes it."""
        ...

    async def drop_history(self, n: int) -> None:
        """As the leader: drop the finished runs up to and including commit n, everywhere."""
        ...

    async def drop_versions(self, size: int) -> int:
        """As the leader: drop so many bytes of versions of plans that no live run needs; how many it were."""
        ...


class Upkeep:
    """A service, for the server's whole life."""

    name = "upkeep"

    def __init__(
        self,
        engine: Engine,
        room: Room,
        surroundings: Surroundings,
        *,
        account: Account,
        clock: Clock,
        server_id: str,
    ) -> None:
        self._engine = engine
        self._room = room
        self._around = surroundings
        self._clock = clock
        self._server_id = server_id
        self._log = get_logger("upkeep")
        self._rested_at: Millis | None = None
        self._wanted_since: Millis | None = None
        self._waits: tuple[str, Millis] = ("", 0)
        self._has_turn = False
        self._emptied_at: Millis | None = None
        self._dropped_at: Millis | None = None
        self._untold = 0
        self._told = self._troubles = frozenset[str]()
        self._account = account
        self._rests = Rests(account, clock)

    async def run(self) -> None:
        pause = LOOK_AGAIN  # a server that starts while nothing can be committed gets no leader before there is room
        while True:
            await self._rests.rest(pause)
            self._told, self._troubles = self._troubles, frozenset()
            try:
                pause = await self.look()
            except JobpoolError as failure:
                pause = LOOK_AGAIN if isinstance(failure, NoSpace) else LOOK_EVERY
                self._tell("the database could not be looked after; trying again", failure.reason)

    async def look(self) -> Millis:
        """One round; when the next one is due. Raises JobpoolError: the next round tries again."""
        status = await self._engine.status()
        if status.is_learner:
            return LOOK_EVERY
        for error in status.errors:
            if "CORRUPT" in error:
                self._tell("etcd has found that the data of its members differ", error)
        if full(status):
            return LOOK_AGAIN if await self._relieve(status) else LOOK_EVERY
        self._waits = ("", 0)
        await self._end_turn()
        space = status.space
        if self._around.leads and too_much(self._account.tightest(space)):
            space = await self._thin_out()
        self._account.looked(space)
        await self._tidy(status)
        return LOOK_EVERY

    # ---- before the quota is reached

    async def _thin_out(self) -> Space:
        """Drop what may go; what is in use then."""
        await self._room.compact(_KEEP)
        space = await self._space()
        most = too_much(space)
        dropped = await self._drop_history(most, space)
        if dropped < most:
            dropped += await self._around.drop_versions(most - dropped)
        if dropped or self._may_empty(space):
            await self._room.compact(0)  # else it would count as in use for long, and more would go
            self._emptied_at = self._clock.monotonic()
            space = await self._space()
        if dropped < most:
            self._tell("the database fills up with what must be kept: raise quota-backend-bytes", _sizes(space))
        return space

    async def _space(self) -> Space:
        return self._account.tightest((await self._engine.status()).space)

    async def _drop_history(self, most: int, space: Space) -> int:
        dropped = 0
        while dropped < most:
            found = await self._room.oldest(min(most - dropped, _STEP))
            if found.n < 0:
                break
            await self._around.drop_history(found.n)
            dropped += found.size
        self._tell_dropped(dropped, space)
        return dropped

    def _tell_dropped(self, dropped: int, space: Space) -> None:
        """Once a minute: what must be kept may leave no room for any history, and then it goes in every round."""
        self._untold += dropped
        now = self._clock.monotonic()
        if not dropped or (self._dropped_at is not None and now - self._dropped_at < MINUTE):
            return
        self._log.warning(
            "finished runs were dropped before their time, for lack of space",
            event_name="history_dropped",
            bytes=self._untold,
            in_use=space.in_use,
            quota=space.quota,
        )
        self._dropped_at, self._untold = now, 0

    def _may_empty(self, space: Space) -> bool:
        """Before clients are refused the log goes too, all of it."""
        rested = self._emptied_at is None or self._clock.monotonic() - self._emptied_at >= _EMPTY_EVERY
        return rested and space.in_use >= FULL_AT * space.quota

    async def _tidy(self, status: EngineStatus) -> None:
        now = self._clock.monotonic()
        if need(status.space) is Need.NONE:
            self._wanted_since = None
            return
        if self._wanted_since is None:
            self._wanted_since = now
        if self._rested_at is not None and now - self._rested_at < REST:
            return
        alone = sum(not member.is_learner for member in await self._engine.members()) == 1
        if not alone and not self._around.others_well:
            return
        if not alone and self._around.leads and now - self._wanted_since < LEADER_WAITS:
            return
        self._has_turn = True  # whatever becomes of the answer
        if not await self._room.take_turn(self._server_id, now):
            self._has_turn = False
            return
        try:
            if not alone:
                await self._make_way(status)
            await self._defragment(status.space)
        finally:
            await self._end_turn()

    async def _end_turn(self) -> None:
        """What cannot be given back now is in the next round: the others wait for it."""
        if self._has_turn:
            await self._room.end_turn(self._server_id)
            self._has_turn = False

    async def _make_way(self, status: EngineStatus) -> None:
        """What this member and its server lead goes on elsewhere, the lead of Raft not where the other one went."""
        if self._around.leads:
            await self._around.step_aside()
        if status.raft_leader:
            await self._engine.move_raft_leader(self._around.raft_heirs)

    async def _defragment(self, before: Space) -> Space:
        began = self._rested_at = self._clock.monotonic()
        await self._engine.defragment()
        after = (await self._engine.status()).space
        self._rested_at = self._clock.monotonic()
        self._log.info(
            "the database was defragmented",
            event_name="defragmented",
            before=before.size,
            after=after.size,
            quota=after.quota,
            took=self._rested_at - began,
        )
        return after

    # ---- when it was

    async def _relieve(self, status: EngineStatus) -> bool:
        """Whether it may be over soon."""
        alarms = [alarm for alarm in await self._engine.alarms() if alarm.kind == "NOSPACE"]
        members = {member.id for member in await self._engine.members()}
        for alarm in alarms:
            if alarm.member_id not in members:
                await self._engine.disarm(alarm)  # of a member that was removed: nobody else will
        left = sorted((alarm for alarm in alarms if alarm.member_id in members), key=lambda alarm: alarm.member_id)
        if not left or not self._is_our_turn(left[0].member_id, status.member_id):
            return True
        await self._make_room()
        own = next((alarm for alarm in left if alarm.member_id == status.member_id), None)
        if own is not None and not await self._release(own):
            return False
        if left[0] is not own:
            await self._engine.disarm(left[0])  # a member that is not there fills nothing, and stops all others
        return True

    def _is_our_turn(self, first: str, own: str) -> bool:
        """One after the other, in the order of their ids; a server that does not come forward is passed over."""
        now = self._clock.monotonic()
        if self._waits[0] != first:
            self._waits = (first, now)
        return first == own or now - self._waits[1] >= PATIENCE

    async def _make_room(self) -> None:
        await self._room.compact(0)
        space = (await self._engine.status()).space
        if most := too_much(space):
            pruned = await self._room.prune(most)
            if pruned.n < 0:
                return
            await self._room.compact(0)
            self._log.warning(
                "the quota was reached, and finished runs were dropped before their time",
                event_name="history_dropped",
                up_to=pruned.n,
                bytes=pruned.size,
                in_use=space.in_use,
                quota=space.quota,
            )

    async def _release(self, alarm: Alarm) -> bool:
        """Whether there is room again: then etcd is told so."""
        space = (await self._engine.status()).space
        if space.size >= 0.85 * space.quota and space.size - space.in_use >= 0.05 * space.size:
            space = await self._defragment(space)
        if space.quota and space.size >= 0.95 * space.quota:
            self._tell("the quota is used up by what must be kept: raise quota-backend-bytes", _sizes(space))
            return False
        await self._engine.disarm(alarm)
        self._log.warning(
            "the quota was reached; there is room again",
            event_name="space_relieved",
            size=space.size,
            quota=space.quota,
        )
        return True

    def _tell(self, what: str, why: str) -> None:
        """Once, until a round passes without it."""
        if what not in self._told:
            self._log.error(what, event_name="upkeep_failed", error=why)
        self._troubles |= {what}


def _sizes(space: Space) -> str:
    return f"{space.in_use} bytes in use, {space.size} on disk, of {space.quota}"
