"""The pulse of a server: what it counts every two seconds, and what it notices, kept in memory for the last minutes.

It beats whether anybody looks or not: who looks does so after the trouble, and wants the minutes before it; a server
that is not heard any more or a store that fills is noticed by nobody else. A beat is 0.3 ms of work. What costs, asking
the other servers, is done only while somebody looks (`api.cluster`).
"""

import asyncio
from collections.abc import Callable, Sequence

from jobpool.api.cluster_events import Event, Events, of_commit, of_pause
from jobpool.api.cluster_samples import PERIOD, Depths, Meter, Samples
from jobpool.kit.effects.clock import Clock, deadline
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.allowance import Allowance
from jobpool.leader.leadership import Leadership
from jobpool.model.beat import Beat
from jobpool.model.errors import JobpoolError
from jobpool.model.server import ServerRecord
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded
from jobpool.server.noticing import Look, Noticer
from jobpool.store.operations import EngineStatus, Operations
from jobpool.wire import jobpool_pb2 as pb

_LEADERLESS: Millis = 2 * SECOND
"""A change of leader is told as one thing, not as a loss and a gain."""


class Pulse:
    """A service; implements `api.cluster.Pulse`. `beats` is what each other server said last, by id."""

    name = "pulse"

    def __init__(
        self,
        me: ServerRecord,
        replica: Replica,
        leadership: Leadership,
        engine: Operations,
        allowance: Allowance,
        *,
        beats: Callable[[], dict[str, tuple[Millis, Beat]]],
        clock: Clock,
    ) -> None:
        self._me = me
        self._replica = replica
        self._leadership = leadership
        self._engine = engine
        self._allowance = allowance
        self._beats = beats
        self._clock = clock
        self._meter = Meter()
        self._samples = Samples()
        self._events = Events()
        self._noticer = Noticer(me.id, me.name)
        self._stir = asyncio.Event()
        self._pause = replica.state.pause
        self._term = 0
        self._commits = (0, 0)
        self._led: tuple[int, str, Millis] | None = None
        self._leaderless: Millis | None = None
        self._lost = 0
        replica.listen(self._observe)
        replica.on_restore(self._reloaded)

    # ---- what others ask

    @property
    def led_since(self) -> Millis | None:
        led = self._led
        return led[2] if led is not None and led[1] == self._leadership.leader else None

    def samples(self, since: Millis) -> Sequence[pb.ClusterSample]:
        return self._samples.since(since)

    def events(self, since: Millis) -> Sequence[pb.ClusterEvent]:
        return self._events.since(since)

    def recent(self) -> tuple[pb.ClusterLatency, pb.ClusterLatency]:
        return self._samples.recent(self._clock.now())

    def stir(self) -> asyncio.Event:
        return self._stir

    # ---- what happens

    def _note(self, event: Event) -> None:
        self._events.note(event)
        stirred, self._stir = self._stir, asyncio.Event()
        stirred.set()

    def _observe(self, folded: Folded) -> None:
        if folded.segment is not None:
            self._meter.runs_ended(folded.segment.runs)
        if self._leadership.leads:
            self._observe_commit()
        state = self._replica.state
        if folded.nodes or folded.servers:
            for event in of_commit(folded, self._clock.now()):
                self._note(event)
        if state.pause is not self._pause:
            paused = of_pause(self._pause, state.pause, n=folded.n, at=self._clock.now())
            self._pause = state.pause
            if paused is not None:
                self._note(paused)
        if state.fence.term != self._term:
            self._term = state.fence.term
            self._look_who_leads()

    def _observe_commit(self) -> None:
        """Once per commit of this leader."""
        stats = self._leadership.reign.committer.stats
        seen = (self._replica.state.fence.term, stats.batches)
        if stats.batches and seen != self._commits:
            self._commits = seen
            self._meter.committed(stats.last_latency)

    def _reloaded(self) -> None:
        self._pause = self._replica.state.pause

    # ---- running

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_leaders())
            group.create_task(self._sample())

    async def _follow_leaders(self) -> None:
        while True:
            changes = self._leadership.leader_changes()
            self._look_who_leads()
            await changes

    def _look_who_leads(self) -> None:
        """Told once its term is folded here, so that all servers name it alike. Who comes later saw nothing."""
        leader, term, now = self._leadership.leader, self._replica.state.fence.term, self._clock.now()
        if leader is None:
            self._leaderless = self._clock.monotonic() if self._leaderless is None else self._leaderless
            return
        if not self._has_term(leader, term) or (self._led is not None and self._led[:2] == (term, leader)):
            return
        came_later = self._led is None and leader != self._me.id
        self._led, self._leaderless = (term, leader, now), None
        if not came_later:
            subject = self._name_of(leader)
            self._note(Event(id=f"term-{term}", at=now, kind="leader", subject=subject, subject_id=leader))

    def _has_term(self, leader: str, term: int) -> bool:
        if leader == self._me.id:
            return self._leadership.leads and self._leadership.reign.number == term
        told = self._beats().get(leader)
        return told is not None and told[1].leads and told[1].term == term

    def _name_of(self, server_id: str) -> str:
        record = self._me if server_id == self._me.id else self._replica.state.servers.get(server_id)
        return record.name if record is not None else server_id

    async def _sample(self) -> None:
        last = self._clock.monotonic()
        while True:
            now = self._clock.now()
            await self._clock.sleep((now // PERIOD + 1) * PERIOD - now)
            at = (self._clock.now() + PERIOD // 2) // PERIOD * PERIOD
            span, last = self._clock.monotonic() - last, self._clock.monotonic()
            live = len(self._replica.state.runs)
            self._samples.add(self._meter.read(at=at, span=span, live=live, depths=self._depths()))
            self._look_who_leads()
            self._tell_leaderless()
            await self._look_around()

    def _depths(self) -> Depths | None:
        if not self._leadership.leads:
            return None
        reign = self._leadership.reign
        stats, blocked = reign.queues.broker_stats(), reign.queues.blocked_stats()
        return Depths(
            ready=stats.ready,
            unacked=stats.unacked,
            blocked=stats.pending + blocked.blocked,
            waiting=stats.waiting + stats.delayed,
            commands=reign.committer.waiting,
        )

    def _tell_leaderless(self) -> None:
        since = self._leaderless
        if self._leadership.leader is not None or since is None or self._clock.monotonic() - since < _LEADERLESS:
            return
        if self._led is not None and self._lost != self._led[0]:
            self._lost = self._led[0]
            self._note(Event(id=f"leaderless-{self._lost}", at=self._clock.now(), kind="leaderless"))

    async def _look_around(self) -> None:
        status = await self._status()
        servers = {
            record.id: record.name for record in self._replica.state.servers.values() if record.id != self._me.id
        }
        look = Look(
            leads=self._leadership.leads,
            servers=servers,
            heard=self._leadership.heard,
            errors=None if status is None else status.errors,
            full=self._allowance.full,
            size=0 if status is None else status.space.size,
        )
        for event in self._noticer.step(look, at=self._clock.now(), now=self._clock.monotonic()):
            self._note(event)

    async def _status(self) -> EngineStatus | None:
        """Its own member answers from memory, or not at all: None."""
        try:
            async with deadline(self._clock, SECOND):
                return await self._engine.status()
        except (TimeoutError, JobpoolError):
            return None
