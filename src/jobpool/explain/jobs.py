"""Why a job runs, waits or has ended as it did."""

from collections.abc import Iterator

from jobpool.explain.common import cluster
from jobpool.explain.ends import ended
from jobpool.explain.finding import Code, Explanation, Finding, Remedy, Verdict, Wall, explained, facts, wall_of
from jobpool.explain.placement import placement
from jobpool.explain.view import ExplainView
from jobpool.kit.pure.durations import SECOND, Millis, format_duration
from jobpool.model.reasons import Reason
from jobpool.model.run import Attempt, Run
from jobpool.model.statuses import (
    TERMINAL_EVALUATION,
    AllocationStatus,
    EvaluationTrigger,
    JobStatus,
    NodeStatus,
    Trigger,
)

_WORTH_A_WORD: Millis = SECOND
_SHOWN_ATTEMPTS = 3
_CAUSES = {
    Trigger.SCHEDULE: (Code.BY_SCHEDULE, "it is the tick of {at}"),
    Trigger.CATCH_UP: (Code.BY_CATCH_UP, "it makes up for the tick of {at}"),
    Trigger.MANUAL: (Code.BY_HAND, "{who} started it by hand at {at}"),
    Trigger.RERUN: (Code.BY_RERUN, "{who} ran job {of} again at {at}"),
}


def explain_job(view: ExplainView, run: Run, *, now: Millis, leader: bool) -> Explanation:
    """`run` may be live or finished. `leader`: whether the cluster has one."""
    plan = view.plan_version(run.namespace, run.plan_id, run.plan_version) or view.plan(*run.plan_key)
    wall = wall_of(plan.periodic.time_zone if plan is not None and plan.periodic is not None else "")
    findings = [_cause(run, wall), *_late(run)]
    if run.ended:
        findings += [*ended(run, wall), *_before(run, wall, count=len(run.attempts) - 1)]
        return explained(Verdict.ENDED, findings)
    if run.accepted:
        findings.append(_with_callee(run, wall))
        return explained(Verdict.RUNNING, [*findings, *_cancelled(run)])
    attempt = run.open_attempt
    if attempt is not None:
        verdict, finding = _on_node(view, run, attempt, wall)
        findings += [finding, *_cancelled(run), *_before(run, wall, count=len(run.attempts) - 1)]
        return explained(verdict, findings)
    findings += [*_waits(view, run, wall, now=now, leader=leader), *_before(run, wall, count=len(run.attempts))]
    return explained(Verdict.WAITING, findings)


def _cause(run: Run, wall: Wall) -> Finding:
    code, text = _CAUSES[run.trigger]
    who = run.created_by or "somebody"
    return Finding(
        code=code,
        text=text.format(at=wall.at(run.scheduled_at), who=who, of=run.rerun_of),
        since=run.scheduled_at,
        facts=facts(trigger=run.trigger, created_by=run.created_by, rerun_of=run.rerun_of),
    )


def _late(run: Run) -> Iterator[Finding]:
    late = run.lateness
    if late is not None and late >= _WORTH_A_WORD:
        yield Finding(
            code=Code.LATE,
            text=f"it started {format_duration(late)} after it was due",
            facts=facts(lateness_ms=late),
        )


# ---- waiting


def _waits(view: ExplainView, run: Run, wall: Wall, *, now: Millis, leader: bool) -> Iterator[Finding]:
    """All that stands between the run and a node, whatever comes first."""
    evaluation = run.evaluation
    if run.predates(view.era) and not run.vouched:
        yield Finding(
            code=Code.RESTORED,
            text="it comes from the snapshot that the store was restored from: it may have run, so nothing starts it",
            blocks=True,
            remedy=Remedy.WAIT,
            remedy_text="it ends as node_lost soon, unless its agent says that it has it; run it again then",
        )
    if evaluation is None or evaluation.status in TERMINAL_EVALUATION:
        yield Finding(
            code=Code.NO_EVALUATION,
            text="it has no open evaluation, so nothing looks for a node: somebody has added it as a record",
            blocks=True,
            remedy=Remedy.EVAL_ADD,
            remedy_text=f"add an evaluation of it (EvalAdd), or jobpoolctl job cancel {run.id}",
        )
        return
    own: list[Finding] = []
    if evaluation.not_before > now:
        own.append(_not_yet(run, wall))
    elif not run.holds_slot:
        own.append(_slot_wait(view, run))
    nowhere = placement(view, run)
    own += [nowhere] if nowhere is not None else []
    own += cluster(view, wall, leader=leader)
    if not any(finding.blocks for finding in own):
        own.append(
            Finding(
                code=Code.QUEUED,
                text="it is queued, and a node has room for it",
                since=evaluation.updated_at,
                facts=facts(evaluation=evaluation.status),
                remedy=Remedy.WAIT,
            )
        )
    yield from own


def _not_yet(run: Run, wall: Wall) -> Finding:
    evaluation = run.evaluation
    assert evaluation is not None
    at = wall.at(evaluation.not_before)
    if run.reason is Reason.CATCH_UP_RATE:
        code, text = Code.CATCH_UP_RATE, f"its plan's catch-up rate holds it back until {at}"
        advice = "wait, or raise `catch_up.rate_per_minute` for those to come"
    elif evaluation.trigger is EvaluationTrigger.FAILED_FOLLOW_UP:
        code, text = Code.FOLLOW_UP_WAIT, f"no server could deal with it so far; it is tried again at {at}"
        advice = "wait; the servers' logs say more"
    else:
        code, text = Code.RETRY_WAIT, f"attempt {len(run.attempts)} did not succeed; the next one is due at {at}"
        advice = f"wait, or jobpoolctl job cancel {run.id}"
    return Finding(
        code=code,
        text=text,
        blocks=True,
        since=evaluation.created_at,
        until=evaluation.not_before,
        facts=facts(attempts=len(run.attempts), why=evaluation.description),
        remedy=Remedy.WAIT,
        remedy_text=advice,
    )


def _slot_wait(view: ExplainView, run: Run) -> Finding:
    limit, used = view.slot_limit(run.namespace), view.slots_used(run.namespace)
    return Finding(
        code=Code.SLOT_WAIT,
        text=f"it waits for a slot of namespace {run.namespace} ({used} of {limit} in use)",
        blocks=True,
        since=run.created_at,
        facts=facts(namespace=run.namespace, used=used, limit=limit, waiting=view.runs_in(run.namespace) - used),
        remedy=Remedy.NAMESPACE_UPDATE,
        remedy_text=f"wait until a run ends, or jobpoolctl namespace update {run.namespace} --limit {limit + 1}",
    )


# ---- somebody has it


def _on_node(view: ExplainView, run: Run, attempt: Attempt, wall: Wall) -> tuple[Verdict, Finding]:
    node = view.node(attempt.node_id)
    told = facts(node=attempt.node_id, attempt=attempt.number)
    silent = node is None or node.status is not NodeStatus.READY
    if run.status is JobStatus.UNKNOWN or attempt.status is AllocationStatus.UNKNOWN or silent:
        return Verdict.UNKNOWN, Finding(
            code=Code.NODE_SILENT,
            text=f"node {attempt.node_id}, which has it, does not answer; what became of it is not known",
            blocks=True,
            since=attempt.updated_at,
            facts=told,
            remedy=Remedy.NODE_DELETE,
            remedy_text="wait until its agent is back; if the machine is gone for good: "
            f"jobpoolctl node delete {attempt.node_id} --force",
        )
    if attempt.status is AllocationStatus.PENDING:
        return Verdict.STARTING, Finding(
            code=Code.SENT,
            text=f"it is on its way to node {attempt.node_id}, whose agent has not said yet that it began",
            since=attempt.created_at,
            facts=told,
        )
    started = attempt.started_at if attempt.started_at is not None else attempt.created_at
    end = started + run.timeout
    return Verdict.RUNNING, Finding(
        code=Code.RUNNING,
        text=f"it runs on node {attempt.node_id} since {wall.at(started)}, until {wall.at(end)} at most",
        since=started,
        until=end,
        facts=told,
    )


def _with_callee(run: Run, wall: Wall) -> Finding:
    since = run.started_at if run.started_at is not None else run.updated_at
    return Finding(
        code=Code.ACCEPTED_BY_CALLEE,
        text=f"its callee has accepted it and reports its end, until {wall.at(since + run.timeout)} at most",
        since=since,
        until=since + run.timeout,
        facts=facts(node=run.attempts[-1].node_id if run.attempts else ""),
        remedy=Remedy.JOB_UPDATE,
        remedy_text=f"where the callee cannot report: jobpoolctl job update {run.id} complete",
    )


def _cancelled(run: Run) -> Iterator[Finding]:
    if run.cancel_requested:
        yield Finding(
            code=Code.CANCEL_REQUESTED,
            text=f"its end is asked for: {run.info}",
            facts=facts(info=run.info),
            remedy=Remedy.WAIT,
            remedy_text="it ends when its agent says so",
        )


def _before(run: Run, wall: Wall, *, count: int) -> Iterator[Finding]:
    """The newest of its first `count` attempts."""
    for attempt in run.attempts[max(0, count - _SHOWN_ATTEMPTS) : max(0, count)]:
        why = f": {attempt.description}" if attempt.description else ""
        yield Finding(
            code=Code.ATTEMPT_ENDED,
            text=f"attempt {attempt.number} on node {attempt.node_id} ended {attempt.status} at "
            f"{wall.at(attempt.finished_at or attempt.updated_at)}{why}",
            since=attempt.finished_at or attempt.updated_at,
            facts=facts(
                attempt=attempt.number, node=attempt.node_id, status=attempt.status, exit_code=attempt.exit_code
            ),
        )
