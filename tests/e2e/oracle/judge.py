"""Lost, doubled, stuck, missing, overlapping: what evidence says, by a cron of its own, not that of what it judges."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeAlias
from zoneinfo import ZoneInfo

from cronsim import CronSim
from msgspec import Struct

from tests.e2e.oracle.evidence import Absence, Entry, Evidence, Expected, Job, Millis

Span: TypeAlias = tuple[Millis, Millis, str]
LIVE = ("pending", "running", "unknown")
EXPLAINED = frozenset({"poison"})
"""Reasons for which a run may have failed: its agent died under it three times."""
LETS_GO = frozenset({"lost", "failed", "cancelled"})
"""Ends of an attempt after which another may follow."""


class Verdict(Struct):
    """Each entry is one finding, for people."""

    lost: list[str] = []
    doubled: list[str] = []
    stuck: list[str] = []
    missing: list[str] = []
    overlapping: list[str] = []
    ticks: int = 0
    starts: int = 0
    retaken: int = 0
    outcomes: dict[str, int] = {}

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.stuck or self.missing or self.overlapping)


def judge(evidence: Evidence) -> Verdict:
    verdict = Verdict()
    verdict.outcomes = dict(Counter(f"{job.status} {job.reason}".strip() for job in evidence.jobs))
    _listed_once(evidence.jobs, verdict)
    _ticks(evidence, verdict)
    _by_hand(evidence, verdict)
    _ends(evidence, verdict)
    _attempts(evidence, verdict)
    _witnesses(evidence, verdict)
    _overlaps(evidence, verdict)
    verdict.missing += [f"{write.what} {write.name} was acknowledged" for write in evidence.writes if not write.visible]
    verdict.stuck += [f"namespace {name}: {used} slots in use" for name, used in evidence.slots.items() if used]
    return verdict


def ticks(expected: Expected) -> list[Millis]:
    start = datetime.fromtimestamp(expected.after // 1000, UTC).astimezone(ZoneInfo(expected.zone))
    found = []
    for instant in CronSim(expected.spec, start):
        at = round(instant.timestamp() * 1000)
        if at > expected.until:
            break
        if at > expected.after:
            found.append(at)
    return found


def _listed_once(jobs: Sequence[Job], verdict: Verdict) -> None:
    counts = Counter(job.id for job in jobs)
    verdict.doubled += [f"job {job_id} is listed {count} times" for job_id, count in counts.items() if count > 1]


def _ticks(evidence: Evidence, verdict: Verdict) -> None:
    plans: dict[tuple[str, str], dict[Millis, set[str]]] = defaultdict(lambda: defaultdict(set))
    for job in evidence.jobs:
        if job.trigger in ("schedule", "catch-up"):
            plans[job.namespace, job.plan_id][job.scheduled_at].add(job.id)
    for expected in evidence.expected:
        where = f"{expected.namespace}/{expected.plan_id}"
        seen = plans.pop((expected.namespace, expected.plan_id), {})
        due = ticks(expected)
        verdict.ticks += len(due)
        if expected.first is not None and due and due[0] != expected.first:
            verdict.lost.append(f"{where}: the first tick is {_at(due[0])}, stated was {_at(expected.first)}")
        verdict.lost += [f"{where}: no run of {_at(tick)}" for tick in due if tick not in seen]
        verdict.doubled += [f"{where}: {len(ids)} runs of {_at(tick)}" for tick, ids in seen.items() if len(ids) > 1]
        verdict.doubled += [f"{where}: a run of {_at(tick)}, which was not due" for tick in seen.keys() - set(due)]
    verdict.doubled += [f"{'/'.join(plan)}: runs, and nobody expected the plan" for plan in plans]


def _by_hand(evidence: Evidence, verdict: Verdict) -> None:
    runs: dict[str, list[str]] = defaultdict(list)
    for job in evidence.jobs:
        if job.trigger == "manual":
            runs[job.created_by].append(job.id)
    for key, job_id in evidence.by_hand.items():
        found = runs.pop(key, [])
        if job_id not in found:
            verdict.missing.append(f"run {job_id} of key {key} was acknowledged")
        elif len(found) > 1:
            verdict.doubled.append(f"key {key} has {len(found)} runs")
    verdict.doubled += [f"runs by hand of {key!r}, which nobody was answered" for key in runs]


def _ends(evidence: Evidence, verdict: Verdict) -> None:
    idle = set(evidence.exclusive)
    for job in evidence.jobs:
        if job.status == "complete":
            idle.discard(job.plan_id)
        if job.status in LIVE:
            verdict.stuck.append(f"job {job.id} of {job.plan_id} is {job.status}")
        elif job.status == "skipped" and job.reason == "overlap" and job.plan_id in evidence.exclusive:
            continue
        elif job.status != "complete" and job.reason not in EXPLAINED:
            verdict.lost.append(f"job {job.id} of {job.plan_id} ended {job.status} {job.reason}")
    verdict.lost += [f"every tick of {plan_id} was skipped" for plan_id in sorted(idle)]


def _attempts(evidence: Evidence, verdict: Verdict) -> None:
    starts = Counter((one.allocation_id, one.fence) for one in evidence.journals if one.started_at is not None)
    verdict.starts = starts.total()
    verdict.doubled += [f"{key} was started {count} times" for key, count in starts.items() if count > 1]
    by_job: dict[str, list[Entry]] = defaultdict(list)
    for entry in evidence.journals:
        by_job[entry.job_id].append(entry)
        if not entry.status:
            verdict.stuck.append(f"{entry.allocation_id} has not ended on {entry.agent}")
        elif not entry.acknowledged:
            verdict.stuck.append(f"the end of {entry.allocation_id} was not acknowledged to {entry.agent}")
    for job_id, entries in by_job.items():
        _attempts_of(job_id, entries, evidence.absences, verdict)
    for job in evidence.jobs:
        if job.status == "complete" and all(one.status != "complete" for one in by_job.get(job.id, ())):
            verdict.lost.append(f"job {job.id} is complete, and no agent has completed it")
    known = {job.id for job in evidence.jobs}
    verdict.doubled += [f"agents ran job {job_id}, which is not listed" for job_id in by_job.keys() - known]


def _attempts_of(job_id: str, entries: list[Entry], absences: Sequence[Absence], verdict: Verdict) -> None:
    """Only what was let go, or whose agent was away for long enough, may be tried again."""
    entries.sort(key=lambda entry: entry.fence)
    verdict.retaken += len(entries) - 1
    held = [
        (entry, after)
        for entry, after in pairwise(entries)
        if entry.status not in LETS_GO and not _was_away(entry, after, absences)
    ]
    complete = [entry for entry in entries if entry.status == "complete"]
    if len(complete) > 1 and held:
        verdict.doubled.append(f"job {job_id} was completed {len(complete)} times")
    verdict.doubled += [
        f"job {job_id} was tried again although {entry.allocation_id} ended {entry.status}" for entry, _ in held
    ]


def _was_away(entry: Entry, after: Entry, absences: Sequence[Absence]) -> bool:
    """Whether the agent went away with it, and was given up when the next attempt began."""
    began = after.started_at
    if began is None:
        return True  # nothing was done by it
    return any(
        one.agent == entry.agent and one.given_up <= began and (entry.started_at or 0) <= one.until for one in absences
    )


def _overlaps(evidence: Evidence, verdict: Verdict) -> None:
    """Runs of a plan that forbids it, at the same time: by the journals, and by the commands' own marks."""
    plans = {job.id: job.plan_id for job in evidence.jobs if job.plan_id in evidence.exclusive}
    spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for entry in evidence.journals:
        if entry.job_id in plans and entry.started_at is not None and entry.finished_at is not None:
            span = (entry.started_at, entry.finished_at, f"{entry.allocation_id} on {entry.agent}")
            spans["journals", plans[entry.job_id]].append(span)
    ended = {(mark.job_id, mark.fence): mark.at for mark in evidence.marks if mark.what == "ended"}
    for mark in evidence.marks:
        if mark.what == "began" and mark.job_id in plans:
            end = ended.get((mark.job_id, mark.fence), mark.at)
            spans["commands", plans[mark.job_id]].append((mark.at, end, f"{mark.job_id} of fence {mark.fence}"))
    for (witness, plan_id), found in spans.items():
        verdict.overlapping += [
            f"{plan_id}: by the {witness}, {second[2]} began {first[1] - second[0]} ms before {first[2]} ended"
            for first, second in pairwise(sorted(found))
            if second[0] < first[1]
        ]


def _witnesses(evidence: Evidence, verdict: Verdict) -> None:
    """What the commands themselves wrote down against what the journals say of them."""
    seen = Counter(evidence.witnessed)
    verdict.doubled += [f"the command of {key} ran {count} times" for key, count in seen.items() if count > 1]
    started = {(one.job_id, one.fence) for one in evidence.journals if one.started_at is not None}
    verdict.doubled += [f"the command of {key} ran and no journal has its start" for key in seen.keys() - started]
    plans = {job.id: job.plan_id for job in evidence.jobs}
    for one in evidence.journals:
        ran = (one.job_id, one.fence) in seen
        if one.status == "complete" and plans.get(one.job_id) in evidence.witnesses and not ran:
            verdict.lost.append(f"{one.allocation_id} is complete, and its command never ran")


def _at(tick: Millis) -> str:
    return datetime.fromtimestamp(tick / 1000, UTC).isoformat()
