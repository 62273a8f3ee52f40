"""Watch: what changes, commit by commit, from any place that is still kept; nothing lost, nothing twice.

Wherever a watcher comes from, n means the same here: a server that lags says nothing until it is past the place the
watcher has reached elsewhere.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from jobpool.api.change_items import IN_NAMESPACES, KINDS, OF_PLANS, Filter, items_now, message_of
from jobpool.api.changes import Changes, Position, parse_position
from jobpool.api.checks import check_filter
from jobpool.api.context import Context
from jobpool.api.open_streams import OpenStreams
from jobpool.api.service import Call
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument, Unavailable
from jobpool.wire import jobpool_pb2 as pb

BEAT: Millis = 15 * SECOND
"""The longest silence: proxies close what says nothing."""
_CATCH_UP: Millis = 10 * SECOND
"""How long a server that lags may take to get where the watcher was elsewhere."""
_PIECE = 200
_PIECE_BYTES = 1024 * 1024
"""Of one answer; what is larger by itself goes alone."""
_TURN = 64
"""Commits looked at in a row before others get the loop."""
_LOOKED = 256
"""Items of a snapshot looked at in a row."""
_PASSED = 1024
"""Changes of no interest after which a watcher is told how far it is, so that its place is kept."""


class Watch:
    """`is_behind`: whether this server is known not to have folded all there is."""

    def __init__(
        self, context: Context, changes: Changes, streams: OpenStreams, *, is_behind: Callable[[], bool]
    ) -> None:
        self._context = context
        self._changes = changes
        self._streams = streams
        self._is_behind = is_behind
        streams.on_close(changes.wake)

    async def serve(
        self, request: pb.ScheduleWatchRequest, call: Call
    ) -> AsyncGenerator[pb.ScheduleWatchResponse, None]:
        """Until the caller goes. Raises Unavailable when the server stops, or is too far behind for `after`."""
        wanted = check_wanted(request)
        left_out = check_kinds("changes_only", request.changes_only)
        there = wanted.kinds - left_out if request.snapshot else frozenset()
        after = parse_position(request.after, era=self._changes.newest.era) if request.after else None
        with self._streams.one_more():
            if after is not None:
                await self._catch_up(after)
            told = _Told(wanted, there, request.brief)
            watcher = _Watcher(self._context, self._changes, self._streams, told)
            async for answer in watcher.answers(after):
                yield answer

    async def _catch_up(self, after: Position) -> None:
        """Until this server is there, or it is clear that it never was. Raises Unavailable."""
        clock = self._context.clock
        ends = clock.monotonic() + _CATCH_UP
        while (newest := self._changes.newest).era == after.era and newest.n < after.n:
            self._streams.check()
            left = ends - clock.monotonic()
            if left <= 0 and self._is_behind():
                raise Unavailable(f"this server has got to commit {newest.n}, which is before {after}; ask another one")
            if left <= 0:
                return
            await self._changes.moved(newest, clock, within=left)


class _Told(Struct, frozen=True):
    """What a watcher is told of; of which kinds also what is there already; and whether without long texts."""

    wanted: Filter
    there: frozenset[str]
    brief: bool


class _Watcher:
    """One stream, and how far it is."""

    def __init__(self, context: Context, changes: Changes, streams: OpenStreams, told: _Told) -> None:
        self._context = context
        self._changes = changes
        self._streams = streams
        self._told = told
        self._position = changes.newest

    async def answers(self, after: Position | None) -> AsyncGenerator[pb.ScheduleWatchResponse, None]:
        if after is not None and self._changes.holds(after):
            self._position = after
            yield self._answer(())
        else:
            async for answer in self._begin(reset=after is not None):
                yield answer
        while True:
            async for answer in self._go_on():
                yield answer
            async for answer in self._begin(reset=True):
                yield answer

    async def _begin(self, *, reset: bool) -> AsyncGenerator[pb.ScheduleWatchResponse, None]:
        """From here on, with all there is now if that was asked for."""
        state = self._context.state
        here = self._position = self._changes.newest
        told = self._told
        piece = _Piece()
        for looked, item in enumerate(items_now(state, told.there), 1):
            if looked % _LOOKED == 0:
                await asyncio.sleep(0)
            if not told.wanted.matches(item):
                continue
            change = message_of(item, here.n, state, brief=told.brief)
            if not piece.add(change):
                yield pb.ScheduleWatchResponse(header=self._context.header(), data=piece.data, reset=reset)
                piece, reset = _Piece(change), False
        yield self._answer(piece.data, reset=reset)

    async def _go_on(self) -> AsyncGenerator[pb.ScheduleWatchResponse, None]:
        """What follows the position, until that is not held any more."""
        clock = self._context.clock
        piece, spoke, passed, looked = _Piece(), clock.monotonic(), 0, 0
        while self._changes.holds(self._position):
            self._streams.check()
            if (commit := self._changes.after(self._position)) is None:
                if piece.data or passed >= _PASSED or clock.monotonic() - spoke >= BEAT:
                    yield self._answer(piece.data)
                    piece, spoke, passed = _Piece(), clock.monotonic(), 0
                else:
                    await self._changes.moved(self._position, clock, within=spoke + BEAT - clock.monotonic())
                continue
            for at in commit.matching(self._told.wanted, told=self._position.told):
                change = self._changes.told(commit, at, brief=self._told.brief)
                if not piece.add(change):
                    yield self._answer(piece.data)
                    piece, spoke, passed = _Piece(change), clock.monotonic(), 0
                self._position = replace(self._position, told=at + 1)
            self._position = replace(self._position, n=commit.n, told=0)
            passed, looked = passed + len(commit.items), looked + 1
            if looked % _TURN == 0:
                await asyncio.sleep(0)

    def _answer(self, data: Sequence[pb.ScheduleChange], *, reset: bool = False) -> pb.ScheduleWatchResponse:
        header = self._context.header()
        return pb.ScheduleWatchResponse(header=header, data=data, position=str(self._position), reset=reset)


class _Piece:
    """The changes of one answer."""

    def __init__(self, *first: pb.ScheduleChange) -> None:
        self.data = list(first)
        self._bytes = sum(change.ByteSize() for change in first)

    def add(self, change: pb.ScheduleChange) -> bool:
        """Whether there was room."""
        size = change.ByteSize()
        if self.data and (len(self.data) >= _PIECE or self._bytes + size > _PIECE_BYTES):
            return False
        self.data.append(change)
        self._bytes += size
        return True


def check_kinds(field: str, texts: Iterable[str]) -> frozenset[str]:
    """The kinds in a repeated field, whose values may have several between commas. Raises InvalidArgument."""
    asked = [word.strip() for text in texts for word in text.split(",")]
    for word in asked:
        if word not in KINDS:
            raise InvalidArgument(field, f"must be of {', '.join(KINDS)}; found {word[:40]!r}", engine_code=1002)
    return frozenset(asked)


def check_wanted(request: pb.ScheduleWatchRequest) -> Filter:
    """Raises InvalidArgument for an unknown kind, and for one that what else is asked for cannot be of."""
    asked = check_kinds("kinds", request.kinds)
    kinds = asked or frozenset(KINDS)
    for field, possible in (("namespace", IN_NAMESPACES), ("plan_id", OF_PLANS)):
        if not check_filter(field, getattr(request, field)):
            continue
        if asked and not kinds <= possible:
            raise InvalidArgument(field, f"a {min(kinds - possible)} has none; leave it out of kinds")
        kinds &= possible
    namespace, plan_id, id_ = request.namespace, request.plan_id, check_filter("id", request.id)
    return Filter(kinds=kinds, namespace=namespace, plan_id=plan_id, id=id_)
