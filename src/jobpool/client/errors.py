"""What a server answered, or that none did, as the one error tree."""

from collections.abc import Iterable, Sequence

from google.rpc import error_details_pb2  # also registers the details, so that grpclib can read them
from grpclib.exceptions import GRPCError

from jobpool.client.endpoints import Endpoint
from jobpool.model.errors import JobpoolError, Unavailable
from jobpool.model.retold import retold


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
    reason = message.removeprefix(f"{field}: ") if field else message
    return retold(error.status.value, reason, field=field, engine_code=engine_code, retry_after=retry_after)


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
