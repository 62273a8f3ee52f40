"""The engine's judgment of answers that a real etcd gives once in a year."""

from collections.abc import AsyncIterator
from typing import cast

import pytest

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.engine import EtcdStore
from jobpool.store.engines.etcd.errors import NoSpace, Unreachable
from jobpool.store.engines.etcd.keys import keyspace
from jobpool.store.engines.rules import FENCE_KEY, INITIAL_FENCE, TERMS_APART, encode_fence
from jobpool.store.port import Fence, Fenced, KeyValue, Limits, OutcomeUnknown, Put
from jobpool.testing.store import following
from jobpool.wire.etcd_pb2 import KeyValue as Pair
from jobpool.wire.etcd_pb2 import RangeRequest, RangeResponse, ResponseHeader, TxnRequest, TxnResponse

KEYS = keyspace("/p/")
MINE = following(INITIAL_FENCE, Put("a", b"1"))
OTHER = Fence(1, 1, 1, "campaign/other/1")


class Answers:
    """A client that gives these answers to transactions, in order, and holds one fence."""

    def __init__(self, fence: Fence | StoreFailed, *answers: TxnResponse | StoreFailed) -> None:
        self._fence = fence
        self._answers = list(answers)
        self.sent: list[TxnRequest] = []

    async def write(self, request: TxnRequest) -> TxnResponse:
        self.sent.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, StoreFailed):
            raise answer
        return answer

    async def read(self, request: TxnRequest, *, long: bool = False) -> TxnResponse:
        return await self.write(request)

    async def range(self, request: RangeRequest) -> RangeResponse:
        assert request.key == KEYS.fence
        assert not request.serializable
        if isinstance(self._fence, StoreFailed):
            raise self._fence
        return RangeResponse(kvs=[Pair(key=KEYS.fence, value=encode_fence(self._fence), mod_revision=3)])


def store_on(client: Answers) -> EtcdStore:
    return EtcdStore(cast("EtcdClient", client), KEYS, limits=Limits(), may_compact=False)


def refused_for(fence: Fence) -> TxnResponse:
    answer = TxnResponse(succeeded=False)
    answer.responses.add().response_range.kvs.add(key=KEYS.fence, value=encode_fence(fence), mod_revision=3)
    return answer


async def test_used_up_space_that_was_found_out_too_late_is_no_refusal() -> None:
    await store_on(Answers(MINE.leaves, NoSpace("full"))).commit(MINE)


@pytest.mark.parametrize("fence", [INITIAL_FENCE, OTHER])
async def test_used_up_space_is_a_refusal_when_the_fence_says_so(fence: Fence) -> None:
    with pytest.raises(NoSpace):
        await store_on(Answers(fence, NoSpace("full"))).commit(MINE)


async def test_used_up_space_leaves_the_outcome_open_when_the_fence_cannot_be_read() -> None:
    with pytest.raises(OutcomeUnknown, match="full; then gone"):
        await store_on(Answers(Unreachable("gone"), NoSpace("full"))).commit(MINE)


async def test_after_an_unknown_outcome_only_the_fence_settles_it() -> None:
    client = Answers(
        INITIAL_FENCE,
        OutcomeUnknown("no answer"),
        NoSpace("full"),
        StoreFailed("denied"),
        refused_for(MINE.leaves),
        StoreFailed("denied"),
    )
    store = store_on(client)
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            await store.commit(MINE)
    await store.commit(MINE)
    assert all(request == client.sent[0] for request in client.sent)
    with pytest.raises(StoreFailed, match="denied") as failure:
        await store.commit(following(MINE.leaves))
    assert not isinstance(failure.value, OutcomeUnknown)


async def test_another_fence_settles_it_too() -> None:
    store = store_on(Answers(OTHER, OutcomeUnknown("no answer"), refused_for(OTHER), StoreFailed("denied")))
    with pytest.raises(OutcomeUnknown):
        await store.commit(MINE)
    with pytest.raises(Fenced) as refusal:
        await store.commit(MINE)
    assert refusal.value.actual == OTHER
    with pytest.raises(StoreFailed, match="denied") as failure:
        await store.commit(MINE)
    assert not isinstance(failure.value, OutcomeUnknown)


async def test_a_campaign_that_finds_its_own_fence_was_another_s() -> None:
    """Two campaigns of one server at once are the same transaction; one of them has not won."""
    won = Fence(1, 1, 1, "campaign/me/1")
    with pytest.raises(Fenced):
        await store_on(Answers(INITIAL_FENCE, refused_for(won))).campaign("me")


async def snapshot() -> AsyncIterator[list[KeyValue]]:
    yield [KeyValue("a", b"1"), KeyValue(FENCE_KEY, encode_fence(Fence(1, 5, 50, "old")))]


BEGUN = TxnResponse(succeeded=True, header=ResponseHeader(revision=7))
DONE = TxnResponse(succeeded=True)
RESTORED = Fence(2, 5 + TERMS_APART, 51, "restore/2")


async def test_a_restore_whose_last_answer_is_lost_is_done() -> None:
    client = Answers(INITIAL_FENCE, BEGUN, DONE, OutcomeUnknown("no answer"), refused_for(RESTORED))
    assert await store_on(client).restore(snapshot()) == RESTORED
    begin, fill, finish, again = client.sent
    assert [compare.mod_revision for request in (fill, finish) for compare in request.compare] == [7, 7]
    assert finish == again != begin


async def test_a_restore_that_finds_another_fence_has_failed() -> None:
    client = Answers(INITIAL_FENCE, BEGUN, DONE, OutcomeUnknown("no answer"), refused_for(OTHER), refused_for(OTHER))
    with pytest.raises(StoreFailed, match="another one took over"):
        await store_on(client).restore(snapshot())


async def test_a_restore_whose_beginning_is_unknown_is_not_gone_on_with() -> None:
    client = Answers(INITIAL_FENCE, OutcomeUnknown("no answer"))
    with pytest.raises(OutcomeUnknown):
        await store_on(client).restore(snapshot())
    assert len(client.sent) == 1


async def test_what_a_restore_cannot_take_back_is_noted() -> None:
    client = Answers(INITIAL_FENCE, BEGUN, StoreFailed("denied"), Unreachable("gone"))
    with pytest.raises(StoreFailed, match="denied") as failure:
        await store_on(client).restore(snapshot())
    assert "gone" in failure.value.__notes__[0]
