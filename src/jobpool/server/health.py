"""Plain HTTP routes beside the API: version, health, readiness, metrics."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jobpool import __version__
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import JobpoolError
from jobpool.server.metrics import Metrics
from jobpool.store.operations import Operations

_ALARM = re.compile(r"alarm:\s*([A-Z]+)")
_TOLD_WITHIN: Millis = 2 * SECOND

Check = Callable[[], str]
"""Empty = well; otherwise what is wrong."""


Versions = Callable[[], Awaitable[tuple[str, str]]]
"""Of the etcd beneath and of its cluster; empty texts without one."""


def plain_routes(
    *, store: Operations, versions: Versions, healthy: Check, ready: Check, metrics: Metrics
) -> Sequence[Route]:
    async def version(request: Request) -> Response:
        server, cluster = await versions()
        return _json({"jobpool": __version__, "etcdserver": server, "etcdcluster": cluster, "engine": store.engine})

    async def health(request: Request) -> Response:
        """As etcd: each `exclude` passes over an alarm, `serializable=true` over what takes more than this server."""
        alone = request.query_params.get("serializable") == "true"
        reason = await _alarm(store, request.query_params.getlist("exclude")) or ("" if alone else healthy())
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


async def _alarm(store: Operations, excluded: Sequence[str]) -> str:
    """`ALARM NOSPACE`, of the alarms that the store tells of; empty without, and when it tells nothing."""
    try:
        async with asyncio.timeout(_TOLD_WITHIN / SECOND):
            status = await store.status()
    except (JobpoolError, TimeoutError):
        return ""
    raised = _ALARM.findall(" ".join(status.errors))
    return next((f"ALARM {kind}" for kind in raised if kind not in excluded), "")


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
