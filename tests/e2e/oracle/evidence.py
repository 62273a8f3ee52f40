"""What was promised and what was seen, as plain values; the journals of agents are read from their files."""

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

Millis = int


class Expected(Struct, frozen=True):
    """Every tick of `spec` in `zone` after `after`, up to and with `until`, is to have one run.

    `first`: the next tick that the answer to the plan's creation stated, None when that answer was lost.
    """

    namespace: str
    plan_id: str
    spec: str
    zone: str
    after: Millis
    until: Millis
    first: Millis | None = None


class Job(Struct, frozen=True):
    """One line of the API's list."""

    id: str
    namespace: str
    plan_id: str
    trigger: str
    status: str
    reason: str
    scheduled_at: Millis
    created_by: str = ""


class Entry(Struct, frozen=True):
    """One row of an agent's journal. `started_at` None = received and not started."""

    agent: str
    allocation_id: str
    fence: int
    job_id: str
    started_at: Millis | None
    status: str
    acknowledged: bool
    finished_at: Millis | None = None


class Absence(Struct, frozen=True):
    """An agent that was dead, paused or cut off `until` then.

    From `given_up` on, what it had begun before may rightly be tried by others.
    """

    agent: str
    given_up: Millis
    until: Millis


class Mark(Struct, frozen=True):
    """What a command wrote of itself: `what` is `began` or `ended`."""

    what: str
    job_id: str
    fence: int
    at: Millis


class Write(Struct, frozen=True):
    """A change that was acknowledged; `visible` is whether it was found at the end."""

    what: str
    name: str
    visible: bool


class Evidence(Struct, frozen=True):
    """`witnessed`: (job id, fence) as the commands of shell runs wrote it down themselves, in any order.

    `by_hand`: idempotency key → id of the run that was answered; runs carry the key as `created_by`.
    `slots`: namespace → slots in use at the end. `exclusive` plans forbid overlap; their commands leave `marks`.
    """

    expected: tuple[Expected, ...] = ()
    jobs: tuple[Job, ...] = ()
    journals: tuple[Entry, ...] = ()
    witnessed: tuple[tuple[str, int], ...] = ()
    witnesses: frozenset[str] = frozenset()
    by_hand: dict[str, str] = {}
    writes: tuple[Write, ...] = ()
    slots: dict[str, int] = {}
    exclusive: frozenset[str] = frozenset()
    marks: tuple[Mark, ...] = ()
    absences: tuple[Absence, ...] = ()


def millis(text: str) -> Millis:
    """RFC 3339 as milliseconds since the epoch."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def job_of(line: dict[str, Any]) -> Job:
    return Job(
        line["id"],
        line["namespace"],
        line["plan_id"],
        line["trigger"],
        line["status"],
        line.get("reason", ""),
        millis(line["scheduled_time"]),
        line.get("created_by", ""),
    )


def read_journal(agent: str, path: Path) -> list[Entry]:
    """All rows of a journal, which its agent may have open."""
    journal = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        rows = journal.execute(
            "SELECT allocation_id, fence, job_id, started_at, status, acknowledged_at IS NOT NULL, finished_at"
            " FROM allocations"
        ).fetchall()
    finally:
        journal.close()
    return [
        Entry(agent, allocation, fence, job, at, status, bool(told), end)
        for allocation, fence, job, at, status, told, end in rows
    ]


def read_witness(path: Path) -> list[tuple[str, int]]:
    """Lines `job fence`, one for each time that a command ran."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [(job_id, int(fence)) for job_id, fence in (line.split() for line in lines)]


def read_marks(path: Path) -> list[Mark]:
    """Lines `what job fence milliseconds`."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [Mark(what, job_id, int(fence), int(at)) for what, job_id, fence, at in (line.split() for line in lines)]
