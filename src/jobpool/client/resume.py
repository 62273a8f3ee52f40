"""A stream of answers that goes on at another server where it broke off.

Until the first answer it is as with a call: every server is asked once, and then the failure is told. From then on a
break is taken for a passing one, for as long as the caller's patience.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from google.protobuf.message import Message

from jobpool.client.link import Link, Metadata, Reply
from jobpool.client.rounds import verdict
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.model.errors import DeadlineExceeded, JobpoolError, ResourceExhausted, Unavailable

SILENCE: Millis = 45 * SECOND
"""Servers say something every 15 s; one that says nothing for so long is gone."""
PATIENCE: Millis = 5 * MINUTE
_FIRST_PAUSE: Millis = 50
_LONGEST_PAUSE: Millis = 2 * SECOND

log = logging.getLogger("jobpool.client")


class Resuming:
    """How streams go on: the servers in the order to ask them, and how long none may answer."""

    def __init__(
        self, links: Sequence[Link], *, clock: Clock, dice: Dice, metadata: Metadata, patience: Millis = PATIENCE
    ) -> None:
        self._links = links
        self.clock = clock
        self._dice = dice
        self._metadata = metadata
        self._patience = patience

    async def answers(
        self, rpc: str, request: Callable[[], Message], *, reply: type[Reply]
    ) -> AsyncGenerator[Reply, None]:
        """Until the server ends the stream. `request` says each time where to go on.

        Raises what a server refuses with, Unreachable when none can be connected to, Unavailable or DeadlineExceeded
        when one could but did not answer.
        """
        heard = self.clock.monotonic()
        begun, failures = False, list[JobpoolError]()
        at = 0
        while True:
            try:
                stream = self._links[at].stream(rpc, request(), reply=reply, patience=SILENCE, metadata=self._metadata)
                async with aclosing(stream):
                    async for answer in stream:
                        begun, failures = True, []
                        heard = self.clock.monotonic()
                        yield answer
                return
            except (Unavailable, DeadlineExceeded, ResourceExhausted) as error:
                failures.append(error)
                log.debug("%s goes on at the next server: %s", rpc, error)
            at = (at + 1) % len(self._links)
            rounds, rest = divmod(len(failures), len(self._links))
            if rest:
                continue
            if not begun or self.clock.monotonic() - heard >= self._patience:
                raise verdict(failures[-len(self._links) :], rpc)
            await self.clock.sleep(self._pause(rounds))

    def _pause(self, rounds: int) -> Millis:
        span = exponential(rounds, base=_FIRST_PAUSE, limit=_LONGEST_PAUSE)
        return span // 2 + self._dice.below(span // 2 + 1)
