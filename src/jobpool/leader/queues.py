"""Queues: evaluations on their way to evaluators, and what comes back from them.

Fed by commits alone: whatever a commit left pending is queued, whatever it ended is forgotten. So the queues can be
rebuilt from the state at any moment, which is what every term does.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.blocked import Blocked, BlockedStats
from jobpool.leader.broker import Broker
from jobpool.leader.broker_service import BrokerQueue
from jobpool.leader.term import Term
from jobpool.leader.tracked import BrokerStats
from jobpool.model.errors import JobpoolError, NotOutstanding
from jobpool.model.node import Node
from jobpool.model.pause import Pause
from jobpool.model.plan import Plan
from jobpool.model.queued import FAILED_QUEUE, Delivery, QueuedEvaluation
from jobpool.model.run import Run
from jobpool.model.statuses import EvaluationStatus
from jobpool.model.verdict import Settled, Verdict, VerdictKind
from jobpool.replica.state import Folded
from jobpool.scheduler import room_for, room_kind
from jobpool.store.change import Command
from jobpool.store.commands import BlockEvaluation, FailEvaluation, Placed, PlaceRun

P = TypeVar("P")

_WAITING = (EvaluationStatus.PENDING, EvaluationStatus.BLOCKED)
_LEFT_OPEN: Millis = SECOND


def queued(run: Run, n: int) -> QueuedEvaluation | None:
    """What the broker is to hold of a run; None when there is nothing to evaluate, or no slot yet."""
    evaluation = run.evaluation
    if evaluation is None or evaluation.status not in _WAITING or not (run.holds_slot or run.ended):
        return None
    return QueuedEvaluation(
        run.id, evaluation.number, run.namespace, run.plan_id, run.priority, n, n, not_before=evaluation.not_before
    )


class Queues:
    """The broker and the blocked evaluations of a term. Implements `ports.Evaluations`."""

    name = "queues"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._broker = BrokerQueue(Broker(new_token=term.new_token), term.clock)
        self._blocked = Blocked()
        self._pause: Pause | None = None
        self._log = get_logger("queues")

    def begin(self) -> None:
        state = self._term.state
        self._broker.enable()
        self._heed_pause()
        self._blocked.enable(state.fence.n)
        present = (run for run in state.runs.values() if not run.predates(state.era))
        waiting = [found for run in present if (found := queued(run, state.fence.n)) is not None]
        waiting.sort(key=lambda evaluation: (evaluation.not_before, evaluation.job_id))
        self._broker.enqueue(waiting)

    def end(self) -> None:
        self._broker.disable()
        self._blocked.disable()

    def _heed_pause(self) -> None:
        """The pause is a record like any other: whoever leads keeps to it from its first moment."""
        pause = self._term.state.pause
        if pause == self._pause:
            return
        self._pause = pause
        if pause is None:
            self._log.warning("placing goes on", event_name="resumed")
            self._broker.resume()
        else:
            self._log.warning("nothing is placed", event_name="paused", by=pause.by, note=pause.note)
            self._broker.pause()

    def observe(self, folded: Folded) -> None:
        self._heed_pause()
        fresh: list[QueuedEvaluation] = []
        freed: dict[str, int] = {}
        dropped = 0
        for old, new in folded.runs:
            before = old.open_attempt if old is not None else None
            if before is not None and (new is None or new.open_attempt is None):
                freed[before.node_id] = freed.get(before.node_id, 0) + 1
            if new is None:
                if old is not None and queued(old, folded.n) is not None:
                    dropped += self._forget(old.id)
            elif _is_fresh(old, new):
                self._blocked.untrack(new.id)
                evaluation = queued(new, folded.n)
                if evaluation is not None:
                    fresh.append(evaluation)
        if fresh:
            self._broker.enqueue(fresh)
        for node_id, count in freed.items():
            self._freed(self._term.state.node(node_id), folded.n, count)
        self._look_again(folded)
        for _, node in folded.nodes:
            if node is not None:
                self._freed(node, folded.n, node.capacity - self._term.state.node_load(node.id))
        if dropped:
            self._broker.wake(self._blocked.unused(folded.n, count=dropped))

    def _look_again(self, folded: Folded) -> None:
        """A plan that says something else may fit agents of the original now, with the runs that it has."""
        if not any(old is not None and new is not None and _fits_others(old, new) for old, new in folded.plans):
            return
        state = self._term.state
        for node_id in state.pollers():
            node = state.node(node_id)
            room = node.capacity - state.node_load(node_id) if node is not None and node.accepts_work else 0
            if node is not None and room > 0:
                self._broker.wake(self._blocked.freed((*node.executors, *room_for(node)), folded.n, count=room))

    def _forget(self, job_id: str) -> bool:
        """Whether the evaluation was on its way: then the room it may have been woken for goes to the next."""
        parked = job_id in self._blocked
        self._blocked.untrack(job_id)
        self._broker.forget(job_id)
        return not parked

    def _freed(self, node: Node | None, n: int, count: int) -> None:
        if node is not None and node.accepts_work and count > 0:
            self._broker.wake(self._blocked.freed(room_for(node), n, count=count))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._broker.run())
            group.create_task(self._reap_failed())

    async def _reap_failed(self) -> None:
        """Evaluations that nobody could deal with are failed in the store, which queues a follow-up or ends the run."""
        while True:
            failed = await self._broker.dequeue((FAILED_QUEUE,), 64, timeout=0)
            commands = [FailEvaluation(item.evaluation.job_id, item.evaluation.number) for item in failed]
            outcomes = await self._term.writer.submit_all(commands)
            for item, outcome in zip(failed, outcomes, strict=True):
                if isinstance(outcome, JobpoolError):
                    self._log.error("an evaluation could not be failed", event_name="fail_refused", error=str(outcome))
                    self._nack(item.evaluation.job_id, item.evaluation.number, item.token)
                else:
                    self._unused(item.evaluation.job_id, item.evaluation.number, item.token)

    # ---- ports.Evaluations

    async def dequeue(self, types: Sequence[str], limit: int, *, timeout: Millis) -> Sequence[Delivery]:
        return await self._broker.dequeue(types, limit, timeout=timeout)

    async def settle(self, verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        answers = [Settled.DONE] * len(verdicts)
        commands: list[Command[object]] = []
        asked: list[int] = []
        for at, verdict in enumerate(verdicts):
            if self._broker.outstanding(verdict.job_id, verdict.number) != verdict.token:
                answers[at] = Settled.LOST
            elif verdict.kind is VerdictKind.PLACE:
                commands.append(PlaceRun(verdict.job_id, verdict.number, verdict.node_id))
                asked.append(at)
            elif verdict.kind is VerdictKind.NO_NODE:
                commands.append(BlockEvaluation(verdict.job_id, verdict.number, verdict.description))
                asked.append(at)
            elif verdict.kind is VerdictKind.NOTHING:
                self._unused(verdict.job_id, verdict.number, verdict.token)
            elif verdict.kind is VerdictKind.GIVE_BACK:
                self._nack(verdict.job_id, verdict.number, verdict.token)
            else:
                self._hand_back(verdict)
        outcomes = await self._term.writer.submit_all(commands)
        for at, outcome in zip(asked, outcomes, strict=True):
            answers[at] = self._settled(verdicts[at], outcome)
        return answers

    def _settled(self, verdict: Verdict, outcome: object) -> Settled:
        if isinstance(outcome, JobpoolError):
            self._log.error("a placement could not be committed", event_name="place_refused", error=str(outcome))
            self._nack(verdict.job_id, verdict.number, verdict.token)
        elif outcome is Placed.COMMITTED:
            self._ack(verdict.job_id, verdict.number, verdict.token)
        elif outcome is Placed.REFUSED:
            return Settled.REFUSED
        elif verdict.kind is VerdictKind.NO_NODE and outcome is True:
            self._park(verdict)
        else:
            self._unused(verdict.job_id, verdict.number, verdict.token)
        return Settled.DONE

    def _park(self, verdict: Verdict) -> None:
        run = self._term.state.run(verdict.job_id)
        evaluation = queued(run, self._term.state.fence.n) if run is not None else None
        if evaluation is None or evaluation.number != verdict.number:
            self._unused(verdict.job_id, verdict.number, verdict.token)
            return
        self._quietly(lambda: self._park_held(evaluation, verdict))

    def _park_held(self, evaluation: QueuedEvaluation, verdict: Verdict) -> None:
        """Under its old age: who looked in vain does not go to the end of the line. Raises NotOutstanding."""
        held = self._broker.held(verdict.job_id, verdict.number, token=verdict.token)
        evaluation = replace(evaluation, create_index=held.create_index)
        missed = self._blocked.block(evaluation, verdict.executor, snapshot_n=verdict.n)
        if missed is not None:
            self._broker.requeue(missed, token=verdict.token)
        self._broker.ack(verdict.job_id, verdict.number, token=verdict.token)

    def _unused(self, job_id: str, number: int, token: str) -> None:
        """Done without a placement: the room it may have been woken for goes to the next."""
        self._ack(job_id, number, token)
        self._broker.wake(self._blocked.unused(self._term.state.fence.n))

    def _ack(self, job_id: str, number: int, token: str) -> None:
        self._quietly(lambda: self._broker.ack(job_id, number, token=token))

    def _nack(self, job_id: str, number: int, token: str) -> None:
        self._quietly(lambda: self._broker.nack(job_id, number, token=token))

    def _hand_back(self, verdict: Verdict) -> None:
        untouched = verdict.kind is VerdictKind.UNTOUCHED
        self._quietly(
            lambda: self._broker.hand_back(verdict.job_id, verdict.number, token=verdict.token, untouched=untouched)
        )

    def _quietly(self, call: Callable[[], None]) -> None:
        """A lease that ran out meanwhile is no fault: the evaluation is delivered again, and finds nothing to do."""
        try:
            call()
        except NotOutstanding as late:
            self._log.info("an evaluation was settled late", event_name="settled_late", error=str(late))

    # ---- callers of the API that work as evaluators do

    def outstanding(self, job_id: str, number: int) -> str | None:
        """The token under which somebody has the evaluation in hand."""
        return self._broker.outstanding(job_id, number)

    def acknowledge(self, job_id: str, number: int, *, token: str) -> None:
        """A caller has dealt with it. What it left open is handed out again, in a moment. Raises NotOutstanding."""
        held = self._broker.held(job_id, number, token=token)
        self._broker.ack(job_id, number, token=token)
        state = self._term.state
        run = state.run(job_id)
        left = queued(run, state.fence.n) if run is not None else None
        if run is None or left is None or left.number != number:
            if run is None or run.open_attempt is None:
                self._broker.wake(self._blocked.unused(state.fence.n))
            return
        left = replace(left, create_index=held.create_index)
        if run.evaluations[-1].status is EvaluationStatus.BLOCKED:
            missed = self._blocked.block(left, room_kind(run, state), snapshot_n=held.modify_index)
            if missed is None:
                return
            left = missed
        later = max(left.not_before, self._term.clock.now() + _LEFT_OPEN)
        self._broker.enqueue((replace(left, not_before=later),))

    def give_back(self, job_id: str, number: int, *, token: str) -> None:
        """A caller could not deal with it: it is delivered again after a while. Raises NotOutstanding."""
        self._broker.nack(job_id, number, token=token)

    async def place(self, command: Command[P], job_id: str, number: int, *, token: str) -> P:
        """Commit a caller's placement while its time stands still. Raises NotOutstanding, then nothing was done."""
        self._broker.pause_nack(job_id, number, token=token)
        try:
            return await self._term.writer.submit(command)
        finally:
            self._quietly(lambda: self._broker.resume_nack(job_id, number, token=token))

    # ---- what is asked about the queues

    @property
    def pause(self) -> Pause | None:
        """Present while nothing is handed out."""
        return self._pause

    def broker_stats(self) -> BrokerStats:
        return self._broker.stats()

    def blocked_stats(self) -> BlockedStats:
        return self._blocked.stats()


def _is_fresh(old: Run | None, new: Run) -> bool:
    """Whether the commit made an evaluation, made one pending again, or gave a waiting run its slot."""
    if not new.evaluations:
        return False
    if old is None or len(old.evaluations) != len(new.evaluations):
        return True
    before, after = old.evaluations[-1].status, new.evaluations[-1].status
    if before is EvaluationStatus.BLOCKED and after is EvaluationStatus.PENDING:
        return True
    return new.holds_slot and not old.holds_slot


def _fits_others(old: Plan, new: Plan) -> bool:
    return (old.executor, old.parameters) != (new.executor, new.parameters)
