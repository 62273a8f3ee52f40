"""Queries on their way: each knows after which segment it was asked and how long it may wait."""

import asyncio
from collections import deque

from jobpool.history.frames import Answer, pack
from jobpool.history.link import Link
from jobpool.history.queries import Query
from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import Unavailable

_SEND_WITHIN: Millis = 5 * SECOND
_ANSWER_WITHIN: Millis = 30 * SECOND
_MOST_WAITING = 1_000


class Question:
    """Asked when the replica stood at `n`. Fails with Unavailable when it is not sent, or not answered, in time."""

    def __init__(self, query: Query, n: int, *, clock: Clock) -> None:
        self.frame = pack(query)
        self.n = n
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._clock = clock
        self._sent = False
        self._timer = clock.call_later(_SEND_WITHIN, self._expire)
        self.answer.add_done_callback(lambda _: self._timer.cancel())

    def send(self, link: Link) -> None:
        if not self.answer.done():
            self._sent = True
            link.ask(self.frame, self.answer)

    def fail(self, reason: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(Unavailable(reason))

    def _expire(self) -> None:
        if not self._sent:
            self.fail(f"history is not ready within {_SEND_WITHIN // SECOND} s: it is starting or catching up")
            return
        self._timer = self._clock.call_later(_ANSWER_WITHIN, self._give_up)

    def _give_up(self) -> None:
        self.fail(f"history did not answer within {_ANSWER_WITHIN // SECOND} s")


class Waiting:
    """Questions that cannot be sent yet, in the order they were asked, which is the order of their n."""

    def __init__(self) -> None:
        self._questions: deque[Question] = deque()

    def add(self, question: Question) -> None:
        while self._questions and self._questions[0].answer.done():
            self._questions.popleft()
        if len(self._questions) >= _MOST_WAITING:
            question.fail(f"history is not ready and {_MOST_WAITING} queries wait for it already")
        else:
            self._questions.append(question)

    def release(self, link: Link, *, before: int) -> None:
        """Send those that were asked before segment `before` was folded."""
        while self._questions and self._questions[0].n < before:
            self._questions.popleft().send(link)

    def fail_all(self, reason: str) -> None:
        for question in self._questions:
            question.fail(reason)
        self._questions.clear()
