"""Which status may follow which. Terminal statuses have no successor."""

from jobpool.model.statuses import AllocationStatus, EvaluationStatus, JobStatus, NodeStatus, PlanStatus

_ENDS = (JobStatus.COMPLETE, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED)

JOB: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset({JobStatus.RUNNING, JobStatus.UNKNOWN, *_ENDS}),
    # Back to pending: the attempt failed or its node was lost, and the run will be placed again.
    JobStatus.RUNNING: frozenset({JobStatus.PENDING, JobStatus.UNKNOWN, *_ENDS}),
    JobStatus.UNKNOWN: frozenset({JobStatus.RUNNING, JobStatus.PENDING, *_ENDS}),
    JobStatus.COMPLETE: frozenset(),
    JobStatus.SKIPPED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
    JobStatus.EXPIRED: frozenset(),
}

EVALUATION: dict[EvaluationStatus, frozenset[EvaluationStatus]] = {
    EvaluationStatus.PENDING: frozenset(
        {
            EvaluationStatus.BLOCKED,
            EvaluationStatus.COMPLETE,
            EvaluationStatus.FAILED,
            EvaluationStatus.CANCELED,
        }
    ),
    EvaluationStatus.BLOCKED: frozenset(
        {
            EvaluationStatus.PENDING,
            EvaluationStatus.COMPLETE,
            EvaluationStatus.FAILED,
            EvaluationStatus.CANCELED,
        }
    ),
    EvaluationStatus.COMPLETE: frozenset(),
    EvaluationStatus.FAILED: frozenset(),
    EvaluationStatus.CANCELED: frozenset(),
}

_ALLOCATION_ENDS = (
    AllocationStatus.COMPLETE,
    AllocationStatus.SKIPPED,
    AllocationStatus.FAILED,
    AllocationStatus.CANCELLED,
    AllocationStatus.EXPIRED,
)

ALLOCATION: dict[AllocationStatus, frozenset[AllocationStatus]] = {
    AllocationStatus.PENDING: frozenset({AllocationStatus.RUNNING, AllocationStatus.UNKNOWN, *_ALLOCATION_ENDS}),
    AllocationStatus.RUNNING: frozenset({AllocationStatus.UNKNOWN, *_ALLOCATION_ENDS}),
    AllocationStatus.UNKNOWN: frozenset({AllocationStatus.PENDING, AllocationStatus.RUNNING, *_ALLOCATION_ENDS}),
    **{status: frozenset() for status in _ALLOCATION_ENDS},
}

NODE: dict[NodeStatus, frozenset[NodeStatus]] = {
    NodeStatus.INITIALIZING: frozenset({NodeStatus.READY, NodeStatus.DOWN}),
    NodeStatus.READY: frozenset({NodeStatus.DOWN, NodeStatus.INITIALIZING}),
    # Never straight to ready: a node that was given up first says which runs it still has.
    NodeStatus.DOWN: frozenset({NodeStatus.INITIALIZING}),
    NodeStatus.DISCONNECTED: frozenset({NodeStatus.INITIALIZING, NodeStatus.DOWN}),
}

PLAN: dict[PlanStatus, frozenset[PlanStatus]] = {
    PlanStatus.PENDING: frozenset({PlanStatus.RUNNING, PlanStatus.DEAD}),
    PlanStatus.RUNNING: frozenset({PlanStatus.PENDING, PlanStatus.DEAD}),
    PlanStatus.DEAD: frozenset({PlanStatus.RUNNING, PlanStatus.PENDING}),
}
