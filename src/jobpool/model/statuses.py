"""The statuses of everything, one spelling each. The words are those of the original engine's wire."""

from enum import StrEnum


class PlanStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DEAD = "dead"


class JobStatus(StrEnum):
    """The status of a run (a job on the wire)."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class EvaluationStatus(StrEnum):
    PENDING = "pending"
    BLOCKED = "blocked"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELED = "canceled"


class AllocationStatus(StrEnum):
    """What is known of one attempt on a node (`client_status` on the wire)."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class DesiredStatus(StrEnum):
    """What an attempt is for (`desired_status` on the wire); empty for a normal run."""

    RUN = ""
    SKIP = "skip"
    FAIL = "fail"
    STOP = "stop"


class NodeStatus(StrEnum):
    INITIALIZING = "initializing"
    READY = "ready"
    DOWN = "down"
    DISCONNECTED = "disconnected"


class Trigger(StrEnum):
    """Why a run exists."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    CATCH_UP = "catch-up"
    RERUN = "rerun"
    """By hand too: another run of a job that there was."""


class EvaluationTrigger(StrEnum):
    """Why an evaluation exists (`triggered_by` on the wire)."""

    PERIODIC_JOB = "periodic-job"
    JOB_REGISTER = "job-register"
    ALLOC_FAILURE = "alloc-failure"
    NODE_UPDATE = "node-update"
    FAILED_FOLLOW_UP = "failed-follow-up"


BY_HAND = frozenset({Trigger.MANUAL, Trigger.RERUN})
"""What makes a run that is for no tick."""

TERMINAL_JOB = frozenset(
    {JobStatus.COMPLETE, JobStatus.SKIPPED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED}
)
TERMINAL_EVALUATION = frozenset({EvaluationStatus.COMPLETE, EvaluationStatus.FAILED, EvaluationStatus.CANCELED})
TERMINAL_ALLOCATION = frozenset(
    {
        AllocationStatus.COMPLETE,
        AllocationStatus.SKIPPED,
        AllocationStatus.FAILED,
        AllocationStatus.CANCELLED,
        AllocationStatus.EXPIRED,
    }
)
