"""What the cluster of a story has to do: plans of every kind, and how a client asks for them."""

from jobpool.testing.audit import PlanKey
from jobpool.wire import jobpool_pb2 as pb

SLOTS = 60
"""How many runs a namespace has at once, where it does not say."""
PLAIN: PlanKey = ("default", "plain")
ALONE: PlanKey = ("default", "alone")
ONCE: PlanKey = ("default", "once")
_QUEUE = "queue"


def _plan(key: PlanKey, spec: str, **fields: object) -> pb.SchedulePlanAddRequest:
    return pb.SchedulePlanAddRequest(
        namespace=key[0],
        id=key[1],
        name=key[1],
        type="service",
        executor="noop",
        status="running",
        periodic=pb.PeriodicConfig(spec=spec, time_zone="UTC"),
        **fields,  # type: ignore[arg-type]
    )


NAMESPACES = (
    pb.ScheduleNameSpaceAddRequest(name="default"),
    pb.ScheduleNameSpaceAddRequest(name=_QUEUE, job_parallelism_limit=3, when_full="wait"),
)
PLANS = (
    _plan(PLAIN, "* * * * * *"),
    _plan(ALONE, "*/2 * * * * *", overlap="skip"),
    _plan(ONCE, "@every 3s", delivery="at-most-once"),
    _plan(("default", "stubborn"), "5,20,41 * * * * *", retry=pb.Retry(attempts=2, backoff="1s")),
    _plan((_QUEUE, "patient"), "*/4 * * * * *", catch_up=pb.CatchUp(mode="all", window="20m", max_runs=50)),
)
