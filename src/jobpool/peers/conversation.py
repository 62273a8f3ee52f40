"""One stream to another server, from the greeting to its end: what we tell, what we ask, what is answered."""

import asyncio
from functools import partial
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import SECOND, Millis, format_duration
from jobpool.model.errors import (
    Code,
    DeadlineExceeded,
    JobpoolError,
    ResourceExhausted,
    TooLarge,
    Unavailable,
)
from jobpool.model.retold import retold
from jobpool.peers.frames import encode, read_answer, unpack
from jobpool.peers.outbox import Outbox
from jobpool.peers.stream import MAX_FRAME, FrameStream, StreamBroken
from jobpool.peers.tasks import ungrouped
from jobpool.peers.words import Answered, Asked, BeatTold, Called, Question, Refused, Withdrawn, Word

A = TypeVar("A")

MAX_OPEN = 10_000
"""Questions that may be open on one stream."""
MAX_WORD = MAX_FRAME - 1024
"""Bytes of a question or an answer: what is around it has room in the frame."""
QUIET: Millis = SECOND
"""After so long without a word the dialer sends an empty frame, so that the other end knows that it is there."""
_CROWDED = 64 * 1024 * 1024


class Told(Struct, Generic[A], frozen=True):
    """An answer; whoever has folded `n` sees what it rests on."""

    value: A
    n: int


class LinkDown(Unavailable):
    """There is no stream to that server (any more). `sent`: the question can have arrived."""

    def __init__(self, server_id: str, reason: str, *, sent: bool) -> None:
        known = "; what became of the question is not known" if sent else ""
        super().__init__(f"no link to server {server_id}: {reason}{known}")
        self.server_id = server_id
        self.sent = sent


class _Open(Struct, eq=False):
    ticket: int
    answer: asyncio.Future[Answered | JobpoolError]


class Conversation:
    """Over an admitted stream. It lasts until `run` ends; then every open question fails at once."""

    def __init__(self, to: str, stream: FrameStream, clock: Clock) -> None:
        self._to = to
        self._stream = stream
        self._clock = clock
        self._outbox = Outbox(crowded=_CROWDED)
        self._open: dict[int, _Open] = {}
        self._last = 0
        self._frames = 0
        self._ended = ""

    async def run(self) -> None:
        """Until the stream breaks. Raises JobpoolError."""
        try:
            with ungrouped():
                async with asyncio.TaskGroup() as group:
                    for work in (self._write(), self._read(), self._stay()):
                        group.create_task(work)
        except JobpoolError as error:
            self.end(error.message)
            raise
        finally:
            self.end("it was given up")

    def end(self, reason: str) -> None:
        """Fail every open question, and every later one."""
        self._ended = self._ended or reason
        for opened in self._open.values():
            sent = not self._outbox.drop(opened.ticket)
            _settle(opened, LinkDown(self._to, self._ended, sent=sent))
        self._open.clear()

    def tell(self, word: Word) -> None:
        self._outbox.put(word)

    def tell_first(self, word: BeatTold | Called) -> None:
        self._outbox.put_first(word)

    async def ask(self, question: Question, reply: type[A], *, timeout: Millis) -> Told[A]:
        """Raises what the other raised, LinkDown, DeadlineExceeded, TooLarge, or ResourceExhausted for a crowd."""
        opened, number = self._put(question)
        timer = self._clock.call_later(timeout, partial(self._expire, opened, question, timeout))
        try:
            answer = await opened.answer
        finally:
            timer.cancel()
            if self._open.pop(number, None) is not None and not self._outbox.drop(opened.ticket):
                self._outbox.put(Withdrawn(number))
        if isinstance(answer, JobpoolError):
            raise answer
        if answer.refused is not None:
            raise _error(answer.refused)
        return Told(read_answer(answer.value, reply), answer.n)

    def _put(self, question: Question) -> tuple[_Open, int]:
        if self._ended:
            raise LinkDown(self._to, self._ended, sent=False)
        if len(self._open) >= MAX_OPEN or self._outbox.crowded:
            raise ResourceExhausted(f"too many questions wait for answers of server {self._to}")
        data = encode(question)
        if len(data) > MAX_WORD:
            raise TooLarge(f"wanted a question of at most {MAX_WORD} bytes, found {len(data)}")
        self._last += 1
        ticket = self._outbox.put(Asked(self._last, msgspec.Raw(data)))
        opened = _Open(ticket, asyncio.get_running_loop().create_future())
        self._open[self._last] = opened
        return opened, self._last

    def _expire(self, opened: _Open, question: Question, timeout: Millis) -> None:
        asked = type(question).__name__
        late = f"no answer to {asked} from server {self._to} within {format_duration(timeout)}"
        _settle(opened, DeadlineExceeded(late))

    async def _write(self) -> None:
        while True:
            frame = await self._outbox.next_frame()
            await self._stream.send(frame)
            self._frames += 1

    async def _read(self) -> None:
        while (frame := await self._stream.recv()) is not None:
            for word in unpack(frame):
                if isinstance(word, Answered) and (opened := self._open.pop(word.number, None)) is not None:
                    _settle(opened, word)
        raise StreamBroken("the other end ended the stream")

    async def _stay(self) -> None:
        before = self._frames
        while True:
            await self._clock.sleep(QUIET)
            if self._frames == before:
                self._outbox.nudge()
                before += 1  # the empty frame is not a word
            else:
                before = self._frames


def _settle(opened: _Open, answer: Answered | JobpoolError) -> None:
    if not opened.answer.done():
        opened.answer.set_result(answer)


def _error(refused: Refused) -> JobpoolError:
    if refused.code == Code.INTERNAL:  # it says all there is to say
        return JobpoolError(refused.reason, field=refused.field, engine_code=refused.engine_code, terms=refused.terms)
    return retold(
        refused.code,
        refused.reason,
        field=refused.field,
        engine_code=refused.engine_code,
        retry_after=refused.retry_after,
        terms=refused.terms,
    )
