"""The engine when members die, hang and part: what is acknowledged is there, what is unknown can be sent again."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.etcd.settings import Timeouts
from jobpool.store.port import Fence, Fenced, KeyValue, OutcomeUnknown, Put, Store
from jobpool.testing.etcd import EtcdMember
from jobpool.testing.store import following, pairs_of
from tests.e2e.etcd.proxy import Proxy
from tests.e2e.etcd.raw import client_of
from tests.e2e.etcd.stores import PATIENT, QUICK, Opener, settle, settled, take, until

Launch = Callable[..., EtcdMember]


@pytest.fixture
def timeouts() -> Timeouts:
    return QUICK


async def test_killed_while_it_commits_a_member_loses_nothing_and_does_nothing_twice(
    launch: Launch, opener: Opener
) -> None:
    member = launch()
    store = await opener(member.endpoint)
    start = fence = await store.fence()
    steps = store.watch(start)
    unknown = 0

    async def kills() -> None:
        for _ in range(3):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(member.kill)
            await asyncio.to_thread(member.start)

    killing = asyncio.get_running_loop().create_task(kills())
    while not killing.done() or fence.n < 100:
        transaction = following(fence, Put(f"rows/{fence.n + 1:06}", b"x"), Put("last", str(fence.n + 1).encode()))
        unknown += await settle(store, transaction)
        fence = transaction.leaves
    await killing
    assert unknown >= 1
    assert [step.fence.n for step in await take(steps, fence.n)] == list(range(1, fence.n + 1))
    _, chunks = await store.load(("rows/", "last"))
    rows = [KeyValue(f"rows/{n:06}", b"x") for n in range(1, fence.n + 1)]
    assert await pairs_of(chunks) == [*rows, KeyValue("last", str(fence.n).encode())]


async def test_a_paused_member_leaves_the_outcome_open_until_it_goes_on(launch: Launch, opener: Opener) -> None:
    member = launch()
    store = await opener(member.endpoint)
    steps = store.watch(await store.fence())
    first = await settled(store, Put("a", b"1"))
    transaction = following(first, Put("a", b"2"))
    member.pause()
    with pytest.raises(OutcomeUnknown, match=member.endpoint):
        await store.commit(transaction)
    with pytest.raises(StoreFailed) as failure:
        await store.fence()
    assert not isinstance(failure.value, OutcomeUnknown)
    member.resume()
    await settle(store, transaction)
    last = await settled(store, Put("a", b"3"))
    assert [step.fence for step in await take(steps, 3)] == [first, transaction.leaves, last]


async def test_a_cut_link_is_no_refusal(proxy: Proxy, opener: Opener) -> None:
    store = await opener(proxy.endpoint)
    transaction = following(await store.fence(), Put("a", b"1"))
    proxy.refuse(True)
    with pytest.raises(OutcomeUnknown):
        await store.commit(transaction)
    with pytest.raises(StoreFailed):
        await store.range("a", "b", limit=1)
    proxy.refuse(False)
    await settle(store, transaction)
    assert await store.range("a", "b", limit=1) == [KeyValue("a", b"1")]


async def test_a_refusal_after_an_unknown_outcome_settles_nothing(proxy: Proxy, opener: Opener) -> None:
    """The first sending may still land, whatever the second is told; only the fence tells."""
    store, other = await opener(proxy.endpoint), await opener(proxy.endpoint)
    transaction = following(await store.fence(), Put("a", b"1"))
    proxy.refuse(True)
    with pytest.raises(OutcomeUnknown):
        await store.commit(transaction)
    proxy.refuse(False)
    unfinished = asyncio.get_running_loop().create_task(other.restore(never()))
    await until(lambda: is_being_restored(store))
    with pytest.raises(OutcomeUnknown, match="restore"):
        await store.commit(transaction)
    unfinished.cancel()
    await asyncio.gather(unfinished, return_exceptions=True)
    await settle(store, transaction)


async def never() -> AsyncIterator[list[KeyValue]]:
    await asyncio.Event().wait()
    yield []


async def is_being_restored(store: Store) -> bool:
    try:
        await store.fence()
    except StoreFailed as failure:
        return "restore" in failure.reason
    return False


async def test_each_member_of_a_cluster_may_die(cluster: list[EtcdMember], opener: Opener) -> None:
    endpoints = [member.endpoint for member in cluster]
    store = await opener(*endpoints)
    start = fence = await store.fence()
    steps = store.watch(start)
    for victim in cluster:
        for _ in range(20):
            transaction = following(fence, Put(f"rows/{fence.n + 1:06}", b"x"))
            await settle(store, transaction)
            fence = transaction.leaves
        await asyncio.to_thread(victim.kill)
        transaction = following(fence, Put("after", victim.name.encode()))
        await settle(store, transaction)
        fence = transaction.leaves
        assert await store.fence() == fence
        await asyncio.to_thread(victim.start)
    assert [step.fence.n for step in await take(steps, fence.n)] == list(range(1, fence.n + 1))
    assert len(await store.range("rows/", "rows0", limit=1000)) == 60


async def test_a_paused_member_of_a_cluster_is_left_for_another(cluster: list[EtcdMember], opener: Opener) -> None:
    store = await opener(*(member.endpoint for member in cluster))
    fence = await settled(store, Put("a", b"1"))
    steps = store.watch(fence)
    cluster[0].pause()  # it is asked first
    transaction = following(fence, Put("a", b"2"))
    await settle(store, transaction)
    assert await store.range("a", "b", limit=1) == [KeyValue("a", b"2")]
    assert [step.fence for step in await take(steps, 1)] == [transaction.leaves]
    cluster[0].resume()


async def test_without_a_quorum_nothing_is_acknowledged(cluster: list[EtcdMember], opener: Opener) -> None:
    store = await opener(*(member.endpoint for member in cluster))
    fence = await settled(store, Put("a", b"1"))
    for member in cluster[1:]:
        await asyncio.to_thread(member.kill)
    transaction = following(fence, Put("a", b"2"))
    with pytest.raises(OutcomeUnknown):
        await store.commit(transaction)
    with pytest.raises(StoreFailed):
        await store.fence()
    for ready in [(member, member.launch()) for member in cluster[1:]]:
        await asyncio.to_thread(ready[0].await_ready, ready[1])
    await settle(store, transaction)
    assert await store.fence() == transaction.leaves


@pytest.mark.parametrize("timeouts", [PATIENT], ids=["patient"])
async def test_the_deposed_are_refused_on_another_member_too(cluster: list[EtcdMember], opener: Opener) -> None:
    one, two = await opener(cluster[0].endpoint), await opener(cluster[1].endpoint)
    old = await one.campaign("one")
    new = await two.campaign("two")
    with pytest.raises(Fenced) as refusal:
        await one.commit(following(old, Put("a", b"stale")))
    assert refusal.value.actual == new == Fence(1, 2, 2, new.batch)


async def test_the_members_tell_where_they_are(cluster: list[EtcdMember]) -> None:
    async with client_of(cluster[1].endpoint) as client:
        found = (await client.members(within=2_000)).members
    assert {(member.name, *member.clientURLs) for member in found} == {(one.name, one.endpoint) for one in cluster}
