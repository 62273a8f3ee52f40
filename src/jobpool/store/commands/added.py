"""Records that callers of the original's interface bring: jobs, evaluations and allocations under ids of their own."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from jobpool.model.parameters import check_parameters
from jobpool.model.reasons import Reason
from jobpool.model.run import Alias, Run, allocation_id, evaluation_id, split_id
from jobpool.model.statuses import (
    TERMINAL_EVALUATION,
    TERMINAL_JOB,
    EvaluationStatus,
    EvaluationTrigger,
    JobStatus,
    Trigger,
)
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Command, Decided, put_run
from jobpool.store.commands.lifecycle import with_evaluation
from jobpool.store.commands.placement import Placed, PlaceRun
from jobpool.store.commands.runs import live_run
from jobpool.store.commands.ticks import new_run
from jobpool.store.keyspace import RecordId, Table

_OPEN = (EvaluationStatus.PENDING, EvaluationStatus.BLOCKED)


class AddRun(Struct, frozen=True, kw_only=True):
    """A job as a caller describes it, with neither evaluation nor slot.

    One that has ended goes to history at once. One that runs is with its callee, which reports its end; one that is
    pending waits for an evaluation. `None` and empty text are the plan's. Raises NotFound, AlreadyExists.
    """

    job_id: str
    namespace: str
    plan_id: str
    status: JobStatus
    name: str = ""
    parameters: str | None = None
    timeout: Millis = 0
    info: str = ""
    created_by: str = ""
    tick: Millis | None = None
    created_at: Millis | None = None
    updated_at: Millis | None = None

    def decide(self, view: ClusterView, now: Millis) -> Decided[Run]:
        plan, cursor = view.plan(self.namespace, self.plan_id), view.cursor(self.namespace, self.plan_id)
        if plan is None or cursor is None:
            raise NotFound("plan", f"{self.namespace}/{self.plan_id}", field="plan_id")
        if view.run(self.job_id) is not None or view.recently_finished(self.job_id):
            raise AlreadyExists("job", self.job_id, field="id")
        if self.parameters is not None:
            check_parameters(plan.executor, self.parameters)
        created_at = self._time("create_time", self.created_at, now)
        trigger = Trigger.MANUAL if self.tick is None else Trigger.SCHEDULE
        due = created_at if self.tick is None else self.tick
        run = replace(
            new_run(plan, self.job_id, trigger, due, now, era=view.era),
            name=self.name or plan.name,
            created_at=created_at,
            status=self.status,
            timeout=self.timeout or plan.effective_timeout,
            parameters=self.parameters,
            info="" if self.status is JobStatus.COMPLETE else self.info,
            created_by=self.created_by,
        )
        moved = replace(cursor, last_job=run.id, last_job_at=created_at)
        launch = Change(Table.CURSOR, plan.key, moved)
        if self.status in TERMINAL_JOB:
            run = self._ended(run, now)
            return Decided(run, (launch,), (run,), grows=True)
        if self.status is not JobStatus.PENDING:
            run = replace(run, status=JobStatus.RUNNING, accepted=True, started_at=now)
        return Decided(run, (launch, put_run(run)), grows=True)

    def _ended(self, run: Run, now: Millis) -> Run:
        ended_at = self._time("update_time", self.updated_at, now)
        if ended_at < run.created_at:
            raise InvalidArgument("update_time", "must not be before create_time")
        plain = (JobStatus.COMPLETE, JobStatus.SKIPPED)
        reason = Reason.NONE if self.status in plain else Reason.REPORTED
        return replace(run, reason=reason, updated_at=ended_at, finished_at=ended_at)

    def _time(self, field: str, given: Millis | None, now: Millis) -> Millis:
        if given is not None and not 0 <= given <= now:
            raise InvalidArgument(field, "wanted a time from 1970 to now")
        return now if given is None else given


class AddEvaluation(Struct, frozen=True, kw_only=True):
    """Look at a live run again, under an id of the caller's.

    An evaluation that is open already is superseded: both ask for the same. A run that has no slot takes one. Raises
    NotFound, AlreadyExists, FailedPrecondition, ResourceExhausted.
    """

    job_id: str
    alias: str
    status: EvaluationStatus
    trigger: EvaluationTrigger = EvaluationTrigger.JOB_REGISTER
    node_id: str = ""
    description: str = ""

    def decide(self, view: ClusterView, now: Millis) -> Decided[Run]:
        run = live_run(view, self.job_id)
        number = len(run.evaluations) + 1
        _check_alias(view, "e", self.alias, evaluation_id(run.id, number))
        self._check(run)
        run = _superseded(run, self.alias, now)
        if self.status in _OPEN and not run.holds_slot:
            run = _with_slot(run, view)
        reason = Reason.NO_NODE if self.status is EvaluationStatus.BLOCKED else run.reason
        run = with_evaluation(
            replace(run, reason=reason),
            self.trigger,
            now,
            status=self.status,
            node_id=self.node_id,
            description=self.description,
        )
        run = _with_alias(run, Alias(self.alias, "e", number))
        return Decided(run, (put_run(run),), grows=True)

    def _check(self, run: Run) -> None:
        last = run.evaluation
        if self.status not in _OPEN:
            if last is not None and last.status not in TERMINAL_EVALUATION:
                raise FailedPrecondition(
                    f"evaluation {evaluation_id(run.id, last.number)} of the job is open and stays its newest",
                    field="status",
                )
        elif run.accepted:
            raise FailedPrecondition(f"job {run.id} runs already, its callee has it", field="job_id")
        elif run.open_attempt is not None:
            held = allocation_id(run.id, len(run.attempts))
            raise FailedPrecondition(f"job {run.id} is placed already: allocation {held} is open", field="job_id")


def _superseded(run: Run, by: str, now: Millis) -> Run:
    last = run.evaluation
    if last is None or last.status in TERMINAL_EVALUATION:
        return run
    told = f"superseded by {by}"
    over = replace(last, status=EvaluationStatus.CANCELED, updated_at=now, description=told)
    return replace(run, evaluations=(*run.evaluations[:-1], over))


def _with_slot(run: Run, view: ClusterView) -> Run:
    limit, used = view.slot_limit(run.namespace), view.slots_used(run.namespace)
    if used >= limit:
        raise ResourceExhausted(f"namespace {run.namespace!r} has no free slot ({used} of {limit} in use)")
    return replace(run, holds_slot=True, reason=Reason.NONE)


class PlaceByHand(Struct, frozen=True, kw_only=True):
    """A placement by a caller that schedules itself; `alias` "" = it brought no id of its own.

    `demanded`: what does not hold is refused, instead of being answered. Answers the run where it was placed.
    """

    job_id: str
    number: int
    node_id: str
    alias: str = ""
    demanded: bool = False

    def decide(self, view: ClusterView, now: Millis) -> Decided[Run | None]:
        run = live_run(view, self.job_id) if self.demanded else view.run(self.job_id)
        if run is None:
            return Decided(None)
        attempt = len(run.attempts) + 1
        if self.alias:
            _check_alias(view, "a", self.alias, allocation_id(run.id, attempt))
        decided = PlaceRun(run.id, self.number, self.node_id).decide(view, now)
        if decided.result is not Placed.COMMITTED:
            self._refuse(decided.result)
            return Decided(None)
        placed = decided.changes[0].value
        assert isinstance(placed, Run)
        if self.alias:
            placed = _with_alias(placed, Alias(self.alias, "a", attempt))
        return Decided(placed, (put_run(placed),), grows=True)

    def _refuse(self, why: Placed) -> None:
        if self.demanded and why is Placed.REFUSED:
            raise FailedPrecondition(f"node {self.node_id} cannot take job {self.job_id} now", field="node_id")
        if self.demanded:
            name = evaluation_id(self.job_id, self.number)
            raise FailedPrecondition(f"evaluation {name} of the job asks for no placement any more", field="eval_id")


class Together(Struct, frozen=True):
    """All of them or none; each is about another run. Raises what refuses one, InvalidArgument for two of one run."""

    commands: tuple[Command[object], ...]

    def decide(self, view: ClusterView, now: Millis) -> Decided[Sequence[object]]:
        seen: dict[tuple[Table, RecordId], Change] = {}
        results: list[object] = []
        ended: list[Run] = []
        for command in self.commands:
            decided = command.decide(view, now)
            for change in decided.changes:
                key = (change.table, change.record)
                if key in seen:
                    raise InvalidArgument("allocations", f"{'/'.join(change.record)} is named twice in one request")
                seen[key] = change
            ended += decided.ended
            results.append(decided.result)
        return Decided(results, tuple(seen.values()), tuple(ended), grows=any(map(_adds, self.commands)))


def _adds(command: Command[object]) -> bool:
    return isinstance(command, AddEvaluation | PlaceByHand)


def _check_alias(view: ClusterView, part: str, alias: str, ours: str) -> None:
    """Nobody has it, and it can never be one that is made here."""
    kind = "eval" if part == "e" else "allocation"
    named = split_id(alias)
    if named is not None and named[1] == part and alias != ours:
        run = view.run(named[0])
        parts = () if run is None else run.evaluations if part == "e" else run.attempts
        if any(it.number == named[2] for it in parts):
            raise AlreadyExists(kind, alias, field="id")
        raise InvalidArgument("id", f"ids that end in -{part} and a number are made here; the next would be {ours}")
    if view.aliased(part, alias) is not None:
        raise AlreadyExists(kind, alias, field="id")


def _with_alias(run: Run, alias: Alias) -> Run:
    ours = evaluation_id if alias.part == "e" else allocation_id
    return run if alias.id == ours(run.id, alias.number) else replace(run, aliases=(*run.aliases, alias))
