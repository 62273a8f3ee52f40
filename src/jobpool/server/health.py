"""Plain HTTP routes beside the API: version, health, readiness, metrics."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jobpool import __version__
from jobpool.server.metrics import Metrics

Check = Callable[[], str]
"""Empty = well; otherwise what is wrong."""


Versions = Callable[[], Awaitable[tuple[str, str]]]
"""Of the etcd beneath and of its cluster; empty texts without one."""


def plain_routes(*, engine: str, versions: Versions, healthy: Check, ready: Check, metrics: Metrics) -> Sequence[Route]:
    async def version(request: Request) -> Response:
        server, cluster = await versions()
        return _json({"jobpool": __version__, "etcdserver": server, "etcdcluster": cluster, "engine": engine})

    async def health(request: Request) -> Response:
        reason = healthy()
        return _json({"health": "false" if reason else "true", "reason": reason}, 503 if reason else 200)

    async def readiness(request: Request) -> Response:
        reason = ready()
        return _json({"ready": not reason, "reason": reason}, 503 if reason else 200)

    async def exposition(request: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [
        Route("/version", version),
        Route("/health", health),
        Route("/readyz", readiness),
        Route("/metrics", exposition),
    ]


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
