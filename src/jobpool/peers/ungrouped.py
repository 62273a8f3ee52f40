"""The one error that a task group ended with."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from jobpool.kit.effects.service import first_failure
from jobpool.model.errors import JobpoolError


@contextmanager
def ungrouped() -> Iterator[None]:
    """Around a task group: raises its first failure, and a fault of our own before what was refused or broke.

    A cancellation that comes at the same time wins: before Python 3.13 a task group forgets it over a failure.
    """
    try:
        yield
    except BaseExceptionGroup as failures:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from failures
        _, faults = failures.split(JobpoolError)
        raise first_failure(faults or failures) from failures
