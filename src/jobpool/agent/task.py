"""The values an agent passes around: the task it was given, how it ended, what it reports."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.reasons import Reason

Key: TypeAlias = tuple[str, int]
"""(allocation id, fence): what is started at most once."""

RESULT_LIMIT = 4096
DESCRIPTION_LIMIT = 1024

AGENT_RESTARTED = "agent_restarted"
"""The reason of a run whose end a restarted agent cannot know."""

LEASE_EXPIRED = "lease_expired"
"""The reason of a run that was stopped because its agent was dead, or stood still, for too long."""


class Status(StrEnum):
    """What a report says."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SKIPPED = "skipped"
    LOST = "lost"


class Task(Struct, frozen=True, array_like=True, gc=False):
    """One allocation to run. `timeout` in milliseconds, 0 = none; `desired_status` `skip`, `fail`: a callback only.

    `callback_url` is where the callee of an asynchronous run says how it ended, and `callback_token` what it proves
    there that it is the callee; both empty otherwise.
    """

    allocation_id: str
    fence: int
    job_id: str
    plan_id: str
    namespace: str
    name: str
    attempt: int
    executor: str
    parameters: str
    synchronous: bool
    timeout: Millis
    scheduled_time: Millis
    desired_status: str = ""
    callback_url: str = ""
    callback_token: str = ""

    @property
    def key(self) -> Key:
        return (self.allocation_id, self.fence)


class Outcome(Struct, frozen=True, gc=False):
    """How a task ended. `accepted`: an asynchronous callee took it over, the agent is done with it.

    `finished_at` is given only when the end was not now (a run that ended while the agent was away).
    """

    status: Status
    reason: str = Reason.NONE.value
    description: str = ""
    exit_code: int | None = None
    result: str = ""
    accepted: bool = False
    finished_at: Millis | None = None


class Report(Struct, frozen=True, gc=False):
    """What the server is told of one allocation. Times 0 = not yet."""

    allocation_id: str
    fence: int
    status: Status
    reason: str = ""
    description: str = ""
    exit_code: int | None = None
    result: str = ""
    started_at: Millis = 0
    finished_at: Millis = 0
    accepted: bool = False

    @property
    def key(self) -> Key:
        return (self.allocation_id, self.fence)

    @property
    def final(self) -> bool:
        """Nothing follows it from this agent; it is journaled and re-sent until acknowledged."""
        return self.accepted or self.status is not Status.RUNNING


def running(key: Key, started_at: Millis) -> Report:
    return Report(key[0], key[1], Status.RUNNING, started_at=started_at)


def ended(key: Key, outcome: Outcome, *, started_at: Millis, now: Millis) -> Report:
    """The final report of an outcome; texts are cut to what a record holds."""
    return Report(
        key[0],
        key[1],
        outcome.status,
        outcome.reason,
        plain_text(outcome.description, DESCRIPTION_LIMIT),
        outcome.exit_code,
        plain_text(outcome.result, RESULT_LIMIT),
        started_at,
        0 if outcome.accepted else outcome.finished_at or now,
        outcome.accepted,
    )


def plain_text(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8 that every receiver can decode: no lone surrogates, no NUL."""
    if len(text) * 4 <= limit and text.isascii() and "\0" not in text:
        return text
    cut = text.replace("\0", "\ufffd").encode("utf-8", "replace")[:limit]
    return cut.decode("utf-8", "ignore")


def scheduled_text(task: Task) -> str:
    """The tick as RFC 3339, UTC: `2026-11-22T12:00:00Z`, with milliseconds only when there are any."""
    instant = datetime.fromtimestamp(task.scheduled_time / 1000, UTC)
    precision = "milliseconds" if task.scheduled_time % 1000 else "seconds"
    return instant.isoformat(timespec=precision).replace("+00:00", "Z")
