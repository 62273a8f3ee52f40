"""Reads: loads, ranges and snapshots show one instant, in the order of the keys' bytes."""

import asyncio

import pytest

from jobpool.model.errors import InvalidArgument
from jobpool.store.engines.rules import FENCE_KEY, decode_fence
from jobpool.store.port import Delete, KeyValue, Put, Store
from jobpool.testing.store import pairs_of, write

UNICODE = (
    "",
    "A",
    "a",
    "a/1",
    "a/10",
    "a/2",
    "a0",
    "a\0",
    "z",
    "é",
    "中/文",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "😀",
    "\U0010ffff",
)


def by_bytes(keys: tuple[str, ...]) -> list[str]:
    return sorted(keys, key=str.encode)


async def test_keys_are_in_the_order_of_their_bytes(store: Store) -> None:
    await write(store, *(Put(key, key.encode()) for key in UNICODE))
    found = await pairs_of(await store.snapshot())
    assert [pair.key for pair in found if pair.key != FENCE_KEY] == by_bytes(UNICODE)
    assert all(pair.value == pair.key.encode() for pair in found if pair.key != FENCE_KEY)


async def test_values_are_any_bytes(store: Store) -> None:
    values = {"empty": b"", "zero": b"\0", "every": bytes(range(256)), "text": "中".encode(), "large": bytes(300_000)}
    await write(store, *(Put(key, value) for key, value in values.items()))
    _, chunks = await store.load(tuple(values))
    assert {pair.key: pair.value for pair in await pairs_of(chunks)} == values


async def test_a_load_holds_the_keys_under_each_prefix(store: Store) -> None:
    keys = (
        "plans/a/1",
        "plans/a/2",
        "plans0",
        "plans",
        "runs/a/1",
        "nodes/1",
        "nodes0",
        "😀/1",
        "😀0",
        "\ud7ff1",
        "\ue000",
    )
    fence = await write(store, *(Put(key, b"v") for key in keys))
    at, chunks = await store.load(("runs/", "plans/", "none/", "nodes/", "😀/", "\ud7ff"))
    assert at == fence
    wanted = ["runs/a/1", "plans/a/1", "plans/a/2", "nodes/1", "😀/1", "\ud7ff1"]
    assert [pair.key for pair in await pairs_of(chunks)] == wanted


async def test_a_load_comes_in_chunks(store: Store) -> None:
    for batch in range(3):
        await write(store, *(Put(f"k/{batch}/{at:03}", b"v") for at in range(900)))
    _, chunks = await store.load(("k/",))
    found = [chunk async for chunk in chunks]
    assert all(0 < len(chunk) <= 1000 for chunk in found)
    assert len(found) >= 3
    keys = [pair.key for chunk in found for pair in chunk]
    assert keys == [f"k/{batch}/{at:03}" for batch in range(3) for at in range(900)]


async def test_a_load_of_nothing_gives_the_fence(store: Store) -> None:
    fence, chunks = await store.load(("none/",))
    assert (fence, await pairs_of(chunks)) == (await store.fence(), [])


async def test_a_load_shows_one_instant_while_commits_go_on(store: Store) -> None:
    """Every commit writes its n to the first and the last key: no load may see two of them."""
    rows = tuple(Put(f"k/{at:04}", b"") for at in range(1, 900))
    for part in ("k", "l", "m"):
        await write(store, *(Put(part + put.key[1:], b"") for put in rows))
    stop = asyncio.Event()

    async def commits() -> None:
        while not stop.is_set():
            n = str((await store.fence()).n + 1).encode()
            await write(store, Put("k/0000", n), Put("m/9999", n))

    task = asyncio.get_running_loop().create_task(commits())
    seen: set[bytes] = set()
    for _ in range(20):
        fence, chunks = await store.load(("k/", "l/", "m/"))
        found = await pairs_of(chunks)
        first, last = found[0], found[-1]
        if first.key == "k/0000":
            assert first.value == last.value == str(fence.n).encode()
            seen.add(first.value)
    stop.set()
    await task
    assert len(seen) > 1


async def test_a_load_is_of_the_moment_it_was_asked_for(store: Store) -> None:
    await write(store, *(Put(f"k/{at:04}", b"old") for at in range(1000)))
    await write(store, *(Put(f"l/{at:04}", b"old") for at in range(1000)))
    fence, chunks = await store.load(("k/", "l/"))
    first = await anext(chunks)
    await write(store, *(Delete(f"l/{at:04}") for at in range(1000)))
    await write(store, Put("l/0000", b"new"), Put("l/9999", b"new"))
    rest = await pairs_of(chunks)
    assert len(first) + len(rest) == 2000
    assert {pair.value for pair in (*first, *rest)} == {b"old"}
    assert fence.n == 2


async def test_two_loads_of_two_instants_go_side_by_side(store: Store) -> None:
    await write(store, Put("a", b"1"))
    _, one = await store.load(("a",))
    await write(store, Put("a", b"2"))
    _, two = await store.load(("a",))
    await write(store, Delete("a"))
    assert await pairs_of(two) == [KeyValue("a", b"2")]
    assert await pairs_of(one) == [KeyValue("a", b"1")]
    assert await store.range("a", "b", limit=5) == []


async def test_a_load_that_is_given_up_holds_nothing_up(store: Store) -> None:
    await write(store, *(Put(f"k/{at:04}", b"v") for at in range(1000)))
    await write(store, *(Put(f"l/{at:04}", b"v") for at in range(1000)))
    _, never_begun = await store.load(("k/",))
    _, begun = await store.load(("k/", "l/"))
    await anext(begun)
    del never_begun, begun
    last = await write(store, Put("k/0000", b"new"))
    assert await store.fence() == last
    await store.close()


@pytest.mark.parametrize(
    ("first", "last", "limit", "reverse", "wanted"),
    [
        ("b", "d", 10, False, "bc"),
        ("b", "d", 10, True, "cb"),
        ("a", "z", 2, False, "ab"),
        ("a", "f", 2, True, "ed"),
        ("a", "e\0", 9, True, "edcba"),
        ("bb", "d", 9, False, "c"),
        ("d", "d", 9, False, ""),
        ("d", "b", 9, False, ""),
        ("a", "z", 0, False, ""),
        ("x", "z", 9, True, ""),
    ],
)
async def test_a_range(store: Store, first: str, last: str, limit: int, reverse: bool, wanted: str) -> None:
    await write(store, *(Put(key, key.encode()) for key in "abcde"))
    found = await store.range(first, last, limit=limit, reverse=reverse)
    found = [pair for pair in found if pair.key != FENCE_KEY]
    assert found == [KeyValue(key, key.encode()) for key in wanted]


@pytest.mark.parametrize("limit", [999, 1000, 1001, 1999, 2000, 2001, 5000])
async def test_a_long_range_ends_at_its_limit(store: Store, limit: int) -> None:
    keys = [f"k/{at:04}" for at in range(2000)]
    await write(store, *(Put(key, b"") for key in keys[:1000]))
    await write(store, *(Put(key, b"") for key in keys[1000:]))
    assert [pair.key for pair in await store.range("k/", "k0", limit=limit)] == keys[:limit]
    backwards = await store.range("k/", "k0", limit=limit, reverse=True)
    assert [pair.key for pair in backwards] == keys[::-1][:limit]


async def test_a_negative_limit_is_refused(store: Store) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        await store.range("a", "b", limit=-1)
    assert refusal.value.field == "limit"


async def test_a_read_sees_every_commit_that_was_answered(store: Store) -> None:
    for at in range(20):
        fence = await write(store, Put("a", str(at).encode()))
        assert await store.fence() == fence
        assert await store.range("a", "b", limit=1) == [KeyValue("a", str(at).encode())]
        assert (await store.load(()))[0] == fence


async def test_a_snapshot_holds_every_key_and_the_fence_of_one_instant(store: Store) -> None:
    for part in "kl":
        await write(store, *(Put(f"{part}/{at:04}", b"old") for at in range(1000)))
    fence = await store.fence()
    chunks = await store.snapshot()
    found = list(await anext(chunks))
    await write(store, Put("l/0500", b"new"), Delete("l/0501"))
    found += await pairs_of(chunks)
    by_key = {pair.key: pair.value for pair in found}
    assert decode_fence(by_key.pop(FENCE_KEY)) == fence
    assert by_key == {f"{part}/{at:04}": b"old" for part in "kl" for at in range(1000)}
    assert len(found) == 2001
