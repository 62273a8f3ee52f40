"""The four verbs: restore, apply, wait for, read."""

import asyncio

import pytest
from msgspec.structs import replace

from jobpool.kit.pure.durations import DAY
from jobpool.model.errors import StoreFailed
from jobpool.model.idempotency import IdempotencyMark
from jobpool.model.namespace import Namespace
from jobpool.model.statuses import NodeStatus
from jobpool.replica.replica import Replica, changes_of, replay
from jobpool.replica.state import FINISHED_RING, Folded, State, fencing_number
from jobpool.store.change import Change
from jobpool.store.codec import encode
from jobpool.store.commands import CancelRun, DrainNode, RemoveNode, SetEligibility, SetNodeStatus, StartRun
from jobpool.store.keyspace import Table
from jobpool.store.port import Delete, DeleteRange, Fence, Put, Step
from jobpool.store.records import Segment
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import running_core
from jobpool.testing.store import MemoryStore, write
from tests.unit.store.commands.bench import Bench


def fence(n: int) -> Fence:
    return Fence(1, 1, n, f"b{n}")


def added(name: str) -> Change:
    return Change(Table.NAMESPACE, (name,), Namespace(name, 0))


def test_a_step_is_one_step_and_none_may_be_missing() -> None:
    replica = Replica(default_slots=1)
    replica.apply(fence(1), [added("a"), added("b")])
    assert (replica.n, set(replica.state.namespaces)) == (1, {"a", "b"})
    for n in (1, 3):
        with pytest.raises(StoreFailed, match=f"n {n}"):
            replica.apply(fence(n), [])
    assert replica.n == 1


async def test_who_waits_is_woken_after_the_listeners_and_not_before_its_n() -> None:
    replica = Replica(default_slots=1)
    order: list[str] = []
    replica.listen(lambda folded: order.append(f"heard {folded.n}"))

    async def wait(n: int) -> None:
        await replica.wait_for(n)
        order.append(f"woken {n} at {replica.n}")

    waiters = [asyncio.get_running_loop().create_task(wait(n)) for n in (2, 1, 3)]
    await settle(3)
    gone = waiters.pop()
    gone.cancel()
    for n in (1, 2, 3):
        replica.apply(fence(n), [])
        await settle(3)
    await asyncio.gather(*waiters)
    await replica.wait_for(2)
    assert order == ["heard 1", "woken 1 at 1", "heard 2", "woken 2 at 2", "heard 3"]


def test_who_listens_no_more_hears_no_more() -> None:
    replica, heard = Replica(default_slots=1), list[Folded]()
    forget = replica.listen(heard.append)
    replica.apply(fence(1), [])
    forget()
    replica.apply(fence(2), [])
    assert [folded.n for folded in heard] == [1]


async def test_a_restore_wakes_those_whose_n_it_holds_and_tells_who_asked() -> None:
    store = MemoryStore()
    for name in "abc":
        await write(store, Put(f"namespaces/{name}", encode(Namespace(name, 0))))
    replica, told = Replica(default_slots=1), list[int]()
    replica.on_restore(lambda: told.append(replica.n))
    waiter = asyncio.get_running_loop().create_task(replica.wait_for(3))
    await settle(3)
    await replica.restore(store)
    await waiter
    assert told == [3]
    assert set(replica.state.namespaces) == {"a", "b", "c"}


async def test_watched_steps_give_the_same_as_the_leaders_own_objects() -> None:
    store = MemoryStore()
    start = await store.fence()
    async with running_core(store, FakeClock()) as core:
        await core.add_node()
        await core.add_plan("p", spec="*/10 * * * * *")
        await core.advance(60_000)
        follower = Replica(default_slots=100)
        async with asyncio.timeout(5):
            await replay(store.watch(start), follower, until=core.replica.n)
        assert follower.state.fence == core.state.fence
        assert follower.state.runs == core.state.runs
        assert follower.state.cursors == core.state.cursors
        assert all(follower.state.recently_finished(run.id) for run in core.finished)


def test_a_watched_step_skips_what_nobody_holds_in_memory() -> None:
    step = Step(
        fence(1),
        (Put("ledger/a/b/1", b""), DeleteRange("hist/", "hist0"), Put("elsewhere/x", b""), Delete("namespaces/a")),
    )
    assert changes_of(step) == [Change(Table.NAMESPACE, ("a",), None)]


# ---- reads


def test_the_ring_of_the_finished_is_bounded() -> None:
    state = State(default_slots=1)
    bench = Bench()
    bench.plan()
    bench.do(StartRun("default", "p", "r"))
    run = bench.do(CancelRun("r"))
    for at in range(3):
        runs = tuple(replace(run, id=f"{at}-{number}") for number in range(FINISHED_RING // 2))
        state.fold(fence(at + 1), [Change(Table.SEGMENT, (str(at),), Segment(0, runs))])
    assert not state.recently_finished("0-0")
    assert state.recently_finished("1-0")
    assert state.recently_finished(f"2-{FINISHED_RING // 2 - 1}")


def test_fencing_numbers_grow_with_every_commit_of_every_term() -> None:
    numbers = [fencing_number(term, n) for term, n in ((1, 1), (1, 2), (1, 1 << 43), (2, 3), (3, 1))]
    assert numbers == sorted(set(numbers))


def test_ready_nodes_follow_every_change_of_a_node() -> None:
    bench = Bench()
    bench.node("b", executors=("noop",))
    bench.node("a", executors=("noop", "rest"))
    assert (bench.state.ready_nodes("noop"), bench.state.ready_nodes("rest")) == (["a", "b"], ["a"])
    bench.do(DrainNode("a", bench.state.nodes["a"].session))
    assert (bench.state.ready_nodes("noop"), bench.state.ready_nodes("rest")) == (["b"], [])
    bench.do(SetNodeStatus("b", NodeStatus.DOWN))
    assert bench.state.ready_nodes("noop") == []
    bench.do(RemoveNode("b"))
    bench.node("a", executors=("shell",))
    assert (bench.state.ready_nodes("noop"), bench.state.ready_nodes("shell")) == ([], ["a"])
    bench.do(SetEligibility("a", eligible=False))
    assert bench.state.ready_nodes("shell") == []
    bench.do(SetEligibility("a", eligible=True))
    assert bench.state.ready_nodes("shell") == ["a"]


def test_a_mark_is_remembered_until_its_time() -> None:
    state = State(default_slots=1)
    state.fold(fence(1), [Change(Table.IDEMPOTENCY, ("key",), IdempotencyMark("r1", DAY, "d"))])
    assert state.idempotency_mark("key", DAY - 1) == IdempotencyMark("r1", DAY, "d")
    assert state.idempotency_mark("key", DAY) is None
