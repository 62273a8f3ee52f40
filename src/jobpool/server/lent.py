"""What evaluators of other servers have in hand, so that nobody waits for it when it is lost.

It is lost with a server that is gone. And an evaluator that asks for more has nothing in hand any more: what it was
given before and has not settled never reached it, or it could not hand it in.
"""

from collections.abc import Sequence

from msgspec import Struct

from jobpool.kit.effects.logging import get_logger
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import JobpoolError
from jobpool.model.queued import Delivery
from jobpool.model.verdict import Settled, Verdict, VerdictKind


class _Loan(Struct, frozen=True):
    delivery: Delivery
    evaluator: int | None


class Lent:
    """Of one term: a token means nothing to the next."""

    def __init__(self, leadership: Leadership) -> None:
        self._leadership = leadership
        self._term = 0
        self._held: dict[str, dict[str, _Loan]] = {}
        self._log = get_logger("answers")

    @property
    def servers(self) -> frozenset[str]:
        """Those whose evaluators have something in hand."""
        return frozenset(self._held)

    def lend(self, term: int, server_id: str, evaluator: int | None, deliveries: Sequence[Delivery]) -> None:
        """`evaluator` is its number at that server; None when it is not told."""
        if term != self._term:
            self._term, self._held = term, {}
        if deliveries:
            held = self._held.setdefault(server_id, {})
            held.update({item.token: _Loan(item, evaluator) for item in deliveries})

    def settle(self, server_id: str, verdicts: Sequence[Verdict], settled: Sequence[Settled]) -> None:
        for verdict, outcome in zip(verdicts, settled, strict=True):
            if outcome is not Settled.REFUSED:
                self._drop(server_id, verdict.token)

    async def take_back(self, server_id: str, evaluator: int | None = None) -> None:
        """Hand out again what that evaluator has in hand; None = all evaluators of the server."""
        loans = self._held.get(server_id, {})
        lost = [loan.delivery for loan in loans.values() if evaluator is None or loan.evaluator == evaluator]
        for delivery in lost:
            self._drop(server_id, delivery.token)
        if lost and self._leadership.leads and self._leadership.reign.number == self._term:
            await self._hand_back(server_id, lost)

    async def _hand_back(self, server_id: str, lost: Sequence[Delivery]) -> None:
        self._log.warning(
            "evaluations that were lost on their way through another server are handed out again",
            event_name="evaluations_taken_back",
            server=server_id,
            count=len(lost),
        )
        verdicts = [
            Verdict(item.evaluation.job_id, item.evaluation.number, item.token, VerdictKind.ABANDONED, 0)
            for item in lost
        ]
        try:
            await self._leadership.reign.queues.settle(verdicts)
        except JobpoolError as ending:  # the next leader hands out all that is open
            self._log.info("the term ends before they were", event_name="take_back_failed", error=str(ending))

    def _drop(self, server_id: str, token: str) -> None:
        held = self._held.get(server_id)
        if held is not None:
            held.pop(token, None)
            if not held:
                del self._held[server_id]
