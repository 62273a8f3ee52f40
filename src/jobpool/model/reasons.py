"""Machine-readable reasons of a run's end or wait (`reason` on the wire), one spelling each."""

from enum import StrEnum


class Reason(StrEnum):
    NONE = ""
    EXIT_NONZERO = "exit_nonzero"
    HTTP_STATUS = "http_status"
    REQUEST_FAILED = "request_failed"
    REJECTED = "rejected"
    """The callee of an asynchronous run answered that it will not do it."""
    NODE_LOST = "node_lost"
    NODE_DRAINED = "node_drained"
    """The run was still there when its node had to be empty, and may not be repeated."""
    POISON = "poison"
    """The run's node was lost three times."""
    NO_SLOT = "no_slot"
    OVERLAP = "overlap"
    DELIVERY_LIMIT = "delivery_limit"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    REPORTED = "reported"
    """An asynchronous run's callee, or an operator, reported the end."""
    BAD_PARAMETERS = "bad_parameters"
    EXECUTOR_MISSING = "executor_missing"
    EXECUTOR_ERROR = "executor_error"
    SIGNALED = "signaled"
    NO_NODE = "no_node"
    """Waiting: no node that offers the executor has room."""
    RETRY_WAIT = "retry_wait"
    CATCH_UP_RATE = "catch_up_rate"


RETRYABLE = frozenset(
    {
        Reason.EXIT_NONZERO,
        Reason.SIGNALED,
        Reason.TIMEOUT,
        Reason.HTTP_STATUS,
        Reason.REQUEST_FAILED,
        Reason.REJECTED,
        Reason.BAD_PARAMETERS,
        Reason.EXECUTOR_MISSING,
        Reason.EXECUTOR_ERROR,
    }
)
"""Why an attempt can fail, so what a plan's `retry.on` may name."""


class LedgerReason(StrEnum):
    """Why ticks did not become runs."""

    COALESCED = "coalesced"
    MISSED_WINDOW = "missed_window"
    SUPERSEDED_BY_EDIT = "superseded_by_edit"
    PAUSED = "paused"
