"""The plain HTTP questions: is a server healthy, and which version is it."""

import asyncio
import json
from contextlib import suppress

from msgspec import Struct

from jobpool.client.endpoints import Endpoint
from jobpool.client.errors import Unreachable
from jobpool.client.tls import TlsConfig, client_context
from jobpool.kit.effects.channel import connect_failure
from jobpool.kit.pure.durations import Millis, format_duration
from jobpool.model.errors import Unavailable

MAX_ANSWER = 65_536


class Answer(Struct, frozen=True):
    """`fields` are the members of the JSON object in the body; empty when it is none."""

    status: int
    fields: dict[str, object]


async def ask(endpoint: Endpoint, path: str, *, tls: TlsConfig | None, timeout: Millis) -> Answer:
    """GET `path`, in all within `timeout` ms.

    Raises Unreachable when there is no connection, Unavailable when what answers is not HTTP, or not in time.
    """
    try:
        async with asyncio.timeout(timeout / 1000):
            raw = await _exchange(endpoint, path, tls)
    except TimeoutError as error:
        raise Unavailable(f"no answer from {endpoint.url}{path} within {format_duration(timeout)}") from error
    except OSError as error:
        raise Unreachable([(endpoint, connect_failure(error))]) from error
    return _read(raw, endpoint)


async def _exchange(endpoint: Endpoint, path: str, tls: TlsConfig | None) -> bytes:
    """HTTP/1.0, so that the end of the connection is the end of the body."""
    context = client_context(tls or TlsConfig(), protocol="http/1.1") if endpoint.secure else None
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {endpoint.authority}\r\nAccept: */*\r\n\r\n".encode())
        await writer.drain()
        raw = b""
        while len(raw) < MAX_ANSWER and (more := await reader.read(MAX_ANSWER - len(raw))):
            raw += more
        return raw
    finally:
        writer.transport.abort()
        with suppress(OSError):  # the answer is here or the reason is; how the connection ends says nothing more
            await writer.wait_closed()


def _read(raw: bytes, endpoint: Endpoint) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise Unavailable(f"{endpoint.url} answers, but not in HTTP: is it a jobpool server?")
    try:
        fields = json.loads(body)
    except ValueError:
        fields = {}
    return Answer(int(words[1]), fields if isinstance(fields, dict) else {})
