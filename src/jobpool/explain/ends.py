"""Why a job that has ended did so, in words."""

from collections.abc import Iterator

from jobpool.explain.finding import Code, Finding, Remedy, Wall, facts
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.statuses import JobStatus
from jobpool.store.commands.ticks import SKIPPED_INFO

_WORDS = {
    Reason.EXIT_NONZERO: "its program ended with exit code {exit_code}",
    Reason.SIGNALED: "its program was ended by a signal",
    Reason.HTTP_STATUS: "its callee answered with a status that is not expected",
    Reason.REQUEST_FAILED: "its callee could not be reached, or did not answer",
    Reason.REJECTED: "its callee would not do it",
    Reason.NODE_LOST: "its node was lost and it may not be repeated",
    Reason.NODE_DRAINED: "its node had to be empty and it may not be repeated",
    Reason.POISON: "it was lost with three nodes in turn, so it may be what ends them",
    Reason.TIMEOUT: "it took longer than its timeout",
    Reason.CANCELLED: "it was cancelled",
    Reason.REPORTED: "its callee, or an operator, reported so",
    Reason.BAD_PARAMETERS: "its parameters do not suit its executor",
    Reason.EXECUTOR_MISSING: "the agent does not have its executor",
    Reason.EXECUTOR_ERROR: "its executor failed",
}
_OUTPUT = frozenset({Reason.EXIT_NONZERO, Reason.SIGNALED, Reason.HTTP_STATUS, Reason.TIMEOUT, Reason.EXECUTOR_ERROR})


def ended(run: Run, wall: Wall) -> Iterator[Finding]:
    """The end, and whether its callee is still to be told."""
    yield _end(run, wall)
    if run.owes_callback:
        yield Finding(code=Code.CALLBACK_OWED, text="an agent is on its way to tell its callee that it did not run")


def _end(run: Run, wall: Wall) -> Finding:
    again = f"jobpoolctl job rerun {run.id}"
    told = {"status": run.status, "reason": run.reason, "exit_code": run.exit_code}
    if run.status is JobStatus.SKIPPED and run.reason is Reason.OVERLAP:
        blocker = run.info.removeprefix(f"{SKIPPED_INFO}: ") if run.info != SKIPPED_INFO else ""
        which = f"job {blocker}" if blocker else "a job"
        return _ended(
            run,
            Code.SKIPPED_OVERLAP,
            f"it was skipped: {which} of its plan was live when it was due",
            again,
            job=blocker,
        )
    if run.reason is Reason.NO_SLOT:
        text = f"it did not start: namespace {run.namespace} had no free slot when it was due"
        return _ended(run, Code.NO_SLOT, text, again, namespace=run.namespace)
    if run.reason is Reason.DELIVERY_LIMIT:
        text = "it did not start: no server could deal with it, however often it was tried"
        return _ended(run, Code.DELIVERY_LIMIT, text, again)
    at = wall.at(run.finished_at if run.finished_at is not None else run.updated_at)
    words = _WORDS.get(run.reason, "").format(exit_code=run.exit_code)
    info = "" if run.info == f"exit code {run.exit_code}" else run.info
    why = ": ".join(word for word in (words, info) if word)
    text = f"it ended {run.status} at {at}" + (f": {why}" if why else "")
    if run.status is JobStatus.COMPLETE:
        return Finding(code=Code.ENDED, text=text, since=run.finished_at, facts=facts(**told))
    output = bool(run.attempts) and run.reason in _OUTPUT
    return Finding(
        code=Code.ENDED,
        text=text,
        since=run.finished_at,
        facts=facts(**told),
        remedy=Remedy.JOB_LOGS if output else Remedy.JOB_RERUN,
        remedy_text=f"jobpoolctl job logs {run.id}; {again}" if output else again,
    )


def _ended(run: Run, code: Code, text: str, again: str, **told: object) -> Finding:
    return Finding(
        code=code,
        text=text,
        since=run.finished_at,
        facts=facts(status=run.status, reason=run.reason, **told),
        remedy=Remedy.JOB_RERUN,
        remedy_text=again,
    )
