"""Refusals that only HTTP has a status for."""

from collections.abc import Sequence

from jobpool.model.errors import Code, JobpoolError


class NoSuchPath(JobpoolError):
    """Nothing is served under this path."""

    code = Code.NOT_FOUND
    http_status = 404


class WrongVerb(JobpoolError):
    """The path is served, but not under this verb; `allowed` are those that are."""

    code = Code.UNIMPLEMENTED
    http_status = 405

    def __init__(self, verb: str, path: str, *, allowed: Sequence[str]) -> None:
        super().__init__(f"wanted {' or '.join(allowed)} for {path}, found {verb}")
        self.allowed = allowed


class TooSlow(JobpoolError):
    """The request's body did not arrive in time."""

    code = Code.DEADLINE_EXCEEDED
    http_status = 408


class WrongMediaType(JobpoolError):
    """The body is not said to be JSON."""

    code = Code.INVALID_ARGUMENT
    http_status = 415


class UnknownHost(JobpoolError):
    """The request was meant for a host that we do not know ourselves as."""

    code = Code.FAILED_PRECONDITION
    http_status = 421
