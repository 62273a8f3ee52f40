"""The way to whoever leads: this server or another, now or within a while."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from jobpool.kit.effects.clock import Clock, deadline
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.leadership import Leadership, NotLeader
from jobpool.model.errors import DeadlineExceeded, JobpoolError, Unavailable
from jobpool.peers.conversation import LinkDown
from jobpool.peers.mesh import Mesh
from jobpool.peers.words import Question
from jobpool.replica.replica import Replica

T = TypeVar("T")

LEADER_WITHIN: Millis = 3 * SECOND
"""How long a change waits for somebody to lead before it is refused."""

_LOOK_AGAIN: Millis = 100
MAYBE_MADE = "the leader was lost while it worked on this; the change may have been made: look before you repeat it"


class LeaderPath:
    """Asks the leader. What it answered is folded here before it is passed on."""

    def __init__(self, leadership: Leadership, mesh: Mesh, replica: Replica, *, clock: Clock, me: str) -> None:
        self._leadership = leadership
        self._mesh = mesh
        self._replica = replica
        self._clock = clock
        self._me = me

    async def ask(
        self,
        here: Callable[[], Awaitable[T]],
        question: Question,
        reply: type[T],
        *,
        patience: Millis,
        timeout: Millis,
        again: bool,
        over_a_change: bool = False,
        fold_within: Millis | None = None,
    ) -> T:
        """The leader's answer: by `here` when this server leads, else to `question`.

        A leader is waited for `patience` ms, its answer `timeout` ms. `again`: what may have been done already may be
        asked once more. `over_a_change`: its answer is waited for although it leads no more, as for what ends its term.
        `fold_within`: how long this server may take to see what the answer rests on, None = `timeout`; 0 = that is not
        waited for, the caller sees to it. Raises what the leader raises, Unavailable, DeadlineExceeded.
        """
        waited_from = self._clock.monotonic()
        fold_within = timeout if fold_within is None else fold_within
        while True:
            try:
                if self._leadership.leads:
                    return await here()
                leader = self._other()
                asking = self._ask(leader, question, reply, timeout, fold_within=fold_within)
                return await (asking if over_a_change else self._unless_it_changes(asking))
            except Unavailable as failure:
                if not again and not is_definite(failure):
                    raise
                if self._clock.monotonic() - waited_from >= patience:
                    raise
            await leader_changes(self._leadership, self._clock, within=_LOOK_AGAIN)

    def _other(self) -> str:
        leader = self._leadership.leader
        if leader is None or leader == self._me:
            raise NotLeader
        return leader

    async def _unless_it_changes(self, answer: Coroutine[object, object, T]) -> T:
        loop = asyncio.get_running_loop()
        asking = loop.create_task(answer)
        changing = loop.create_task(self._leadership.leader_changes())
        try:
            await asyncio.wait([asking, changing], return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise Unavailable(MAYBE_MADE)
            return asking.result()
        finally:
            changing.cancel()
            asking.cancel()
            await asyncio.gather(asking, changing, return_exceptions=True)

    async def _ask(self, leader: str, question: Question, reply: type[T], timeout: Millis, *, fold_within: Millis) -> T:
        told = await self._mesh.ask(leader, question, reply, timeout=timeout)
        if not fold_within:
            return told.value
        try:
            async with deadline(self._clock, fold_within):
                await self._replica.wait_for(told.n)
        except TimeoutError:
            raise DeadlineExceeded("it was done, but this server does not see it yet: it is behind") from None
        return told.value


async def leader_changes(leadership: Leadership, clock: Clock, *, within: Millis) -> None:
    """Return when another leads, or none, or after `within` ms."""
    try:
        async with deadline(clock, within):
            await leadership.leader_changes()
    except TimeoutError:
        return


def is_definite(failure: JobpoolError) -> bool:
    """Whether a failure says that nothing was done: nobody led there, or nothing was sent."""
    return failure.field == "leader" or (isinstance(failure, LinkDown) and not failure.sent)
