"""Following the log: nothing folded twice, nothing left out, whatever happens to the watch."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from jobpool.kit.pure.durations import SECOND
from jobpool.model.namespace import Namespace
from jobpool.replica.follow import Follower
from jobpool.replica.replica import Replica
from jobpool.store.codec import encode
from jobpool.store.engines.ring import RingLimits
from jobpool.store.port import Fence, Put
from jobpool.testing.audit import same_state
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.store import following, write
from tests.properties.followers import SLOTS, Server, ShakyStore, lead


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store() -> ShakyStore:
    return ShakyStore(ring=RingLimits(steps=8))


@pytest.fixture
async def one(store: ShakyStore, clock: FakeClock) -> AsyncIterator[Server]:
    server = Server("one", store, clock)
    await settle()
    yield server
    await server.stop()


@pytest.fixture
async def other(store: ShakyStore, clock: FakeClock) -> AsyncIterator[Server]:
    server = Server("other", store, clock)
    await settle()
    yield server
    await server.stop()


def namespace(name: str) -> Put:
    return Put(f"namespaces/{name}", encode(Namespace(name, 0)))


async def nothing() -> None:
    """Where there is no term to end."""


async def check(store: ShakyStore, *servers: Server) -> None:
    """Each holds what the store holds, and says so."""
    loaded = Replica(default_slots=SLOTS)
    await loaded.restore(store)
    for server in servers:
        same_state(server.replica.state, loaded.state)
        assert server.follower.lag == 0


async def test_a_server_without_state_loads_it_and_follows(store: ShakyStore, one: Server) -> None:
    assert one.replica.state.fence == await store.fence()
    heard: list[int] = []
    one.replica.listen(lambda folded: heard.append(folded.n))
    for name in "abc":
        await write(store, namespace(name))
    await settle()
    assert heard == [1, 2, 3]
    assert set(one.replica.state.namespaces) == set("abc")
    await check(store, one)
    assert store.loads == 2  # the start, and that of `check`


async def test_a_state_that_was_loaded_before_it_runs_is_not_loaded_again(store: ShakyStore, clock: FakeClock) -> None:
    replica = Replica(default_slots=SLOTS)
    follower = Follower(store, replica, clock=clock, give_up=nothing)
    await write(store, namespace("a"))
    await replica.restore(store)
    await clock.advance(10 * SECOND)
    running = asyncio.get_running_loop().create_task(follower.run())
    assert follower.lag == 10 * SECOND
    await write(store, namespace("b"))
    await settle()
    assert (set(replica.state.namespaces), follower.lag, store.loads) == ({"a", "b"}, 0, 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_keys_of_others_are_steps_that_change_nothing(store: ShakyStore, one: Server) -> None:
    await write(store, Put("other/x", b"beat"), Put("strangers/key", b"\xff"), Put("namespaces", b""), namespace("a"))
    await settle()
    assert (one.replica.n, set(one.replica.state.namespaces), one.replica.broken) == (1, {"a"}, [])
    await check(store, one)


async def test_the_leaders_own_commits_are_folded_once_and_followers_hold_the_same(
    store: ShakyStore, one: Server, other: Server
) -> None:
    await lead(one)
    heard: list[int] = []
    one.replica.listen(lambda folded: heard.append(folded.n))
    for name in "abcdef":
        one.add(name)
        await settle()
    assert heard == [2, 3, 4, 5, 6, 7]
    assert one.added == list("abcdef")
    same_state(one.replica.state, other.replica.state)
    await check(store, one, other)


async def test_the_watch_may_show_a_commit_before_the_committer_knows_of_it(
    store: ShakyStore, clock: FakeClock, one: Server
) -> None:
    await lead(one)
    heard: list[int] = []
    one.replica.listen(lambda folded: heard.append(folded.n))
    store.fail_next_commit("landed-but-unknown")
    one.add("a")
    await settle()
    assert (heard, one.added) == ([2], [])  # folded from the log; the committer still waits to send again
    await clock.advance(SECOND)
    assert (heard, one.added, one.ended) == ([2], ["a"], [])
    one.add("b")
    await settle()
    assert one.added == ["a", "b"]
    batches = [step.fence.batch for step in store.steps]
    assert len(batches) == len(set(batches)) == 3
    await check(store, one)


async def test_a_held_commit_is_shown_and_folded_once_in_either_order(store: ShakyStore, one: Server) -> None:
    await lead(one)
    for name in "abc":
        store.hold_commits()
        one.add(name)
        await settle()
        store.release_commits()
        await settle()
    assert one.added == list("abc")
    await check(store, one)


@pytest.mark.invariant("P-11")
async def test_two_that_take_turns_in_leading_and_what_was_deposed_commits_nothing(
    store: ShakyStore, clock: FakeClock, one: Server, other: Server
) -> None:
    for turn in range(6):
        leader, deposed = (one, other) if turn % 2 == 0 else (other, one)
        await lead(leader)
        leader.add(f"good-{turn}")
        deposed.add(f"bad-{turn}")
        await clock.advance(SECOND)
        assert deposed.committer is None
        await check(store, one, other)
    names = set(one.replica.state.namespaces)
    assert names == {f"good-{turn}" for turn in range(6)}
    assert other.ended == one.ended[:2] + other.ended[2:]
    assert set(one.ended + other.ended) == {"TermLost"}
    terms = [step.fence.term for step in store.steps]
    assert terms == sorted(terms)
    assert terms[-1] == 6


# ---- what the log no longer shows


async def test_who_fell_out_of_the_log_loads_and_wakes_those_who_wait(
    store: ShakyStore, clock: FakeClock, one: Server
) -> None:
    store.cut()
    await write_blind(store, "a")
    await settle()
    waiter = asyncio.get_running_loop().create_task(one.replica.wait_for(30))
    for at in range(30):
        await write_blind(store, f"n{at}")
    await clock.advance(5 * SECOND)
    assert not waiter.done()
    store.mend()
    await clock.advance(SECOND)
    assert waiter.done()
    assert store.loads == 2
    assert one.given_up == 2  # once at its start
    await write(store, namespace("z"))
    await settle()
    await check(store, one)


async def write_blind(store: ShakyStore, name: str) -> None:
    """Somebody else's commit, who is not cut off."""
    steps = store.steps
    expects = steps[-1].fence if steps else Fence(1, 0, 0, "")
    await store.commit(following(expects, namespace(name)))


async def test_a_missing_step_or_one_that_cannot_be_read_is_loaded(
    store: ShakyStore, clock: FakeClock, one: Server
) -> None:
    store.spoil_next_step(lambda step: None)
    await write(store, namespace("a"))
    await write(store, namespace("b"))
    await clock.advance(SECOND)
    await check(store, one)
    assert one.given_up == 2
    store.spoil_next_step(lambda step: replace(step, ops=(Put("namespaces/c", b"\x07"),)))
    await write(store, namespace("c"))
    await clock.advance(SECOND)
    await check(store, one)
    assert one.given_up == 3
    await write(store, Put("namespaces/d", b"\x07"))
    await write(store, namespace("e"))
    await clock.advance(SECOND)
    await check(store, one)
    assert one.replica.broken == ["namespaces/d"]
    assert set(one.replica.state.namespaces) == set("abce")


async def test_a_history_that_is_not_the_one_folded_is_loaded(store: ShakyStore, clock: FakeClock, one: Server) -> None:
    await write(store, namespace("a"))
    await settle()
    one.replica.state.fence = replace(one.replica.state.fence, batch="another")
    store.break_watches()
    await write(store, namespace("b"))
    await clock.advance(SECOND)
    await check(store, one)
    assert one.given_up == 2


async def test_a_restored_store_is_loaded_and_its_lower_history_forgotten(clock: FakeClock) -> None:
    source, target = ShakyStore(), ShakyStore()
    await write(source, namespace("kept"))
    server = Server("one", target, clock)
    await settle()
    await target.restore(await source.snapshot())
    await clock.advance(SECOND)
    assert server.replica.state.fence.incarnation == 2
    assert set(server.replica.state.namespaces) == {"kept"}
    await check(target, server)
    await server.stop()


async def test_a_leader_that_must_load_gives_up_its_term_before_its_state_is_replaced(
    store: ShakyStore, clock: FakeClock, one: Server
) -> None:
    await lead(one)
    one.replica.on_restore(lambda: order.append(f"replaced, leads: {one.committer is not None}"))
    order: list[str] = []
    store.spoil_next_step(lambda step: None)
    await write_blind(store, "a")
    await write_blind(store, "b")
    await clock.advance(SECOND)
    assert order == ["replaced, leads: False"]
    assert one.committer is None
    await lead(one)
    one.add("c")
    await settle()
    assert one.added == ["c"]
    await check(store, one)


async def test_a_leader_whose_watch_fell_behind_its_own_commits_loads_nothing(
    store: ShakyStore, clock: FakeClock, one: Server
) -> None:
    await lead(one)
    store.hold_watches()
    for at in range(30):
        one.add(f"n{at}")
        await settle()
    store.release_watches()
    await clock.advance(SECOND)
    assert len(one.added) == 30
    assert (one.given_up, store.loads, store.watches) == (1, 1, 2)
    one.add("last")
    await settle()
    assert one.added[-1] == "last"
    await check(store, one)


async def test_a_load_that_was_overtaken_is_dropped(store: ShakyStore) -> None:
    replica = Replica(default_slots=SLOTS)
    await replica.restore(store)
    told: list[int] = []
    replica.on_restore(lambda: told.append(replica.n))
    store.hold_loads()
    loading = asyncio.get_running_loop().create_task(replica.restore(store))
    await settle()
    replica.apply(await write(store), [])
    store.release_loads()
    await loading
    assert (replica.n, told) == (1, [])


# ---- a store that does not answer


async def test_a_store_that_fails_is_asked_again_less_and_less_often_and_the_lag_is_told(
    store: ShakyStore, clock: FakeClock, one: Server
) -> None:
    assert one.follower.lag == 0
    store.cut()
    await write_blind(store, "a")
    await settle()
    await clock.advance(10 * SECOND)
    assert one.follower.lag == 10 * SECOND
    asked = store.watches
    store.mend()
    await clock.advance(SECOND)
    assert store.watches == asked + 1
    assert (one.follower.lag, one.given_up) == (0, 1)
    await check(store, one)


async def test_one_break_is_gone_on_from_at_once(store: ShakyStore, one: Server) -> None:
    store.break_watches()
    for name in "abc":
        await write(store, namespace(name))
    await settle()
    await check(store, one)


async def test_a_server_that_cannot_load_tries_until_it_can(store: ShakyStore, clock: FakeClock) -> None:
    await write(store, namespace("a"))
    store.cut()
    server = Server("late", store, clock)
    await clock.advance(5 * SECOND)
    assert (server.replica.n, server.follower.lag) == (0, 5 * SECOND)
    store.mend()
    await clock.advance(SECOND)
    await check(store, server)
    await server.stop()
