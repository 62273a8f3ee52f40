"""What can be asked of finished runs, as values.

The same filters tell live runs apart in memory (`matches`), so that a list merged from both halves has one meaning.
"""

from typing import TypeAlias

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument
from jobpool.model.reasons import Reason
from jobpool.model.run import (
    Attempt,
    Evaluation,
    Run,
    allocation_id,
    allocation_name,
    evaluation_id,
    evaluation_name,
)
from jobpool.model.statuses import AllocationStatus, EvaluationStatus, JobStatus, Trigger

_INT64 = 1 << 63


def _check_instant(field: str, value: Millis | None) -> None:
    if value is not None and not -_INT64 <= value < _INT64:
        raise InvalidArgument(field, f"wanted milliseconds that fit 64 bits, found {value}")


def _check_count(field: str, value: int) -> None:
    if not 0 <= value < _INT64:
        raise InvalidArgument(field, f"wanted a number from 0 to {_INT64 - 1}, found {value}")


def holds_text(part: str, *texts: str) -> bool:
    """Whether one of the texts has the part in it, in capitals or not."""
    wanted = part.casefold()
    return any(wanted in text.casefold() for text in texts)


def _within(at: Millis, after: Millis | None, until: Millis | None) -> bool:
    return (after is None or at > after) and (until is None or at <= until)


class JobFilter(Struct, frozen=True, array_like=True):
    """Empty text, no statuses and None mean any.

    `name` is exact unless `name_contains`; `node_id` is the node of the newest attempt; `created_after` is exclusive,
    `created_until` inclusive; `text` is a part of the plan's id or of the name, in capitals or not. Raises
    InvalidArgument for an instant beyond 64 bits.
    """

    id: str = ""
    namespace: str = ""
    plan_id: str = ""
    statuses: tuple[JobStatus, ...] = ()
    name: str = ""
    name_contains: bool = False
    created_after: Millis | None = None
    created_until: Millis | None = None
    node_id: str = ""
    text: str = ""
    reasons: tuple[Reason, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    def __post_init__(self) -> None:
        _check_instant("created_after", self.created_after)
        _check_instant("created_until", self.created_until)

    def matches(self, run: Run) -> bool:
        return (
            self.id in ("", run.id)
            and self.namespace in ("", run.namespace)
            and self.plan_id in ("", run.plan_id)
            and (not self.statuses or run.status in self.statuses)
            and (self.name in run.name if self.name_contains else self.name in ("", run.name))
            and self.node_id in ("", node_of(run))
            and (not self.reasons or run.reason in self.reasons)
            and (not self.triggers or run.trigger in self.triggers)
            and (not self.text or holds_text(self.text, run.plan_id, run.name))
            and _within(run.created_at, self.created_after, self.created_until)
        )


class EvaluationFilter(Struct, frozen=True, array_like=True):
    """All exact; empty text and None mean any. Bounds are those of the evaluation's own creation."""

    id: str = ""
    namespace: str = ""
    status: EvaluationStatus | None = None
    plan_id: str = ""
    job_id: str = ""
    created_after: Millis | None = None
    created_until: Millis | None = None

    def __post_init__(self) -> None:
        _check_instant("created_after", self.created_after)
        _check_instant("created_until", self.created_until)

    def matches(self, run: Run, evaluation: Evaluation) -> bool:
        return (
            self.namespace in ("", run.namespace)
            and self.plan_id in ("", run.plan_id)
            and self.job_id in ("", run.id)
            and self.status in (None, evaluation.status)
            and _within(evaluation.created_at, self.created_after, self.created_until)
            and (not self.id or self.id in _evaluation_ids(run, evaluation.number))
        )


class AllocationFilter(Struct, frozen=True, array_like=True):
    """Empty text, tuples and None mean any; `name` is a part of the run's name, the rest is exact.

    Bounds are those of the attempt's own creation.
    """

    id: str = ""
    ids: tuple[str, ...] = ()
    namespace: str = ""
    statuses: tuple[AllocationStatus, ...] = ()
    plan_id: str = ""
    job_id: str = ""
    node_id: str = ""
    evaluation_id: str = ""
    name: str = ""
    created_after: Millis | None = None
    created_until: Millis | None = None

    def __post_init__(self) -> None:
        _check_instant("created_after", self.created_after)
        _check_instant("created_until", self.created_until)

    def matches(self, run: Run, attempt: Attempt) -> bool:
        return (
            self.namespace in ("", run.namespace)
            and self.plan_id in ("", run.plan_id)
            and self.job_id in ("", run.id)
            and self.node_id in ("", attempt.node_id)
            and (not self.statuses or attempt.status in self.statuses)
            and self.name in run.name
            and _within(attempt.created_at, self.created_after, self.created_until)
            and (not self.evaluation_id or self.evaluation_id in _evaluation_ids(run, attempt.evaluation))
            and (not (self.id or self.ids) or self._names(run, attempt))
        )

    def _names(self, run: Run, attempt: Attempt) -> bool:
        own, shown = allocation_id(run.id, attempt.number), allocation_name(run, attempt.number)
        return self.id in ("", own, shown) and (not self.ids or own in self.ids or shown in self.ids)


def _evaluation_ids(run: Run, number: int) -> tuple[str, str]:
    return evaluation_id(run.id, number), evaluation_name(run, number)


def node_of(run: Run) -> str:
    """The node of the newest attempt; empty before the first."""
    return run.attempts[-1].node_id if run.attempts else ""


def ended_at(run: Run) -> Millis:
    """When it ended; of a record that does not say it, when it was changed last."""
    return run.updated_at if run.finished_at is None else run.finished_at


class ListJobs(Struct, frozen=True, array_like=True, tag="jobs"):
    """Runs by (created_at, id) descending, from `offset` on, at most `limit` (0 = only the total).

    `sought`: those after the place `before` (None = from the first), and nothing is counted: the total is 0.
    """

    filter: JobFilter = JobFilter()
    offset: int = 0
    limit: int = 20
    sought: bool = False
    before: tuple[Millis, str] | None = None

    def __post_init__(self) -> None:
        _check_count("offset", self.offset)
        _check_count("limit", self.limit)
        _check_instant("before", None if self.before is None else self.before[0])


class ListEvaluations(Struct, frozen=True, array_like=True, tag="evaluations"):
    """Evaluations by (created_at, id) descending; see `ListJobs`."""

    filter: EvaluationFilter = EvaluationFilter()
    offset: int = 0
    limit: int = 20
    sought: bool = False
    before: tuple[Millis, str] | None = None

    def __post_init__(self) -> None:
        _check_count("offset", self.offset)
        _check_count("limit", self.limit)
        _check_instant("before", None if self.before is None else self.before[0])


class ListAllocations(Struct, frozen=True, array_like=True, tag="allocations"):
    """Attempts by (created_at, id) descending; see `ListJobs`."""

    filter: AllocationFilter = AllocationFilter()
    offset: int = 0
    limit: int = 20
    sought: bool = False
    before: tuple[Millis, str] | None = None

    def __post_init__(self) -> None:
        _check_count("offset", self.offset)
        _check_count("limit", self.limit)
        _check_instant("before", None if self.before is None else self.before[0])


class ListTicks(Struct, frozen=True, array_like=True, tag="ticks"):
    """The runs of one plan by (scheduled_at, id) descending, at most `limit`.

    Those with `since` <= scheduled_at <= `until` (None binds nothing) that come after the place `before`; None = from
    the first.
    """

    namespace: str
    plan_id: str
    limit: int
    since: Millis | None = None
    until: Millis | None = None
    before: tuple[Millis, str] | None = None

    def __post_init__(self) -> None:
        _check_count("limit", self.limit)
        _check_instant("since", self.since)
        _check_instant("until", self.until)
        _check_instant("before", None if self.before is None else self.before[0])

    def matches(self, run: Run) -> bool:
        return (
            run.plan_key == (self.namespace, self.plan_id)
            and (self.since is None or run.scheduled_at >= self.since)
            and (self.until is None or run.scheduled_at <= self.until)
            and (self.before is None or (run.scheduled_at, run.id) < self.before)
        )


class ListEnds(Struct, frozen=True, array_like=True, tag="ends"):
    """Of each of these plans of one namespace the newest `limit` runs, by (created_at, scheduled_at) descending."""

    namespace: str
    plan_ids: tuple[str, ...]
    limit: int

    def __post_init__(self) -> None:
        _check_count("limit", self.limit)


class ListBars(Struct, frozen=True, array_like=True, tag="bars"):
    """Runs that ended at `since` or later and that the filter lets through, by (created_at, id) descending.

    At most `limit`. `placed`: only those that were on a node.
    """

    filter: JobFilter
    since: Millis
    limit: int
    placed: bool = False

    def __post_init__(self) -> None:
        _check_count("limit", self.limit)
        _check_instant("since", self.since)

    def matches(self, run: Run) -> bool:
        """Of a live run: that it has not ended."""
        return (
            (not self.placed or bool(run.attempts))
            and (not run.ended or ended_at(run) >= self.since)
            and self.filter.matches(run)
        )


class JobExists(Struct, frozen=True, array_like=True, tag="exists"):
    """Whether any run matches."""

    filter: JobFilter


class GetJob(Struct, frozen=True, array_like=True, tag="get"):
    """One run by its id."""

    id: str


class GetPart(Struct, frozen=True, array_like=True, tag="part"):
    """The run whose evaluation (`part` "e") or allocation ("a") a caller has given that id."""

    part: str
    alias: str


class RetentionCut(Struct, frozen=True, array_like=True, tag="cut"):
    """The newest n such that each segment up to it is from before `older_than` or beyond the newest `keep_runs` runs.

    None when nothing may go. Counts runs as the store holds them, before the cap per plan.
    """

    older_than: Millis
    keep_runs: int

    def __post_init__(self) -> None:
        _check_instant("older_than", self.older_than)
        _check_count("keep_runs", self.keep_runs)


Query: TypeAlias = (
    ListJobs
    | ListEvaluations
    | ListAllocations
    | ListTicks
    | ListBars
    | ListEnds
    | JobExists
    | GetJob
    | GetPart
    | RetentionCut
)


class JobPage(Struct, frozen=True):
    """`total` counts every match at the time of the query, not only this page."""

    total: int
    runs: tuple[Run, ...]


class EvaluationPage(Struct, frozen=True):
    total: int
    items: tuple[tuple[Run, Evaluation], ...]


class AllocationPage(Struct, frozen=True):
    total: int
    items: tuple[tuple[Run, Attempt], ...]


class End(Struct, frozen=True, array_like=True, gc=False):
    """How a run ended. `took`: ms from its start to its end; None when it never started."""

    job_id: str
    status: JobStatus
    reason: Reason
    scheduled_at: Millis
    finished_at: Millis
    took: Millis | None


def end_of(run: Run) -> End:
    """Of a run that has ended."""
    finished = run.updated_at if run.finished_at is None else run.finished_at
    took = None if run.started_at is None else max(0, finished - run.started_at)
    return End(run.id, run.status, run.reason, run.scheduled_at, finished, took)


class Bar(Struct, frozen=True, array_like=True):
    """A run as little as a picture of it needs; None: not yet. `node_id` is that of the newest attempt."""

    id: str
    namespace: str
    plan_id: str
    node_id: str
    status: JobStatus
    reason: Reason
    due: Millis
    created_at: Millis
    started_at: Millis | None
    finished_at: Millis | None


def bar_of(run: Run) -> Bar:
    finished = ended_at(run) if run.ended else None
    return Bar(
        run.id,
        run.namespace,
        run.plan_id,
        node_of(run),
        run.status,
        run.reason,
        run.scheduled_at,
        run.created_at,
        run.started_at,
        finished,
    )


class BarPage(Struct, frozen=True):
    bars: tuple[Bar, ...]


class TickPage(Struct, frozen=True):
    """`known_from`: every run of the plan whose tick is not before it is there, as far as it has ended; 0 = all are."""

    known_from: Millis
    runs: tuple[Run, ...]
