"""Asks a member how it is."""

import asyncio

import msgspec
from msgspec import Struct

from jobpool.etcd.http import Where, get
from jobpool.kit.pure.durations import Millis
from jobpool.kit.pure.garbled import GARBLED

# A member over its quota must count as ready: somebody has to be able to make room in it.
_HEALTH = "/health?exclude=NOSPACE"
_VERSION = "/version"


class _Health(Struct):
    health: str = ""
    reason: str = ""


class _Versions(Struct):
    etcdserver: str = ""
    etcdcluster: str = ""


async def trouble(where: Where, *, timeout: Millis) -> str:
    """Why the member cannot answer reads and writes yet, in a few words; empty when it can."""
    try:
        async with asyncio.timeout(timeout / 1000):
            body = (await get(where, _HEALTH)).body
    except TimeoutError:
        return f"no answer within {timeout} ms"
    except OSError as error:
        return f"does not listen yet ({error.strerror or error})"
    try:
        health = msgspec.json.decode(body, type=_Health)
    except GARBLED:
        return f"an answer that is not etcd's: {body[:80]!r}"
    return "" if health.health == "true" else health.reason or "it says that it is not healthy"


async def versions(where: Where, *, timeout: Millis) -> tuple[str, str]:
    """The member's and the cluster's, such as 3.5.30 and 3.5.0; empty texts without an answer."""
    try:
        async with asyncio.timeout(timeout / 1000):
            told = msgspec.json.decode((await get(where, _VERSION)).body, type=_Versions)
    except (OSError, *GARBLED):  # among the former TimeoutError
        return "", ""
    return told.etcdserver, told.etcdcluster
