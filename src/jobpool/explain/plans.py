"""Why a plan fires, or does not, and whether its next run would start."""

from collections.abc import Iterator

from jobpool.explain.common import cluster
from jobpool.explain.finding import Code, Explanation, Finding, Remedy, Verdict, Wall, explained, facts, wall_of
from jobpool.explain.placement import placement
from jobpool.explain.view import ExplainView
from jobpool.kit.pure.durations import DAY, SECOND, Millis
from jobpool.model.namespace import WhenFull
from jobpool.model.plan import Plan
from jobpool.model.reasons import LedgerReason
from jobpool.model.run import Run
from jobpool.model.schedule import Cursor, LedgerRange, Overlap
from jobpool.model.statuses import PlanStatus, Trigger
from jobpool.store.commands.ticks import new_run

_DECIDED_WITHIN: Millis = 2 * SECOND
"""A tick that is due for longer than this and not decided is worth a word."""

_TICKS = {
    LedgerReason.COALESCED: (Code.TICKS_COALESCED, "its catch-up policy ran a later one for them"),
    LedgerReason.MISSED_WINDOW: (Code.TICKS_MISSED, "they were too old when they could be decided, by its catch-up"),
    LedgerReason.SUPERSEDED_BY_EDIT: (Code.TICKS_SUPERSEDED, "a change of the plan took their place"),
    LedgerReason.PAUSED: (Code.TICKS_PAUSED, "the plan was paused"),
}


def explain_plan(
    view: ExplainView,
    plan: Plan,
    *,
    now: Millis,
    leader: bool,
    last: Run | None = None,
    unrun: LedgerRange | None = None,
) -> Explanation:
    """`leader`: whether the cluster has one. `last` is the plan's newest job, where history still has it.

    `unrun` are the newest ticks that did not become jobs, which are told for a day; None = those of the cursor.
    """
    cursor = view.cursor(*plan.key)
    if unrun is None and cursor is not None:
        unrun = cursor.open_range
    if unrun is not None and unrun.last < now - DAY:
        unrun = None
    wall = wall_of(plan.periodic.time_zone if plan.periodic is not None else "")
    off = [*_switched_off(plan), *_paused(plan, wall), *_out_of_time(plan, cursor, wall, now=now)]
    held = [*cluster(view, wall, leader=leader), *_overlap(view, plan), *_slots(view, plan)]
    nowhere = placement(view, new_run(plan, "", Trigger.SCHEDULE, now, now, era=view.era))
    held += [nowhere] if nowhere is not None else []
    told = [*_due(view, plan, cursor, wall, now=now), *_before(plan, unrun, wall, last=last)]
    verdict = Verdict.OFF if off else Verdict.HELD if held else Verdict.FIRES
    return explained(verdict, [*off, *held, *told])


def _name(plan: Plan) -> str:
    return f"{plan.id} --ns {plan.namespace}"


def _switched_off(plan: Plan) -> Iterator[Finding]:
    online = f"jobpoolctl plan online {_name(plan)}"
    if plan.status is PlanStatus.PENDING:
        yield _off(Code.PLAN_PENDING, "the plan was never put online", Remedy.PLAN_ONLINE, online)
    elif plan.status is PlanStatus.DEAD:
        why = f": {plan.status_reason}" if plan.status_reason else ""
        yield _off(Code.PLAN_DEAD, f"the plan is offline{why}", Remedy.PLAN_ONLINE, online)
    elif plan.stop:
        yield _off(Code.PLAN_STOPPED, "the plan is stopped", Remedy.PLAN_UPDATE, "set `stop` to false")
    if plan.periodic is None:
        by_hand = f"jobpoolctl plan run {_name(plan)}, or give it a schedule"
        yield _off(Code.NO_SCHEDULE, "the plan has no schedule, it runs by hand alone", Remedy.PLAN_RUN, by_hand)
    elif not plan.periodic.enabled and plan.status is PlanStatus.RUNNING:
        advice = "set `periodic.enabled` to true"
        yield _off(Code.PLAN_DISABLED, "the plan's schedule is switched off", Remedy.PLAN_UPDATE, advice)


def _off(code: Code, text: str, remedy: Remedy, advice: str) -> Finding:
    return Finding(code=code, text=text, blocks=True, remedy=remedy, remedy_text=advice)


def _paused(plan: Plan, wall: Wall) -> Iterator[Finding]:
    paused = plan.paused
    if paused is None:
        return
    until = "until somebody resumes it" if paused.until is None else f"until {wall.at(paused.until)}"
    note = f": {paused.note}" if paused.note else ""
    yield Finding(
        code=Code.PAUSED,
        text=f"{paused.by} has paused the plan at {wall.at(paused.since)}, {until}{note}",
        blocks=True,
        since=paused.since,
        until=paused.until,
        facts=facts(by=paused.by, note=paused.note),
        remedy=Remedy.PLAN_RESUME,
        remedy_text=f"jobpoolctl plan resume {_name(plan)}",
    )


def _out_of_time(plan: Plan, cursor: Cursor | None, wall: Wall, *, now: Millis) -> Iterator[Finding]:
    periodic = plan.periodic
    if periodic is None:
        return
    start, end = periodic.start_time, periodic.end_time
    if start is not None and start > now:
        yield Finding(
            code=Code.BEFORE_START,
            text=f"the plan's schedule begins at {wall.at(start)}",
            blocks=True,
            until=start,
            remedy=Remedy.WAIT,
            remedy_text="wait, or change `periodic.start_time`",
        )
    if end is not None and end <= now:
        advice = "change `periodic.end_time`"
        yield Finding(
            code=Code.AFTER_END,
            text=f"the plan's schedule has ended at {wall.at(end)}",
            blocks=True,
            since=end,
            remedy=Remedy.PLAN_UPDATE,
            remedy_text=advice,
        )
    elif plan.active and cursor is not None and cursor.next_due is None:
        text = f"the schedule {periodic.spec!r} has no further tick"
        yield _off(Code.NEVER_AGAIN, text, Remedy.PLAN_UPDATE, "give the plan another schedule, or a later end")


def _overlap(view: ExplainView, plan: Plan) -> Iterator[Finding]:
    if plan.overlap is not Overlap.SKIP:
        return
    live = [run for job_id in view.live_runs(*plan.key) if (run := view.run(job_id)) is not None]
    if not live:
        return
    oldest = min(live, key=lambda run: (run.created_at, run.id))
    yield Finding(
        code=Code.OVERLAP,
        text=f"job {oldest.id} of the plan is live, and a tick that is due before it ends is skipped",
        blocks=True,
        since=oldest.created_at,
        facts=facts(job=oldest.id, status=oldest.status, live=len(live), overlap=plan.overlap),
        remedy=Remedy.JOB_CANCEL,
        remedy_text=f"wait until it ends, or jobpoolctl job cancel {oldest.id}; jobpoolctl job explain {oldest.id}",
    )


def _slots(view: ExplainView, plan: Plan) -> Iterator[Finding]:
    limit, used = view.slot_limit(plan.namespace), view.slots_used(plan.namespace)
    if used < limit:
        return
    namespace = view.namespace(plan.namespace)
    waits = namespace is not None and namespace.when_full is WhenFull.WAIT
    then = "waits for one" if waits else "becomes a failed job"
    yield Finding(
        code=Code.NAMESPACE_FULL,
        text=f"namespace {plan.namespace} has no free slot ({used} of {limit} in use): a tick that is due now {then}",
        blocks=True,
        facts=facts(
            namespace=plan.namespace,
            used=used,
            limit=limit,
            waiting=view.runs_in(plan.namespace) - used,
            when_full=WhenFull.WAIT if waits else WhenFull.FAIL,
        ),
        remedy=Remedy.NAMESPACE_UPDATE,
        remedy_text=f"wait until a run ends, or jobpoolctl namespace update {plan.namespace} --limit {limit + 1}",
    )


def _due(view: ExplainView, plan: Plan, cursor: Cursor | None, wall: Wall, *, now: Millis) -> Iterator[Finding]:
    if cursor is None or not plan.fires or cursor.next_due is None:
        return
    due = cursor.next_due
    restored = view.restored
    if restored is not None and cursor.era < view.era:
        passed = now if restored.until is None else restored.until
        yield Finding(
            code=Code.RESTORED,
            text=f"the store was restored from a snapshot: what was due up to {wall.at(passed)} is not fired",
            until=restored.until,
        )
    if due <= now - _DECIDED_WITHIN:
        yield Finding(
            code=Code.CATCHING_UP,
            text=f"its ticks since {wall.at(due)} are due and being decided, by its catch-up policy",
            since=due,
            facts=facts(mode=plan.catch_up.mode),
            remedy=Remedy.WAIT,
        )
    else:
        yield Finding(code=Code.DUE, text=f"its next tick is due at {wall.at(due)}", until=due)


def _before(plan: Plan, unrun: LedgerRange | None, wall: Wall, *, last: Run | None) -> Iterator[Finding]:
    """What became of the ticks before."""
    if unrun is not None:
        yield _not_run(plan, unrun, wall)
    if last is not None:
        ended = f": {last.info}" if last.info else ""
        reason = f" ({last.reason})" if last.reason else ""
        yield Finding(
            code=Code.LAST_JOB,
            text=f"its last job is {last.id} of {wall.at(last.scheduled_at)}, {last.status}{reason}{ended}",
            since=last.scheduled_at,
            facts=facts(job=last.id, status=last.status, reason=last.reason, trigger=last.trigger),
            remedy_text=f"jobpoolctl job explain {last.id}",
        )


def _not_run(plan: Plan, ticks: LedgerRange, wall: Wall) -> Finding:
    code, why = _TICKS[ticks.reason]
    number = "ticks" if ticks.count is None else f"{ticks.count} tick{'s' * (ticks.count != 1)}"
    which = (
        f"at {wall.at(ticks.first)}"
        if ticks.first == ticks.last
        else (f"from {wall.at(ticks.first)} to {wall.at(ticks.last)}")
    )
    return Finding(
        code=code,
        text=f"{number} {which} did not run: {why}",
        since=ticks.first,
        until=ticks.last,
        facts=facts(count=ticks.count),
        remedy_text=f"jobpoolctl plan ledger {_name(plan)}",
    )
