"""The way of clients to a real etcd: one endpoint after the other, in etcd's words, and no word about our sockets."""

from collections.abc import AsyncIterator, Callable

import pytest

from jobpool.api.etcd.methods import METHODS
from jobpool.api.etcd.passage import Caller, EtcdPassage
from jobpool.model.errors import Code, JobpoolError
from jobpool.store.engines.etcd.link import Link
from jobpool.store.engines.etcd.settings import parse_endpoint
from jobpool.store.port import Compacted, Put
from jobpool.testing.etcd import EtcdMember
from jobpool.testing.ports import free_port
from jobpool.testing.store import write
from jobpool.wire import etcd_pb2 as etcd
from tests.e2e.etcd.raw import put_by_hand
from tests.e2e.etcd.stores import Opener

SOON = Caller(timeout=5_000)
RANGE = METHODS["Range"].path
GREATER_THAN_ALL = etcd.RangeRequest(key=b"a", revision=2**60).SerializeToString()


@pytest.fixture
async def passages() -> AsyncIterator[Callable[..., EtcdPassage]]:
    made: list[EtcdPassage] = []

    def passage(*endpoints: str, max_answer: int = -1) -> EtcdPassage:
        links = [Link(parse_endpoint(one, tls=False), None, max_answer=max_answer) for one in endpoints]
        made.append(EtcdPassage(links))
        return made[-1]

    yield passage
    for one in made:
        await one.close()


async def refusal(passage: EtcdPassage, request: bytes) -> tuple[Code, str]:
    with pytest.raises(JobpoolError) as caught:
        await passage.call(RANGE, request, SOON)
    return caught.value.code, caught.value.message


async def test_etcd_refuses_in_its_own_words(passages: Callable[..., EtcdPassage], shared: EtcdMember) -> None:
    passage = passages(shared.endpoint)
    assert await refusal(passage, b"") == (Code.INVALID_ARGUMENT, "etcdserver: key is not provided")
    assert await refusal(passage, GREATER_THAN_ALL) == (
        Code.OUT_OF_RANGE,
        "etcdserver: mvcc: required revision is a future revision",
    )


async def test_an_endpoint_that_is_gone_is_left_for_the_next(
    passages: Callable[..., EtcdPassage], shared: EtcdMember
) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    passage = passages(gone, shared.endpoint)
    code, text = await refusal(passage, etcd.RangeRequest(key=b"a").SerializeToString())
    assert code is Code.UNAVAILABLE
    assert text.startswith("etcdserver: ")
    assert "127.0.0.1" not in text
    assert await passage.call(RANGE, etcd.RangeRequest(key=b"a").SerializeToString(), SOON)


async def test_an_answer_that_is_too_large_is_refused(
    passages: Callable[..., EtcdPassage], shared: EtcdMember, opener: Opener
) -> None:
    await put_by_hand(shared.endpoint, f"{opener.prefix}large", bytes(10_000))
    request = etcd.RangeRequest(key=f"{opener.prefix}large".encode()).SerializeToString()
    code, _ = await refusal(passages(shared.endpoint, max_answer=9_000), request)
    assert code is Code.RESOURCE_EXHAUSTED
    assert len(await passages(shared.endpoint).call(RANGE, request, SOON)) > 10_000


async def test_what_is_compacted_takes_nothing_from_who_has_read_so_far(shared: EtcdMember, opener: Opener) -> None:
    store = await opener(shared.endpoint)
    first = await write(store, Put("a", b"1"))
    await put_by_hand(shared.endpoint, f"{opener.prefix}-others", b"x")
    second = await write(store, Put("a", b"2"))
    upto, newest = await store.compactable(first.n), await store.compactable(second.n)
    assert newest > upto
    await put_by_hand(shared.endpoint, f"{opener.prefix}-others", b"y")
    assert await store.compactable(first.n) == upto, "others' keys are behind the next commit"
    assert await store.compactable(second.n) > newest, "behind the newest commit there are only others' keys"


async def test_who_is_behind_what_is_kept_is_told(
    launch: Callable[..., EtcdMember], opener: Opener, passages: Callable[..., EtcdPassage]
) -> None:
    member = launch()
    store = await opener(member.endpoint)
    fences = [await write(store, Put("a", b"%d" % number)) for number in range(4)]
    revision = await store.compactable(fences[2].n)
    compaction = etcd.CompactionRequest(revision=revision + 1).SerializeToString()
    await passages(member.endpoint).call(METHODS["Compact"].path, compaction, SOON)
    with pytest.raises(Compacted):
        await store.compactable(fences[0].n)
