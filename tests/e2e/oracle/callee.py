"""An HTTP service that plans call: it keeps what it was sent and answers as it is told."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from msgspec import Struct


class Called(Struct, frozen=True):
    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


class Callee:
    """`answers`: by path, (status, body). A path that is not there gets 200 and `{"code": 200}`.

    `first`: the same for only the first call of a path.
    """

    def __init__(self) -> None:
        self.calls: list[Called] = []
        self.answers: dict[str, tuple[int, str]] = {}
        self.first: dict[str, tuple[int, str]] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for event in self.held.values():
            event.set()
        await self._runner.cleanup()

    def to(self, path: str) -> list[Called]:
        return [call for call in self.calls if call.path == path]

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.calls.append(Called(request.method, request.path, dict(request.headers), body))
        if request.path in self.held:
            await self.held[request.path].wait()
        if request.path in self.first:
            status, text = self.first.pop(request.path)
        else:
            status, text = self.answers.get(request.path, (200, '{"code": 200}'))
        return web.Response(status=status, text=text, content_type="application/json")
