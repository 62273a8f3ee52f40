"""A connection of gRPC calls whose transport ends under it, or whose peer takes back what it begins."""

import asyncio

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes

from jobpool.api.connections import Connections
from jobpool.api.http2 import _RESETS, Http2

CALL = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "x"),
    (":path", "/x/Y"),
    ("content-type", "application/grpc"),
]


class Transport(asyncio.Transport):
    """Like uvloop's: writing to it once it has closed is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.closed:
            raise RuntimeError("the handler is closed")
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0


async def test_a_frame_of_ours_is_small_however_large_the_peer_takes_them() -> None:
    """Fifty calls that waited for the transport wrote fifty frames of all they had, and were cut off for a flood."""
    connection = Http2({}, Connections(1))
    connection.connection_made(Transport())
    peer = H2Connection(H2Configuration(client_side=True))
    peer.initiate_connection()
    peer.update_settings({SettingCodes.MAX_FRAME_SIZE: 16_777_215})
    connection.data_received(peer.data_to_send())
    assert connection.connection._connection.remote_settings.max_frame_size == 16_777_215
    assert connection.connection._connection.max_outbound_frame_size == 32 * 1024
    connection.connection_lost(None)


async def test_what_is_written_after_the_end_of_the_transport_goes_nowhere() -> None:
    transport = Transport()
    connection = Http2({}, Connections(1))
    connection.connection_made(transport)
    before = len(transport.written)
    connection.connection._connection.ping(b"12345678")
    connection.connection.flush()
    assert len(transport.written) == before + 1
    transport.close()
    connection.connection._connection.ping(b"12345678")
    connection.connection.flush()
    assert len(transport.written) == before + 1
    connection.connection_lost(None)


@pytest.mark.parametrize(("calls", "cut"), [(_RESETS, False), (10 * _RESETS, True)])
async def test_a_peer_that_takes_back_call_after_call_is_cut_off(calls: int, *, cut: bool) -> None:
    transport = Transport()
    connections = Connections(1)
    connection = Http2({}, connections)
    connection.connection_made(transport)
    peer = H2Connection(H2Configuration(client_side=True))
    peer.initiate_connection()
    for _ in range(calls):
        stream = peer.get_next_available_stream_id()
        peer.send_headers(stream, CALL)
        peer.reset_stream(stream)
    connection.data_received(peer.data_to_send())
    assert transport.closed is cut
    begun = connection.running()
    assert len(begun) < 5 * _RESETS
    connection.connection_lost(None)
    await asyncio.gather(*begun, return_exceptions=True)
    assert len(connections) == 0
