"""One connection of the network in memory: two ends, and the way from each to the other."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from jobpool.kit.effects.clock import Clock, Timer
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import JobpoolError, ResourceExhausted
from jobpool.peers.stream import MAX_FRAME, StreamBroken

DEAD_AFTER: Millis = 3 * SECOND
"""How long bytes may stay unacknowledged."""
WINDOW = 4 * 1024 * 1024
"""Bytes that may be on the way or unread; then the sender waits."""


class Weather(Protocol):
    """What the network does to frames just now."""

    @property
    def clock(self) -> Clock: ...

    def lag(self) -> Millis: ...

    def reaches(self, source: str, target: str) -> bool: ...

    def is_paused(self, name: str) -> bool: ...


class Wire:
    """`gone` is called once neither end is open any more."""

    def __init__(self, weather: Weather, dialer: str, dialed: str, gone: Callable[[], None]) -> None:
        self.names = dialer, dialed
        self._gone = gone
        self._ends = {dialer: End(), dialed: End()}
        self._ways = {
            source: _Way(weather, source, target, self) for source, target in ((dialer, dialed), (dialed, dialer))
        }
        for name, other in ((dialer, dialed), (dialed, dialer)):
            self._ends[name].outward = self._ways[name]
            self._ends[name].inward = self._ways[other]

    def end_of(self, name: str) -> "End":
        return self._ends[name]

    def close(self, name: str, refusal: JobpoolError | None = None) -> None:
        """The end of `name` ends the stream in order: what it has sent still arrives, then the end or the refusal."""
        self._ways[name].say_last(refusal)
        self._lose(name, StreamBroken("this end was closed"))

    def break_off(self, name: str, error: JobpoolError, *, told: bool = True) -> None:
        """The end of `name` is of no use any more. `told`: its machine says so to the other one."""
        if told:
            self._ways[name].say_last(StreamBroken("the other end is gone"))
        else:
            self._ways[name].drop()
        self._lose(name, error)

    def flush(self) -> None:
        """The weather has changed."""
        for way in self._ways.values():
            way.flush()

    def _lose(self, name: str, error: JobpoolError) -> None:
        self._ends[name].lose(error)
        if all(end.lost for end in self._ends.values()):
            self._gone()


class End:
    """One end, a FrameStream."""

    outward: "_Way"
    inward: "_Way"

    def __init__(self) -> None:
        self._inbox: deque[bytes] = deque()
        self._finished = False
        self._last_word: JobpoolError | None = None
        self._error: JobpoolError | None = None
        self._news = asyncio.Event()

    @property
    def lost(self) -> bool:
        return self._error is not None

    async def send(self, data: bytes) -> None:
        await self.outward.room.wait()
        if self._error is not None:
            raise self._error
        if self._finished:
            raise self._last_word or StreamBroken("the other end has ended the stream")
        self.outward.send(data)

    async def recv(self, *, limit: int = MAX_FRAME) -> bytes | None:
        while not (self._inbox or self._finished or self._error):
            self._news.clear()
            await self._news.wait()
        if self._error is not None:
            raise self._error
        if self._inbox:
            return self._take(limit)
        if self._last_word is not None:
            raise self._last_word
        return None

    def _take(self, limit: int) -> bytes:
        data = self._inbox.popleft()
        if len(data) > limit:
            raise ResourceExhausted(f"wanted a frame of at most {limit} bytes, found {len(data)}")
        self.inward.taken(len(data))
        return data

    def arrived(self, data: bytes) -> None:
        self._inbox.append(data)
        self._news.set()

    def finish(self, last_word: JobpoolError | None) -> None:
        """The other end has said its last."""
        self._finished, self._last_word = True, last_word
        self._news.set()
        self.outward.room.set()

    def lose(self, error: JobpoolError) -> None:
        if self._error is None:
            self._error = error
        self._inbox.clear()
        self._news.set()
        self.outward.room.set()


class _Sent(Struct, frozen=True):
    """A frame, or the last word."""

    data: bytes = b""
    final: bool = False
    last_word: JobpoolError | None = None


class _Way:
    """From one end to the other. What cannot arrive waits, in order, as TCP sends it again."""

    def __init__(self, weather: Weather, source: str, target: str, wire: Wire) -> None:
        self._weather = weather
        self._source = source
        self._target = target
        self._wire = wire
        self._unsent: deque[_Sent] = deque()  # the source is paused
        self._flying: deque[_Sent] = deque()
        self._stuck: deque[_Sent] = deque()  # a cut, or the target is paused
        self._arrives: Millis = 0
        self._ended = False
        self._dying: Timer | None = None
        self._load = 0
        self.room = asyncio.Event()
        self.room.set()

    def send(self, data: bytes) -> None:
        self._load += len(data)
        if self._load >= WINDOW:
            self.room.clear()
        self._put(_Sent(data))

    def taken(self, size: int) -> None:
        self._load -= size
        if self._load < WINDOW:
            self.room.set()

    def say_last(self, word: JobpoolError | None) -> None:
        self._put(_Sent(final=True, last_word=word))
        self._ended = True

    def drop(self) -> None:
        """Nothing that is on the way arrives any more."""
        for queue in (self._unsent, self._flying, self._stuck):
            queue.clear()
        self._ended = True

    def flush(self) -> None:
        if self._both_ways() and self._dying is not None:
            self._dying.cancel()
            self._dying = None
        while self._unsent and not self._weather.is_paused(self._source):
            self._fly(self._unsent.popleft())
        while self._stuck and self._opens():
            self._deliver(self._stuck.popleft())

    def _put(self, sent: _Sent) -> None:
        if self._ended:
            return
        if self._weather.is_paused(self._source):
            self._unsent.append(sent)
        else:
            self._fly(sent)

    def _fly(self, sent: _Sent) -> None:
        now = self._weather.clock.monotonic()
        self._arrives = max(self._arrives, now + self._weather.lag())
        if self._arrives <= now and not self._flying:
            self._arrive(sent)
            return
        self._flying.append(sent)
        self._weather.clock.call_later(self._arrives - now, self._land)

    def _land(self) -> None:
        if self._flying:
            self._arrive(self._flying.popleft())

    def _arrive(self, sent: _Sent) -> None:
        if not self._both_ways():
            self._await_acknowledgement()
        if self._stuck or not self._opens():
            self._stuck.append(sent)
        else:
            self._deliver(sent)

    def _deliver(self, sent: _Sent) -> None:
        end = self._wire.end_of(self._target)
        if sent.final:
            end.finish(sent.last_word)
        elif not end.lost:
            end.arrived(sent.data)

    def _opens(self) -> bool:
        return self._weather.reaches(self._source, self._target) and not self._weather.is_paused(self._target)

    def _both_ways(self) -> bool:
        return self._weather.reaches(self._source, self._target) and self._weather.reaches(self._target, self._source)

    def _await_acknowledgement(self) -> None:
        if self._dying is None:
            self._dying = self._weather.clock.call_later(DEAD_AFTER, self._die)

    def _die(self) -> None:
        self._wire.break_off(self._source, StreamBroken(f"bytes were not acknowledged within {DEAD_AFTER} ms"))
