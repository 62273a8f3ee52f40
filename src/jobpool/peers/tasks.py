"""What Python's task groups leave to their users: to tell one failure from many."""

from collections.abc import Iterator
from contextlib import contextmanager

from jobpool.kit.effects.service import first_failure
from jobpool.model.errors import JobpoolError


@contextmanager
def ungrouped() -> Iterator[None]:
    """Around a task group: raises its first failure, and a fault of our own before what was refused or broke."""
    try:
        yield
    except BaseExceptionGroup as failures:
        _, faults = failures.split(JobpoolError)
        raise first_failure(faults or failures) from failures
