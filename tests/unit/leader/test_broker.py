"""The broker at scale and over time: what stories are too short for."""

from itertools import count

import pytest

from jobpool.leader.broker import Broker
from jobpool.leader.tracked import BrokerStats
from jobpool.model.queued import QueuedEvaluation


def a_broker() -> Broker:
    tokens = count()
    broker = Broker(new_token=lambda: f"t{next(tokens)}")
    broker.enable()
    return broker


def evaluation(job: str, *, number: int = 1, priority: int = 50, created: int = 1) -> QueuedEvaluation:
    return QueuedEvaluation(job, number, "default", "p", priority, created, created)


@pytest.mark.invariant("B-5")
def test_a_hundred_in_reverse_come_out_in_order() -> None:
    broker = a_broker()
    for at in reversed(range(100)):
        broker.enqueue([evaluation(f"r{at}", priority=50 + at % 2, created=at)], 0)
    order = [int(d.evaluation.job_id[1:]) for d in broker.dequeue(("service",), 100, now=0)]
    assert order == [*range(1, 100, 2), *range(0, 100, 2)]


@pytest.mark.invariant("B-13")
def test_nack_delays() -> None:
    assert [a_broker().nack_delay(deliveries) for deliveries in range(5)] == [0, 1_000, 20_000, 40_000, 60_000]


@pytest.mark.invariant("B-8")
def test_runs_do_not_hold_each_other_up() -> None:
    broker = a_broker()
    broker.enqueue([evaluation(job, number=number) for job in "abc" for number in (1, 2, 3)], 0)
    taken = broker.dequeue(("service",), 100, now=0)
    assert [(d.evaluation.job_id, d.evaluation.number) for d in taken] == [("a", 1), ("b", 1), ("c", 1)]


@pytest.mark.invariant("B-4")
def test_forgetting_what_is_ready_does_not_pile_up() -> None:
    broker = a_broker()
    for at in range(5000):
        broker.enqueue([evaluation(f"r{at}")], 0)
        broker.forget(f"r{at}")
    assert broker.stats().tracked == 0
    assert len(broker._queues["service"].heap) <= 128
    broker.enqueue([evaluation("last")], 0)
    assert [d.evaluation.job_id for d in broker.dequeue(("service",), 9, now=0)] == ["last"]


@pytest.mark.invariant("B-1")
def test_a_disabled_broker_counts_nothing() -> None:
    broker = a_broker()
    broker.enqueue([evaluation("r")], 0)
    broker.disable()
    broker.enqueue([evaluation("r")], 0)
    assert broker.stats() == BrokerStats(0, 0, 0, 0, 0, 0, 0, 0, {})
