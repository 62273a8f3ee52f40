"""A connection that is closed as soon as it is made is a connection that failed, not a fault of the program."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.protocol import H2Protocol

from jobpool.kit.effects.channel import LiveChannel, SoundChannel
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where connections are taken, and nothing is said."""
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        ended.set()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    await ended.wait()
    server.close()
    await server.wait_closed()


class _Lost(Channel):
    """The other end closes before anything is asked: the transport says so before whoever connects goes on."""

    async def _create_connection(self) -> H2Protocol:
        protocol = await super()._create_connection()
        protocol.processor.connection._transport.close()
        await settle()
        return protocol


class LostSound(SoundChannel, _Lost):
    pass


class LostLive(LiveChannel, _Lost):
    pass


async def test_a_plain_one_fails_with_what_nobody_expects(port: int) -> None:
    """Once grpclib does better, ours need not."""
    channel = _Lost("127.0.0.1", port)
    with pytest.raises(AttributeError):
        await UnaryUnaryMethod(channel, "/x", pb.ServerListRequest, pb.ServerListResponse)(pb.ServerListRequest())
    channel.close()


@pytest.mark.parametrize("kind", [LostSound, LostLive])
async def test_lost_at_once_is_told_as_lost(kind: type[LostSound] | type[LostLive], port: int) -> None:
    if issubclass(kind, LostLive):
        channel: Channel = kind("127.0.0.1", port, tls=None, dead_after=1000)
    else:
        channel = kind("127.0.0.1", port)
    method = UnaryUnaryMethod(channel, "/x", pb.ServerListRequest, pb.ServerListResponse)
    with pytest.raises(ConnectionResetError, match="closed as soon as it was made"):
        await method(pb.ServerListRequest())
    channel.close()
