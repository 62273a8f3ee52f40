"""The cluster as a whole, as one page needs it: asked once, or streamed as it changes.

The asked server asks the others, once for everybody who looks at that moment; what it has heard of the last minutes it
keeps, so that a server that died is still in the picture.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from jobpool.api import cluster_events, cluster_samples
from jobpool.api.checks import optional_time
from jobpool.api.cluster_samples import PERIOD
from jobpool.api.context import Context
from jobpool.api.open_streams import OpenStreams
from jobpool.api.operations import ClusterInfo, Operations, ServerSeen, server_message
from jobpool.api.service import Call
from jobpool.kit.effects.clock import deadline
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import JobpoolError, Unavailable
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import millis_of, timestamp

_SHARED: Millis = SECOND // 2
"""How old an answer of the other servers may be for another caller."""
_TOGETHER: Millis = SECOND // 10
"""What happens within so long is told at once."""
_AGAIN: Millis = 3 * PERIOD
"""Samples that are told again: the leader's may come after one's own."""
_NEVER: Millis = 0


class Pulse(Protocol):
    """What this server has counted and noticed."""

    @property
    def led_since(self) -> Millis | None:
        """Since when whoever leads does, as far as is known here; None = nobody does."""
        ...

    def samples(self, since: Millis) -> Sequence[pb.ClusterSample]: ...

    def events(self, since: Millis) -> Sequence[pb.ClusterEvent]: ...

    def recent(self) -> tuple[pb.ClusterLatency, pb.ClusterLatency]:
        """Of commits, and of starts."""
        ...

    def stir(self) -> asyncio.Event:
        """Is set by the next thing that happens."""
        ...


class Peers(Protocol):
    """The way to the other servers."""

    async def ask(self, server_id: str, request: pb.ClusterDetailRequest) -> pb.ClusterDetailResponse:
        """What that server knows by itself, soon. Raises JobpoolError."""
        ...


class Picture(Struct, frozen=True):
    """`begun` by the monotonic clock; `head` is an answer without samples and events."""

    begun: Millis
    head: pb.ClusterDetailResponse
    samples: list[pb.ClusterSample]
    events: list[pb.ClusterEvent]

    def answer(
        self, samples: Iterable[pb.ClusterSample], events: Iterable[pb.ClusterEvent]
    ) -> pb.ClusterDetailResponse:
        whole = pb.ClusterDetailResponse()
        whole.CopyFrom(self.head)
        whole.samples.extend(samples)
        whole.events.extend(events)
        return whole


class Cluster:
    """`operations` tell of this server, `info` of the others as it sees them."""

    def __init__(
        self,
        context: Context,
        operations: Operations,
        info: ClusterInfo,
        *,
        pulse: Pulse,
        peers: Peers,
        streams: OpenStreams,
    ) -> None:
        self._context = context
        self._operations = operations
        self._info = info
        self._pulse = pulse
        self._peers = peers
        self._streams = streams
        self._picture: Picture | None = None
        self._gathering: asyncio.Task[None] | None = None
        self._until: dict[str, Millis] = {}

    async def detail(self, request: pb.ClusterDetailRequest, call: Call) -> pb.ClusterDetailResponse:
        since = optional_time(request, "since") or _NEVER
        if request.local:
            return await self._own(since, call)
        begun = self._context.clock.monotonic() - _SHARED
        picture = await self._context.read(self._begun_at(begun), call)
        return picture.answer(
            (sample for sample in picture.samples if millis_of("time", sample.time) > since),
            (event for event in picture.events if millis_of("time", event.time) > since),
        )

    async def watch(
        self, request: pb.ClusterWatchRequest, call: Call
    ) -> AsyncGenerator[pb.ClusterDetailResponse, None]:
        """Until the caller goes. Raises Unavailable when the server stops."""
        clock, told = self._context.clock, _Told()
        with self._streams.one_more():
            begun = clock.monotonic() - _SHARED
            while True:
                stir = self._pulse.stir()
                yield told.news(await self._streams.unless_closed(self._begun_at(begun)))
                await self._streams.unless_closed(self._rest(stir))
                begun = clock.monotonic() - (_TOGETHER - 1 if stir.is_set() else _SHARED)

    async def _rest(self, stir: asyncio.Event) -> None:
        """Until something happens, for one period at most."""
        clock = self._context.clock
        try:
            async with deadline(clock, PERIOD):
                await stir.wait()
        except TimeoutError:
            return
        await clock.sleep(_TOGETHER)

    # ---- the picture

    async def _begun_at(self, begun: Millis) -> Picture:
        """One for which the servers were asked at that time or later: only the first to want it asks them."""
        while self._picture is None or self._picture.begun < begun:
            if self._gathering is None:
                self._gathering = asyncio.get_running_loop().create_task(self._gather())
            await asyncio.shield(self._gathering)
        return self._picture

    async def _gather(self) -> None:
        try:
            begun = self._context.clock.monotonic()
            servers = self._info.servers()
            told = await asyncio.gather(*(self._ask(seen) for seen in servers))
            answers = [one for one in told if isinstance(one, pb.ClusterDetailResponse)]
            before = self._picture
            samples, events = (before.samples, before.events) if before is not None else ([], [])
            for answer in sorted(answers, key=_leads):
                samples = cluster_samples.merged(samples, answer.samples)
                events = cluster_events.merged(events, answer.events)
            self._picture = Picture(begun, self._head(servers, told), samples, events)
        finally:
            self._gathering = None

    async def _ask(self, seen: ServerSeen) -> pb.ClusterDetailResponse | JobpoolError:
        server_id = seen.record.id
        until = self._until.get(server_id, _NEVER)
        since = (
            min(until, self._context.clock.now()) - SECOND
        )  # a second again: others may have come within its last ms
        try:
            if server_id == self._info.server_id:
                answer = await self._own(since, Call(transport="grpc"))
            else:
                request = pb.ClusterDetailRequest(local=True, since=timestamp(since) if since > _NEVER else None)
                answer = await self._peers.ask(server_id, request)
        except JobpoolError as failure:
            return failure
        times = [millis_of("time", sample.time) for sample in answer.samples]
        times += [millis_of("time", event.time) for event in answer.events]
        self._until[server_id] = max(times, default=until)
        return answer

    def _head(
        self, servers: Sequence[ServerSeen], told: Sequence[pb.ClusterDetailResponse | JobpoolError]
    ) -> pb.ClusterDetailResponse:
        rows, own, leader = [], None, None
        for seen, answer in zip(servers, told, strict=True):
            row = pb.ClusterServer(server=server_message(seen))
            if isinstance(answer, JobpoolError):
                row.error = answer.reason
            else:
                row.status.CopyFrom(answer.servers[0].status)
                if seen.record.id == self._info.server_id:
                    own = answer
                if _leads(answer) and (leader is None or answer.term >= leader.term):
                    leader = answer
            rows.append(row)
        if own is None:
            raise JobpoolError("this server does not belong to its cluster")
        head = pb.ClusterDetailResponse()
        head.CopyFrom(leader or own)
        for inner in ("samples", "events", "servers"):
            head.ClearField(inner)
        head.header.CopyFrom(self._context.header())
        head.servers.extend(rows)
        return head

    async def _own(self, since: Millis, call: Call) -> pb.ClusterDetailResponse:
        """What this server knows by itself."""
        status = await self._operations.server_status(pb.ServerStatusRequest(), call)
        own = next(seen for seen in self._info.servers() if seen.record.id == self._info.server_id)
        commit, lateness = self._pulse.recent()
        led_since = self._pulse.led_since
        answer = pb.ClusterDetailResponse(
            header=self._context.header(),
            servers=[pb.ClusterServer(server=server_message(own), status=status)],
            leader_id=status.leader_id,
            leader_name=status.leader_name,
            led_since=None if led_since is None or not status.leader_id else timestamp(led_since),
            term=status.term,
            commit=commit,
            lateness=lateness,
            samples=self._pulse.samples(since),
            events=self._remembered(since),
        )
        try:
            answer.queues.CopyFrom(self._context.leader.queue_depths())
            answer.commands = self._context.leader.waiting
        except Unavailable:
            answer.ClearField("queues")  # another one leads, or nobody
        return answer

    def _remembered(self, since: Millis) -> Iterable[pb.ClusterEvent]:
        """What happened, as noticed here or told by others before: who was away learns it from any that was there."""
        told = self._picture.events if self._picture is not None else ()
        newer = (event for event in told if millis_of("time", event.time) > since)
        return cluster_events.merged(newer, self._pulse.events(since))


class _Told:
    """What one watcher knows already."""

    def __init__(self) -> None:
        self._until: Millis = _NEVER
        self._events: dict[str, int] = {}

    def news(self, picture: Picture) -> pb.ClusterDetailResponse:
        samples = [one for one in picture.samples if millis_of("time", one.time) > self._until - _AGAIN]
        events = [one for one in picture.events if self._events.get(one.id) != one.count]
        if samples:
            self._until = millis_of("time", samples[-1].time)
        self._events = {one.id: one.count for one in picture.events}
        return picture.answer(samples, events)


def _leads(answer: pb.ClusterDetailResponse) -> bool:
    return answer.servers[0].status.is_leader
