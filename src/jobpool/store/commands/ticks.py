"""Deciding ticks: each due instant of a plan becomes a run or a recorded skip, together with the moved cursor.

The run's id is a function of (namespace, plan, incarnation, tick) and the cursor moves in the same commit, so a tick
can neither be decided twice nor be forgotten.
"""

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import MINUTE, Millis
from jobpool.model.namespace import WhenFull
from jobpool.model.plan import Plan
from jobpool.model.reasons import LedgerReason, Reason
from jobpool.model.run import Evaluation, Run, tick_job_id
from jobpool.model.schedule import CatchUpMode, Cursor, LedgerRange, Overlap, Periodic
from jobpool.model.statuses import BY_HAND, EvaluationStatus, EvaluationTrigger, JobStatus, PlanStatus, Trigger
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided, put_run
from jobpool.store.commands.lifecycle import wants_callback, with_callback
from jobpool.store.keyspace import Table, number
from jobpool.timetable import ScheduleOptions, Timetable, parse, plan_catch_up
from jobpool.timetable.catch_up import GRACE, DueTick, DueTicks

_STEP = 50
"""Ticks decided by one command; with cursor, ledger and plan it stays below 64 operations."""

MAX_WAITING = 10_000
"""Runs of a namespace that may wait for a slot; one beyond them finds none."""

SKIPPED_INFO = "skip this plan while has running job"
NO_SLOT_INFO = "create failed job while no slot left"
NO_FURTHER_TICK = "the schedule has no further tick"


class TicksDecided(Struct, frozen=True):
    """All due ticks of a plan up to now. `more`: some are left for the next command."""

    changes: tuple[Change, ...]
    ended: tuple[Run, ...]
    cursor: Cursor
    more: bool


class DecideTicks(Struct, frozen=True):
    """Decide what is due of one plan. The answer says whether more is due."""

    namespace: str
    plan_id: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[bool]:
        plan = view.plan(self.namespace, self.plan_id)
        cursor = view.cursor(self.namespace, self.plan_id)
        if plan is None or cursor is None or not plan.fires or cursor.next_due is None or cursor.next_due > now:
            return Decided(False)
        decided = decide_ticks(plan, cursor, view, now)
        changes = (*decided.changes, Change(Table.CURSOR, plan.key, decided.cursor))
        if decided.cursor.next_due is None and plan.periodic is not None and plan.periodic.end_time is None:
            changes += retire(plan, NO_FURTHER_TICK, view, now)
        return Decided(decided.more, changes, decided.ended)


class ExpirePlan(Struct, frozen=True):
    """The plan's end time has passed: it becomes dead, with the reason."""

    namespace: str
    plan_id: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        plan = view.plan(self.namespace, self.plan_id)
        cursor = view.cursor(self.namespace, self.plan_id)
        if plan is None or cursor is None or not plan.fires or plan.periodic is None:
            return Decided(None)
        end = plan.periodic.end_time
        if end is None or end > now or (cursor.next_due is not None and cursor.next_due <= now):
            return Decided(None)
        return Decided(None, retire(plan, "the plan's end time has passed", view, now))


def retired(plan: Plan, reason: str) -> Plan:
    """The plan, dead by the engine's own decision."""
    periodic = plan.periodic
    return replace(
        plan,
        status=PlanStatus.DEAD,
        stop=True,
        periodic=replace(periodic, enabled=False) if periodic is not None else None,
        status_reason=reason,
    )


def retire(plan: Plan, reason: str, view: ClusterView, now: Millis) -> tuple[Change, ...]:
    """The changes that make a plan dead."""
    version = fresh_version(plan.namespace, plan.id, view)
    dead = replace(retired(plan, reason), version=version, updated_at=now)
    return (
        Change(Table.PLAN, plan.key, dead),
        Change(Table.VERSION, (*plan.key, str(plan.version)), plan),
    )


def fresh_version(namespace: str, plan_id: str, view: ClusterView) -> int:
    """The number of the commit under decision, or a higher one where this batch has used that already."""
    version = view.next_n
    while view.plan_version(namespace, plan_id, version) is not None:
        version += 1
    return version


def timetable_of(plan: Plan, periodic: Periodic) -> Timetable:
    """The plan's timetable. Raises BadSchedule."""
    options = ScheduleOptions(
        time_zone=periodic.time_zone,
        gap=plan.dst.gap,
        overlap=plan.dst.overlap,
        match=plan.match,
        hash_key=f"{plan.namespace}/{plan.id}",
    )
    return parse(periodic.spec, options)


def decide_ticks(plan: Plan, cursor: Cursor, view: ClusterView, now: Millis) -> TicksDecided:
    """Decide the plan's ticks ≤ now. The caller stores `cursor`, together with whatever else it changes."""
    periodic = plan.periodic
    if periodic is None or cursor.next_due is None or cursor.next_due > now:
        return TicksDecided((), (), cursor, more=False)
    passed = _passed_over(cursor, view, now)
    if cursor.next_due <= min(passed, now):
        due = _missed(plan, periodic, cursor.next_due, until=min(passed, now), now=now)
    else:
        due = _due_ticks(plan, periodic, cursor.next_due, now)
    draft = _Draft(plan, view, now)
    for tick in due.runs:
        draft.add(tick)
    ledger, open_range = _ledger(plan, cursor.open_range, due.skipped)
    moved = Cursor(
        cursor.incarnation,
        due.cursor,
        draft.last_job or cursor.last_job,
        now if draft.last_job else cursor.last_job_at,
        # A run between two ranges ends the first: only neighbouring ticks share one.
        None if due.runs else open_range,
        cursor.era if due.cursor is not None and due.cursor <= passed else view.era,
    )
    return TicksDecided((*draft.changes, *ledger), tuple(draft.ended), moved, due.more)


def pass_over_pause(plan: Plan, cursor: Cursor, *, until: Millis) -> TicksDecided:
    """The ticks ≤ `until`, which were due while the plan was paused, as one range."""
    periodic, due = plan.periodic, cursor.next_due
    if periodic is None or due is None or due > until:
        return TicksDecided((), (), cursor, more=False)
    missed = _missed(plan, periodic, due, until=until, now=until)
    ranges = tuple(replace(entry, reason=LedgerReason.PAUSED) for entry in missed.skipped)
    ledger, open_range = _ledger(plan, cursor.open_range, ranges)
    moved = replace(cursor, next_due=missed.cursor, open_range=open_range)
    return TicksDecided(ledger, (), moved, more=False)


def _due_ticks(plan: Plan, periodic: Periodic, next_due: Millis, now: Millis) -> DueTicks:
    timetable = timetable_of(plan, periodic)
    if now - next_due <= GRACE:  # the usual case: one tick, on time
        following = timetable.next(next_due)
        if following is None or following > now:
            if following is not None and periodic.end_time is not None and following > periodic.end_time:
                following = None
            return DueTicks((DueTick(next_due, late=False),), (), following, more=False)
    return plan_catch_up(
        timetable,
        cursor=next_due,
        now=now,
        mode=plan.catch_up.mode,
        window=plan.catch_up.window,
        max_runs=plan.catch_up.max_runs,
        start=periodic.start_time,
        end=periodic.end_time,
        step=_STEP,
    )


def _passed_over(cursor: Cursor, view: ClusterView, now: Millis) -> Millis:
    """Up to when ticks are not fired, because the store was restored: the log that it left may have fired them."""
    if view.restored is None or cursor.era >= view.era:
        return -1
    return now if view.restored.until is None else view.restored.until


def _missed(plan: Plan, periodic: Periodic, next_due: Millis, *, until: Millis, now: Millis) -> DueTicks:
    """All from `next_due` to `until` as one range."""
    due = plan_catch_up(
        timetable_of(plan, periodic),
        cursor=next_due,
        now=until,
        mode=CatchUpMode.NONE,
        start=periodic.start_time,
        end=periodic.end_time,
        grace=-1,
    )
    return replace(due, more=due.cursor is not None and due.cursor <= now)


def _ledger(
    plan: Plan, open_range: LedgerRange | None, skipped: tuple[LedgerRange, ...]
) -> tuple[tuple[Change, ...], LedgerRange | None]:
    """The ranges to write; the first extends the open one in place when the reason is the same."""
    changes: list[Change] = []
    for entry in skipped:
        current = entry
        if open_range is not None and open_range.reason is entry.reason:
            known = None if open_range.count is None or entry.count is None else open_range.count + entry.count
            current = LedgerRange(entry.reason, open_range.first, entry.last, known)
        changes.append(Change(Table.LEDGER, (*plan.key, number(current.first)), current))
        open_range = current
    return tuple(changes), open_range


class _Draft:
    """The runs of one command, counted on top of the view as they are made."""

    def __init__(self, plan: Plan, view: ClusterView, now: Millis) -> None:
        self._plan = plan
        self._view = view
        self._now = now
        self._live = view.live_count(*plan.key)
        self._free = view.slot_limit(plan.namespace) - view.slots_used(plan.namespace)
        self._waiting = view.runs_in(plan.namespace) - view.slots_used(plan.namespace)
        self._in_the_way = ""
        self._rate_from: Millis | None = None
        self.changes: list[Change] = []
        self.ended: list[Run] = []
        self.last_job = ""

    def add(self, tick: DueTick) -> None:
        plan = self._plan
        run = new_run(
            plan,
            tick_job_id(plan.namespace, plan.id, plan.incarnation, tick.at),
            Trigger.CATCH_UP if tick.late else Trigger.SCHEDULE,
            tick.at,
            self._now,
            era=self._view.era,
        )
        if self._view.run(run.id) is not None or self._view.recently_finished(run.id):
            return  # decided before the clock went back and an edit moved the cursor
        self.last_job = run.id
        if plan.overlap is Overlap.SKIP and self._live > 0:
            self._settle(
                _unrun(run, JobStatus.SKIPPED, Reason.OVERLAP, f"{SKIPPED_INFO}: {self._blocker()}", self._now)
            )
        elif self._free > 0:
            self._start(run, tick, holds_slot=True)
        elif (tick.late or self._waits_when_full()) and self._waiting < MAX_WAITING:
            self._waiting += 1
            self._start(run, tick, holds_slot=False)
        else:
            self._settle(_unrun(run, JobStatus.FAILED, Reason.NO_SLOT, NO_SLOT_INFO, self._now))

    def _start(self, run: Run, tick: DueTick, *, holds_slot: bool) -> None:
        not_before = self._rated() if tick.late and self._plan.catch_up.rate_per_minute else 0
        if not_before > self._now:
            holds_slot = False  # it takes one when its time has come
        self._live += 1
        self._free -= holds_slot
        self._in_the_way = self._in_the_way or run.id
        self.changes.append(put_run(started(run, self._now, holds_slot=holds_slot, not_before=not_before)))

    def _settle(self, run: Run) -> None:
        if wants_callback(run):
            self.changes.append(put_run(with_callback(run, self._now)))
        else:
            self.ended.append(run)

    def _blocker(self) -> str:
        """The run that is in the way."""
        return self._in_the_way or next(iter(self._view.live_runs(*self._plan.key)), "")

    def _waits_when_full(self) -> bool:
        namespace = self._view.namespace(self._plan.namespace)
        return namespace is not None and namespace.when_full is WhenFull.WAIT

    def _rated(self) -> Millis:
        """When the next catch-up run of the plan may start, after those that wait already."""
        gap = MINUTE // self._plan.catch_up.rate_per_minute
        if self._rate_from is None:
            waiting = (self._view.run(job_id) for job_id in self._view.live_runs(*self._plan.key))
            taken = [run.evaluations[0].not_before for run in waiting if run is not None and run.evaluations]
            self._rate_from = max([self._now, *(start + gap for start in taken)])
        start = self._rate_from
        self._rate_from = start + gap
        return start


def new_run(plan: Plan, job_id: str, trigger: Trigger, scheduled_at: Millis, now: Millis, *, era: int) -> Run:
    """A run of the plan as it stands, with neither slot nor evaluation yet."""
    return Run(
        job_id,
        plan.namespace,
        plan.id,
        plan.name,
        plan.type,
        plan.incarnation,
        plan.version,
        trigger,
        scheduled_at,
        now,
        now,
        plan.priority,
        plan.executor,
        plan.runs_synchronously,
        plan.effective_timeout,
        plan.delivery,
        JobStatus.PENDING,
        False,
        strategy=plan.strategy,
        era=era,
    )


def started(run: Run, now: Millis, *, holds_slot: bool, not_before: Millis = 0) -> Run:
    """The run with its first evaluation: at once, or later, once it has a slot."""
    trigger = EvaluationTrigger.JOB_REGISTER if run.trigger in BY_HAND else EvaluationTrigger.PERIODIC_JOB
    status, reason, description = EvaluationStatus.PENDING, Reason.NONE, ""
    if not_before > now:
        status, reason = EvaluationStatus.BLOCKED, Reason.CATCH_UP_RATE
        description = "the plan's catch-up rate holds it back"
    elif not holds_slot:
        status, reason, description = EvaluationStatus.BLOCKED, Reason.NO_SLOT, "the namespace has no free slot"
    evaluation = Evaluation(1, trigger, status, now, now, not_before, "", description)
    return replace(run, holds_slot=holds_slot, evaluations=(evaluation,), reason=reason)


def _unrun(run: Run, status: JobStatus, reason: Reason, info: str, now: Millis) -> Run:
    return replace(run, status=status, reason=reason, info=info, finished_at=now)
