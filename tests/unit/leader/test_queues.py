"""Evaluations between commits and evaluators: what is queued, what a verdict does, and that room is never forgotten."""

import asyncio

import pytest

from jobpool.evaluator.worker import decide
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.queues import Queues
from jobpool.model.namespace import WhenFull
from jobpool.model.queued import SERVICE_QUEUE, Delivery
from jobpool.model.reasons import Reason
from jobpool.model.statuses import AllocationStatus, EvaluationStatus, NodeStatus
from jobpool.model.verdict import Settled, Verdict, VerdictKind
from jobpool.store.commands import (
    AddNamespace,
    CancelRun,
    NamespaceSettings,
    RetryPatch,
    SetNodeStatus,
    StartRun,
)
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import MemoryStore


def queues(core: Core) -> Queues:
    return core.leadership.reign.queues


async def waiting(core: Core, *job_ids: str, capacity: int = 1) -> None:
    """A node with so much room, and runs that nobody has looked at."""
    core.answers = None
    await core.add_node("a", capacity=capacity)
    await core.add_plan("p", spec="0 0 1 1 *", retry=RetryPatch(attempts=5, backoff=SECOND))
    await start(core, *job_ids)


async def start(core: Core, *job_ids: str) -> None:
    for job_id in job_ids:
        await core.submit(StartRun("default", "p", job_id))


async def take(core: Core, limit: int = 10) -> list[Delivery]:
    return list(await queues(core).dequeue((SERVICE_QUEUE,), limit, timeout=1)) if _ready(core) else []


def _ready(core: Core) -> int:
    return queues(core).broker_stats().ready


def say(core: Core, delivery: Delivery, kind: VerdictKind, *, n: int | None = None, node_id: str = "a") -> Verdict:
    it = delivery.evaluation
    n = core.replica.n if n is None else n
    return Verdict(it.job_id, it.number, delivery.token, kind, n, node_id, "noop", "every node is full")


async def settle_one(core: Core, delivery: Delivery, kind: VerdictKind, *, n: int | None = None) -> Settled:
    return (await queues(core).settle([say(core, delivery, kind, n=n)]))[0]


async def test_a_commit_queues_what_it_left_pending_and_forgets_what_it_ended() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await waiting(core, "r1", "r2")
        assert queues(core).broker_stats().ready == 2
        await core.submit(CancelRun("r1"))
        assert queues(core).broker_stats().tracked == 1
        assert [it.evaluation.job_id for it in await take(core)] == ["r2"]


@pytest.mark.invariant("P-12")
async def test_a_verdict_under_a_token_that_is_not_in_force_does_nothing() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await waiting(core, "r1")
        (old,) = await take(core)
        await core.advance(2 * MINUTE)  # its lease runs out
        (new,) = await take(core)
        assert new.token != old.token
        n = core.replica.n
        assert await settle_one(core, old, VerdictKind.PLACE) is Settled.LOST
        assert (core.replica.n, core.state.node_load("a")) == (n, 0)
        assert await settle_one(core, new, VerdictKind.PLACE) is Settled.DONE
        assert core.state.node_load("a") == 1


@pytest.mark.invariant("W-2")
@pytest.mark.parametrize(
    ("kind", "ready_again", "counted"),
    [(VerdictKind.UNTOUCHED, 1, 0), (VerdictKind.ABANDONED, 1, 1), (VerdictKind.GIVE_BACK, 0, 1)],
)
async def test_what_nobody_has_looked_at_goes_to_others_at_once(
    kind: VerdictKind, ready_again: int, counted: int
) -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await waiting(core, "r1")
        (first,) = await take(core)
        assert await settle_one(core, first, kind) is Settled.DONE
        assert queues(core).broker_stats().ready == ready_again
        await core.advance(SECOND)
        (again,) = await take(core)
        assert again.deliveries == 1 + counted


@pytest.mark.invariant("W-7")
async def test_an_evaluation_placed_by_an_earlier_delivery_is_done_by_the_second() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(), evaluators=0) as core:
        await waiting(core, "r1")
        (first,) = await take(core)
        store.hold_commits()
        slow = asyncio.get_running_loop().create_task(queues(core).settle([say(core, first, VerdictKind.PLACE)]))
        await core.advance(2 * MINUTE)
        (second,) = await take(core)
        also = asyncio.get_running_loop().create_task(queues(core).settle([say(core, second, VerdictKind.PLACE)]))
        await settle()
        store.release_commits()
        assert [*await slow, *await also] == [Settled.DONE, Settled.DONE]
        assert len(core.state.runs["r1"].attempts) == 1
        assert queues(core).broker_stats().tracked == 0


@pytest.mark.invariant("P-2")
@pytest.mark.invariant("P-3")
async def test_what_does_not_fit_any_more_is_refused_and_stays_in_hand() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await waiting(core, "r1", "r2")
        deliveries = await take(core)
        verdicts = [say(core, delivery, VerdictKind.PLACE) for delivery in deliveries]
        assert list(await queues(core).settle(verdicts)) == [Settled.DONE, Settled.REFUSED]
        assert queues(core).broker_stats().unacked == 1
        assert await settle_one(core, deliveries[1], VerdictKind.NO_NODE) is Settled.DONE
        assert queues(core).blocked_stats().blocked == 1
        assert core.state.runs["r2"].evaluations[-1].status is EvaluationStatus.BLOCKED


@pytest.mark.invariant("P-3")
@pytest.mark.invariant("W-5")
async def test_of_a_batch_over_several_nodes_what_fits_is_committed_and_the_rest_can_see_why_not() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(), evaluators=0) as core:
        await waiting(core, "r1", "r2", "r3", "r4", "r5", capacity=2)
        await core.add_node("b", capacity=9)
        await core.add_node("c", capacity=9)
        deliveries = await take(core)
        seen, commits = core.replica.n, len(store.steps)
        await core.submit(SetNodeStatus("b", NodeStatus.DOWN))
        nodes = ("a", "b", "a", "c", "a")
        verdicts = [
            say(core, it, VerdictKind.PLACE, n=seen, node_id=at) for it, at in zip(deliveries, nodes, strict=True)
        ]
        answers = list(await queues(core).settle(verdicts))
        done, refused = Settled.DONE, Settled.REFUSED
        assert answers == [done, refused, done, done, refused]
        assert len(store.steps) == commits + 2, "what fits is one commit"
        assert core.replica.n > seen, "what was refused is decided anew on a state that shows why"
        assert (core.state.node_load("a"), core.state.node_load("b"), core.state.node_load("c")) == (2, 0, 1)
        assert (queues(core).broker_stats().unacked, queues(core).broker_stats().tracked) == (2, 2)
        again = decide([deliveries[1], deliveries[4]], core.state, Dice(1))
        assert [it.node_id for it in again] == ["c", "c"]
        assert list(await queues(core).settle(again)) == [done, done]
        assert queues(core).broker_stats().tracked == 0


async def parked(core: Core) -> None:
    """r1 has the only room, r2, r3 and r4 are parked."""
    await waiting(core, "r1", "r2", "r3", "r4")
    first, *others = await take(core)
    await settle_one(core, first, VerdictKind.PLACE)
    for delivery in others:
        await settle_one(core, delivery, VerdictKind.NO_NODE)
    assert queues(core).blocked_stats().blocked == 3


async def free(core: Core, job_id: str = "r1") -> None:
    await core.submit(core.report(core.state.runs[job_id], AllocationStatus.COMPLETE))
    await settle()


@pytest.mark.invariant("K-8")
async def test_room_wakes_one_and_goes_on_to_the_next_when_that_one_is_cancelled() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await parked(core)
        await free(core)
        assert _ready(core) == 1
        await core.submit(CancelRun("r2"))  # it was woken, and nobody has looked at it yet
        assert [it.evaluation.job_id for it in await take(core)] == ["r3"]


@pytest.mark.invariant("K-8")
async def test_room_goes_on_when_the_woken_one_is_cancelled_in_an_evaluators_hands() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await parked(core)
        await free(core)
        (woken,) = await take(core)
        await core.submit(CancelRun("r2"))
        assert await settle_one(core, woken, VerdictKind.PLACE) is Settled.LOST
        assert [it.evaluation.job_id for it in await take(core)] == ["r3"]


@pytest.mark.invariant("K-8")
async def test_a_parked_run_that_is_cancelled_passes_nothing_on() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await parked(core)
        await core.submit(CancelRun("r2"))
        assert (_ready(core), queues(core).blocked_stats().blocked) == (0, 2)


@pytest.mark.invariant("B-15")
@pytest.mark.invariant("W-4")
@pytest.mark.invariant("K-8")
async def test_room_goes_on_when_the_woken_one_is_given_up() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await parked(core)
        await free(core)
        for _ in range(3):
            (woken,) = await take(core)
            assert woken.evaluation.job_id == "r2"
            await settle_one(core, woken, VerdictKind.GIVE_BACK)
            await core.advance(40 * SECOND)
        assert core.state.runs["r2"].evaluations[0].status is EvaluationStatus.FAILED
        assert "r3" in [it.evaluation.job_id for it in await take(core)]


@pytest.mark.invariant("K-8")
async def test_a_verdict_on_an_old_state_is_not_parked_beside_free_room() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await waiting(core, "r1", "r2")
        first, second = await take(core)
        await settle_one(core, first, VerdictKind.PLACE)
        seen = core.replica.n
        await free(core)
        await settle_one(core, second, VerdictKind.NO_NODE, n=seen)
        (again,) = await take(core)
        assert again.evaluation.job_id == "r2"
        assert again.evaluation.modify_index > seen


@pytest.mark.invariant("K-6")
async def test_room_that_comes_while_it_is_in_hand_brings_it_back_after_the_verdict_and_not_before() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await waiting(core, "r1", "r2")
        first, second = await take(core)
        await settle_one(core, first, VerdictKind.PLACE)
        seen = core.replica.n
        await free(core)
        assert _ready(core) == 0, "it is in hand"
        assert await settle_one(core, second, VerdictKind.NO_NODE, n=seen) is Settled.DONE
        (again,) = await take(core)
        assert (again.evaluation.number, again.deliveries, again.token != second.token) == (1, 1, True)
        assert queues(core).broker_stats().tracked == 1


@pytest.mark.invariant("K-6")
async def test_room_that_comes_while_it_is_in_hand_is_used_once_when_it_is_given_back() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await parked(core)
        await free(core)
        (woken,) = await take(core)
        await core.add_node("b")  # wakes the others; this one is not parked
        assert await settle_one(core, woken, VerdictKind.GIVE_BACK) is Settled.DONE
        others = await take(core)
        assert [it.evaluation.job_id for it in others] == ["r3", "r4"]
        await core.advance(SECOND)
        (again,) = await take(core)
        assert (again.evaluation.job_id, again.deliveries) == ("r2", 2)
        await core.advance(SECOND)
        assert not await take(core)


@pytest.mark.invariant("W-6")
async def test_looked_at_again_without_room_it_is_parked_as_it_was_and_nothing_is_written() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await parked(core)
        before = core.state.runs["r2"]
        for other in ("one", "two", "three"):
            await free(core, next(run.id for run in core.state.runs.values() if run.open_attempt is not None))
            await start(core, other)
            deliveries = {it.evaluation.job_id: it for it in await take(core)}
            await settle_one(core, deliveries.pop(other), VerdictKind.PLACE)
            n = core.replica.n
            (woken,) = deliveries.values()
            assert woken.evaluation.job_id == "r2"
            await settle_one(core, woken, VerdictKind.NO_NODE)
            assert (core.replica.n, core.state.runs["r2"]) == (n, before)
            assert queues(core).blocked_stats().blocked == 3


@pytest.mark.invariant("W-6")
async def test_what_is_not_parked_in_time_is_somebody_elses_to_park() -> None:
    """A commit that took longer than the lease: the evaluation is on its way again, and is not parked beside that."""
    store = MemoryStore()
    async with running_core(store, FakeClock(), evaluators=0) as core:
        await waiting(core, "r1", "r2")
        first, second = await take(core)
        await settle_one(core, first, VerdictKind.PLACE)
        store.hold_commits()
        slow = asyncio.get_running_loop().create_task(settle_one(core, second, VerdictKind.NO_NODE))
        await core.advance(2 * MINUTE)
        store.release_commits()
        assert await slow is Settled.DONE
        assert (queues(core).blocked_stats().blocked, queues(core).broker_stats().tracked) == (0, 1)
        await free(core)
        (again,) = await take(core)
        await settle_one(core, again, VerdictKind.PLACE)
        assert (queues(core).blocked_stats().blocked, queues(core).broker_stats().tracked) == (0, 0)


def holds_slot(core: Core, job_id: str) -> bool:
    return core.state.runs[job_id].holds_slot


@pytest.mark.invariant("K-4")
async def test_slots_and_room_are_waited_for_apart() -> None:
    """Who waits for a slot is freed by a slot of its namespace alone, who waits for room by room alone."""
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await core.submit(AddNamespace("tight", NamespaceSettings(1, WhenFull.WAIT)))
        await parked(core)
        await core.add_plan("q", spec="0 0 1 1 *", namespace="tight")
        await core.submit_all([StartRun("tight", "q", job_id) for job_id in ("q1", "q2")])
        await settle()
        assert [it.evaluation.job_id for it in await take(core)] == ["q1"]
        await free(core)  # room, and a slot of the other namespace
        assert [it.evaluation.job_id for it in await take(core)] == ["r2"]
        assert not holds_slot(core, "q2")
        await core.submit(CancelRun("q1"))  # a slot, and no room but what it left unused
        await settle()
        assert holds_slot(core, "q2")
        assert [it.evaluation.job_id for it in await take(core)] == ["r3", "q2"]
        assert (queues(core).blocked_stats().blocked, _ready(core)) == (1, 0)


@pytest.mark.invariant("B-15")
async def test_a_failure_that_the_store_refuses_is_said_again() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(), evaluators=0) as core:
        await waiting(core, "r1")
        for _ in range(3):
            (one,) = await take(core)
            if one.deliveries == 3:
                store.fail_next_commit("refuse")
                store.fail_next_commit("refuse")
            await settle_one(core, one, VerdictKind.GIVE_BACK)
            await core.advance(20 * SECOND)
        assert [it.status for it in core.state.runs["r1"].evaluations] == [EvaluationStatus.PENDING]
        await core.advance(MINUTE)
        failed, follow_up = core.state.runs["r1"].evaluations
        assert (failed.status, follow_up.status) == (EvaluationStatus.FAILED, EvaluationStatus.PENDING)
        assert follow_up.not_before == failed.updated_at + MINUTE
        assert not await take(core)
        await core.advance(2 * MINUTE)
        (again,) = await take(core)
        assert (again.evaluation.number, again.deliveries) == (2, 1)


@pytest.mark.invariant("K-2")
async def test_a_new_node_wakes_as_many_as_it_has_room_for() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await parked(core)
        await core.add_node("b", capacity=2)
        assert _ready(core) == 2
        await core.add_node("c", capacity=5, executors=("shell",))
        assert _ready(core) == 2


async def test_a_retry_is_delivered_when_its_time_has_come() -> None:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        await waiting(core, "r1")
        (first,) = await take(core)
        await settle_one(core, first, VerdictKind.PLACE)
        await core.submit(core.report(core.state.runs["r1"], AllocationStatus.FAILED))
        assert core.state.runs["r1"].reason is Reason.RETRY_WAIT
        await core.advance(SECOND - 1)
        assert _ready(core) == 0
        await core.advance(1)
        assert _ready(core) == 1


async def test_a_placement_that_the_store_refuses_is_delivered_again() -> None:
    store = MemoryStore()
    async with running_core(store, FakeClock(), evaluators=0) as core:
        await waiting(core, "r1")
        (first,) = await take(core)
        store.fail_next_commit("refuse")
        store.fail_next_commit("refuse")
        assert await settle_one(core, first, VerdictKind.PLACE) is Settled.DONE
        assert core.state.node_load("a") == 0
        await core.advance(2 * SECOND)
        (again,) = await take(core)
        await settle_one(core, again, VerdictKind.PLACE)
        assert core.state.node_load("a") == 1


@pytest.mark.invariant("L-3")
async def test_a_new_term_has_exactly_what_waits_in_the_store() -> None:
    store, clock = MemoryStore(), FakeClock()
    async with running_core(store, clock, evaluators=0) as core:
        await parked(core)
        await start(core, "r5")
    async with running_core(store.reopened(), clock, evaluators=0, silent=["a"]) as core:
        assert sorted(it.evaluation.job_id for it in await take(core)) == ["r2", "r3", "r4", "r5"]
        assert queues(core).broker_stats().tracked == 4
