"""An etcd whose space is used up, and restores that end half-way: it refuses rather than lies."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.rules import FENCE_KEY, TERMS_APART, encode_fence
from jobpool.store.port import Compacted, Fence, KeyValue, OutcomeUnknown, Put, Store
from jobpool.testing.etcd import EtcdMember
from jobpool.testing.store import following, pairs_of, write
from tests.e2e.etcd.proxy import Proxy
from tests.e2e.etcd.raw import etcdctl
from tests.e2e.etcd.stores import Opener, take, until

Launch = Callable[..., EtcdMember]


async def test_used_up_space_is_told_and_survived(launch: Launch, opener: Opener) -> None:
    member = launch(flags=("--quota-backend-bytes=12000000",))
    store = await opener(member.endpoint, may_compact=True)
    start = await store.fence()
    steps = store.watch(start)
    acknowledged: list[Fence] = [start]
    with pytest.raises(StoreFailed, match="alarm disarm") as failure:
        await fill(store, acknowledged)
    fence = acknowledged[-1]
    assert not isinstance(failure.value, OutcomeUnknown)
    assert await store.fence() == fence
    again = await opener(member.endpoint)
    assert await again.fence() == fence
    assert [step.fence.n for step in await take(steps, fence.n)] == list(range(1, fence.n + 1))

    await store.compact(fence.n + 1)
    etcdctl(member.endpoint, "defrag")
    etcdctl(member.endpoint, "alarm", "disarm")
    last = await write(store, Put("a", b"1"))
    assert (await take(steps, 1))[0].fence == last


async def fill(store: Store, acknowledged: list[Fence]) -> None:
    for _ in range(100):
        transaction = following(acknowledged[-1], Put("a", bytes(500_000)))
        await store.commit(transaction)
        acknowledged.append(transaction.leaves)


OLD = Fence(1, 7, 70, "old")


async def endless(sent: asyncio.Event) -> AsyncIterator[list[KeyValue]]:
    """The beginning of a snapshot, and then no more."""
    for part in range(3):
        yield [KeyValue(f"{part}/{at:04}", b"half") for at in range(1000)]
    sent.set()
    await asyncio.Event().wait()


async def whole() -> AsyncIterator[list[KeyValue]]:
    yield [KeyValue("a", b"1"), KeyValue(FENCE_KEY, encode_fence(OLD))]


async def half_restored(opener: Opener, member: EtcdMember) -> Store:
    """A store whose restore was broken off as by a kill; returns another one that finds it so."""
    victim, store, sent = await opener(member.endpoint), await opener(member.endpoint), asyncio.Event()
    restoring = asyncio.get_running_loop().create_task(victim.restore(endless(sent)))
    await sent.wait()
    await victim.close()  # from now on it can take nothing back
    restoring.cancel()
    await asyncio.gather(restoring, return_exceptions=True)
    return store


async def test_a_restore_that_was_killed_is_not_taken_for_a_store(shared: EtcdMember, opener: Opener) -> None:
    store = await half_restored(opener, shared)
    for refused in (store.fence(), store.load(("",)), store.snapshot(), store.range("", "z", limit=9)):
        with pytest.raises(StoreFailed, match="restore was begun"):
            await refused
    with pytest.raises(StoreFailed, match="restore was begun"):
        await store.campaign("server-1")
    with pytest.raises(StoreFailed, match="restore was begun"):
        await store.commit(following(Fence(1, 0, 0, ""), Put("a", b"1")))
    with pytest.raises(Compacted):
        await take(store.watch(Fence(1, 0, 0, "")), 1)


async def test_a_restore_that_was_killed_is_begun_anew(shared: EtcdMember, opener: Opener) -> None:
    store = await half_restored(opener, shared)
    fence = await store.restore(whole())
    assert (fence.incarnation, fence.term, fence.n) == (2, 7 + TERMS_APART, 71)
    pairs = await pairs_of(await store.snapshot())
    assert pairs == [KeyValue("a", b"1"), KeyValue(FENCE_KEY, encode_fence(fence))]
    last = await write(store, Put("b", b""))
    assert (await take(store.watch(fence), 1))[0].fence == last


async def test_of_two_restores_the_later_goes_on(shared: EtcdMember, opener: Opener) -> None:
    first, second = await opener(shared.endpoint), await opener(shared.endpoint)
    sent, gate = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[list[KeyValue]]:
        yield [KeyValue(f"first/{at:04}", b"x") for at in range(1001)]
        sent.set()
        await gate.wait()
        yield [KeyValue(f"more/{at:04}", b"x") for at in range(1001)]
        yield [KeyValue(FENCE_KEY, encode_fence(OLD))]

    restoring = asyncio.get_running_loop().create_task(first.restore(slow()))
    await sent.wait()
    fence = await second.restore(whole())
    gate.set()
    with pytest.raises(StoreFailed, match="another one took over"):
        await restoring
    assert await second.fence() == fence
    assert [pair.key for pair in await second.range("", "z", limit=9)] == ["a", FENCE_KEY]


async def test_writers_are_held_off_while_a_restore_goes_on_and_go_on_when_it_fails(
    shared: EtcdMember, opener: Opener
) -> None:
    restorer, writer, sent = await opener(shared.endpoint), await opener(shared.endpoint), asyncio.Event()
    transaction = following(await writer.campaign("server-1"), Put("a", b"1"))
    restoring = asyncio.get_running_loop().create_task(restorer.restore(endless(sent)))
    await sent.wait()
    with pytest.raises(StoreFailed, match="restore was begun"):
        await writer.commit(transaction)
    restoring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await restoring

    async def sound() -> bool:
        return await writer.fence() == transaction.expects

    await until(sound)
    await writer.commit(transaction)
    assert [pair.key for pair in await writer.range("", "z", limit=9)] == ["a", FENCE_KEY]


async def test_a_restore_goes_on_over_cuts(proxy: Proxy, opener: Opener) -> None:
    """The cuts take answers away: what landed is sent again."""
    store = await opener(proxy.endpoint)
    before = proxy.cuts

    async def chunks() -> AsyncIterator[list[KeyValue]]:
        for part in range(5):
            yield [KeyValue(f"{part}/{at:04}", b"x") for at in range(1000)]
            proxy.lose_answers_once(2_000)
        yield [KeyValue(FENCE_KEY, encode_fence(OLD))]

    fence = await store.restore(chunks())
    assert proxy.cuts >= before + 2 * 4
    assert await store.fence() == fence
    assert len(await pairs_of(await store.snapshot())) == 5_001
