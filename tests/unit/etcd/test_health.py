"""What a member's answer, or the lack of one, is taken for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from jobpool.etcd.health import trouble
from jobpool.etcd.ports import HOST, free_ports

Answering = Callable[[bytes | None], Awaitable[int]]
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"


@pytest.fixture
async def answering() -> AsyncIterator[Answering]:
    """A port on which every request gets this answer; None: no answer ever."""
    async with AsyncExitStack() as stack:
        forever = asyncio.Event()

        async def start(answer: bytes | None) -> int:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                assert await reader.readuntil(b"\r\n\r\n") == b"GET /health?exclude=NOSPACE HTTP/1.0\r\n\r\n"
                if answer is None:
                    await forever.wait()
                else:
                    writer.write(answer)
                writer.close()

            server = await asyncio.start_server(serve, HOST, 0)
            stack.callback(server.close)
            port: int = server.sockets[0].getsockname()[1]
            return port

        yield start
        forever.set()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (HEAD + b'{"health":"true","reason":""}', ""),
        (HEAD + b'{"health":"false","reason":"RAFT NO LEADER"}', "RAFT NO LEADER"),
        (HEAD + b'{"health":"false"}', "it says that it is not healthy"),
        (b"HTTP/1.0 404 Not Found\r\n\r\nnothing here", "an answer that is not etcd's"),
        (b"", "an answer that is not etcd's"),
    ],
)
async def test_an_answer(answering: Answering, answer: bytes, told: str) -> None:
    found = await trouble((HOST, await answering(answer)), timeout=10_000)
    assert found.startswith(told) if told else found == ""


async def test_no_answer(answering: Answering) -> None:
    assert await trouble((HOST, await answering(None)), timeout=20) == "no answer within 20 ms"


async def test_nobody_there() -> None:
    assert (await trouble((HOST, free_ports(1)[0]), timeout=10_000)).startswith("does not listen yet")


async def test_a_socket(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b'{"health":"true"}')
        writer.close()

    assert (await trouble(tmp_path / "http", timeout=10_000)).startswith("does not listen yet")
    async with await asyncio.start_unix_server(serve, tmp_path / "http"):
        assert await trouble(tmp_path / "http", timeout=10_000) == ""
