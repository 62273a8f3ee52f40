"""The API of a cluster, by a caller that goes on to the next server when one does not answer."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.e2e.oracle.client import Api, Refused

PATIENCE = 5.0
"""Seconds that a server may take to answer: no call of the harness takes longer than this."""


class Anywhere(Api):
    """Fails as `Api` does; the next call is another server's then."""

    def __init__(self, urls: Sequence[str], *, timeout: float = PATIENCE) -> None:
        self._urls = urls
        self._timeout = timeout
        self._apis: list[Api] = []
        self._at = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for url in self._urls:
            self._apis.append(await self._stack.enter_async_context(Api(url, timeout=self._timeout)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def call(
        self, method: str, path: str, *, body: object = None, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        at = self._at
        try:
            return await self._apis[at].call(method, path, body=body, query=query)
        except Refused as refusal:
            self._leave(at, refusal.status in (503, 504))
            raise
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            self._leave(at, True)
            raise

    def _leave(self, at: int, unfit: bool) -> None:
        """Unless another call has done so."""
        if unfit and at == self._at:
            self._at = (at + 1) % len(self._apis)

    async def metrics(self) -> dict[str, float]:
        return await self._apis[self._at].metrics()
