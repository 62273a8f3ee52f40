"""Work that may not swallow its caller's cancellation."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

R = TypeVar("R")


async def apart(work: Coroutine[object, object, R]) -> R:
    """Do the work in a task of its own, and give what it gives. For whoever goes on afterwards.

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
    return task.result()
