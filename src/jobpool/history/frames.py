"""The words between the server and its history process: msgpack behind a length of four bytes, both ways.

Frames are answered strictly in order, which is what makes a query a snapshot: it sees exactly the segments that were
written before it.
"""

from typing import TypeAlias

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from jobpool.history.queries import (
    Bar,
    End,
    GetJob,
    GetPart,
    JobExists,
    ListAllocations,
    ListBars,
    ListEnds,
    ListEvaluations,
    ListJobs,
    ListTicks,
    RetentionCut,
)
from jobpool.kit.pure.durations import Millis

HEADER = 4
MAX_FRAME = 256 * 1024 * 1024


class Ingest(Struct, frozen=True, array_like=True, tag="ingest"):
    """The segment of commit n, as the store holds it. One that is not newer than the last is ignored."""

    n: int
    segment: bytes


class DeleteBefore(Struct, frozen=True, array_like=True, tag="delete"):
    """The store no longer holds segments below n."""

    n: int


class Reset(Struct, frozen=True, array_like=True, tag="reset"):
    """Forget everything; what follows is of this incarnation."""

    incarnation: int


Request: TypeAlias = (
    Ingest
    | DeleteBefore
    | Reset
    | ListJobs
    | ListEvaluations
    | ListAllocations
    | ListTicks
    | ListEnds
    | ListBars
    | JobExists
    | GetJob
    | GetPart
    | RetentionCut
)


class Hello(Struct, frozen=True, array_like=True, tag="hello"):
    """The child is ready; it holds everything up to segment n of the incarnation (0, 0 when empty)."""

    incarnation: int
    n: int


class Damaged(Struct, frozen=True, array_like=True, tag="damaged"):
    """The file cannot be read any more; the child ends."""

    detail: str


class Rows(Struct, frozen=True, array_like=True, tag="rows"):
    """Encoded runs, each with the number of its evaluation or attempt (0 where runs are listed)."""

    total: int
    items: tuple[tuple[bytes, int], ...]


class Ticks(Struct, frozen=True, array_like=True, tag="of-plan"):
    """Encoded runs of one plan, and since when none is missing."""

    known_from: Millis
    records: tuple[bytes, ...]


class Ends(Struct, frozen=True, array_like=True, tag="ends-of"):
    """How the runs of each plan ended, in the order of the question."""

    plans: tuple[tuple[End, ...], ...]


class Bars(Struct, frozen=True, array_like=True, tag="drawn"):
    items: tuple[Bar, ...]


class Found(Struct, frozen=True, array_like=True, tag="found"):
    exists: bool


class Cut(Struct, frozen=True, array_like=True, tag="cut"):
    n: int | None


Answer: TypeAlias = Rows | Ticks | Bars | Ends | Found | Cut
Reply: TypeAlias = Hello | Damaged | Rows | Ticks | Bars | Ends | Found | Cut

_encoder = Encoder()
_requests: Decoder[Request] = Decoder(Request)
_replies: Decoder[Reply] = Decoder(Reply)


class BadFrame(ValueError):
    """The other side does not speak this protocol."""


def pack(message: Request | Reply) -> bytes:
    """The message as one frame."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEADER, "big") + body


def body_size(header: bytes | bytearray) -> int:
    """Bytes that follow the header. Raises BadFrame for a size nobody sends."""
    size = int.from_bytes(header[:HEADER], "big")
    if not 0 < size <= MAX_FRAME:
        raise BadFrame(f"wanted a frame of 1 to {MAX_FRAME} bytes, found {size}")
    return size


def unpack_request(body: bytes | memoryview) -> Request:
    """Raises msgspec.MsgspecError."""
    return _requests.decode(body)


def unpack_reply(body: bytes | memoryview) -> Reply:
    """Raises msgspec.MsgspecError."""
    return _replies.decode(body)
