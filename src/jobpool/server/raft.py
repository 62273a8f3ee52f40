"""Tells the election who leads etcd's Raft group: one death should not cost both leaders."""

from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import JobpoolError
from jobpool.store.operations import Operations

_EVERY: Millis = SECOND


class RaftWatch:
    """A service. It asks this server's own member, which answers from memory."""

    name = "raft-watch"

    def __init__(self, engine: Operations, leadership: Leadership, *, clock: Clock) -> None:
        self._engine = engine
        self._leadership = leadership
        self._clock = clock

    async def run(self) -> None:
        while True:
            try:
                self._leadership.raft_leader((await self._engine.status()).raft_leader)
            except JobpoolError:
                self._leadership.raft_leader(False)  # a member that does not answer leads nobody
            await self._clock.sleep(_EVERY)
