"""What a server answered, or that none did, as the one error tree."""

import ssl
from collections.abc import Iterable, Sequence

from google.rpc import error_details_pb2  # also registers the details, so that grpclib can read them
from grpclib.exceptions import GRPCError

from jobpool.client.endpoints import Endpoint
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
    Unauthenticated,
    Unavailable,
    Unimplemented,
)

KINDS: dict[int, type[JobpoolError]] = {
    kind.code: kind
    for kind in (
        AlreadyExists,
        DeadlineExceeded,
        FailedPrecondition,
        InvalidArgument,
        NotFound,
        PermissionDenied,
        ResourceExhausted,
        Unauthenticated,
        Unavailable,
        Unimplemented,
    )
}


class Unreachable(Unavailable):
    """No connection could be made, so the request was never sent. `failures` says why, endpoint by endpoint."""

    def __init__(self, failures: Sequence[tuple[Endpoint, str]]) -> None:
        told = "; ".join(f"{endpoint.url} ({why})" for endpoint, why in failures)
        super().__init__(f"cannot reach a server at {told}: start one there, or name the endpoints of one that runs")
        self.failures = tuple(failures)


def from_grpc(error: GRPCError, rpc: str) -> JobpoolError:
    """The error that the server raised: same class, reason, field and engine code."""
    message = error.message or f"{rpc} failed without saying why ({error.status.name})"
    field, engine_code, retry_after = _details(error.details or ())
    kind = KINDS.get(error.status.value)
    reason = message.removeprefix(f"{field}: ") if field else message
    if kind is None:
        return JobpoolError(_with_code(reason, error.status.value), field=field, engine_code=engine_code)
    told = kind.__new__(kind)
    JobpoolError.__init__(told, reason, field=field, engine_code=engine_code)
    if isinstance(told, ResourceExhausted):
        told.retry_after = retry_after
    return told


def _with_code(reason: str, number: int) -> str:
    names = {int(code): code.name for code in Code}
    return f"{reason} ({names.get(number, number)})"


def _details(details: Iterable[object]) -> tuple[str, int, int]:
    """The field at fault, the engine code and the seconds to wait."""
    field, engine_code, retry_after = "", 0, 1
    for detail in details:
        if isinstance(detail, error_details_pb2.BadRequest):
            field = next((violation.field for violation in detail.field_violations), field)
        elif isinstance(detail, error_details_pb2.ErrorInfo):
            engine_code = int(detail.reason) if detail.reason.isdecimal() else engine_code
        elif isinstance(detail, error_details_pb2.RetryInfo):
            retry_after = max(1, detail.retry_delay.seconds)
    return field, engine_code, retry_after


def connect_failure(error: OSError) -> str:
    """Why a connection failed, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS handshake: {error.reason or error}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return error.strerror or str(error) or type(error).__name__
