"""The fake's faults: an unknown outcome is settled by the fence and the identical transaction, on any engine.

The faults can only be asked of the fake; what they show is what the port promises of every engine.
"""

import asyncio
from typing import Literal, TypeAlias

import pytest

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.rules import INITIAL_FENCE
from jobpool.store.port import Compacted, Fenced, OutcomeUnknown, Put
from jobpool.testing.clock import settle
from jobpool.testing.store import MemoryStore, following, write

Unknown: TypeAlias = Literal["lost", "landed-but-unknown", "delayed"]


@pytest.mark.parametrize("kind", ["lost", "landed-but-unknown", "delayed"])
async def test_resending_settles_an_unknown_outcome_to_one_step(kind: Unknown) -> None:
    store = MemoryStore()
    transaction = following(await store.fence(), Put("a", b"1"))
    store.fail_next_commit(kind)
    with pytest.raises(OutcomeUnknown):
        await store.commit(transaction)
    assert (await store.fence() == transaction.leaves) == (kind == "landed-but-unknown")
    await store.commit(transaction)
    assert store.release_delayed() == 0
    assert [step.fence for step in store.steps] == [transaction.leaves]
    assert store.content() == {"a": b"1"}


async def test_a_refusal_is_definite() -> None:
    store = MemoryStore()
    store.fail_next_commit("refuse")
    with pytest.raises(StoreFailed, match="full") as failure:
        await write(store, Put("a", b"1"))
    assert not isinstance(failure.value, OutcomeUnknown | Fenced)
    assert (store.content(), store.steps) == ({}, [])
    await write(store, Put("a", b"1"))


async def test_a_delayed_transaction_lands_later_unless_the_fence_moved() -> None:
    store = MemoryStore()
    steps = store.watch(await store.fence())
    first = following(await store.fence(), Put("a", b"1"))
    store.fail_next_commit("delayed")
    with pytest.raises(OutcomeUnknown):
        await store.commit(first)
    assert store.release_delayed() == 1
    assert (await anext(steps)).fence == await store.fence() == first.leaves

    second = following(first.leaves, Put("a", b"2"))
    store.fail_next_commit("delayed")
    with pytest.raises(OutcomeUnknown):
        await store.commit(second)
    taken = await store.campaign("server-2")
    assert store.release_delayed() == 0
    with pytest.raises(Fenced) as refusal:
        await store.commit(second)
    assert refusal.value.actual == taken
    assert store.content() == {"a": b"1"}


async def test_faults_meet_calls_in_order_and_campaigns_too() -> None:
    store = MemoryStore()
    store.fail_next_commit("refuse")
    store.fail_next_commit("lost")
    with pytest.raises(StoreFailed, match="full"):
        await store.campaign("server-1")
    with pytest.raises(OutcomeUnknown):
        await store.campaign("server-1")
    assert (await store.campaign("server-1")).term == 1


async def test_a_landed_campaign_that_was_not_answered_is_followed_by_a_later_term() -> None:
    store = MemoryStore()
    store.fail_next_commit("landed-but-unknown")
    with pytest.raises(OutcomeUnknown):
        await store.campaign("server-1")
    assert (await store.campaign("server-1")).term == 2


async def test_held_commits_are_decided_in_order_when_released() -> None:
    store = MemoryStore()
    store.hold_commits()
    start = await store.fence()
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(store.commit(following(start, batch=name))) for name in ("one", "two")]
    tasks += [loop.create_task(store.commit(following(start, batch="one")))]
    await settle()
    assert (store.held, await store.fence()) == (3, start)
    store.release_commits()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["NoneType", "Fenced", "NoneType"]
    assert len(store.steps) == 1
    await write(store, Put("a", b"1"))


async def test_a_held_commit_that_is_cancelled_still_lands() -> None:
    store = MemoryStore()
    store.hold_commits()
    transaction = following(await store.fence(), Put("a", b"1"))
    task = asyncio.get_running_loop().create_task(store.commit(transaction))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    store.release_commits()
    assert await store.fence() == transaction.leaves


async def test_a_crash_loses_what_is_held_and_keeps_what_was_stored() -> None:
    store = MemoryStore()
    kept = await write(store, Put("a", b"1"))
    store.hold_commits()
    task = asyncio.get_running_loop().create_task(write(store, Put("a", b"2")))
    await settle()
    again = store.reopened()
    with pytest.raises(OutcomeUnknown):
        await task
    with pytest.raises(StoreFailed, match="crashed"):
        await store.fence()
    assert (await again.fence(), again.content()) == (kept, {"a": b"1"})
    last = await write(again, Put("b", b"1"))
    assert [step.fence for step in again.steps] == [kept, last]
    with pytest.raises(Compacted):
        await anext(again.watch(INITIAL_FENCE))


async def test_a_delayed_transaction_can_land_after_a_crash() -> None:
    store = MemoryStore()
    transaction = following(await store.fence(), Put("a", b"1"))
    store.fail_next_commit("delayed")
    with pytest.raises(OutcomeUnknown):
        await store.commit(transaction)
    again = store.reopened()
    assert again.release_delayed() == 1
    assert await again.fence() == transaction.leaves
