"""What became of each tick of a plan: its jobs, live and finished, and the ranges of ticks that did not become any.

A place in the list is (when it was due, job id), of a range (its first tick, nothing): neither changes when a range
grows or a job ends, so what comes meanwhile repeats and hides nothing.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol, TypeAlias

from msgspec import Struct

from jobpool.api.checks import check_enum, check_name, check_namespace, optional_time
from jobpool.api.context import Context
from jobpool.api.keyset import Seek, sought
from jobpool.api.plan_preview import existing_plan
from jobpool.api.service import Call
from jobpool.history.queries import ListTicks
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument
from jobpool.model.plan import Plan
from jobpool.model.reasons import LedgerReason, Reason
from jobpool.model.run import Run
from jobpool.model.schedule import LedgerRange
from jobpool.model.statuses import JobStatus
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp

_Place: TypeAlias = tuple[Millis, str]
_FAR: Millis = 1 << 62
_SEARCHED = 1000
"""Entries that are read at once where few of them may be wanted."""


class Decision(StrEnum):
    """What a tick came to; the last four are those of `LedgerReason`."""

    RUN = "run"
    SKIPPED = "skipped"
    NO_SLOT = "no_slot"
    COALESCED = LedgerReason.COALESCED.value
    MISSED_WINDOW = LedgerReason.MISSED_WINDOW.value
    SUPERSEDED_BY_EDIT = LedgerReason.SUPERSEDED_BY_EDIT.value
    PAUSED = LedgerReason.PAUSED.value


class Ranges(Protocol):
    """The ledger as it is stored. `keep`: how long a range stays, in ms."""

    keep: Millis

    async def newest(self, namespace: str, plan_id: str, *, until: Millis, limit: int) -> Sequence[LedgerRange]:
        """Those that begin at `until` or before, the newest first, at most `limit`. Raises StoreFailed."""
        ...


class _Asked(Struct, frozen=True):
    plan: Plan
    since: Millis | None
    until: Millis | None
    decisions: frozenset[Decision]


class _Entry(Struct, frozen=True):
    place: _Place
    decision: Decision
    item: Run | LedgerRange


class _Batch(Struct, frozen=True):
    """Neighbouring entries in order; `last`: there are none behind them."""

    entries: Sequence[_Entry]
    last: bool
    known_from: Millis


class Ledger:
    def __init__(self, context: Context, ranges: Ranges) -> None:
        self._context = context
        self._ranges = ranges

    async def read(self, request: pb.PlanLedgerRequest, call: Call) -> pb.PlanLedgerResponse:
        """Raises InvalidArgument, NotFound."""
        seek, asked = sought(request, int, str), self._asked(request)
        shown, more, known_from = await self._found(asked, seek, call)
        kept = self._context.clock.now() - self._ranges.keep
        response = pb.PlanLedgerResponse(
            header=self._context.header(),
            data=map(_message, shown),
            known_from=timestamp(max(asked.plan.created_at, kept, known_from)),
            time_zone=asked.plan.periodic.time_zone if asked.plan.periodic is not None else "",
        )
        setattr(response, "continue", seek.token(shown[-1].place) if more else "")
        return response

    def _asked(self, request: pb.PlanLedgerRequest) -> _Asked:
        namespace, plan_id = check_namespace("namespace", request.namespace), check_name("id", request.id)
        since, until = optional_time(request, "start_time"), optional_time(request, "end_time")
        if since is not None and until is not None and until < since:
            raise InvalidArgument("end_time", "must not be before start_time", engine_code=1103)
        decisions = frozenset(check_enum("decisions", word, Decision) for word in request.decisions)
        return _Asked(existing_plan(self._context, namespace, plan_id), since, until, decisions)

    async def _found(self, asked: _Asked, seek: Seek, call: Call) -> tuple[Sequence[_Entry], bool, Millis]:
        """The entries to show, whether there are more behind them, and since when none is missing."""
        found: list[_Entry] = []
        place = _place(seek)
        size = max(seek.limit + 1, _SEARCHED) if asked.decisions else seek.limit + 1
        while True:
            batch = await self._batch(asked, place, size, call)
            found += (entry for entry in batch.entries if not asked.decisions or entry.decision in asked.decisions)
            if batch.last or len(found) > seek.limit:
                return found[: seek.limit], len(found) > seek.limit, batch.known_from
            place = batch.entries[-1].place

    async def _batch(self, asked: _Asked, before: _Place | None, size: int, call: Call) -> _Batch:
        wanted = ListTicks(*asked.plan.key, size, asked.since, asked.until, before)
        # Live runs and the question to history in one step: every run is seen in exactly one of the two.
        live = [run for run in self._context.state.runs.values() if wanted.matches(run)]
        page = await self._context.read(self._context.history.query(wanted), call)
        ranges = await self._context.read(self._newest(asked, before, size), call)
        entries = [_Entry((run.scheduled_at, run.id), _decision(run), run) for run in (*live, *page.runs)]
        entries += (_Entry((entry.first, ""), Decision(entry.reason), entry) for entry in ranges)
        entries.sort(key=lambda entry: entry.place, reverse=True)
        whole = len(page.runs) < size and len(ranges) < size and len(entries) <= size
        return _Batch(entries[:size], whole, page.known_from)

    async def _newest(self, asked: _Asked, before: _Place | None, size: int) -> Sequence[LedgerRange]:
        until = _FAR if asked.until is None else asked.until
        if before is not None:
            until = min(until, before[0] if before[1] else before[0] - 1)
        ranges = await self._ranges.newest(*asked.plan.key, until=until, limit=size)
        return [entry for entry in ranges if asked.since is None or entry.last >= asked.since]


def _place(seek: Seek) -> _Place | None:
    if seek.after is None:
        return None
    at, name = seek.after
    assert isinstance(at, int)
    return at, str(name)


def _decision(run: Run) -> Decision:
    if run.status is JobStatus.SKIPPED:
        return Decision.SKIPPED
    return Decision.NO_SLOT if run.status is JobStatus.FAILED and run.reason is Reason.NO_SLOT else Decision.RUN


def _message(entry: _Entry) -> pb.LedgerEntry:
    item = entry.item
    if isinstance(item, LedgerRange):
        return pb.LedgerEntry(
            decision=entry.decision, first=timestamp(item.first), last=timestamp(item.last), count=item.count
        )
    at = timestamp(item.scheduled_at)
    return pb.LedgerEntry(
        decision=entry.decision,
        first=at,
        last=at,
        count=1,
        job_id=item.id,
        status=item.status,
        reason=item.reason,
        lateness_ms=item.lateness or 0,
        trigger=item.trigger,
    )
