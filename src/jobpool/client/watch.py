"""Watching plans, runs, nodes, namespaces and servers, from server to server; waiting for a run to end."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeAlias

from msgspec import Struct

from jobpool.client.resume import Resuming
from jobpool.model.errors import Unavailable
from jobpool.model.statuses import TERMINAL_JOB
from jobpool.wire import jobpool_pb2 as pb

Watched: TypeAlias = pb.Plan | pb.Job | pb.Node | pb.NameSpace | pb.Server
Detail: TypeAlias = Callable[[pb.ScheduleJobDetailRequest], Awaitable[pb.ScheduleJobDetailResponse]]
_ITEMS = {"plan": "plan", "job": "job", "node": "node", "namespace": "namespace_item", "server": "server"}
_TERMINAL = frozenset(str(status) for status in TERMINAL_JOB)


class Change(Struct, frozen=True):
    """`action` is `set` (the item as it is now), `gone`, or `reset`: changes were missed that no server keeps any more.

    After a reset what was known before may be old; with `snapshot` everything follows anew. `position` is where a later
    watch goes on behind this change; empty where more belongs to it: before a snapshot's last item. `kind` is plan,
    job, node, namespace or server.
    """

    action: str
    position: str
    kind: str = ""
    namespace: str = ""
    id: str = ""
    n: int = 0
    item: Watched | None = None


async def changes(resuming: Resuming, request: pb.ScheduleWatchRequest) -> AsyncGenerator[Change, None]:
    """Without end. Raises what the servers refuse with, and why none answers any more."""
    async with aclosing(watched(resuming, request)) as answers:
        async for answer in answers:
            if answer.reset:
                yield Change("reset", "" if answer.data else answer.position)
            for left, change in zip(range(len(answer.data))[::-1], answer.data, strict=True):
                yield _change(change, change.position if left else answer.position)


async def watched(
    resuming: Resuming, request: pb.ScheduleWatchRequest
) -> AsyncGenerator[pb.ScheduleWatchResponse, None]:
    """The answers themselves, the silent ones too, over any number of servers.

    A snapshot that broke off begins anew, with a reset: what is gone since is in none of its parts.
    """
    reached = pb.ScheduleWatchRequest()
    reached.CopyFrom(request)
    in_snapshot = broken = False

    def asked() -> pb.ScheduleWatchRequest:
        nonlocal broken
        broken = in_snapshot
        again = pb.ScheduleWatchRequest()
        again.CopyFrom(reached)
        return again

    async with aclosing(resuming.answers("Watch", asked, reply=pb.ScheduleWatchResponse)) as answers:
        async for answer in answers:
            # Noted before it is handed on: the caller may come back to us only after a break.
            reached.after = answer.position or reached.after
            in_snapshot = not answer.position
            answer.reset, broken = answer.reset or broken, False
            yield answer
    raise Unavailable("the server ended the watch without saying why")


def _change(told: pb.ScheduleChange, position: str) -> Change:
    name = _ITEMS.get(told.kind, "")
    item = getattr(told, name) if name and told.HasField(name) else None
    return Change(told.action, position, told.kind, told.namespace, told.id, told.n, item)


async def ended_job(resuming: Resuming, job_id: str, detail: Detail) -> pb.Job:
    """The job once it has ended. Raises NotFound when there is none.

    Whatever says nothing of the job is a reason to look: what had ended before the watch began is not told.
    """
    request = pb.ScheduleWatchRequest(kinds=["job"], id=job_id)
    async with aclosing(watched(resuming, request)) as answers:
        async for answer in answers:
            told = [change.job for change in answer.data if change.HasField("job")]
            job = told[-1] if told else (await detail(pb.ScheduleJobDetailRequest(id=job_id))).data
            if job.status in _TERMINAL:
                return job
    raise Unavailable("the server ended the watch without saying why")
