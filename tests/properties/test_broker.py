"""The broker against a dumb twin that keeps one list and looks through all of it."""

import copy
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobpool.leader.broker import Broker
from jobpool.model.errors import NotOutstanding
from jobpool.model.queued import FAILED_QUEUE, Delivery, QueuedEvaluation

TIMEOUT, FIRST, LATER, LIMIT = 60, 5, 20, 3
TYPES = ("x", "y")

jobs = st.sampled_from("ab")
spans = st.sampled_from([1, FIRST, LATER, TIMEOUT])


class Item:
    """A tracked evaluation of the twin; `turn` says since when it is in its state."""

    def __init__(self, evaluation: QueuedEvaluation, state: str, turn: int) -> None:
        self.evaluation = evaluation
        self.key = (evaluation.job_id, evaluation.number)
        self.job = evaluation.job_id
        self.type = evaluation.type
        self.state = state
        self.turn = turn
        self.due: int | None = None
        self.deliveries = 0
        self.token = ""
        self.again: QueuedEvaluation | None = None


class BrokerMachine(RuleBasedStateMachine):
    """Every rule does the same to both and compares what they answer."""

    def __init__(self) -> None:
        super().__init__()
        tokens = count()
        self.turns = count()
        self.broker = Broker(
            new_token=lambda: f"t{next(tokens)}",
            nack_timeout=TIMEOUT,
            first_nack_delay=FIRST,
            later_nack_delay=LATER,
            delivery_limit=LIMIT,
        )
        self.broker.enable()
        self.now = 0
        self.items: list[Item] = []
        self.superfluous: list[tuple[str, int]] = []
        self.given: list[tuple[QueuedEvaluation, QueuedEvaluation]] = []

    # ---- the twin

    def owner(self, job: str) -> Item | None:
        return next((i for i in self.items if i.job == job and i.state not in ("pending", "delayed")), None)

    def known(self, key: tuple[str, int]) -> Item | None:
        return next((i for i in self.items if i.key == key and i.state != "forgotten"), None)

    def to(self, item: Item, state: str, due: int | None = None) -> None:
        item.state, item.due, item.turn = state, due, next(self.turns)

    def admit(self, item: Item) -> None:
        self.to(item, "pending" if self.owner(item.job) else "ready")

    def track(self, evaluation: QueuedEvaluation) -> None:
        key = (evaluation.job_id, evaluation.number)
        if self.known(key) or key in self.superfluous:
            return
        item = Item(evaluation, "pending", next(self.turns))
        if evaluation.not_before > self.now:
            self.to(item, "delayed", evaluation.not_before)
        else:
            self.admit(item)
        self.items.append(item)

    def release(self, gone: Item) -> None:
        self.items.remove(gone)
        pending = [i for i in self.items if i.job == gone.job and i.state == "pending"]
        if not pending:
            return
        best = max(pending, key=lambda i: (i.evaluation.priority, i.evaluation.modify_index, i.evaluation.number))
        best.evaluation = best.evaluation.seeing(max(i.evaluation.modify_index for i in pending))
        for item in sorted(pending, key=lambda i: i.turn):
            if item is not best:
                self.items.remove(item)
                self.superfluous.append(item.key)
        self.to(best, "ready")

    def expire(self) -> None:
        while due := [i for i in self.items if i.due is not None and i.due <= self.now]:
            item = min(due, key=lambda i: (i.due, i.turn))
            if item.state == "delayed":
                self.items.remove(item)
                self.admit(item)
                self.items.append(item)
            elif item.state == "forgotten":
                self.release(item)
            else:
                item.again = None
                if item.state == "unacked" and item.deliveries >= LIMIT:
                    item.type = FAILED_QUEUE
                self.to(item, "ready")

    @property
    def held(self) -> list[Item]:
        """What evaluators have and can still acknowledge."""
        return [i for i in self.items if i.state in ("unacked", "forgotten") and (i.due is None or i.due > self.now)]

    # ---- rules

    @rule(
        job=jobs,
        numbers=st.lists(st.integers(1, 5), min_size=1, max_size=4),
        priority=st.integers(1, 3),
        type=st.sampled_from(TYPES),
        created=st.integers(1, 9),
        modified=st.integers(1, 9),
        wait=st.sampled_from([0, 0, 0, 3, 30]),
    )
    def enqueue(
        self, job: str, numbers: list[int], priority: int, type: str, created: int, modified: int, wait: int
    ) -> None:
        not_before = self.now + wait if wait else 0
        batch = [
            QueuedEvaluation(job, number, "default", "p", priority, created, modified, type, not_before)
            for number in numbers
        ]
        self.given += [(evaluation, copy.deepcopy(evaluation)) for evaluation in batch]
        self.broker.enqueue(batch, self.now)
        for evaluation in batch:
            self.track(evaluation)

    @rule(limit=st.integers(0, 3), types=st.sampled_from([("x",), ("y",), TYPES, (FAILED_QUEUE,)]))
    def dequeue(self, limit: int, types: tuple[str, ...]) -> None:
        deliveries = self.broker.dequeue(types, limit, now=self.now)
        self.expire()
        ready = [i for i in self.items if i.state == "ready" and i.type in types]
        assert len(deliveries) == min(limit, len(ready))
        assert len({d.evaluation.job_id for d in deliveries}) == len(deliveries)
        for delivery in deliveries:
            self.delivered(delivery, types)

    def delivered(self, delivery: Delivery, types: tuple[str, ...]) -> None:
        item = self.known((delivery.evaluation.job_id, delivery.evaluation.number))
        assert item is not None
        assert item.evaluation == delivery.evaluation
        ready = [i for i in self.items if i.state == "ready" and i.type in types]
        assert item.evaluation.priority == max(i.evaluation.priority for i in ready)
        same = [i for i in ready if i.type == item.type]
        assert item is min(same, key=lambda i: (-i.evaluation.priority, i.evaluation.create_index, i.turn))
        assert delivery.token != item.token
        item.token = delivery.token
        item.deliveries += 1
        assert delivery.deliveries == item.deliveries
        self.to(item, "unacked", self.now + TIMEOUT)
        assert self.broker.outstanding(*item.key) == item.token

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def ack(self, data: Any) -> None:
        item = data.draw(st.sampled_from(self.held))
        self.broker.ack(*item.key, token=item.token, now=self.now)
        self.release(item)
        if item.again is not None:
            self.track(item.again)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def nack(self, data: Any) -> None:
        item = data.draw(st.sampled_from(self.held))
        self.broker.nack(*item.key, token=item.token, now=self.now)
        item.again = None
        if item.state == "forgotten":
            self.release(item)
        elif item.deliveries < LIMIT or item.type == FAILED_QUEUE:
            delay = FIRST if item.deliveries == 1 else (item.deliveries - 1) * LATER
            self.to(item, "nacked", self.now + delay)
        else:
            item.type = FAILED_QUEUE
            self.to(item, "ready")

    @precondition(lambda self: self.held)
    @rule(data=st.data(), untouched=st.booleans())
    def hand_back(self, data: Any, untouched: bool) -> None:
        item = data.draw(st.sampled_from(self.held))
        self.broker.hand_back(*item.key, token=item.token, now=self.now, untouched=untouched)
        item.again = None
        item.deliveries -= untouched
        if item.state == "forgotten":
            self.release(item)
        else:
            if item.deliveries >= LIMIT:
                item.type = FAILED_QUEUE
            self.to(item, "ready")

    @precondition(lambda self: self.held)
    @rule(data=st.data(), call=st.sampled_from(["reset", "pause_nack", "resume_nack"]))
    def change_deadline(self, data: Any, call: str) -> None:
        item = data.draw(st.sampled_from(self.held))
        getattr(self.broker, call)(*item.key, token=item.token, now=self.now)
        if call == "pause_nack":
            item.due = None
        elif call == "resume_nack" or item.due is not None:
            item.due, item.turn = self.now + TIMEOUT, next(self.turns)

    @rule(
        job=jobs,
        number=st.integers(1, 5),
        token=st.integers(0, 30),
        call=st.sampled_from(["ack", "nack", "reset", "pause_nack", "resume_nack"]),
    )
    def wrong_token(self, job: str, number: int, token: int, call: str) -> None:
        name = f"t{token}"
        right = any(i.key == (job, number) and i.token == name for i in self.items)
        if not right:
            before = self.broker.stats()
            with pytest.raises(NotOutstanding):
                getattr(self.broker, call)(job, number, token=name, now=self.now)
            assert self.broker.stats() == before

    @rule(data=st.data(), modified=st.integers(1, 20))
    def wake(self, data: Any, modified: int) -> None:
        tracked = [i for i in self.items if i.state != "forgotten"]
        if tracked:
            item = data.draw(st.sampled_from(tracked))
            self.broker.wake(item.evaluation.seeing(modified), self.now)
            item.evaluation = item.evaluation.seeing(modified)
            if item.state == "unacked":
                item.again = item.evaluation

    @rule(job=jobs)
    def forget(self, job: str) -> None:
        self.broker.forget(job)
        for item in [i for i in self.items if i.job == job]:
            if item.state == "unacked":
                item.state, item.again = "forgotten", None
            elif item.state != "forgotten":
                self.items.remove(item)

    @rule(span=spans)
    def pass_time(self, span: int) -> None:
        self.now += span
        due = self.broker.next_due()
        waiting = [i.due for i in self.items if i.due is not None]
        assert due == (min(waiting) if waiting else None)
        self.broker.expire(self.now)
        self.expire()

    @rule(limit=st.integers(1, 3))
    def cancelable(self, limit: int) -> None:
        taken = [(e.job_id, e.number) for e in self.broker.cancelable(limit)]
        assert taken == self.superfluous[:limit]
        del self.superfluous[:limit]

    @rule()
    def new_term(self) -> None:
        self.broker.disable()
        assert self.broker.stats().tracked == 0
        assert self.broker.next_due() is None
        self.broker.enable()
        self.items, self.superfluous = [], []

    # ---- invariants

    @invariant()
    def counts_are_right(self) -> None:
        stats = self.broker.stats()
        states = [i.state for i in self.items]
        assert stats.ready == states.count("ready")
        assert stats.unacked == states.count("unacked")
        assert stats.pending == states.count("pending")
        assert stats.delayed == states.count("delayed")
        assert stats.waiting == states.count("nacked") + states.count("delayed")
        assert stats.failed == sum(i.state == "ready" and i.type == FAILED_QUEUE for i in self.items)
        assert stats.cancelable == len(self.superfluous)
        assert stats.ready + stats.unacked + stats.pending + stats.waiting == stats.tracked
        for field in ("ready", "unacked", "pending", "waiting", "delayed"):
            assert sum(getattr(one, field) for one in stats.by_type.values()) == getattr(stats, field)

    @invariant()
    def nobody_pends_behind_nothing(self) -> None:
        for item in self.items:
            if item.state == "pending":
                assert self.owner(item.job) is not None

    @invariant()
    def what_was_given_is_untouched(self) -> None:
        assert all(now == before for now, before in self.given)


TestBroker = pytest.mark.invariant("B-3")(
    pytest.mark.invariant("B-4")(
        pytest.mark.invariant("B-8")(
            pytest.mark.invariant("B-11")(pytest.mark.invariant("B-22")(BrokerMachine.TestCase))
        )
    )
)
TestBroker.settings = settings(max_examples=400, stateful_step_count=50, deadline=None)


@pytest.mark.invariant("B-6")
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(1, 200)), min_size=3, max_size=40))
def test_several_types_come_by_priority(entries: list[tuple[str, int]]) -> None:
    broker = Broker(new_token=lambda: "t")
    broker.enable()
    broker.enqueue(
        [
            QueuedEvaluation(f"j{at}", 1, "default", "p", priority, at, at, type)
            for at, (type, priority) in enumerate(entries)
        ],
        0,
    )
    deliveries = [broker.dequeue(("x", "y", "z"), 1, now=0)[0] for _ in entries]
    assert [d.evaluation.priority for d in deliveries] == sorted((p for _, p in entries), reverse=True)


@pytest.mark.invariant("B-7")
def test_equal_priorities_take_turns() -> None:
    broker = Broker(new_token=lambda: "t")
    broker.enable()
    for type in TYPES:
        broker.enqueue([QueuedEvaluation(f"{type}{at}", 1, "default", "p", 50, at, at, type) for at in range(500)], 0)
    order = [delivery.evaluation.type for delivery in broker.dequeue(TYPES, 1000, now=0)]
    longest = max(len(run) for run in "".join(order).replace("xy", "x y").replace("yx", "y x").split())
    assert len(order) == 1000
    assert longest < 250
