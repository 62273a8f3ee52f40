"""The way to one other server: dialed, proved, and dialed again whenever it breaks.

The server that was dialed says nothing by itself, so whether the other lives is judged by what comes on its own stream
to us.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeVar

from jobpool.kit.effects.apart import apart
from jobpool.kit.effects.clock import Clock, deadline
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.seldom import Seldom
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import SECOND, Millis, format_duration
from jobpool.model.errors import JobpoolError
from jobpool.model.server import ServerRecord
from jobpool.peers.conversation import Conversation, LinkDown, Told
from jobpool.peers.introduction import INTRODUCED_WITHIN, introduce
from jobpool.peers.stream import Dial, FrameStream, StreamBroken
from jobpool.peers.words import BeatTold, Called, Question, Word

A = TypeVar("A")

DIALED_WITHIN: Millis = SECOND
PATIENCE: Millis = 300
"""How long a question waits for a link that is dialed for the first time, or again after it broke."""
_FIRST_PAUSE: Millis = 50
_LONGEST_PAUSE: Millis = 500
_LASTED: Millis = SECOND
"""A link that broke sooner has failed: two that end each other's streams must not do so without a pause."""


class Link:
    """A service. `linked` is called whenever the link is there (again): what was told before may be lost."""

    def __init__(
        self,
        me: str,
        to: ServerRecord,
        *,
        secret: bytes,
        dial: Dial,
        clock: Clock,
        dice: Dice,
        linked: Callable[[str], None],
    ) -> None:
        self.to = to
        self.name = f"link to {to.name or to.id}"
        self._me = me
        self._secret = secret
        self._dial = dial
        self._clock = clock
        self._dice = dice
        self._linked = linked
        self._failures = 0
        self._since: Millis | None = None
        self._conversation: Conversation | None = None
        self._tried = asyncio.Event()
        self._hurried = asyncio.Event()
        self._seldom = Seldom(clock)
        self._log = get_logger("peers").bind(server=to.id, url=to.url)

    @property
    def connected(self) -> bool:
        return self._conversation is not None

    async def run(self) -> None:
        try:
            while True:
                await self._pause()
                try:
                    await apart(self._connect())
                except JobpoolError as error:
                    self._failed(error)
        finally:
            self.stop()

    def stop(self) -> None:
        """Fail every question that waits, and every later one."""
        self._tried.set()
        if self._conversation is not None:
            self._conversation.end("the link was given up")
            self._conversation = None

    def hurry(self) -> None:
        """End the pause before the next attempt."""
        self._hurried.set()

    def tell(self, word: Word) -> bool:
        """False when there is no link. True promises nothing."""
        if self._conversation is None:
            return False
        self._conversation.tell(word)
        return True

    def tell_first(self, word: BeatTold | Called) -> bool:
        """Before everything else that waits, and only the newest of its kind. False when there is no link."""
        if self._conversation is None:
            return False
        self._conversation.tell_first(word)
        return True

    async def ask(self, question: Question, reply: type[A], *, timeout: Millis) -> Told[A]:
        """Raises what the other raised, LinkDown, DeadlineExceeded, TooLarge, or ResourceExhausted for a crowd."""
        began = self._clock.monotonic()
        if self._conversation is None:
            await self._soon(min(timeout, PATIENCE))
        if self._conversation is None:
            raise LinkDown(self.to.id, "it is not connected", sent=False)
        left = timeout - (self._clock.monotonic() - began)
        return await self._conversation.ask(question, reply, timeout=left)

    async def _soon(self, span: Millis) -> None:
        """Wait for the end of an attempt, if it is the first."""
        try:
            async with deadline(self._clock, span):
                await self._tried.wait()
        except TimeoutError:
            pass

    async def _pause(self) -> None:
        span = exponential(self._failures, base=_FIRST_PAUSE, limit=_LONGEST_PAUSE)
        if span:
            self._hurried.clear()
            span = span // 2 + self._dice.below(span // 2 + 1)
            timer = self._clock.call_later(span, self._hurried.set)
            try:
                await self._hurried.wait()
            finally:
                timer.cancel()

    async def _connect(self) -> None:
        """Dial, and talk until it breaks. Raises JobpoolError."""
        async with AsyncExitStack() as stack:
            try:
                async with deadline(self._clock, DIALED_WITHIN):
                    stream = await stack.enter_async_context(self._dial(self.to))
            except TimeoutError:
                raise StreamBroken(f"no connection within {format_duration(DIALED_WITHIN)}") from None
            await self._talk(stream)

    async def _talk(self, stream: FrameStream) -> None:
        try:
            async with deadline(self._clock, INTRODUCED_WITHIN):
                await introduce(self._me, self.to.id, stream, secret=self._secret)
        except TimeoutError:
            raise StreamBroken(f"no handshake within {format_duration(INTRODUCED_WITHIN)}") from None
        conversation = self._conversation = Conversation(self.to.id, stream, self._clock)
        self._since = self._clock.monotonic()
        self._tried.set()
        self._seldom.forget_all()
        self._log.info("linked to a server", event_name="peer_linked")
        self._linked(self.to.id)
        try:
            await conversation.run()
        finally:
            self._conversation = None
            self._tried.clear()

    def _failed(self, error: JobpoolError) -> None:
        since, self._since = self._since, None
        if since is not None and self._clock.monotonic() - since >= _LASTED:
            self._failures = 0
        else:
            self._failures += 1
            self._tried.set()
        if times := self._seldom.times(str(error)):
            self._log.warning("no link to a server", event_name="peer_unlinked", error=str(error), times=times)
