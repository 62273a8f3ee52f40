"""A connection of gRPC calls whose transport ends under it."""

import asyncio

from jobpool.api.connections import Connections
from jobpool.api.http2 import Http2


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
