"""Decides which evaluator gets which evaluation, under which token, and when it is delivered again.

One evaluation of a run is on its way at a time: ready, in an evaluator's hands, or waiting after a nack. Later ones
are pending behind it; when it is acknowledged the best of them follows and the others are superfluous, because every
evaluation says "look at this run again" and an evaluator looks at a state that is newer than all of them. Delivery is
at least once. All of it is the leader's memory only: a term starts empty and is filled from the store.

         enqueue                 dequeue
   ──┬────────────▶ READY ─────────────────▶ UNACKED ──ack──▶ gone
     │ not before    ▲  ▲  ▲                  │  │  └─forget─▶ FORGOTTEN ──ack, nack, expiry──▶ gone
     ├──▶ DELAYED ───┘  │  └── due ── NACKED ◀┘  │
     │ run has one      │                        │
     └──▶ PENDING ──────┘ ack of the one before  └─ expiry, hand back ─▶ READY

At the delivery limit, nack, expiry and what comes from an evaluator that is gone lead to READY in the queue `_failed`.
"""

from collections.abc import Callable, Iterable, Sequence

from jobpool.kit.pure.delay_queue import DelayQueue
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.leader.tracked import (
    DELAYED,
    FORGOTTEN,
    GONE,
    NACKED,
    PENDING,
    READY,
    UNACKED,
    BrokerStats,
    Entry,
    Queue,
)
from jobpool.model.errors import BrokerDisabled, NotOutstanding
from jobpool.model.queued import FAILED_QUEUE, Delivery, QueuedEvaluation

__all__ = ["Broker", "BrokerStats"]


class Broker:
    """The evaluations of a term that no evaluator has dealt with yet.

    Spans are milliseconds. An evaluation that is not acknowledged within `nack_timeout` is ready again; one that is
    given back waits `first_nack_delay`, later (deliveries - 1) × `later_nack_delay`; the `delivery_limit`-th time it
    goes to the queue `_failed`. `new_token` must not repeat itself.
    """

    def __init__(
        self,
        *,
        new_token: Callable[[], str],
        nack_timeout: Millis = MINUTE,
        first_nack_delay: Millis = SECOND,
        later_nack_delay: Millis = 20 * SECOND,
        delivery_limit: int = 3,
    ) -> None:
        self._new_token = new_token
        self._nack_timeout = nack_timeout
        self._first_nack_delay = first_nack_delay
        self._later_nack_delay = later_nack_delay
        self._delivery_limit = delivery_limit
        self._enabled = False
        self._clear()

    def _clear(self) -> None:
        self._known: dict[tuple[str, int], Entry] = {}
        self._owners: dict[str, Entry] = {}
        self._pending: dict[str, list[Entry]] = {}
        self._delayed: dict[str, dict[int, Entry]] = {}
        self._cancelable: dict[tuple[str, int], QueuedEvaluation] = {}
        self._deadlines: DelayQueue[Entry] = DelayQueue()
        self._queues: dict[str, Queue] = {}
        self._turns = 0

    def __contains__(self, evaluation: tuple[str, int]) -> bool:
        """Whether the evaluation, a run's id and a number, is tracked."""
        return evaluation in self._known

    def enable(self) -> None:
        """Start a term, empty."""
        self._enabled = True

    def disable(self) -> None:
        """End the term: everything is forgotten, tokens too. Harmless when disabled already."""
        self._enabled = False
        self._clear()

    # ---- in

    def enqueue(self, evaluations: Iterable[QueuedEvaluation], now: Millis) -> None:
        """Track what is not tracked yet; a known one is left as it is. Ignored while disabled."""
        if not self._enabled:
            return
        known = self._known
        for evaluation in evaluations:
            key = (evaluation.job_id, evaluation.number)
            if key in known or key in self._cancelable:
                continue
            entry = known[key] = Entry(evaluation, key, self._queue(evaluation.type))
            if evaluation.not_before > now:
                self._delay(entry)
            else:
                self._admit(entry)

    def requeue(self, evaluation: QueuedEvaluation, *, token: str, now: Millis) -> None:
        """Deliver the evaluation once more after its present delivery is acknowledged; after a nack there is no need.

        Raises NotOutstanding when it is not delivered under that token.
        """
        self._lease(evaluation.job_id, evaluation.number, token, now).again = evaluation

    def wake(self, evaluation: QueuedEvaluation, now: Millis) -> None:
        """Enqueue, or when it is in an evaluator's hands, deliver it once more after that: a wake-up is never lost.

        However it comes to its next delivery, that one has the raised `modify_index`.
        """
        entry = self._known.get((evaluation.job_id, evaluation.number))
        if entry is None:
            self.enqueue((evaluation,), now)
            return
        entry.evaluation = entry.evaluation.seeing(evaluation.modify_index)
        if entry.state == UNACKED:
            entry.again = entry.evaluation

    # ---- out

    def dequeue(self, types: Sequence[str], limit: int, *, now: Millis) -> list[Delivery]:
        """Up to `limit` evaluations of the types, the highest priority first, then the oldest. Never two of one run.

        Types whose best have the same priority take turns. Raises BrokerDisabled.
        """
        if not self._enabled:
            raise BrokerDisabled
        self.expire(now)
        queues = [queue for queue in map(self._queues.get, types) if queue is not None]
        deadline = now + self._nack_timeout
        deliveries: list[Delivery] = []
        while len(deliveries) < limit and (queue := self._best(queues)) is not None:
            entry = queue.pop()
            entry.move(UNACKED)
            entry.deliveries += 1
            entry.token = token = self._new_token()
            entry.deadline = deadline
            self._deadlines.set(entry, deadline)
            deliveries.append(Delivery(entry.evaluation, token, entry.deliveries))
        return deliveries

    def cancelable(self, limit: int) -> list[QueuedEvaluation]:
        """Take up to `limit` superfluous evaluations, which are to be canceled in the store. Each is given once."""
        keys = [key for key, _ in zip(self._cancelable, range(limit), strict=False)]
        return [self._cancelable.pop(key) for key in keys]

    @property
    def has_cancelable(self) -> bool:
        return bool(self._cancelable)

    # ---- in an evaluator's hands

    def ack(self, job_id: str, number: int, *, token: str, now: Millis) -> None:
        """The evaluation is dealt with; the run is free for the best of its pending ones.

        Raises NotOutstanding: unknown, another token, or too late.
        """
        entry = self._lease(job_id, number, token, now)
        self._deadlines.discard(entry)
        if entry.state == UNACKED:
            del self._known[entry.key]
            entry.move(GONE)
        self._release(job_id)
        if entry.again is not None:
            self.enqueue((entry.again,), now)

    def nack(self, job_id: str, number: int, *, token: str, now: Millis) -> None:
        """The evaluator could not deal with it: deliver it again after a while, or give it up at the limit.

        Raises NotOutstanding.
        """
        entry = self._lease(job_id, number, token, now)
        self._deadlines.discard(entry)
        entry.again = None
        if entry.state == FORGOTTEN:
            self._release(job_id)
        elif entry.deliveries < self._delivery_limit or entry.queue.name == FAILED_QUEUE:
            entry.move(NACKED)
            self._deadlines.set(entry, now + self.nack_delay(entry.deliveries))
        else:
            self._fail(entry)

    def hand_back(self, job_id: str, number: int, *, token: str, now: Millis, untouched: bool) -> None:
        """The evaluator is gone, or has not looked at it: that does not speak against the evaluation, so it is ready at
        once. A delivery that was left `untouched` does not count. Raises NotOutstanding.
        """
        entry = self._lease(job_id, number, token, now)
        self._deadlines.discard(entry)
        entry.deliveries -= untouched
        self._return(entry)

    def reset(self, job_id: str, number: int, *, token: str, now: Millis) -> None:
        """Give the evaluator the whole `nack_timeout` again, unless it is paused. Raises NotOutstanding."""
        entry = self._lease(job_id, number, token, now)
        if entry.deadline is not None:
            self._extend(entry, now)

    def pause_nack(self, job_id: str, number: int, *, token: str, now: Millis) -> None:
        """Stop the evaluator's time while its placement waits for the committer. Raises NotOutstanding."""
        entry = self._lease(job_id, number, token, now)
        entry.deadline = None
        self._deadlines.discard(entry)

    def resume_nack(self, job_id: str, number: int, *, token: str, now: Millis) -> None:
        """Start the evaluator's time again, all of it. Raises NotOutstanding."""
        self._extend(self._lease(job_id, number, token, now), now)

    def outstanding(self, job_id: str, number: int) -> str | None:
        """The token under which the evaluation is in an evaluator's hands."""
        entry = self._known.get((job_id, number))
        return entry.token if entry is not None and entry.state == UNACKED else None

    def held(self, job_id: str, number: int, *, token: str, now: Millis) -> QueuedEvaluation:
        """What is delivered under that token. Raises NotOutstanding."""
        return self._lease(job_id, number, token, now).evaluation

    # ---- time and the store

    def forget(self, job_id: str) -> None:
        """Drop the run's evaluations: it ended, or none of them is pending in the store any more.

        What an evaluator holds stays in its hands and its ack or nack is welcome, but it is not delivered again; an
        evaluation enqueued meanwhile follows after that.
        """
        for entry in (*self._pending.pop(job_id, ()), *self._delayed.pop(job_id, {}).values()):
            self._drop(entry)
        owner = self._owners.get(job_id)
        if owner is None or owner.state == FORGOTTEN:
            return
        if owner.state == UNACKED:
            owner.again = None
            owner.move(FORGOTTEN)
            del self._known[owner.key]
        else:
            self._drop(owner)
            del self._owners[job_id]

    def expire(self, now: Millis) -> int:
        """Apply what is due: waits that are over and deliveries nobody acknowledged. Returns how many were due."""
        count = 0
        for entry in self._deadlines.pop_due(now):
            count += 1
            if entry.state == DELAYED:
                self._undelay(entry)
                self._admit(entry)
            else:
                self._return(entry)
        return count

    def next_due(self) -> Millis | None:
        """When `expire` has something to do."""
        return self._deadlines.next_due()

    def nack_delay(self, deliveries: int) -> Millis:
        """How long an evaluation waits that was given back after so many deliveries."""
        if deliveries <= 0:
            return 0
        return self._first_nack_delay if deliveries == 1 else (deliveries - 1) * self._later_nack_delay

    def ready(self, types: Iterable[str]) -> int:
        """How many evaluations of these types are ready."""
        return sum(queue.counts[READY] for queue in map(self._queues.get, types) if queue is not None)

    def stats(self) -> BrokerStats:
        by_type = {name: queue.stats() for name, queue in self._queues.items()}
        each = by_type.values()
        return BrokerStats(
            ready=sum(stats.ready for stats in each),
            unacked=sum(stats.unacked for stats in each),
            pending=sum(stats.pending for stats in each),
            waiting=sum(stats.waiting for stats in each),
            delayed=sum(stats.delayed for stats in each),
            failed=self.ready((FAILED_QUEUE,)),
            cancelable=len(self._cancelable),
            tracked=len(self._known),
            by_type=by_type,
        )

    # ---- moves

    def _queue(self, name: str) -> Queue:
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = Queue(name)
        return queue

    def _best(self, queues: list[Queue]) -> Queue | None:
        best: Queue | None = None
        rank = (0, 0)
        for queue in queues:
            if queue.counts[READY] == 0:
                continue
            if len(queues) == 1:
                return queue
            found = (queue.best_priority(), -queue.served)
            if best is None or found > rank:
                best, rank = queue, found
        if best is not None:
            self._turns += 1
            best.served = self._turns
        return best

    def _admit(self, entry: Entry) -> None:
        job_id = entry.key[0]
        if job_id in self._owners:
            entry.move(PENDING)
            self._pending.setdefault(job_id, []).append(entry)
        else:
            self._owners[job_id] = entry
            entry.queue.push(entry)

    def _release(self, job_id: str) -> None:
        """The run's present evaluation is over: the best pending one follows, the others are superfluous.

        It stands for all of them, so it is decided on a state that has what each of them was made for.
        """
        pending = self._pending.pop(job_id, None)
        if pending is None:
            del self._owners[job_id]
            return
        best = max(pending, key=_newest)
        for entry in pending:
            if entry is not best:
                entry.move(GONE)
                del self._known[entry.key]
                self._cancelable[entry.key] = entry.evaluation
        best.evaluation = best.evaluation.seeing(max(entry.evaluation.modify_index for entry in pending))
        self._owners[job_id] = best
        best.queue.push(best)

    def _return(self, entry: Entry) -> None:
        """Nobody has it in hand any more, and nobody said what became of it."""
        if entry.state == FORGOTTEN:
            self._release(entry.key[0])
            return
        entry.again = None
        if entry.state == UNACKED and entry.deliveries >= self._delivery_limit:
            self._fail(entry)
        else:
            entry.queue.push(entry)

    def _lease(self, job_id: str, number: int, token: str, now: Millis) -> Entry:
        entry = self._owners.get(job_id)
        if entry is None or entry.key[1] != number or entry.state not in (UNACKED, FORGOTTEN):
            raise NotOutstanding(job_id, number, "no evaluator has it")
        if entry.token != token:
            raise NotOutstanding(job_id, number, "it is delivered under another token")
        if entry.deadline is not None and entry.deadline <= now:
            raise NotOutstanding(job_id, number, "it was not acknowledged in time")
        return entry

    def _extend(self, entry: Entry, now: Millis) -> None:
        entry.deadline = now + self._nack_timeout
        self._deadlines.set(entry, entry.deadline)

    def _fail(self, entry: Entry) -> None:
        entry.move(GONE)
        entry.queue = self._queue(FAILED_QUEUE)
        entry.queue.push(entry)

    def _delay(self, entry: Entry) -> None:
        entry.move(DELAYED)
        self._delayed.setdefault(entry.key[0], {})[entry.key[1]] = entry
        self._deadlines.set(entry, entry.evaluation.not_before)

    def _undelay(self, entry: Entry) -> None:
        of_run = self._delayed[entry.key[0]]
        del of_run[entry.key[1]]
        if not of_run:
            del self._delayed[entry.key[0]]

    def _drop(self, entry: Entry) -> None:
        del self._known[entry.key]
        self._deadlines.discard(entry)
        if entry.state == READY:
            entry.queue.drop(entry)
        else:
            entry.move(GONE)


def _newest(entry: Entry) -> tuple[int, int, int]:
    evaluation = entry.evaluation
    return (evaluation.priority, evaluation.modify_index, evaluation.number)
