"""The plain HTTP questions, against small scripted listeners."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jobpool.client import Endpoint, Unreachable, parse_endpoint
from jobpool.client.probe import ask
from jobpool.model.errors import Unavailable


@asynccontextmanager
async def listener(answer: bytes | None) -> AsyncIterator[Endpoint]:
    """Sends `answer` to whoever has asked, and hangs up; None: never answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield parse_endpoint("{}:{}".format(*server.sockets[0].getsockname()))
        await ended.wait()


async def test_reads_status_and_fields() -> None:
    async with listener(b'HTTP/1.0 503 Service Unavailable\r\nX: y\r\n\r\n{"health":"false","reason":"disk"}') as there:
        answer = await ask(there, "/health", tls=None, timeout=2000)
    assert (answer.status, answer.fields) == (503, {"health": "false", "reason": "disk"})


@pytest.mark.parametrize("body", [b"", b"fine", b"[1]", b"\xff"])
async def test_a_body_that_is_no_object_has_no_fields(body: bytes) -> None:
    async with listener(b"HTTP/1.1 200 OK\r\n\r\n" + body) as there:
        assert (await ask(there, "/health", tls=None, timeout=2000)).fields == {}


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 soon\r\n\r\n"])
async def test_something_else_listens(answer: bytes) -> None:
    async with listener(answer) as there:
        with pytest.raises(Unavailable, match="not in HTTP: is it a jobpool server"):
            await ask(there, "/health", tls=None, timeout=2000)


async def test_silence_is_bounded() -> None:
    async with listener(None) as there:
        with pytest.raises(Unavailable, match="within 100ms"):
            await ask(there, "/health", tls=None, timeout=100)


async def test_nobody_there() -> None:
    async with asyncio.timeout(5), await asyncio.start_server(print, "127.0.0.1", 0) as server:
        there = parse_endpoint("{}:{}".format(*server.sockets[0].getsockname()))
    with pytest.raises(Unreachable, match="connection refused"):
        await ask(there, "/health", tls=None, timeout=2000)
