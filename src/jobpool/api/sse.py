"""Streams over HTTP: server-sent events, each with the place to go on from as its id.

`Last-Event-ID` is where a browser, or any other client, takes it up again. What ends by itself says so by an event
`end`; a stream that ends without one was cut off. Never compressed: an event is there at once or not at all.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import lru_cache

from google.protobuf.message import Message
from starlette.types import Receive, Send

from jobpool.api.rest_body import PIECE
from jobpool.api.status import http_body
from jobpool.api.untaken import Untaken
from jobpool.model.errors import InvalidArgument, JobpoolError, Unavailable
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.json import dump, encode

EVENTS = "text/event-stream"
_HEADERS = (
    (b"content-type", EVENTS.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy that collects answers would keep events back
)
_CLUSTER = b"x-jobpool-cluster"
_REMEMBERED = 4096
_SHORT = 2048
"""Bytes of a change that is remembered as it was written."""
_PLACE = re.compile(r"([0-9]{1,9})\.([0-9]{1,18})", re.ASCII)


def streamed(rpc: str, request: Message) -> str:
    """The call whose answers are sent as events for this request; empty: it is answered at once."""
    if isinstance(request, pb.JobLogsRequest):
        return "JobLogsFollow" if request.follow else ""
    return rpc if isinstance(request, pb.ScheduleWatchRequest | pb.ClusterWatchRequest | pb.NodeWatchRequest) else ""


def resume(request: Message, last_event_id: str) -> None:
    """Go on behind the last event that the client has seen. Raises InvalidArgument for what is no event's id."""
    if not last_event_id:
        return
    if isinstance(request, pb.ScheduleWatchRequest):
        request.after = last_event_id
    elif isinstance(request, pb.JobLogsRequest):
        place = _PLACE.fullmatch(last_event_id)
        if place is None:
            raise InvalidArgument("Last-Event-ID", f"wanted the id of an event, found {last_event_id[:40]!r}")
        request.attempt, request.offset = int(place[1]), int(place[2])


class EventStream:
    """The answers of one call, as events."""

    def __init__(self, answers: AsyncGenerator[Message, None], untaken: Untaken) -> None:
        self._answers = answers
        self._untaken = untaken

    async def send(self, send: Send, receive: Receive, *, head_only: bool) -> None:
        """Until the stream ends or the client has gone.

        Raises JobpoolError before anything was sent, and later for a client that does not read: it is to be cut off.
        """
        async with aclosing(self._answers) as answers:
            first = await anext(answers, None)
            await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *_whose(first)]})
            if first is None or head_only:
                await send({"type": "http.response.body", "body": b""})
                return
            loop = asyncio.get_running_loop()
            telling, gone = loop.create_task(self._tell(first, answers, send)), loop.create_task(_gone(receive))
            try:
                await asyncio.wait((telling, gone), return_when=asyncio.FIRST_COMPLETED)
                if telling.done():
                    telling.result()
            finally:
                telling.cancel()
                gone.cancel()
                await asyncio.gather(telling, gone, return_exceptions=True)

    async def _tell(self, first: Message, answers: AsyncGenerator[Message, None], send: Send) -> None:
        """Raises Unavailable for who does not read: an event may be half-way, so nothing further can be told."""
        answer: Message | None = first
        last = b""
        while answer is not None:
            await self._send(events_of(answer), send)
            answer, last = await _next(answers)
        await send({"type": "http.response.body", "body": last})

    async def _send(self, text: bytes, send: Send) -> None:
        async with self._untaken.handing(len(text), within=None):
            for at in range(0, len(text), PIECE):
                await send({"type": "http.response.body", "body": text[at : at + PIECE], "more_body": True})


def _whose(first: Message | None) -> Iterator[tuple[bytes, bytes]]:
    """Which cluster answers: the place that a client has reached means nothing in another one."""
    header = getattr(first, "header", None)
    if isinstance(header, pb.ResponseHeader):
        yield _CLUSTER, b"%d" % header.cluster_id


async def _next(answers: AsyncGenerator[Message, None]) -> tuple[Message | None, bytes]:
    """The next answer; None at the end, with what is told of it."""
    try:
        answer = await anext(answers, None)
    except Unavailable as cut:
        return None, f": {cut.reason}\n\n".encode()  # the client comes back by itself, here or elsewhere
    except JobpoolError as error:
        return None, b"event: failed\ndata: " + http_body(error) + b"\n\n"
    return answer, b"event: end\ndata: {}\n\n"


def events_of(answer: Message) -> bytes:
    """One answer of a stream."""
    if isinstance(answer, pb.ScheduleWatchResponse):
        return b"".join(_of_changes(answer))
    if isinstance(answer, pb.ClusterDetailResponse):
        return b"event: cluster\ndata: " + encode(answer) + b"\n\n"
    if isinstance(answer, pb.NodeWatchResponse):
        return b"event: nodes\ndata: " + encode(answer) + b"\n\n"
    assert isinstance(answer, pb.JobLogsResponse)
    place = b"id: %d.%d\n" % (answer.attempt, answer.next_offset)
    if not answer.data and not answer.complete:
        return b":\n" + place + b"\n"
    return b"event: output\n" + place + b"data: " + encode(answer) + b"\n\n"


def _of_changes(answer: pb.ScheduleWatchResponse) -> Iterator[bytes]:
    """Each with the place to go on from, so that nothing is said twice to who comes back.

    A reset bears one only when nothing follows it: who came back behind it would never be told what does.
    """
    if answer.reset:
        place = "" if answer.data else answer.position
        yield b"event: reset\n" + _id(place) + b"data: " + dump({"position": place} if place else {}) + b"\n\n"
    for at, change in enumerate(answer.data, 1):
        place = answer.position if at == len(answer.data) else change.position
        yield b"event: " + change.kind.encode() + b"\n" + _id(place) + b"data: " + _json(change) + b"\n\n"
    if not answer.data and not answer.reset:
        yield b":\n" + _id(answer.position) + b"\n"


def _json(change: pb.ScheduleChange) -> bytes:
    """Every tab is told of the same changes: what is short is written once for all of them."""
    told = change.SerializeToString()
    return _written(told) if len(told) <= _SHORT else encode(change)


@lru_cache(_REMEMBERED)
def _written(change: bytes) -> bytes:
    return encode(pb.ScheduleChange.FromString(change))


def _id(place: str) -> bytes:
    return b"id: " + place.encode() + b"\n" if place else b""


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
