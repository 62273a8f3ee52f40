"""The plain routes: what load balancers and people ask beside the API."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from jobpool import __version__
from jobpool.model.errors import Unavailable
from jobpool.server.health import plain_routes
from jobpool.store.operations import EngineStatus, Space


class Answers:
    """The routes, asked without a server."""

    def __init__(self) -> None:
        self.sick = ""
        self.unready = ""
        metrics: Any = SimpleNamespace(text=lambda: b"jobpool_leader 1\n")
        self.versions = ("", "")

        async def versions() -> tuple[str, str]:
            return self.versions

        self.store: Any = SimpleNamespace(engine="embedded", status=self.status)
        self.trouble: tuple[str, ...] | Exception = ()

        routes = plain_routes(
            store=self.store,
            versions=versions,
            healthy=lambda: self.sick,
            ready=lambda: self.unready,
            metrics=metrics,
        )
        self._routes = {route.path: route for route in routes}

    async def status(self) -> EngineStatus:
        if isinstance(self.trouble, Exception):
            raise self.trouble
        return EngineStatus(space=Space(0, 0), errors=self.trouble)

    async def ask(self, target: str) -> tuple[int, str, bytes]:
        path, _, query = target.partition("?")
        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": query.encode()}
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


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "ALARM NOSPACE"),
        ("?exclude=NOSPACE", "ALARM CORRUPT"),
        ("?exclude=NOSPACE&exclude=CORRUPT", "NO LEADER"),
        ("?exclude=NOSPACE&exclude=CORRUPT&serializable=true", ""),
        ("?serializable=true", "ALARM NOSPACE"),
        ("?serializable=false&exclude=NOSPACE&exclude=CORRUPT", "NO LEADER"),
        ("?exclude=nothing", "ALARM NOSPACE"),
    ],
)
async def test_what_to_pass_over_can_be_said_as_in_the_original(answers: Answers, query: str, reason: str) -> None:
    answers.sick = "NO LEADER"
    answers.trouble = ("memberID:7 alarm:NOSPACE ", "memberID:8 alarm:CORRUPT ", "etcdserver: no leader")
    status, _, body = await answers.ask(f"/health{query}")
    assert msgspec.json.decode(body) == {"health": "false" if reason else "true", "reason": reason}
    assert status == (503 if reason else 200)


@pytest.mark.parametrize("failure", [Unavailable("gone"), TimeoutError()])
async def test_a_store_that_does_not_answer_raises_no_alarm(answers: Answers, failure: Exception) -> None:
    answers.trouble = failure
    assert (await answers.ask("/health"))[0] == 200
    answers.sick = "CUT OFF FROM THE STORE"
    assert (await answers.ask("/health"))[0] == 503


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
