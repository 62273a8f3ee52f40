"""A server among others: it joins, says which agents it holds, and sends them away when it is cut off.

What a server that sees no new commits is told would come too late: so it does not keep agents that others could serve.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from jobpool.api.sessions import Sessions
from jobpool.etcd.errors import MemberRemoved
from jobpool.kit.effects.clock import Clock, deadline
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.election import SILENCE
from jobpool.leader.leadership import Leadership
from jobpool.model.beat import Beat
from jobpool.model.errors import AlreadyExists, Code, FailedPrecondition, JobpoolError
from jobpool.model.server import Cluster, ServerRecord
from jobpool.peers.mesh import Mesh
from jobpool.peers.tasks import ungrouped
from jobpool.peers.words import HoldAgents, Join, Seen
from jobpool.replica.follow import Follower
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded
from jobpool.server.answers import Answers
from jobpool.server.desk import ClusterDesk
from jobpool.server.leader_path import LeaderPath, leader_changes
from jobpool.store.commands import JoinServer, RemoveServer

_LOOK_EVERY: Millis = 250
_BEHIND: Millis = SECOND
_ANSWER_WITHIN: Millis = 5 * SECOND
_RETRY: Millis = SECOND // 2
_JOIN_AGAIN: Millis = 100
_ETCD_ENDS_WITHIN: Millis = 30 * SECOND
_NAME_FREE_WITHIN: Millis = 5 * SECOND
"""How long another one of this name may still be there: it may be the one that this replaces, which just ends."""
_APART: Millis = 3 * SECOND // 2
_SEEN_EVERY: Millis = 2 * SECOND
_SEEN_AT_ONCE = 1_000
CUT_OFF = "this server is cut off from the store; another one can serve you"
PARTED = "this server and the leader do not hear each other; another one can serve you"


class Membership:
    """A service, and the ears of the mesh. `lag` is how long this server has not seen what it knows to be there."""

    name = "membership"

    def __init__(
        self,
        me: ServerRecord,
        leadership: Leadership,
        replica: Replica,
        *,
        clock: Clock,
        follower: Follower,
    ) -> None:
        self._me = me
        self._leadership = leadership
        self._replica = replica
        self._clock = clock
        self._follower = follower
        self._cluster: Cluster | None = None
        self._beats: dict[str, tuple[Millis, Beat]] = {}
        self._promised: tuple[int, Millis] | None = None
        self._suspended = False
        self._together = clock.monotonic()
        self._gone: set[str] = set()
        self._to_tell: set[str] = set()
        self._seen_told = (0, clock.monotonic())
        self._belonged = False
        self._taken_since: Millis | None = None
        self._refused: JobpoolError | None = None
        self._comes_new = False
        self._changed = asyncio.Event()
        self._founded = asyncio.Event()
        self._log = get_logger("membership")

    def connect(self, mesh: Mesh, *, path: LeaderPath, desk: ClusterDesk, answers: Answers, sessions: Sessions) -> None:
        """Keep the mesh's links as the store has them, from now on. Before anything else is asked of this."""
        self._mesh = mesh
        self._path = path
        self._desk = desk
        self._answers = answers
        self._sessions = sessions
        self._replica.listen(self._observe)
        self._replica.on_restore(self._relink)
        self._relink()

    @property
    def beats(self) -> dict[str, tuple[Millis, Beat]]:
        """What each other server of the cluster said last, and when by the monotonic clock."""
        return self._beats

    @property
    def cut_off(self) -> bool:
        """Whether it does not see what happens, so that others should be asked."""
        return self._suspended

    @property
    def lag(self) -> Millis:
        promised = 0 if self._promised is None else self._clock.monotonic() - self._promised[1]
        return max(self._follower.lag, promised)

    async def until_led(self, within: Millis) -> bool:
        """Whether somebody leads, and has begun what every cluster begins with, within so long."""
        try:
            async with deadline(self._clock, within):
                await self._founded.wait()
                while self._leadership.leader is None:
                    await self._leadership.leader_changes()
        except TimeoutError:
            return False
        return True

    # ---- ears of the mesh

    def beat(self, server_id: str, beat: Beat) -> None:
        now = self._clock.monotonic()
        if server_id in self._replica.state.servers:
            self._beats[server_id] = (now, beat)
        if self._promised is None and beat.n > self._replica.n:
            self._promised = (beat.n, now)
        self._leadership.beat(server_id, beat)

    def called(self, server_id: str) -> None:
        self._leadership.called()

    def agents_heard(self, server_id: str, agents: Sequence[tuple[str, int, Millis]]) -> None:
        for node_id, session, ttl in agents:
            self._desk.heard_elsewhere(node_id, session, ttl)

    def nodes_seen(self, server_id: str, nodes: Sequence[Seen]) -> None:
        self._sessions.sightings.learn(nodes)

    def gone(self, server_id: str) -> None:
        self._gone.add(server_id)
        self._changed.set()

    def linked(self, server_id: str) -> None:
        """What was told on the link before may be lost."""
        self._to_tell.add(server_id)
        self._changed.set()

    # ---- commits

    def _observe(self, folded: Folded) -> None:
        if self._promised is not None and folded.n >= self._promised[0]:
            self._promised = None
        if folded.servers or self._replica.state.cluster is not self._cluster:
            self._relink()

    def _relink(self) -> None:
        state = self._replica.state
        self._cluster = state.cluster
        self._beats = {server_id: told for server_id, told in self._beats.items() if server_id in state.servers}
        self._belonged = self._belonged or self._me.id in state.servers
        if state.cluster is not None and state.cluster.secret:
            self._founded.set()
        if self._promised is not None and self._replica.n >= self._promised[0]:
            self._promised = None
        self._mesh.set_servers(state.servers.values(), state.cluster)
        self._changed.set()

    # ---- running

    async def run(self) -> None:
        known = self._replica.state.servers.get(self._me.id)
        self._comes_new = known is None or known.name != self._me.name
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                group.create_task(self._belong())
                group.create_task(self._hold())
                group.create_task(self._look())

    async def _belong(self) -> None:
        """See to it that the store has this server's record, as it is now.

        Raises MemberRemoved when the record is there no more, FailedPrecondition when the name is another's.
        """
        while True:
            known = self._replica.state.servers.get(self._me.id)
            if known is None and self._belonged:
                await self._end()
            if known is None or not _is_same(known, self._me):
                await self._join()
            await self._changed.wait()
            self._changed.clear()

    async def _end(self) -> None:
        """Raises MemberRemoved. A member of our own is told so by its etcd, which says it with more of what to do."""
        if self._refused is not None:
            raise self._refused
        how = "start it again"
        if self._me.etcd_member:
            await self._clock.sleep(_ETCD_ENDS_WITHIN)
            how = "with an empty data directory, docs/operations.md, “Replace a dead member”"
        raise MemberRemoved(
            f"server {self._me.name} ({self._me.id}) was removed from its cluster. Take it out of service; or let it "
            f"join again: {how}"
        )

    async def _give_way(self) -> None:
        """A newcomer that led before it heard anybody may have a name that is in use: nobody could refuse it.

        Raises FailedPrecondition.
        """
        others = [one for one in self._replica.state.servers.values() if one.name == self._me.name]
        here = [one for one in others if one.id != self._me.id and one.id in self._leadership.heard]
        if not here:
            self._taken_since = None
            return
        try:
            self._name_is_taken(AlreadyExists("server", f"{here[0].name} ({here[0].id} at {here[0].url})"))
        except FailedPrecondition as refused:
            self._refused = refused
            if self._leadership.leads:
                with suppress(JobpoolError):
                    await self._leadership.reign.committer.submit(RemoveServer(self._me.id))
            raise

    def _name_is_taken(self, refused: JobpoolError) -> None:
        """Raises FailedPrecondition once that is so for a while."""
        if refused.code != Code.ALREADY_EXISTS:
            return
        now = self._clock.monotonic()
        self._taken_since = now if self._taken_since is None else self._taken_since
        if now - self._taken_since >= _NAME_FREE_WITHIN:
            raise FailedPrecondition(
                f"wanted one that no other server of this cluster has, found {self._me.name!r}: {refused.reason}",
                field="name",
            )

    async def _join(self) -> None:
        """Whoever is not known yet hears nothing from the leader, so it asks everybody whether they are that."""
        if not await self._is_taken():
            await self._clock.sleep(_JOIN_AGAIN)
            self._changed.set()

    async def _is_taken(self) -> bool:
        """Whether a leader has taken its word. A term may end at any moment, its own too."""
        try:
            if self._leadership.leads:
                await self._leadership.reign.committer.submit(JoinServer(self._me))
                return True
        except JobpoolError as refused:
            self._log.debug("this server could not join yet", event_name="join_failed", error=str(refused))
            return False
        for server_id in set(self._replica.state.servers) - {self._me.id}:
            try:
                await self._mesh.ask(server_id, Join(self._me), ServerRecord, timeout=_ANSWER_WITHIN)
            except JobpoolError as refused:
                self._log.debug("this server could not join yet", event_name="join_failed", error=str(refused))
                self._name_is_taken(refused)
            else:
                return True
        return False

    async def _hold(self) -> None:
        """Tell every leader which agents are here; those that it does not think to be here come anew."""
        told: str | None = None
        while True:
            leader = self._leadership.leader
            if leader is not None and leader != told:
                told = leader if await self._tell_holding() else None
            if told == self._leadership.leader or self._leadership.leader is None:
                told = self._leadership.leader
                await self._leadership.leader_changes()
            else:
                await self._clock.sleep(_RETRY)

    async def _tell_holding(self) -> bool:
        agents = self._sessions.holding()
        question = HoldAgents(self._me.id, agents)

        async def here() -> list[str]:
            return await self._leadership.reign.hold(self._me.id, agents)

        try:
            strangers = await self._path.ask(here, question, list[str], patience=0, timeout=_ANSWER_WITHIN, again=False)
        except JobpoolError as failure:
            self._log.info("the leader was not told", event_name="hold_failed", error=str(failure))
            return False
        self._sessions.dismiss(strangers)
        return True

    async def _look(self) -> None:
        while True:
            await leader_changes(self._leadership, self._clock, within=_LOOK_EVERY)
            self._judge_lag()
            self._tell_heard()
            self._tell_seen()
            await self._take_back()
            if self._comes_new and self._belonged:
                await self._give_way()

    def _judge_lag(self) -> None:
        """A leader that the store does not answer has waited long enough: its agents go when its term ends."""
        now = self._clock.monotonic()
        if not self._is_parted(now):
            self._together = now
        parted = now - self._together >= _APART
        behind = parted or self.lag >= _BEHIND or self._leadership.stalled
        if behind and not self._suspended:
            why = PARTED if parted else CUT_OFF
            self._log.warning(
                "agents are sent to other servers", event_name="suspended", behind_ms=self.lag, reason=why
            )
            self._sessions.suspend(why)
        elif self._suspended and not behind:
            self._log.info("agents are served again", event_name="suspension_ended")
            self._sessions.resume()
        self._suspended = behind

    def _is_parted(self, now: Millis) -> bool:
        """Whether somebody leads who does not hear this server, or whom it does not hear, though others do."""
        leader = self._leadership.leader
        if leader == self._me.id:
            return False
        fresh = {server_id: beat for server_id, (at, beat) in self._beats.items() if now - at < SILENCE}
        if leader is not None:
            return leader not in fresh or self._me.id not in fresh[leader].hears
        return any(beat.heard is not None and beat.heard < SILENCE for beat in fresh.values())

    def _tell_heard(self) -> None:
        """Told while it is fresh: what was heard before this server led says nothing once another does."""
        leader = self._leadership.leader
        if leader is None:
            return
        heard = self._desk.drain_heard()
        if heard and leader != self._me.id:
            self._mesh.tell_heard(leader, heard)

    def _tell_seen(self) -> None:
        """To all, every now and then, what was heard here; to who was away, all that is known."""
        sightings, (told, at) = self._sessions.sightings, self._seen_told
        others = set(self._replica.state.servers) - {self._me.id}
        new, self._to_tell = others & self._to_tell, set()
        for server_id in new:
            self._tell_in_pieces(server_id, sightings.news(0, own=False))
        if self._clock.monotonic() - at < _SEEN_EVERY:
            return
        self._seen_told = (sightings.number, self._clock.monotonic())
        if others - new and (news := sightings.news(told, own=True)):
            for server_id in others - new:
                self._tell_in_pieces(server_id, news)

    def _tell_in_pieces(self, server_id: str, seen: Sequence[Seen]) -> None:
        for at in range(0, len(seen), _SEEN_AT_ONCE):
            self._mesh.tell_seen(server_id, seen[at : at + _SEEN_AT_ONCE])

    async def _take_back(self) -> None:
        """What evaluators of servers have in hand that are not there goes to others."""
        gone, self._gone = self._gone, set()
        if not self._leadership.leads:
            return
        lent = self._answers.lent_to
        for server_id in sorted(lent & gone | (lent - self._leadership.heard)):
            await self._answers.take_back(server_id)


def _is_same(known: ServerRecord, me: ServerRecord) -> bool:
    return replace(known, joined_at=me.joined_at) == me
