"""Keeps the lead of the scheduling and that of etcd's Raft group apart: one death should not cost both.

The election is told who leads Raft; and a server that leads the scheduling for a second and whose member leads Raft too
lets another member do that, which is the cheaper of the two to move.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import JobpoolError
from jobpool.model.server import ServerRecord
from jobpool.store.operations import Operations

_EVERY: Millis = SECOND
_STEADY: Millis = 5 * SECOND
"""Who was away needs some time until etcd's own links to it bear all again: before that nobody is its follower."""
_BOTH_FOR: Millis = SECOND
"""Soon, because the next fault may hit just this server; but not amid the elections that made it so."""
_REST: Millis = MINUTE
"""Between two moves within one term: a member that keeps getting the lead back has the better links."""


def raft_heirs(servers: Mapping[str, ServerRecord], there: Collection[str], *, leader: str | None) -> list[str]:
    """The etcd members, by id, of those of these servers that are there; that of the scheduling's leader last. Pure."""
    heirs = [servers[server_id] for server_id in sorted(there) if server_id in servers]
    heirs.sort(key=lambda heir: heir.id == leader)
    return [heir.etcd_member for heir in heirs if heir.etcd_member]


class RaftWatch:
    """A service. It asks this server's own member, which answers from memory."""

    name = "raft-watch"

    def __init__(
        self, engine: Operations, leadership: Leadership, *, clock: Clock, heirs: Callable[[], Sequence[str]]
    ) -> None:
        """`heirs` are the members that could lead Raft instead, by id, the best first."""
        self._engine = engine
        self._leadership = leadership
        self._clock = clock
        self._heirs = heirs
        self._log = get_logger("raft-watch")
        self._looked: Millis = 0
        self._there: dict[str, Millis] = {}  # since when each heir has been there
        self._both_since: Millis | None = None
        self._rest: tuple[int, Millis] = (0, 0)  # in which term, until when

    async def run(self) -> None:
        while True:
            leads = await self._look()
            self._leadership.raft_leader(leads)
            await self._keep_apart(leads)
            await self._clock.sleep(_EVERY)

    async def _look(self) -> bool:
        try:
            return (await self._engine.status()).raft_leader
        except JobpoolError:
            return False  # a member that does not answer leads nobody

    def _steady(self, now: Millis) -> list[str]:
        """Those of the heirs that have been there for a while, as far as this server was awake to see it."""
        if now - self._looked > 3 * _EVERY:
            self._there.clear()
        self._looked = now
        heirs = self._heirs()
        self._there = {heir: self._there.get(heir, now) for heir in heirs}
        return [heir for heir in heirs if now - self._there[heir] >= _STEADY]

    async def _keep_apart(self, leads: bool) -> None:
        now = self._clock.monotonic()
        heirs = self._steady(now)
        if not leads or not self._leadership.leads or not heirs:
            self._both_since = None
            return
        if self._both_since is None:
            self._both_since = now
        term, (rests_in, until) = self._leadership.reign.number, self._rest
        if now - self._both_since < _BOTH_FOR or (term == rests_in and now < until):
            return
        self._rest = (term, now + _REST)
        try:
            member = await self._engine.move_raft_leader(heirs)
        except JobpoolError as failure:
            self._log.info("the lead of Raft stays here", event_name="raft_stays", error=str(failure))
        else:
            self._log.info("another member leads Raft now", event_name="raft_moved", member=member.name)
