"""What Python's task groups leave to their users."""

import asyncio
from collections.abc import Coroutine, Iterator
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


async def apart(work: Coroutine[None, None, None]) -> None:
    """Do the work in a task of its own, and raise what it raises. For whoever goes on afterwards.

    Before Python 3.13 a task group forgets a cancellation that comes together with a failure, and a gRPC stream that
    breaks cancels whoever uses it. Neither is to reach the caller, or be taken from it.
    """
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    task.result()
