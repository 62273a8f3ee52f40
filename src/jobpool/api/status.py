"""An error as the caller gets it: gRPC status with details, or HTTP status with the JSON body."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from jobpool.api.texts_zh import chinese
from jobpool.model.errors import HTTP_STATUS, JobpoolError, ResourceExhausted
from jobpool.wire.json import dump

DOMAIN = "jobpool"
"""The `domain` of ErrorInfo."""

_LONGEST = 1000


def http_status(error: JobpoolError) -> int:
    return error.http_status or HTTP_STATUS[error.code]


def http_body(error: JobpoolError, *, zh: bool = False) -> bytes:
    """`{"error", "code", "message", "details": [{"field", "reason", "engine_code"}]}`.

    With `zh` the message is the original's, in Chinese; the details are the same in every language.
    """
    message = _short(chinese(error) if zh else error.message)
    details: list[dict[str, object]] = []
    if error.field or error.engine_code:
        details = [{"field": error.field, "reason": _short(error.reason), "engine_code": error.engine_code}]
    return dump({"error": message, "code": int(error.code), "message": message, "details": details})


def http_headers(error: JobpoolError) -> list[tuple[str, str]]:
    """What the status asks for besides the body: Retry-After with 429."""
    if isinstance(error, ResourceExhausted):
        return [("retry-after", str(error.retry_after))]
    return []


def grpc_error(error: JobpoolError, *, zh: bool = False) -> GRPCError:
    """The same for gRPC: BadRequest names the field, ErrorInfo has the engine code, RetryInfo the wait."""
    details: list[Message] = []
    if error.field:
        violation = BadRequest.FieldViolation(field=error.field, description=_short(error.reason))
        details.append(BadRequest(field_violations=[violation]))
    if error.engine_code:
        details.append(ErrorInfo(reason=str(error.engine_code), domain=DOMAIN))
    if isinstance(error, ResourceExhausted):
        details.append(RetryInfo(retry_delay=Duration(seconds=error.retry_after)))
    message = _short(chinese(error) if zh else error.message)
    return GRPCError(Status(int(error.code)), message, details or None)


def _short(text: str) -> str:
    """Clients limit what they take as trailers; no message of ours needs more."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
