"""Watches over links that break, in an etcd that compacts and that others write to."""

import asyncio
from collections.abc import Callable

import pytest

from jobpool.store.engines.etcd.watch import MAX_BEHIND
from jobpool.store.engines.rules import encode_fence
from jobpool.store.port import Compacted, Delete, DeleteRange, Fence, Put, Step, Store
from jobpool.testing.etcd import EtcdMember
from jobpool.testing.store import following, write
from tests.e2e.etcd.proxy import Proxy
from tests.e2e.etcd.raw import foreign_puts, put_by_hand
from tests.e2e.etcd.stores import Opener, take, until

Launch = Callable[..., EtcdMember]


async def commits(store: Store, count: int, size: int = 16) -> Fence:
    fence = await store.fence()
    for _ in range(count):
        transaction = following(fence, Put("a", bytes(size)))
        await store.commit(transaction)
        fence = transaction.leaves
    return fence


async def test_a_catch_up_that_is_cut_again_and_again_loses_nothing(
    proxy: Proxy, shared: EtcdMember, opener: Opener
) -> None:
    writer, reader = await opener(shared.endpoint), await opener(proxy.endpoint)
    start = await writer.fence()
    fence = await commits(writer, 5_000, size=100)
    proxy.cut()
    proxy.cut_after(400_000)
    steps = reader.watch(start)
    found = await take(steps, 2_000)
    proxy.cut()
    found += await take(steps, 3_000)
    assert [step.fence.n for step in found] == list(range(1, fence.n + 1))
    assert proxy.cuts >= 4


async def test_an_idle_watch_survives_cuts(proxy: Proxy, opener: Opener) -> None:
    store = await opener(proxy.endpoint)
    steps = store.watch(await store.fence())
    for _ in range(3):
        fence = await write(store, Put("a", b"1"))
        assert [step.fence for step in await take(steps, 1)] == [fence]
        proxy.cut()


async def test_what_is_compacted_while_a_watch_is_cut_off_is_told(
    proxy: Proxy, shared: EtcdMember, opener: Opener
) -> None:
    writer, reader = await opener(shared.endpoint, may_compact=True), await opener(proxy.endpoint)
    steps = reader.watch(await writer.fence())
    await commits(writer, 3)
    await take(steps, 3)
    proxy.refuse(True)
    fence = await commits(writer, 10)
    await writer.compact(fence.n)
    proxy.refuse(False)
    with pytest.raises(Compacted, match="revision"):
        await take(steps, 10)
    assert (await take(reader.watch(Fence(1, 0, fence.n - 1, f"batch-{fence.n - 1}")), 1))[0].fence == fence


async def test_compacting_again_what_is_gone_is_no_error(shared: EtcdMember, opener: Opener) -> None:
    store = await opener(shared.endpoint, may_compact=True)
    fence = await commits(store, 6)
    for before in (fence.n, fence.n, 2, 0, -1):
        await store.compact(before)
    with pytest.raises(Compacted):
        await take(store.watch(Fence(1, 0, 4, "batch-4")), 1)
    assert (await take(store.watch(Fence(1, 0, 5, "batch-5")), 1))[0].fence == fence


async def test_a_fence_that_does_not_follow_ends_the_watch(shared: EtcdMember, opener: Opener) -> None:
    """Whatever became of the steps in between, the watcher must not go on without them."""
    store = await opener(shared.endpoint)
    steps = store.watch(await store.fence())
    await commits(store, 2)
    await take(steps, 2)
    await put_by_hand(shared.endpoint, f"{opener.prefix}fence", encode_fence(Fence(1, 0, 9, "batch-9")))
    with pytest.raises(Compacted, match=r"after 1\.2, found 1\.9"):
        await take(steps, 1)


async def test_without_leave_nothing_is_compacted(shared: EtcdMember, opener: Opener) -> None:
    store = await opener(shared.endpoint)
    start = await store.fence()
    fence = await commits(store, 3)
    await store.compact(fence.n)
    assert len(await take(store.watch(start), 3)) == 3


async def test_foreign_keys_disturb_nothing(shared: EtcdMember, opener: Opener) -> None:
    store, neighbor = await opener(shared.endpoint), await opener(shared.endpoint, prefix=f"{opener.prefix[:-1]}0/")
    start = await store.fence()
    fences = [start]
    for n in range(1, 6):
        await foreign_puts(shared.endpoint, f"/foreign{opener.prefix}", count=n * 7)
        await write(neighbor, Put("a", b"neighbor"))
        fences.append(await write(store, Put("a", str(n).encode()), Put(f"b/{n}", b"")))
    for at, fence in enumerate(fences[:-1]):
        found = await take(store.watch(fence), len(fences) - 1 - at)
        assert [step.fence for step in found] == fences[at + 1 :]
    assert (await store.range("a", "a\0", limit=9))[0].value == b"5"
    assert [pair.key for pair in await store.range("", "z", limit=99)] == [
        "a",
        *(f"b/{n}" for n in range(1, 6)),
        "fence",
    ]


async def test_what_a_hand_wrote_under_the_prefix_is_no_step(shared: EtcdMember, opener: Opener) -> None:
    store = await opener(shared.endpoint)
    start = await store.fence()
    first = await write(store, Put("a", b"1"))
    await foreign_puts(shared.endpoint, opener.prefix, count=3)
    second = await write(store, Put("b", b"2"))
    found = await take(store.watch(start), 2)
    assert found == [Step(first, (Put("a", b"1"),)), Step(second, (Put("b", b"2"),))]


async def test_a_watch_too_far_behind_is_told_to_load(shared: EtcdMember, opener: Opener) -> None:
    store = await opener(shared.endpoint)
    start = await store.fence()
    await write(store, Put("a", b"1"))
    await foreign_puts(shared.endpoint, f"/foreign{opener.prefix}", count=MAX_BEHIND + 10)
    with pytest.raises(Compacted, match="behind"):
        await take(store.watch(start), 1)


async def test_a_deleted_range_is_one_operation_for_every_watcher(shared: EtcdMember, opener: Opener) -> None:
    writer, reader = await opener(shared.endpoint), await opener(shared.endpoint)
    await write(writer, *(Put(f"hist/{at:03}", b"x") for at in range(500)), Put("b", b""))
    start = await writer.fence()
    ops = (DeleteRange("hist/100", "hist/400"), Delete("hist/400"), Put("a", b""))
    fence = await write(writer, *ops)
    (step,) = await take(reader.watch(start), 1)
    assert (step.fence, set(step.ops)) == (fence, set(ops))
    assert len(await reader.range("hist/", "hist0", limit=1000)) == 199


async def test_events_of_one_step_stay_together_in_pieces(launch: Launch, opener: Opener) -> None:
    """A catch-up is larger than what etcd by default sends in one piece, and it cuts where it likes."""
    store = await opener(launch(flags=()).endpoint)
    start = await store.fence()
    puts = [[Put(f"k/{part}/{at}", bytes(4_000)) for at in range(120)] for part in range(20)]
    fences = [await write(store, *some) for some in puts]
    found = await take(store.watch(start), len(puts))
    assert [step.fence for step in found] == fences
    assert [set(step.ops) for step in found] == [set(some) for some in puts]


async def test_an_abandoned_watch_ends(shared: EtcdMember, opener: Opener) -> None:
    store = await opener(shared.endpoint)
    before = len(asyncio.all_tasks())
    steps = store.watch(await store.fence())
    await write(store, Put("a", b"1"))
    await take(steps, 1)
    await steps.aclose()  # type: ignore[attr-defined]

    async def nothing_goes_on() -> bool:
        return len(asyncio.all_tasks()) <= before  # something else may have ended too

    await until(nothing_goes_on)
