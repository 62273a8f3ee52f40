"""Commits: one writer, all or nothing, each once."""

import asyncio

import pytest

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.rules import FENCE_KEY, INITIAL_FENCE, BadTransaction, decode_fence
from jobpool.store.port import Delete, DeleteRange, Fence, Fenced, KeyValue, Op, Put, Store, Transaction
from jobpool.testing.engines import Engine
from jobpool.testing.store import following, pairs_of, write


async def content(store: Store) -> dict[str, bytes]:
    pairs = await pairs_of(await store.snapshot())
    return {pair.key: pair.value for pair in pairs if pair.key != FENCE_KEY}


async def test_a_new_store_holds_the_first_fence(store: Store) -> None:
    assert await store.fence() == INITIAL_FENCE == Fence(1, 0, 0, "")
    assert await content(store) == {}


async def test_a_commit_stores_its_operations_and_leaves_its_fence(store: Store) -> None:
    fence = await write(store, Put("a", b"1"), Put("b", b"2"))
    assert await store.fence() == fence
    fence = await write(store, Put("a", b"3"), Delete("b"), Put("c", b""))
    assert await store.fence() == fence
    assert await content(store) == {"a": b"3", "c": b""}


async def test_the_fence_is_stored_under_its_key(store: Store) -> None:
    fence = await write(store, Put("a", b"1"))
    (pair,) = await store.range(FENCE_KEY, FENCE_KEY + "\0", limit=1)
    assert decode_fence(pair.value) == fence


async def test_a_commit_survives_reopening(engine: Engine) -> None:
    store = await engine.open()
    fence = await write(store, Put("a", b"1"), Put("b", b""))
    await store.close()
    again = await engine.open()
    assert await again.fence() == fence
    assert await content(again) == {"a": b"1", "b": b""}


async def test_a_transaction_without_operations_moves_the_fence(store: Store) -> None:
    assert await store.fence() != await write(store) == await store.fence()


@pytest.mark.parametrize(
    "expects",
    [Fence(1, 1, 1, "other"), Fence(1, 0, 1, "batch-1"), Fence(2, 1, 1, "batch-1"), Fence(1, 1, 0, "batch-1")],
    ids=["batch", "term", "incarnation", "n"],
)
async def test_the_whole_fence_is_compared(store: Store, expects: Fence) -> None:
    taken = Fence(1, 1, 1, "batch-1")
    await store.commit(Transaction(INITIAL_FENCE, taken, (Put("a", b"1"),)))
    with pytest.raises(Fenced) as refusal:
        await store.commit(following(expects, Put("a", b"2"), Put("b", b"2"), batch="mine"))
    assert refusal.value.actual == taken
    assert await content(store) == {"a": b"1"}
    assert await store.fence() == taken


async def test_of_two_writers_on_one_fence_one_is_refused(store: Store) -> None:
    expects = await store.fence()
    mine = following(expects, Put("a", b"mine"), batch="mine")
    theirs = following(expects, Put("a", b"theirs"), batch="theirs")
    outcomes = await asyncio.gather(store.commit(mine), store.commit(theirs), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Fenced", "NoneType"]
    assert await content(store) == {"a": b"mine" if outcomes[0] is None else b"theirs"}


async def test_the_identical_transaction_may_be_sent_again(store: Store) -> None:
    transaction = following(await store.fence(), Put("a", b"1"))
    steps = store.watch(transaction.expects)
    await store.commit(transaction)
    await store.commit(transaction)
    last = await write(store, Put("b", b"2"))
    assert [(await anext(steps)).fence, (await anext(steps)).fence] == [transaction.leaves, last]
    with pytest.raises(Fenced):  # it is no longer the last one
        await store.commit(transaction)


@pytest.mark.parametrize(
    ("leaves", "field"),
    [
        (Fence(1, 0, 0, "x"), "leaves.n"),
        (Fence(1, 0, 2, "x"), "leaves.n"),
        (Fence(2, 0, 1, "x"), "leaves.incarnation"),
        (Fence(1, -1, 1, "x"), "leaves.term"),
    ],
)
async def test_a_fence_that_does_not_follow_is_refused(store: Store, leaves: Fence, field: str) -> None:
    with pytest.raises(BadTransaction) as refusal:
        await store.commit(Transaction(INITIAL_FENCE, leaves, (Put("a", b"1"),)))
    assert refusal.value.field == field
    assert await store.fence() == INITIAL_FENCE


@pytest.mark.parametrize(
    "ops",
    [
        (Put("a", b"1"), Put("a", b"2")),
        (Put("a", b"1"), Delete("a")),
        (Put("a", b"1"), DeleteRange("a", "b")),
        (Delete("ab"), DeleteRange("a", "b")),
        (DeleteRange("a", "c"), DeleteRange("b", "d")),
        (DeleteRange("b", "c"), DeleteRange("a", "d")),
        (Put(FENCE_KEY, b""),),
        (Delete(FENCE_KEY),),
        (DeleteRange("a", "z"),),
        (Put("a\ud800", b""),),
        (DeleteRange("a", "b\udfff"),),
        tuple(Put(f"k{at}", b"") for at in range(1001)),
        (Put("a", bytes(512 * 1024)), Put("b", b"1")),
    ],
    ids=lambda ops: f"{ops[0]!r:.40}",
)
async def test_operations_that_break_the_rules_are_refused_whole(store: Store, ops: tuple[Op, ...]) -> None:
    with pytest.raises(BadTransaction) as refusal:
        await write(store, *ops)
    assert refusal.value.field == "ops"
    assert await content(store) == {}
    assert await store.fence() == INITIAL_FENCE


async def test_a_transaction_may_be_as_large_as_the_limits_say(store: Store) -> None:
    size = store.limits.max_bytes // store.limits.max_ops
    puts = tuple(Put(f"k/{at:04}", bytes([at % 256]) * size) for at in range(store.limits.max_ops))
    await write(store, *puts)
    assert await content(store) == {put.key: put.value for put in puts}
    await write(store, *(Delete(put.key) for put in puts))
    assert await content(store) == {}


async def test_deleting_what_is_not_there_is_no_error(store: Store) -> None:
    await write(store, Put("a", b"1"), Delete("b"), DeleteRange("c", "d"))
    assert await content(store) == {"a": b"1"}


async def test_a_range_is_deleted_from_its_first_key_up_to_its_last(store: Store) -> None:
    keys = ("a", "b", "b\0", "b/1", "c", "c\0", "d")
    await write(store, *(Put(key, b"") for key in keys))
    await write(store, DeleteRange("b", "c"), DeleteRange("d", "d"), DeleteRange("d", "c"))
    assert list(await content(store)) == ["a", "c", "c\0", "d"]


async def test_a_range_and_single_keys_go_in_one_transaction(store: Store) -> None:
    await write(store, *(Put(f"hist/{at}", b"old") for at in range(5)), Put("runs/1", b""))
    await write(store, DeleteRange("hist/0", "hist/3"), Delete("runs/1"), Put("hist/3", b"new"), Put("hist/9", b""))
    assert await content(store) == {"hist/3": b"new", "hist/4": b"old", "hist/9": b""}


async def test_a_cancelled_commit_leaves_a_usable_store_and_one_outcome(engine: Engine) -> None:
    """Cancelled after any number of turns of the loop: stored whole or not at all, and told so by fence and watch."""
    store = await engine.open()
    watched = store.watch(await store.fence())
    for turns in range(8):
        before, old = await store.fence(), await content(store)
        transaction = following(before, *(Put(f"{turns}/{at}", b"x") for at in range(50)))
        task = asyncio.get_running_loop().create_task(store.commit(transaction))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        assert outcome is None or isinstance(outcome, asyncio.CancelledError)
        landed = await store.fence() == transaction.leaves
        assert landed or await store.fence() == before
        assert landed or outcome is not None
        assert await content(store) == old | {op.key: b"x" for op in transaction.ops if isinstance(op, Put) and landed}
        if landed:
            assert (await anext(watched)).fence == transaction.leaves
    last = await write(store, Put("after", b"1"))
    assert (await anext(watched)).fence == last


async def test_commits_from_many_tasks_are_one_line(store: Store) -> None:
    """Each increments a counter under the fence it read; refused ones try again: no increment is lost."""

    async def increment(name: str) -> None:
        while True:
            fence, chunks = await store.load(("counter",))
            found = await pairs_of(chunks)
            value = int(found[0].value) if found else 0
            try:
                await store.commit(following(fence, Put("counter", str(value + 1).encode()), batch=f"{name}-{fence.n}"))
            except Fenced:
                continue
            return

    await asyncio.gather(*(increment(name) for name in "abcdefghijkl"))
    assert await store.range("counter", "counter\0", limit=1) == [KeyValue("counter", b"12")]
    assert (await store.fence()).n == 12


async def test_a_closed_store_says_so(engine: Engine) -> None:
    store = await engine.open()
    fence = await write(store, Put("a", b"1"))
    await store.close()
    await store.close()
    for call in (store.fence(), store.load(("a",)), store.range("a", "b", limit=1), store.snapshot()):
        with pytest.raises(StoreFailed, match="closed"):
            await call
    with pytest.raises(StoreFailed, match="closed"):
        await store.commit(following(fence))
    with pytest.raises(StoreFailed, match="closed"):
        await store.campaign("a")
    with pytest.raises(StoreFailed, match="closed"):
        await anext(store.watch(fence))
