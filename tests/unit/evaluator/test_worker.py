"""What an evaluator makes of what it is given: on which state it decides, how often, and when it gives up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from jobpool.evaluator.worker import Evaluator, decide
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import Unavailable
from jobpool.model.namespace import Namespace
from jobpool.model.queued import Delivery, QueuedEvaluation
from jobpool.model.statuses import NodeStatus
from jobpool.model.verdict import Settled, Verdict, VerdictKind
from jobpool.replica.replica import Replica
from jobpool.store.change import Change
from jobpool.store.commands import CancelRun, SetNodeStatus, StartRun
from jobpool.store.keyspace import Table
from jobpool.store.port import Fence
from jobpool.testing.clock import FakeClock, settle
from tests.unit.store.commands.bench import Bench

Leader = Callable[[Sequence[Verdict]], Awaitable[Sequence[Settled]]]


class Queue:
    """A leader's queue that hands out what it is given; `settled` keeps every batch of verdicts."""

    def __init__(self, leader: Leader | None = None) -> None:
        self.settled: list[list[Verdict]] = []
        self._leader = leader
        self._batches: asyncio.Queue[list[Delivery] | Unavailable] = asyncio.Queue()

    def give(self, *deliveries: Delivery) -> None:
        self._batches.put_nowait(list(deliveries))

    def fail(self) -> None:
        self._batches.put_nowait(Unavailable("there is no leader; try again"))

    async def dequeue(self, types: Sequence[str], limit: int, *, timeout: Millis) -> Sequence[Delivery]:
        batch = await self._batches.get()
        if isinstance(batch, Unavailable):
            raise batch
        return batch

    async def settle(self, verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        self.settled.append(list(verdicts))
        return await self._leader(verdicts) if self._leader else [Settled.DONE] * len(verdicts)


def bench_with(*job_ids: str, capacity: int = 256) -> Bench:
    bench = Bench()
    bench.node(capacity=capacity)
    bench.plan()
    for job_id in job_ids:
        bench.do(StartRun("default", "p", job_id))
    return bench


def delivery(job_id: str, *, number: int = 1, n: int = 0) -> Delivery:
    return Delivery(QueuedEvaluation(job_id, number, "default", "p", 50, n, n), f"token-{job_id}", 1)


@asynccontextmanager
async def working(queue: Queue, bench: Bench) -> AsyncIterator[tuple[Evaluator, Replica, FakeClock]]:
    replica, clock = Replica(default_slots=100), FakeClock()
    replica.state = bench.state
    evaluator = Evaluator(queue, replica, clock=clock, dice=Dice(1), number=0)
    task = asyncio.get_running_loop().create_task(evaluator.run())
    try:
        yield evaluator, replica, clock
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def advance(replica: Replica, name: str = "x") -> None:
    n = replica.n + 1
    replica.apply(Fence(1, 1, n, f"b{n}"), [Change(Table.NAMESPACE, (name,), Namespace(name, 0))])


@pytest.mark.invariant("W-1")
async def test_it_decides_on_no_state_older_than_what_it_looks_at() -> None:
    bench, queue = bench_with("r1", "r2"), Queue()
    async with working(queue, bench) as (_, replica, _clock):
        n = replica.n
        queue.give(delivery("r1", n=n + 2), delivery("r2", n=1))
        await settle()
        assert not queue.settled
        advance(replica)
        await settle()
        assert not queue.settled
        advance(replica, "y")
        await settle()
        assert [verdict.n for verdict in queue.settled[0]] == [n + 2, n + 2]


@pytest.mark.invariant("W-2")
async def test_one_that_is_behind_gives_back_what_it_has_not_looked_at_and_takes_nothing_more() -> None:
    bench, queue = bench_with("r1", "r2"), Queue()
    async with working(queue, bench) as (evaluator, replica, clock):
        queue.give(delivery("r1", n=replica.n + 1))
        queue.give(delivery("r2", n=replica.n + 1))
        await clock.advance(499)
        assert not queue.settled
        await clock.advance(1)
        assert [(one.job_id, one.kind) for one in queue.settled[0]] == [("r1", VerdictKind.UNTOUCHED)]
        await clock.advance(60_000)
        assert (len(queue.settled), evaluator.stats.taken) == (1, 1)
        advance(replica)
        await settle()
        assert [(one.job_id, one.kind) for one in queue.settled[1]] == [("r2", VerdictKind.PLACE)]


@pytest.mark.invariant("W-2")
async def test_one_that_is_behind_and_cannot_give_back_tries_again_and_takes_nothing_meanwhile() -> None:
    bench, lost = bench_with("r1", "r2"), 3

    async def leader(verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        nonlocal lost
        lost -= 1
        if lost >= 0:
            raise Unavailable("there is no leader; try again")
        return [Settled.LOST]

    queue = Queue(leader)
    async with working(queue, bench) as (evaluator, replica, clock):
        queue.give(delivery("r1", n=replica.n + 1))
        queue.give(delivery("r2", n=replica.n + 1))
        await clock.advance(60_000)
        assert [(one.job_id, one.kind) for batch in queue.settled for one in batch] == [
            ("r1", VerdictKind.UNTOUCHED)
        ] * 4
        assert evaluator.stats.taken == 1
        advance(replica)
        await settle()
        assert (evaluator.stats.taken, queue.settled[-1][0].kind) == (2, VerdictKind.PLACE)


@pytest.mark.invariant("W-2")
async def test_one_that_has_caught_up_has_nothing_to_give_back() -> None:
    bench = bench_with("r1", "r2")

    async def leader(verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        raise Unavailable("there is no leader; try again")

    queue = Queue(leader)
    async with working(queue, bench) as (evaluator, replica, clock):
        queue.give(delivery("r1", n=replica.n + 1))
        queue.give(delivery("r2", n=replica.n + 1))
        await clock.advance(60_000)
        told = len(queue.settled)
        advance(replica)
        await clock.advance(250)
        assert (evaluator.stats.taken, [one.job_id for one in queue.settled[told]]) == (2, ["r2"])


@pytest.mark.invariant("W-4")
@pytest.mark.invariant("W-5")
async def test_what_is_refused_is_decided_anew_and_nothing_else() -> None:
    bench = bench_with("r1", "r2", "r3")
    replicas: list[Replica] = []

    async def leader(verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        advance(replicas[0], f"n{replicas[0].n}")
        return [Settled.REFUSED if verdict.job_id == "r2" else Settled.DONE for verdict in verdicts]

    queue = Queue(leader)
    async with working(queue, bench) as (evaluator, replica, _):
        replicas.append(replica)
        start = replica.n
        queue.give(*(delivery(job_id) for job_id in ("r1", "r2", "r3")))
        await settle()
        asked = [[verdict.job_id for verdict in batch] for batch in queue.settled]
        assert asked == [["r1", "r2", "r3"], ["r2"], ["r2"], ["r2"], ["r2"], ["r2"]]
        assert [batch[0].n for batch in queue.settled[:5]] == [start + at for at in range(5)]
        assert [batch[0].kind for batch in queue.settled[1:]] == [VerdictKind.PLACE] * 4 + [VerdictKind.GIVE_BACK]
        assert (evaluator.stats.taken, evaluator.stats.placed, evaluator.stats.refused) == (3, 2, 5)


@pytest.mark.invariant("W-4")
async def test_every_delivery_has_all_its_tries_and_what_is_placed_meanwhile_takes_none() -> None:
    bench = bench_with("r1", "r2")
    replicas: list[Replica] = []
    left = {"r1": 4, "r2": 9}

    async def leader(verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        advance(replicas[0], f"n{replicas[0].n}")
        answers = []
        for verdict in verdicts:
            left[verdict.job_id] -= verdict.kind is VerdictKind.PLACE
            answers.append(Settled.REFUSED if left[verdict.job_id] >= 0 else Settled.DONE)
        return answers

    queue = Queue(leader)
    async with working(queue, bench) as (evaluator, replica, _):
        replicas.append(replica)
        queue.give(delivery("r1"), delivery("r2"))
        await settle()
        assert queue.settled[-1] == [Verdict("r2", 1, "token-r2", VerdictKind.GIVE_BACK, replica.n - 1)]
        assert (evaluator.stats.placed, left) == (1, {"r1": -1, "r2": 4})
        queue.give(delivery("r2"))
        await settle()
        assert (evaluator.stats.placed, left["r2"]) == (2, -1)


async def test_what_somebody_else_has_is_let_go() -> None:
    async def leader(verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        return [Settled.LOST] * len(verdicts)

    queue = Queue(leader)
    async with working(queue, bench_with("r1")):
        queue.give(delivery("r1"))
        await settle()
        assert len(queue.settled) == 1


@pytest.mark.invariant("W-2")
async def test_without_a_leader_it_waits_and_asks_again() -> None:
    queue = Queue()
    async with working(queue, bench_with("r1")) as (_, _replica, clock):
        queue.fail()
        queue.give(delivery("r1"))
        await settle()
        assert not queue.settled
        await clock.advance(250)
        assert len(queue.settled) == 1


@pytest.mark.invariant("W-2")
async def test_a_leader_that_falls_while_it_settles_is_never_acknowledged() -> None:
    async def leader(verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        raise Unavailable("this server is not the leader any more; try again")

    queue = Queue(leader)
    async with working(queue, bench_with("r1")) as (evaluator, _, clock):
        queue.give(delivery("r1"))
        await settle()
        assert (len(queue.settled), evaluator.stats.placed) == (1, 0)
        queue.give(delivery("r1"))
        await clock.advance(250)
        assert len(queue.settled) == 2


# ---- the deciding half


def kinds(bench: Bench, *deliveries: Delivery) -> list[VerdictKind]:
    return [verdict.kind for verdict in decide(deliveries, bench.state, Dice(1))]


@pytest.mark.invariant("W-7")
def test_a_second_delivery_of_what_is_placed_asks_for_nothing() -> None:
    bench = bench_with("r1")
    bench.place(bench.live("r1"))
    assert kinds(bench, delivery("r1")) == [VerdictKind.NOTHING]


def test_what_has_ended_or_is_about_an_older_evaluation_asks_for_nothing() -> None:
    bench = bench_with("r1", "r2")
    bench.do(CancelRun("r1"))
    assert kinds(bench, delivery("r1"), delivery("r2", number=2), delivery("r9")) == [VerdictKind.NOTHING] * 3


@pytest.mark.invariant("P-2")
def test_a_batch_counts_its_own_proposals() -> None:
    bench = bench_with("r1", "r2", "r3", capacity=2)
    given = [delivery(job_id) for job_id in ("r1", "r2", "r3")]
    assert kinds(bench, *given) == [VerdictKind.PLACE, VerdictKind.PLACE, VerdictKind.NO_NODE]


@pytest.mark.invariant("A-3")
def test_it_says_why_there_is_no_node() -> None:
    bench = bench_with("r1", "r2", capacity=1)
    bench.place(bench.live("r1"))
    (verdict,) = decide([delivery("r2")], bench.state, Dice(1))
    assert verdict.description == "every node that could take it is full"
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    (verdict,) = decide([delivery("r2")], bench.state, Dice(1))
    assert verdict.description == "no node that is ready and eligible offers the executor noop"
