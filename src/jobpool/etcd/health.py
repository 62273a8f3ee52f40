"""Asks a member how it is."""

import asyncio

import msgspec
from msgspec import Struct

from jobpool.kit.pure.durations import Millis

# A member over its quota must count as ready: somebody has to be able to make room in it.
_REQUEST = b"GET /health?exclude=NOSPACE HTTP/1.0\r\n\r\n"
_MOST = 64 * 1024


class _Health(Struct):
    health: str = ""
    reason: str = ""


async def trouble(host: str, port: int, *, timeout: Millis) -> str:
    """Why the member cannot answer reads and writes yet, in a few words; empty when it can."""
    try:
        async with asyncio.timeout(timeout / 1000):
            answer = await _ask(host, port)
    except TimeoutError:
        return f"no answer within {timeout} ms"
    except OSError as error:
        return f"does not listen yet ({error.strerror or error})"
    _, _, body = answer.partition(b"\r\n\r\n")
    try:
        health = msgspec.json.decode(body, type=_Health)
    except msgspec.MsgspecError:
        return f"an answer that is not etcd's: {answer[:80]!r}"
    return "" if health.health == "true" else health.reason or "it says that it is not healthy"


async def _ask(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_REQUEST)
        answer = b""
        while len(answer) < _MOST and (chunk := await reader.read(_MOST)):
            answer += chunk
        return answer
    finally:
        writer.close()
