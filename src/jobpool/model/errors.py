"""The one error tree: what a caller can be told, as data, and its gRPC and HTTP status in one table."""

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar


class Code(IntEnum):
    """gRPC status numbers."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


HTTP_STATUS: dict[Code, int] = {
    Code.CANCELLED: 408,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 409,
    Code.ABORTED: 412,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


class JobpoolError(Exception):
    """Anything jobpool refuses or fails at, told to the caller.

    `field` names the part of the request at fault, `engine_code` is the original engine's number where it has one, and
    `terms` are what the original's text of that number names, in its order.
    """

    code: ClassVar[Code] = Code.INTERNAL
    http_status: ClassVar[int | None] = None

    def __init__(self, reason: str, *, field: str = "", engine_code: int = 0, terms: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.engine_code = engine_code
        self.terms = terms

    @property
    def message(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason

    def __str__(self) -> str:
        return self.message


class InvalidArgument(JobpoolError):
    """The request can never succeed as it stands."""

    code = Code.INVALID_ARGUMENT

    def __init__(self, field: str, reason: str, *, engine_code: int = 1010, terms: tuple[str, ...] = ()) -> None:
        super().__init__(reason, field=field, engine_code=engine_code, terms=terms or (field,))


class BadSchedule(InvalidArgument):
    """A schedule that is refused; `column` is the 1-based place in the text, where there is one."""

    def __init__(self, field: str, reason: str, *, column: int | None = None) -> None:
        where = f" (column {column})" if column is not None else ""
        super().__init__(field, reason + where)
        self.column = column


class TooLarge(JobpoolError):
    """The request is larger than the server takes."""

    code = Code.RESOURCE_EXHAUSTED
    http_status = 413


class NotFound(JobpoolError):
    """What the request names does not exist."""

    code = Code.NOT_FOUND

    def __init__(self, kind: str, name: str, *, field: str = "", there: Sequence[str] = ()) -> None:
        known = f"; there are {', '.join(there)}" if there else ""
        super().__init__(f"{kind} {name!r} does not exist{known}", field=field, engine_code=1101, terms=(kind, name))


class AlreadyExists(JobpoolError):
    """The request would create what is there."""

    code = Code.ALREADY_EXISTS

    def __init__(self, kind: str, name: str, *, field: str = "") -> None:
        super().__init__(f"{kind} {name!r} already exists", field=field, engine_code=1100, terms=(kind, name))


class FailedPrecondition(JobpoolError):
    """The request is sound, but not in the present state."""

    code = Code.FAILED_PRECONDITION

    def __init__(self, reason: str, *, field: str = "", engine_code: int = 1107, terms: tuple[str, ...] = ()) -> None:
        super().__init__(reason, field=field, engine_code=engine_code, terms=terms)


class RevisionMismatch(JobpoolError):
    """The caller's revision is not the newest: somebody changed it meanwhile."""

    code = Code.ABORTED

    def __init__(self, kind: str, name: str, *, wanted: int, found: int) -> None:
        super().__init__(
            f"{kind} {name!r} was changed meanwhile: wanted revision {wanted}, found {found}; read it again",
            field="revision",
        )


class ResourceExhausted(JobpoolError):
    """Too much at once; `retry_after` in seconds."""

    code = Code.RESOURCE_EXHAUSTED

    def __init__(self, reason: str, *, retry_after: int = 1, engine_code: int = 0, terms: tuple[str, ...] = ()) -> None:
        super().__init__(reason, engine_code=engine_code, terms=terms)
        self.retry_after = retry_after


class Unavailable(JobpoolError):
    """Not now: no leader, shutting down, the store cannot be reached. Nothing is known to have been stored."""

    code = Code.UNAVAILABLE


class Unauthenticated(JobpoolError):
    """The caller did not prove who they are."""

    code = Code.UNAUTHENTICATED


class PermissionDenied(JobpoolError):
    """The caller is known and may not do this."""

    code = Code.PERMISSION_DENIED


class DeadlineExceeded(JobpoolError):
    """The answer did not come in time; the outcome is not known to the caller."""

    code = Code.DEADLINE_EXCEEDED


class Unimplemented(JobpoolError):
    """The call is part of the interface but not of this version."""

    code = Code.UNIMPLEMENTED


class StoreFailed(JobpoolError):
    """The engine below refused or broke: disk full, corrupt data, another server on the same data directory."""

    code = Code.UNAVAILABLE


class BrokerDisabled(Unavailable):
    """This server does not lead, or not yet, so it hands out no evaluations."""

    def __init__(self) -> None:
        super().__init__("the evaluation broker is disabled: this server is not the leader")


class NotOutstanding(FailedPrecondition):
    """The evaluation is not in the caller's hands (any more): unknown, given back, expired, or under another token."""

    def __init__(self, job_id: str, number: int, reason: str) -> None:
        super().__init__(f"evaluation {job_id}-e{number} is not outstanding: {reason}", field="token")
