"""Whoever answers at a server's address is no danger: what it says is told as an error of the one tree."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived

from jobpool.client import Client
from jobpool.model.errors import JobpoolError, Unavailable
from jobpool.wire import jobpool_pb2 as pb

Header = tuple[str, str]
GRPC: list[Header] = [(":status", "200"), ("content-type", "application/grpc+proto")]
RESET: list[Header] = []


@asynccontextmanager
async def somebody(headers: list[Header], body: bytes, trailers: list[Header]) -> AsyncIterator[str]:
    """Speaks HTTP/2, and answers every request so; resets it when there are no headers."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
        connection.initiate_connection()
        while data := await reader.read(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    assert event.stream_id is not None
                    answer(connection, event.stream_id)
            writer.write(connection.data_to_send())
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        gone.set()  # last, as the server ends with it

    def answer(connection: H2Connection, stream: int) -> None:
        if headers is RESET:
            connection.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            return
        connection.send_headers(stream, headers)
        connection.send_data(stream, body, end_stream=not trailers)
        if trailers:
            connection.send_headers(stream, trailers, end_stream=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await gone.wait()


ANSWERS: list[tuple[list[Header], bytes, list[Header]]] = [
    ([("server", "nobody")], b"", []),
    ([(":status", "418")], b"", []),
    ([(":status", "200"), ("content-type", "text/html")], b"<html>", []),
    ([*GRPC, ("grpc-status", "many")], b"", []),
    (GRPC, b"", [("grpc-message", "no status")]),
    (GRPC, b"\1\0\0\0\3abc", []),
    (GRPC, b"\0\0\0\0\3abc", []),
    (GRPC, b"\0\0\0\0\3a", []),
    (GRPC, b"\0\0", []),
    (GRPC, b"\0\xff\xff\xff\xff", []),
    (RESET, b"", []),
]


@pytest.mark.parametrize(("headers", "body", "trailers"), [*ANSWERS, (GRPC, b"", [])])
async def test_an_answer_that_is_none_is_an_error(headers: list[Header], body: bytes, trailers: list[Header]) -> None:
    async with (
        asyncio.timeout(20),
        somebody(headers, body, trailers) as endpoint,
        Client([endpoint], hasty=True) as client,
    ):
        with pytest.raises(JobpoolError):
            await client.plan_list(pb.SchedulePlanListRequest())


@pytest.mark.parametrize(("headers", "body", "trailers"), ANSWERS)
async def test_so_are_pieces_that_are_none(headers: list[Header], body: bytes, trailers: list[Header]) -> None:
    async with (
        asyncio.timeout(20),
        somebody(headers, body, trailers) as endpoint,
        Client([endpoint], hasty=True) as client,
    ):
        with pytest.raises(JobpoolError):
            await anext(client.snapshot_save())


async def test_a_change_that_was_answered_oddly_may_have_been_made() -> None:
    async with (
        asyncio.timeout(20),
        somebody(GRPC, b"\0\0\0\0\3a", []) as endpoint,
        Client([endpoint], hasty=True) as client,
    ):
        with pytest.raises(Unavailable, match="answers PlanAdd as no server of jobpool does; the change may have been"):
            await client.plan_add(pb.SchedulePlanAddRequest())
