"""An error that another server raised, as an error of ours."""

from jobpool.model.errors import (
    AlreadyExists,
    Code,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    JobpoolError,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    RevisionMismatch,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)

_KINDS: dict[int, type[JobpoolError]] = {
    kind.code: kind
    for kind in (
        AlreadyExists,
        DeadlineExceeded,
        FailedPrecondition,
        InvalidArgument,
        NotFound,
        PermissionDenied,
        ResourceExhausted,
        RevisionMismatch,
        Unauthenticated,
        Unavailable,
        Unimplemented,
    )
}
_NAMES = {int(code): code.name for code in Code}


def retold(
    code: int,
    reason: str,
    *,
    field: str = "",
    engine_code: int = 0,
    retry_after: int = 1,
    terms: tuple[str, ...] = (),
) -> JobpoolError:
    """The error of gRPC status `code`: same class, reason, field, engine code and terms; `retry_after` in seconds.

    What has no class of its own says in its reason what it was.
    """
    kind = _KINDS.get(code)
    if kind is None:
        return JobpoolError(f"{reason} ({_NAMES.get(code, code)})", field=field, engine_code=engine_code, terms=terms)
    told = kind.__new__(kind)
    JobpoolError.__init__(told, reason, field=field, engine_code=engine_code, terms=terms)
    if isinstance(told, ResourceExhausted):
        told.retry_after = retry_after
    return told
