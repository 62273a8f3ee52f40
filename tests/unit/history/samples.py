"""Finished runs and segments to feed a read model with."""

from jobpool.kit.pure.ids import hashed_bits, ulid
from jobpool.model.run import Attempt, Evaluation, Run
from jobpool.model.schedule import Delivery
from jobpool.model.statuses import AllocationStatus, EvaluationStatus, EvaluationTrigger, JobStatus, Trigger
from jobpool.store.codec import encode
from jobpool.store.records import Segment

NOW = 1_760_000_000_000


def finished_run(
    name: str,
    *,
    at: int = NOW,
    namespace: str = "default",
    plan: str = "backup",
    status: JobStatus = JobStatus.COMPLETE,
    nodes: tuple[str, ...] = ("node-1",),
    run_name: str = "nightly backup",
) -> Run:
    """One attempt and one evaluation per node; `name` makes the id."""
    attempts = tuple(
        Attempt(
            number=number,
            evaluation=number,
            node_id=node,
            fence=number,
            status=AllocationStatus(status) if number == len(nodes) else AllocationStatus.FAILED,
            created_at=at + 10 * number,
            updated_at=at + 20 * number,
        )
        for number, node in enumerate(nodes, 1)
    )
    evaluations = tuple(
        Evaluation(
            number=number,
            trigger=EvaluationTrigger.PERIODIC_JOB if number == 1 else EvaluationTrigger.ALLOC_FAILURE,
            status=EvaluationStatus.COMPLETE if number < 3 else EvaluationStatus.FAILED,
            created_at=at + 10 * (number - 1),
            updated_at=at + 10 * number,
        )
        for number in range(1, max(1, len(nodes)) + 1)
    )
    return Run(
        id=ulid(at, hashed_bits(name)),
        namespace=namespace,
        plan_id=plan,
        name=run_name,
        type="service",
        incarnation=1,
        plan_version=1,
        trigger=Trigger.SCHEDULE,
        scheduled_at=at,
        created_at=at,
        updated_at=at + 100,
        priority=50,
        executor="noop",
        synchronous=True,
        timeout=3_600_000,
        delivery=next(iter(Delivery)),
        status=status,
        holds_slot=False,
        evaluations=evaluations,
        attempts=attempts,
        finished_at=at + 100,
    )


def segment(*runs: Run, at: int = NOW) -> Segment:
    return Segment(at, runs)


def stored(*runs: Run, at: int = NOW) -> bytes:
    return encode(segment(*runs, at=at))
