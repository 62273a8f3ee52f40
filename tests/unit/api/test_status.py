"""Errors as gRPC statuses and HTTP answers, one table for both."""

import msgspec
import pytest
from grpclib.const import Status

from jobpool.api.http_errors import NoSuchPath, TooSlow, UnknownHost, WrongMediaType, WrongVerb
from jobpool.api.status import grpc_error, http_body, http_headers, http_status
from jobpool.model.errors import (
    AlreadyExists,
    BadSchedule,
    Code,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    JobpoolError,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    StoreFailed,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidArgument("f", "r"), 400, Status.INVALID_ARGUMENT),
        (BadSchedule("periodic.spec", "r", column=3), 400, Status.INVALID_ARGUMENT),
        (Unauthenticated("r"), 401, Status.UNAUTHENTICATED),
        (PermissionDenied("r"), 403, Status.PERMISSION_DENIED),
        (NotFound("plan", "p"), 404, Status.NOT_FOUND),
        (AlreadyExists("plan", "p"), 409, Status.ALREADY_EXISTS),
        (FailedPrecondition("r"), 409, Status.FAILED_PRECONDITION),
        (TooLarge("r"), 413, Status.RESOURCE_EXHAUSTED),
        (ResourceExhausted("r"), 429, Status.RESOURCE_EXHAUSTED),
        (JobpoolError("r"), 500, Status.INTERNAL),
        (Unimplemented("r"), 501, Status.UNIMPLEMENTED),
        (Unavailable("r"), 503, Status.UNAVAILABLE),
        (StoreFailed("r"), 503, Status.UNAVAILABLE),
        (DeadlineExceeded("r"), 504, Status.DEADLINE_EXCEEDED),
        (NoSuchPath("r"), 404, Status.NOT_FOUND),
        (WrongVerb("PUT", "/", allowed=["GET"]), 405, Status.UNIMPLEMENTED),
        (TooSlow("r"), 408, Status.DEADLINE_EXCEEDED),
        (WrongMediaType("r"), 415, Status.INVALID_ARGUMENT),
        (UnknownHost("r"), 421, Status.FAILED_PRECONDITION),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_has_its_status(error, status, code):
    assert http_status(error) == status
    assert grpc_error(error).status is code
    body = msgspec.json.decode(http_body(error))
    assert list(body) == ["error", "code", "message", "details"]
    assert (body["code"], body["error"], body["message"]) == (code.value, error.message, error.message)


def test_every_code_of_the_tree_is_a_status_of_grpc():
    assert {code.name: code.value for code in Code} == {s.name: s.value for s in Status if s is not Status.OK}


def test_only_exhaustion_asks_to_wait():
    assert http_headers(ResourceExhausted("r", retry_after=7)) == [("retry-after", "7")]
    assert http_headers(TooLarge("r")) == []


def test_details_name_field_reason_and_engine_code():
    body = msgspec.json.decode(http_body(InvalidArgument("periodic.spec", "bad", engine_code=1021)))
    assert body["details"] == [{"field": "periodic.spec", "reason": "bad", "engine_code": 1021}]


def test_long_texts_are_cut():
    error = InvalidArgument("f", "x" * 100_000)
    assert len(grpc_error(error).message or "") == 1000
    assert len(http_body(error)) < 4000
