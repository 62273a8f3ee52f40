"""The runs of a span of time as bars: live ones and those of history, the newest first, as many as fit a picture."""

import asyncio
import heapq
from collections.abc import Sequence

from msgspec import Struct

from jobpool.api.checks import check_filter, check_words, optional_time
from jobpool.api.context import Context
from jobpool.api.service import Call
from jobpool.history.queries import Bar, JobFilter, ListBars, bar_of
from jobpool.kit.pure.durations import HOUR, Millis
from jobpool.model.errors import InvalidArgument
from jobpool.model.run import Run
from jobpool.model.statuses import JobStatus
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp

_DEFAULT = 1_000
_MOST = 5_000
_BETWEEN_BREATHS = 500
_BY = ("", "plan", "node")
_YEAR_ONE: Millis = -62_135_596_800_000


class _Span(Struct, frozen=True):
    since: Millis
    until: Millis


class Timeline:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def read(self, request: pb.TimelineRequest, call: Call) -> pb.TimelineResponse:
        """Raises InvalidArgument."""
        now, limit = self._context.clock.now(), _limit(request.limit)
        wanted = _wanted(request, _span(request, now), limit + 1)
        # Live runs and the question to history in one step: every run is seen in exactly one of the two.
        runs, asked = tuple(self._context.state.runs.values()), self._context.history.query(wanted)
        response = pb.TimelineResponse(header=self._context.header(), now=timestamp(now))
        page, live = await self._context.read(asyncio.gather(asked, _newest(runs, wanted, limit + 1)), call)
        found = heapq.nlargest(limit + 1, (*live, *page.bars), key=_age)
        await self._draw(response, found[:limit])
        if len(found) > limit:
            response.more = True
            response.complete_from.CopyFrom(timestamp(found[limit].created_at + 1))
        return response

    async def _draw(self, response: pb.TimelineResponse, bars: Sequence[Bar]) -> None:
        for first in range(0, len(bars), _BETWEEN_BREATHS):
            piece = bars[first : first + _BETWEEN_BREATHS]
            response.data.extend(_message(bar, self._zone(bar)) for bar in piece)
            await asyncio.sleep(0)

    def _zone(self, bar: Bar) -> str:
        plan = self._context.state.plan(bar.namespace, bar.plan_id)
        return plan.periodic.time_zone if plan is not None and plan.periodic is not None else ""


def _limit(limit: int) -> int:
    if not 0 <= limit <= _MOST:
        raise InvalidArgument("limit", f"must be 1 to {_MOST} (0 = {_DEFAULT}), found {limit}", engine_code=1007)
    return limit or _DEFAULT


def _span(request: pb.TimelineRequest, now: Millis) -> _Span:
    since, until = optional_time(request, "from"), optional_time(request, "until")
    until = now if until is None else until
    since = until - HOUR if since is None else since
    if since >= until:
        raise InvalidArgument("from", "must be before until", engine_code=1103)
    return _Span(since, until)


def _wanted(request: pb.TimelineRequest, span: _Span, limit: int) -> ListBars:
    if request.by not in _BY:
        raise InvalidArgument("by", f"must be plan or node; found {request.by[:40]!r}", engine_code=1002)
    wanted = JobFilter(
        namespace=check_filter("namespace", request.namespace),
        plan_id=check_filter("plan_id", request.plan_id),
        node_id=check_filter("node_id", request.node_id),
        text=check_filter("text", request.text),
        statuses=check_words("status", request.status, JobStatus),
        created_until=span.until,
    )
    return ListBars(wanted, span.since, limit, request.by == "node")


async def _newest(runs: Sequence[Run], wanted: ListBars, count: int) -> Sequence[Bar]:
    """So many bars of them, and few more. There may be very many, so others have their turn meanwhile."""
    found: list[Bar] = []
    least = (_YEAR_ONE, "")
    for end in range(len(runs), 0, -_BETWEEN_BREATHS):  # the newest come last: few of the others are drawn
        some = runs[max(0, end - _BETWEEN_BREATHS) : end]
        found += [bar_of(run) for run in some if wanted.matches(run) and _age(run) > least]
        if len(found) > 2 * count:
            found = heapq.nlargest(count, found, key=_age)
            least = _age(found[-1])
        await asyncio.sleep(0)
    return found


def _age(one: Run | Bar) -> tuple[Millis, str]:
    return (one.created_at, one.id)


def _message(bar: Bar, time_zone: str) -> pb.TimelineBar:
    return pb.TimelineBar(
        id=bar.id,
        namespace=bar.namespace,
        plan_id=bar.plan_id,
        node_id=bar.node_id,
        status=bar.status,
        reason=bar.reason,
        due=timestamp(bar.due),
        created=timestamp(bar.created_at),
        started=None if bar.started_at is None else timestamp(bar.started_at),
        finished=None if bar.finished_at is None else timestamp(bar.finished_at),
        time_zone=time_zone,
    )
