"""An evaluator: takes evaluations in batches, schedules them on the local replica, hands in its verdicts.

Optimistic: what it proposes is verified by the leader against the newest state. What is refused there it decides anew
on a state at least as new, a few times; then the evaluation goes back.
"""

from collections.abc import Sequence

from msgspec import Struct

from jobpool.kit.effects.clock import Clock, deadline
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import JobpoolError
from jobpool.model.queued import SERVICE_QUEUE, Delivery
from jobpool.model.verdict import Settled, Verdict, VerdictKind
from jobpool.ports import Evaluations
from jobpool.replica.replica import Replica
from jobpool.replica.state import State
from jobpool.scheduler import Place, Proposals, Wait, room_kind, schedule

_BATCH = 256
_TRIES = 5
_TYPES = (SERVICE_QUEUE,)
_NO_LEADER_WAIT: Millis = SECOND // 4
_SEEN_WITHIN: Millis = SECOND // 2
"""An evaluator whose server is so far behind gives back what it has, and takes nothing until it has caught up.

Short, as others can decide at once what is to start within two seconds.
"""


class EvaluatorStats(Struct):
    """Totals of one evaluator."""

    taken: int = 0
    placed: int = 0
    waited: int = 0
    refused: int = 0


def decide(deliveries: Sequence[Delivery], state: State, dice: Dice) -> list[Verdict]:
    """A verdict for each, counting the batch's own proposals. Pure but for the dice."""
    proposals = Proposals()
    n = state.fence.n
    verdicts = []
    for delivery in deliveries:
        evaluation = delivery.evaluation
        run = state.run(evaluation.job_id)
        kind, node_id, executor, description = VerdictKind.NOTHING, "", "", ""
        if run is not None and run.evaluation is not None and run.evaluation.number == evaluation.number:
            decision = schedule(run, state, proposals=proposals, dice=dice)
            executor = run.executor
            if isinstance(decision, Place):
                kind, node_id = VerdictKind.PLACE, decision.node_id
            elif isinstance(decision, Wait):
                kind, description = VerdictKind.NO_NODE, _describe(decision, executor)
                executor = room_kind(run, state)
        verdicts.append(
            Verdict(evaluation.job_id, evaluation.number, delivery.token, kind, n, node_id, executor, description)
        )
    return verdicts


def _describe(wait: Wait, executor: str) -> str:
    if wait.examined == 0:
        return f"no node that is ready and eligible offers the executor {executor}"
    if wait.filtered == wait.examined:
        return "agents of the original, which are the only ones that are ready, cannot run it"
    return "every node that could take it is full"


class Evaluator:
    """A service; a server runs `worker-number` of them."""

    def __init__(self, evaluations: Evaluations, replica: Replica, *, clock: Clock, dice: Dice, number: int) -> None:
        self.name = f"evaluator-{number}"
        self._evaluations = evaluations
        self._replica = replica
        self._clock = clock
        self._dice = dice
        self._log = get_logger(self.name)
        self.stats = EvaluatorStats()

    async def run(self) -> None:
        while True:
            try:
                deliveries = await self._evaluations.dequeue(_TYPES, _BATCH, timeout=0)
                await self._evaluate(list(deliveries))
            except JobpoolError as failure:
                # The leader is gone, and with it the leases of what was in hand: it is delivered again.
                self._log.debug("the leader's queue is not there", event_name="no_queue", error=str(failure))
                await self._clock.sleep(_NO_LEADER_WAIT)

    async def _evaluate(self, deliveries: list[Delivery]) -> None:
        self.stats.taken += len(deliveries)
        newest = max((delivery.evaluation.modify_index for delivery in deliveries), default=0)
        for _ in range(_TRIES):
            if not deliveries:
                return
            if not await self._has_seen(newest):
                await self._catch_up(deliveries, newest)
                return
            verdicts = decide(deliveries, self._replica.state, self._dice)
            answers = await self._evaluations.settle(verdicts)
            self._count(verdicts, answers)
            newest = self._replica.n
            deliveries = [
                delivery for delivery, answer in zip(deliveries, answers, strict=True) if answer is Settled.REFUSED
            ]
        await self._give_back(deliveries, VerdictKind.GIVE_BACK)

    async def _has_seen(self, n: int) -> bool:
        """Whether this server has folded n, within a while."""
        try:
            async with deadline(self._clock, _SEEN_WITHIN):
                await self._replica.wait_for(n)
        except TimeoutError:
            self._log.warning("this server is behind", event_name="behind", n=self._replica.n, wanted=n)
            return False
        return True

    async def _catch_up(self, deliveries: Sequence[Delivery], n: int) -> None:
        """Give back what is in hand, and take nothing before this server has folded n."""
        while self._replica.n < n:
            try:
                await self._give_back(deliveries, VerdictKind.UNTOUCHED)
                break
            except JobpoolError as failure:  # a leader that it does reach must not wait for what is not worked on
                self._log.debug("nothing could be given back", event_name="not_given_back", error=str(failure))
                await self._clock.sleep(_NO_LEADER_WAIT)
        await self._replica.wait_for(n)

    async def _give_back(self, deliveries: Sequence[Delivery], why: VerdictKind) -> None:
        n = self._replica.n
        await self._evaluations.settle(
            [Verdict(item.evaluation.job_id, item.evaluation.number, item.token, why, n) for item in deliveries]
        )

    def _count(self, verdicts: Sequence[Verdict], answers: Sequence[Settled]) -> None:
        for verdict, answer in zip(verdicts, answers, strict=True):
            if answer is Settled.REFUSED:
                self.stats.refused += 1
            elif verdict.kind is VerdictKind.PLACE:
                self.stats.placed += 1
            elif verdict.kind is VerdictKind.NO_NODE:
                self.stats.waited += 1
