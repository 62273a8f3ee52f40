"""The plain routes: what load balancers and people ask beside the API."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from jobpool import __version__
from jobpool.server.health import plain_routes


class Answers:
    """The routes, asked without a server."""

    def __init__(self) -> None:
        self.sick = ""
        self.unready = ""
        metrics: Any = SimpleNamespace(text=lambda: b"jobpool_leader 1\n")
        self.versions = ("", "")

        async def versions() -> tuple[str, str]:
            return self.versions

        routes = plain_routes(
            engine="embedded",
            versions=versions,
            healthy=lambda: self.sick,
            ready=lambda: self.unready,
            metrics=metrics,
        )
        self._routes = {route.path: route for route in routes}

    async def ask(self, path: str) -> tuple[int, str, bytes]:
        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
        response = await self._routes[path].endpoint(Request(scope))
        return response.status_code, response.headers["content-type"], response.body


@pytest.fixture
def answers() -> Answers:
    return Answers()


async def test_well_and_ready(answers: Answers) -> None:
    assert await answers.ask("/health") == (200, "application/json", b'{"health":"true","reason":""}')
    assert await answers.ask("/readyz") == (200, "application/json", b'{"ready":true,"reason":""}')


async def test_without_a_leader_neither(answers: Answers) -> None:
    answers.sick = answers.unready = "NO LEADER"
    assert await answers.ask("/health") == (503, "application/json", b'{"health":"false","reason":"NO LEADER"}')
    assert await answers.ask("/readyz") == (503, "application/json", b'{"ready":false,"reason":"NO LEADER"}')


async def test_stopping_is_healthy_but_not_ready(answers: Answers) -> None:
    answers.unready = "STOPPING"
    assert (await answers.ask("/health"))[0] == 200
    assert (await answers.ask("/readyz"))[0] == 503


async def test_version_has_the_originals_keys(answers: Answers) -> None:
    status, _, body = await answers.ask("/version")
    assert status == 200
    assert msgspec.json.decode(body) == {
        "jobpool": __version__,
        "etcdserver": "",
        "etcdcluster": "",
        "engine": "embedded",
    }


async def test_version_tells_what_is_beneath(answers: Answers) -> None:
    answers.versions = ("3.5.30", "3.5.0")
    told = msgspec.json.decode((await answers.ask("/version"))[2])
    assert (told["etcdserver"], told["etcdcluster"]) == ("3.5.30", "3.5.0")


async def test_metrics_are_in_the_exposition_format(answers: Answers) -> None:
    assert await answers.ask("/metrics") == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
        b"jobpool_leader 1\n",
    )
