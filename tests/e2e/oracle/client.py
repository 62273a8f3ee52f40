"""The API as anyone sees it: JSON over HTTP, and waiting for what must come true."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp

from jobpool.kit.effects.clock import SystemClock

T = TypeVar("T")
PAGE = 1000
_CLOCK = SystemClock()


class Refused(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Api:
    """Calls of one server. Connection errors are the caller's to bear."""

    def __init__(self, url: str, *, timeout: float = 30) -> None:
        self.url = url
        self.session = aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=timeout))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        await asyncio.sleep(0)  # transports close in the next step of the loop

    async def get(self, path: str, **query: object) -> Any:
        return await self.call("GET", path, query={key: str(value) for key, value in query.items()})

    async def post(self, path: str, **body: object) -> Any:
        return await self.call("POST", path, body=body)

    async def delete(self, path: str, **query: object) -> Any:
        return await self.call("DELETE", path, query={key: str(value) for key, value in query.items()})

    async def call(
        self, method: str, path: str, *, body: object = None, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Raises Refused."""
        where = path if path.startswith("/") else f"/v3/schedule/{path}"
        async with self.session.request(method, where, params=query, json=body) as answer:
            content: dict[str, Any] = await answer.json()
            if answer.status // 100 != 2:
                raise Refused(answer.status, content)
            return content

    async def everything(self, path: str, **query: object) -> list[dict[str, Any]]:
        """All pages of a list; holds them to the totals they state. Only for lists that stand still."""
        found: list[dict[str, Any]] = []
        number = 1
        while True:
            page = await self.get(path, pageSize=PAGE, pageNumber=number, **query)
            items = page.get("data", [])
            found += items
            total = page.get("totalElements", 0)
            if len(items) < PAGE or len(found) >= total:
                assert len(found) == total, f"{path}: {total} stated, {len(found)} listed"
                assert page.get("totalPages", 0) == -(-total // PAGE)
                return found
            number += 1

    async def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.get(f"jobs/{job_id}"))["data"]
        return found

    async def ended(self, job_id: str, *, within: float = 60) -> dict[str, Any]:
        """The job once it is neither pending nor running."""
        return await until(lambda: self.job(job_id), lambda job: job["status"] not in ("pending", "running"), within)

    async def metrics(self) -> dict[str, float]:
        async with self.session.get("/metrics") as answer:
            text = await answer.text()
        pairs = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


async def until(
    look: Callable[[], Awaitable[T]], good: Callable[[T], object] = bool, within: float = 60, *, every: float = 0.1
) -> T:
    """What `look` gives once it is good; an AssertionError shows what it was at the end."""
    end = _CLOCK.monotonic() + int(within * 1000)
    while True:
        found = await look()
        if good(found):
            return found
        assert _CLOCK.monotonic() < end, f"after {within} s it is still {str(found)[:2000]}"
        await asyncio.sleep(every)
