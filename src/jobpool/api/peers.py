"""Streams of other servers, as they come in by gRPC."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias, cast

from google.protobuf.message import DecodeError
from grpclib.const import Cardinality, Handler
from grpclib.exceptions import GRPCError
from grpclib.server import Stream
from h2.exceptions import H2Error

from jobpool.api.status import grpc_error
from jobpool.kit.effects.channel import BoundedBuffer
from jobpool.model.errors import InvalidArgument, JobpoolError, Unimplemented
from jobpool.model.retold import retold
from jobpool.peers.dial import AROUND, PATH
from jobpool.peers.stream import MAX_FRAME, FrameStream, StreamBroken
from jobpool.wire import jobpool_pb2 as pb

Accept: TypeAlias = Callable[[FrameStream], Awaitable[None]]
"""Serves one stream to its end. Raises JobpoolError that says why it ended it."""

_Stream: TypeAlias = Stream[pb.PeerFrame, pb.PeerFrame]


def peer_methods(accept: Accept) -> dict[str, Handler]:
    """The service Peers, by path."""

    async def serve(stream: _Stream) -> None:
        try:
            await accept(_Accepted(stream))
        except JobpoolError as error:
            raise grpc_error(error) from None

    return {PATH: Handler(serve, Cardinality.STREAM_STREAM, pb.PeerFrame, pb.PeerFrame)}


class _Accepted:
    """A FrameStream. When its connection breaks, grpclib cancels whoever serves it."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._buffer = cast(BoundedBuffer, stream._stream.buffer)

    async def send(self, data: bytes) -> None:
        with _told():
            await self._stream.send_message(pb.PeerFrame(data=data))

    async def recv(self, *, limit: int = MAX_FRAME) -> bytes | None:
        self._buffer.limit = limit + AROUND
        with _told():
            message = await self._stream.recv_message()
        return None if message is None else message.data


@contextmanager
def _told() -> Iterator[None]:
    """What can go wrong with a stream, in the words of the one error tree."""
    try:
        yield
    except GRPCError as error:  # a frame that is too large, or cut short
        raise retold(error.status.value, error.message or error.status.name) from None
    except DecodeError:
        raise InvalidArgument("frame", "the bytes are no PeerFrame") from None
    except NotImplementedError:
        raise Unimplemented("compressed frames are not taken") from None
    except H2Error as error:
        raise StreamBroken(f"the stream broke: {error}") from error
