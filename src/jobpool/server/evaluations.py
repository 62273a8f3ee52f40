"""The leader's queue of evaluations, wherever the leader is."""

from collections.abc import Sequence

from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import HOUR, SECOND, Millis
from jobpool.leader.leadership import Leadership, NotLeader
from jobpool.model.queued import Delivery
from jobpool.model.verdict import Settled, Verdict
from jobpool.peers.words import SettleEvaluations, TakeEvaluations
from jobpool.server.leader_path import LeaderPath, leader_changes
from jobpool.server.local import LocalLeader

_SETTLE_WITHIN: Millis = 10 * SECOND
_SEEN_WITHIN: Millis = SECOND
_LOOK_AGAIN: Millis = SECOND


def gives_way(at: int, *, of: int) -> bool:
    """Whether the evaluator at that place, of so many, rests while its server leads: three quarters do, never all."""
    return at >= max(1, of // 4)


class ClusterEvaluations:
    """Implements `ports.Evaluations` for evaluator `number` of this server. Waits for a leader as long as it takes.

    One that `gives_way` takes nothing while its own server leads others: the leader has enough to do. It goes on when
    another leads, or when the others are gone.
    """

    def __init__(
        self,
        path: LeaderPath,
        local: LocalLeader,
        leadership: Leadership,
        *,
        clock: Clock,
        number: int,
        gives_way: bool,
    ) -> None:
        self._path = path
        self._local = local
        self._leadership = leadership
        self._clock = clock
        self._number = number
        self._gives_way = gives_way

    async def dequeue(self, types: Sequence[str], limit: int, *, timeout: Millis) -> Sequence[Delivery]:
        async def here() -> list[Delivery]:
            if self._gives_way and len(self._leadership.heard) > 1:
                # Or soon: the others may come and go without that.
                await leader_changes(self._leadership, self._clock, within=_LOOK_AGAIN)
                raise NotLeader
            return list(await self._local.dequeue(types, limit, timeout=timeout))

        question = TakeEvaluations(list(types), limit, self._number)
        # The evaluator sees for itself that it knows what it was given: here it would wait with it in hand.
        return await self._path.ask(
            here, question, list[Delivery], patience=HOUR, timeout=timeout or HOUR, again=True, fold_within=0
        )

    async def settle(self, verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        async def here() -> list[Settled]:
            return list(await self._local.settle(verdicts))

        question = SettleEvaluations(list(verdicts))
        # What was refused is lent until this evaluator asks for more: it must not wait long for what it does not see.
        return await self._path.ask(
            here,
            question,
            list[Settled],
            patience=0,
            timeout=_SETTLE_WITHIN,
            again=False,
            fold_within=_SEEN_WITHIN,
        )
