"""What this server knows of the servers, for those who ask."""

from collections.abc import Sequence

from jobpool.api.operations import ServerSeen
from jobpool.api.sessions import Sessions
from jobpool.kit.effects.clock import Clock, deadline
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import FailedPrecondition, Unavailable
from jobpool.model.server import ServerRecord
from jobpool.replica.replica import Replica
from jobpool.server.membership import Membership
from jobpool.server.raft import raft_heirs

_MOVED_WITHIN: Millis = 5 * SECOND
_LOOK_EVERY: Millis = 50


class ServersSeen:
    """Implements `api.operations.ClusterInfo`."""

    def __init__(
        self,
        me: ServerRecord,
        leadership: Leadership,
        replica: Replica,
        membership: Membership,
        sessions: Sessions,
        *,
        clock: Clock,
    ) -> None:
        self._me = me
        self._leadership = leadership
        self._replica = replica
        self._membership = membership
        self._sessions = sessions
        self._clock = clock

    @property
    def server_id(self) -> str:
        return self._me.id

    def servers(self) -> Sequence[ServerSeen]:
        records = {**self._replica.state.servers}
        records.setdefault(self._me.id, self._me)
        return [self._seen(record) for record in sorted(records.values(), key=lambda record: (record.name, record.id))]

    def _seen(self, record: ServerRecord) -> ServerSeen:
        leads = record.id == self._leadership.leader
        if record.id == self._me.id:
            return ServerSeen(record, 0, leads, self._replica.n)
        told = self._membership.beats.get(record.id)
        if told is None:
            return ServerSeen(record, None, leads, 0)
        return ServerSeen(record, self._clock.monotonic() - told[0], leads, told[1].n)

    @property
    def lag(self) -> int:
        newest = max((beat.n for _, beat in self._membership.beats.values()), default=0)
        return max(0, newest - self._replica.n)

    @property
    def agents(self) -> int:
        return len(self._sessions)

    @property
    def raft_heirs(self) -> Sequence[str]:
        leadership = self._leadership
        return raft_heirs(self._replica.state.servers, leadership.heirs, leader=leadership.leader)

    async def move_leader(self, to: str, *, avoid: str = "") -> str:
        await self._settle()
        if not self._leadership.leads:
            raise Unavailable("there is no leader; try again", field="leader")
        heirs = self._leadership.heirs
        if to == self._me.id:
            return to
        if not heirs or (to and to not in heirs):
            wanted = f"server {to} is not there, or stops" if to else "there is no other server that stays"
            raise FailedPrecondition(f"{wanted}: it could not take over", field="to")
        heir = to or max(heirs, key=lambda one: (not self._is_of(one, avoid), self._n_of(one), one))
        await self._leadership.move(heir)
        try:
            async with deadline(self._clock, _MOVED_WITHIN):
                while (leader := self._leadership.leader) is None:
                    await self._leadership.leader_changes()
        except TimeoutError:
            raise Unavailable(f"nobody has taken over within {_MOVED_WITHIN // SECOND} s") from None
        if leader != heir and (to or leader == self._me.id):  # who names nobody is content with any other
            raise Unavailable(f"server {leader} took over before {heir} did")
        return leader

    async def _settle(self) -> None:
        """Wait, for a second at most, until the others have heard who leads: one of them may have handed it over just
        now, and waits to hear so.
        """
        end = self._clock.monotonic() + SECOND
        while self._leadership.leads and not self._leadership.settled and self._clock.monotonic() < end:
            await self._clock.sleep(_LOOK_EVERY)

    def _is_of(self, server_id: str, etcd_member: str) -> bool:
        record = self._replica.state.servers.get(server_id)
        return record is not None and record.etcd_member == etcd_member != ""

    def _n_of(self, server_id: str) -> int:
        told = self._membership.beats.get(server_id)
        return 0 if told is None else told[1].n
