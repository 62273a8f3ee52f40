"""One watch stream, fed by hand: where it may go on after a cut, and when it gives up."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import grpc
import pytest

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.etcd.errors import Denied, TokenRefused, Unreachable
from jobpool.store.engines.etcd.link import WatchCall
from jobpool.store.engines.etcd.settings import Timeouts
from jobpool.store.engines.etcd.watch import MAX_BEHIND, WatchStream
from jobpool.store.port import Compacted
from jobpool.wire.etcd_pb2 import Event, KeyValue, ResponseHeader, WatchRequest, WatchResponse

PATIENCE = Timeouts(quiet=1, answer=1)


class Script:
    """A call that gives these responses and then nothing more; None = it ends."""

    def __init__(self, *responses: WatchResponse | None) -> None:
        self._responses = list(responses)
        self.sent: list[WatchRequest] = []
        self.ended = False

    async def write(self, request: WatchRequest) -> None:
        self.sent.append(request)

    async def read(self) -> object:
        if not self._responses:
            await asyncio.get_running_loop().create_future()
        return self._responses.pop(0)

    def cancel(self) -> None:
        self.ended = True


def stream_of(*responses: WatchResponse | None) -> tuple[WatchStream, Script]:
    script = Script(*responses)
    return WatchStream(cast("WatchCall", script), "http://a:1", PATIENCE), script


def told(revision: int, *events: int, fragment: bool = False) -> WatchResponse:
    """A response whose header says `revision`, with one event of each of these revisions."""
    found = [Event(kv=KeyValue(key=b"k", mod_revision=at)) for at in events]
    return WatchResponse(header=ResponseHeader(revision=revision), events=found, fragment=fragment)


def created(revision: int) -> WatchResponse:
    return WatchResponse(header=ResponseHeader(revision=revision), created=True)


async def resumes(stream: WatchStream, start: int, count: int) -> list[tuple[list[int], int]]:
    """The revisions of each batch, and where a cut after it would go on."""
    batches = stream.batches(start)
    found = [await anext(batches) for _ in range(count)]
    await stream.aclose()
    return [([event.kv.mod_revision for event in batch.events], batch.resume) for batch in found]


async def test_a_batch_that_catches_up_is_resumed_after_its_last_event() -> None:
    stream, script = stream_of(created(900), told(900, 11, 12), told(900, 13))
    await stream.begin(b"a", b"b", 11)
    assert await resumes(stream, 11, 2) == [([11, 12], 13), ([13], 14)]
    assert script.sent[0].create_request.start_revision == 11
    assert script.sent[0].create_request.fragment
    assert script.ended


async def test_a_progress_notification_moves_the_place_but_the_answer_to_the_request_does_not() -> None:
    stream, _ = stream_of(created(900), created(950), told(1000))
    await stream.begin(b"a", b"b", 11)
    assert await resumes(stream, 11, 2) == [([], 11), ([], 1001)]


async def test_fragments_are_put_together() -> None:
    stream, _ = stream_of(created(20), told(20, 11, fragment=True), told(20, 11, fragment=True), told(20, 11, 12))
    await stream.begin(b"a", b"b", 11)
    assert await resumes(stream, 11, 1) == [([11, 11, 11, 12], 13)]


async def test_a_silent_stream_is_asked_and_then_left() -> None:
    stream, script = stream_of(created(20))
    await stream.begin(b"a", b"b", 11)
    with pytest.raises(Unreachable, match="hears nothing"):
        await anext(stream.batches(11))
    assert [request.WhichOneof("request_union") for request in script.sent] == ["create_request", "progress_request"]
    await stream.aclose()


async def test_a_watch_that_is_never_answered_is_left() -> None:
    stream, _ = stream_of()
    with pytest.raises(Unreachable, match="no answer"):
        await stream.begin(b"a", b"b", 11)
    await stream.aclose()


async def test_a_stream_that_ends_is_left() -> None:
    stream, _ = stream_of(created(20), None)
    await stream.begin(b"a", b"b", 11)
    with pytest.raises(Unreachable, match="ended"):
        await anext(stream.batches(11))


CANCELED: Sequence[tuple[WatchResponse, type[StoreFailed]]] = (
    (WatchResponse(canceled=True, compact_revision=15), Compacted),
    (WatchResponse(canceled=True, cancel_reason="etcdserver: permission denied"), Denied),
    (WatchResponse(canceled=True, cancel_reason="etcdserver: invalid auth token"), TokenRefused),
    (WatchResponse(canceled=True, cancel_reason="etcdserver: no leader"), Unreachable),
    (WatchResponse(canceled=True), Unreachable),
    (created(11 + MAX_BEHIND + 1), Compacted),
)


@pytest.mark.parametrize(("response", "wanted"), CANCELED)
async def test_a_canceled_watch_says_why(response: WatchResponse, wanted: type[StoreFailed]) -> None:
    stream, _ = stream_of(response)
    with pytest.raises(StoreFailed) as failure:
        await stream.begin(b"a", b"b", 11)
    assert type(failure.value) is wanted


async def test_a_watch_that_falls_behind_on_its_way_is_told_to_load() -> None:
    stream, _ = stream_of(created(11 + MAX_BEHIND), told(20 + MAX_BEHIND + 1, 20))
    await stream.begin(b"a", b"b", 11)
    with pytest.raises(Compacted, match="behind"):
        await anext(stream.batches(11))


async def hang() -> None:
    await asyncio.get_running_loop().create_future()


async def fail(failure: BaseException) -> None:
    raise failure


REFUSED = grpc.aio.AioRpcError(
    grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details="connection refused"
)
BROKEN: Sequence[tuple[Callable[[], Awaitable[None]], str]] = (
    (hang, "cannot be asked for"),
    (lambda: fail(asyncio.InvalidStateError()), "has ended"),
    (lambda: fail(asyncio.CancelledError()), "connection was closed"),  # as grpcio does when the channel is closed
    (lambda: fail(REFUSED), "connection refused"),
)


@pytest.mark.parametrize(("write", "reason"), BROKEN, ids=["hangs", "ended", "closed", "refused"])
async def test_a_stream_that_takes_no_request_is_left(write: Callable[[], Awaitable[None]], reason: str) -> None:
    class Broken(Script):
        async def write(self, request: WatchRequest) -> None:
            await write()

    stream = WatchStream(cast("WatchCall", Broken()), "http://a:1", PATIENCE)
    with pytest.raises(Unreachable, match=reason):
        await stream.begin(b"a", b"b", 11)
    await stream.aclose()


async def test_whoever_is_cancelled_while_asking_is_cancelled() -> None:
    class Hanging(Script):
        async def write(self, request: WatchRequest) -> None:
            await hang()

    stream = WatchStream(cast("WatchCall", Hanging()), "http://a:1", Timeouts())
    asking = asyncio.get_running_loop().create_task(stream.begin(b"a", b"b", 11))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
