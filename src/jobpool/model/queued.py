"""An evaluation on its way to an evaluator: what the leader's queues hold and hand out."""

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis

SERVICE_QUEUE = "service"
"""The type of every evaluation of a run."""

FAILED_QUEUE = "_failed"
"""Where an evaluation goes that was given back too often; only the leader takes from it."""


class QueuedEvaluation(Struct, frozen=True, gc=False):
    """What the queues need to know of a pending evaluation; the run's record has the rest.

    `create_index` and `modify_index` are commit numbers: an evaluator decides on no state older than `modify_index`.
    `not_before` is an absolute instant, so a new leader does not lengthen the wait; 0 = at once.
    """

    job_id: str
    number: int
    namespace: str
    plan_id: str
    priority: int
    create_index: int
    modify_index: int
    type: str = SERVICE_QUEUE
    not_before: Millis = 0

    def seeing(self, n: int) -> "QueuedEvaluation":
        """The same, to be decided on no state older than commit `n`."""
        return self if self.modify_index >= n else replace(self, modify_index=n)


class Delivery(Struct, frozen=True, gc=False):
    """An evaluation in an evaluator's hands: its name to the broker is `token`, minted anew for every delivery.

    `deliveries` counts from 1.
    """

    evaluation: QueuedEvaluation
    token: str
    deliveries: int
