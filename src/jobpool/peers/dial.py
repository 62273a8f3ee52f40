"""Streams to other servers over gRPC, in clear or by TLS as their address says."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TypeAlias
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from grpclib.client import Stream
from grpclib.const import Cardinality
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import H2Error

from jobpool.kit.effects.channel import BoundedBuffer, LiveChannel, connect_failure
from jobpool.kit.effects.tls import Advice
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument, Unimplemented
from jobpool.model.retold import retold
from jobpool.model.server import ServerRecord
from jobpool.peers.stream import MAX_FRAME, FrameStream, StreamBroken
from jobpool.wire import jobpool_pb2 as pb

PATH = "/jobpool.v1.Peers/Session"
AROUND = 16
"""Bytes that protobuf adds to a frame, at most."""
_DEAD_AFTER: Millis = 3 * SECOND
_DEFAULT_PORT = 2379
_NO_GRPC = "what answers there does not speak gRPC"
_ADVICE = Advice(
    theirs="see client-transport-security: trusted-ca-file here, cert-file there",
    ours="see client-transport-security: client-cert-file (or cert-file, which must be good for a client too) here, "
    "trusted-ca-file there",
)

_Call: TypeAlias = Stream[pb.PeerFrame, pb.PeerFrame]


class GrpcDial:
    """A `Dial`. One connection for each stream, so that nothing else holds it up.

    `tls` is for servers at `https://`; it must offer `h2` by ALPN. None = what the system trusts.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls

    @asynccontextmanager
    async def __call__(self, server: ServerRecord) -> AsyncIterator[FrameStream]:
        channel = self._channel(server.url)
        try:
            with _told():
                await channel.__connect__()
                call = channel.request(PATH, Cardinality.STREAM_STREAM, pb.PeerFrame, pb.PeerFrame)
                await call.__aenter__()
                await call.send_request()
            yield _Dialed(call)
        finally:
            channel.close()  # which ends the stream: the other end sees the connection close

    def _channel(self, url: str) -> LiveChannel:
        """Raises InvalidArgument for what is no URL of a server."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InvalidArgument("url", f"wanted http(s)://host:port, found {url[:100]!r}: {error}") from None
        if parts.scheme not in ("http", "https") or not host:
            raise InvalidArgument("url", f"wanted http(s)://host:port, found {url[:100]!r}")
        tls = (self._tls or _system()) if parts.scheme == "https" else None
        return LiveChannel(host, port or _DEFAULT_PORT, tls=tls, dead_after=_DEAD_AFTER, advice=_ADVICE)


class _Dialed:
    def __init__(self, call: _Call) -> None:
        self._call = call
        h2 = call._stream
        assert h2.id is not None
        self._buffer = h2.buffer = BoundedBuffer(partial(h2.connection.ack, h2.id), limit=MAX_FRAME)

    async def send(self, data: bytes) -> None:
        with _told(self._call):
            await self._call.send_message(pb.PeerFrame(data=data))

    async def recv(self, *, limit: int = MAX_FRAME) -> bytes | None:
        self._buffer.limit = limit + AROUND
        with _told(self._call):
            message = await self._call.recv_message()
            if message is None:
                self._call._maybe_raise()  # what the other end refused with
                return None
            return message.data


@contextmanager
def _told(call: _Call | None = None) -> Iterator[None]:
    """What can go wrong with a stream, in the words of the one error tree."""
    try:
        yield
    except (StreamTerminatedError, H2Error) as error:
        raise _refusal(call) or StreamBroken(f"the connection broke: {error}") from error
    except GRPCError as error:
        raise _said(error) from error
    except DecodeError as error:
        raise InvalidArgument("frame", "the bytes are no PeerFrame") from error
    except NotImplementedError:
        raise Unimplemented("compressed frames are not taken") from None
    except KeyError:  # grpclib looks up what every answer has
        raise StreamBroken(_NO_GRPC) from None
    except OSError as error:
        raise StreamBroken(connect_failure(error, _ADVICE)) from error


def _refusal(call: _Call | None) -> Exception | None:
    """What the other end said when it ended the stream."""
    try:
        if call is not None:
            call._maybe_raise()
    except GRPCError as error:
        return _said(error)
    except KeyError:
        return StreamBroken(_NO_GRPC)
    return None


def _said(error: GRPCError) -> Exception:
    return retold(error.status.value, error.message or error.status.name)


def _system() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    return context
