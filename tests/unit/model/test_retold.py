"""Errors that another server raised arrive as what they were."""

import pytest

from jobpool.model.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    JobpoolError,
    NotFound,
    ResourceExhausted,
    RevisionMismatch,
)
from jobpool.model.retold import retold


@pytest.mark.parametrize(
    "error",
    [
        NotFound("plan", "nightly", field="id"),
        AlreadyExists("plan", "nightly"),
        InvalidArgument("name", "must not be empty", engine_code=1001, terms=("name",)),
        FailedPrecondition("the plan is online", terms=("删除流程", "nightly", "已上线")),
        RevisionMismatch("plan", "nightly", wanted=3, found=4),
        ResourceExhausted("full", retry_after=9),
    ],
)
def test_an_error_is_retold_whole(error: JobpoolError) -> None:
    retry_after = error.retry_after if isinstance(error, ResourceExhausted) else 1
    again = retold(
        error.code,
        error.reason,
        field=error.field,
        engine_code=error.engine_code,
        retry_after=retry_after,
        terms=error.terms,
    )
    assert type(again) is type(error)
    assert vars(again) == vars(error)
