"""One lifecycle for everything that runs in the background.

A service runs until it is cancelled. When one fails, the group it belongs to ends with that error: a half-working
server is worse than one that says so and starts again.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from jobpool.kit.effects.logging import get_logger


class Service(Protocol):
    """`run` returns only by cancellation or by failure."""

    @property
    def name(self) -> str: ...

    async def run(self) -> None: ...


def first_failure(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that came first, out of all groups that it may be in."""
    first = failures.exceptions[0]
    return first_failure(first) if isinstance(first, BaseExceptionGroup) else first


async def run_services(services: Sequence[Service], *, foreseen: tuple[type[Exception], ...] = ()) -> None:
    """Run all until one fails or the caller is cancelled; the others are then cancelled and awaited.

    Raises the first failure. Those that are `foreseen` are the caller's to tell, others are logged.
    """
    log = get_logger("service")
    try:
        async with asyncio.TaskGroup() as group:
            for service in services:
                group.create_task(service.run(), name=service.name)
    except BaseExceptionGroup as failures:
        first = first_failure(failures)
        for failure in failures.exceptions:
            if not isinstance(failure, foreseen):
                log.error("a service failed", event_name="service_failed", error=f"{type(failure).__name__}: {failure}")
        raise first from failures
