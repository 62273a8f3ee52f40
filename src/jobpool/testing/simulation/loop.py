"""An event loop whose time passes only when nobody can run: then it goes straight to the next timer.

Nothing sleeps and nothing depends on the machine: tasks and futures are hashed by their number, so that even sets of
them are walked in the same order in every process with the same `PYTHONHASHSEED`.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context
from itertools import count
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_INSTANT = 1e-5
_APART = 1e-12
"""Seconds between two timers for the same instant; ten million of them are still one instant."""
_MOST_TURNS = 20_000
"""Of the loop, at one instant."""
Coro: TypeAlias = Coroutine[Any, Any, T] | Generator[Any, None, T]


class Idle(Exception):
    """Nobody can run, and no timer is set: what is waited for can never come."""


class Spinning(Exception):
    """Somebody runs on and on while no time passes."""


class _Task(asyncio.Task[T]):
    """A task that is hashed by its number."""

    def __init__(self, coro: Coro[T], *, number: int, loop: asyncio.AbstractEventLoop, context: Context | None) -> None:
        self._number = number
        super().__init__(coro, loop=loop, context=context)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Future(asyncio.Future[T]):
    """A future that is hashed by its number."""

    def __init__(self, *, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Selector(selectors.SelectSelector):
    """Waits for nothing: the time that it is asked to wait has passed."""

    def __init__(self, passed: Callable[[float], None]) -> None:
        super().__init__()
        self._passed = passed
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Idle
        self._turns += 1
        if timeout > _INSTANT:
            self._turns = 0
        elif self._turns > _MOST_TURNS:
            raise Spinning
        if timeout > 0:
            self._passed(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time` is in seconds from 0; `born` is told of every new task, and of its context when it is not its maker's.

    Refuses threads: what they do would not be repeatable.
    """

    def __init__(self) -> None:
        self._passed = 0.0
        self._numbers = count(1)
        self._timers = count(1)
        self.born: Callable[[asyncio.Task[Any], Context | None], None] = lambda task, context: None
        super().__init__(_Selector(self._pass))
        self._clock_resolution = _INSTANT
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        return self._passed

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """What is due at the same instant comes in the order in which it was asked for."""
        return super().call_at(when + next(self._timers) * _APART, callback, *args, context=context)

    def _pass(self, span: float) -> None:
        # Timers are set for whole milliseconds, and a sum of fractions must not come out just before one.
        self._passed = round(self._passed + span, 6)

    def create_future(self) -> asyncio.Future[Any]:
        return _Future(number=next(self._numbers), loop=self)

    def _new_task(
        self, loop: asyncio.AbstractEventLoop, coro: Coro[T], context: Context | None = None
    ) -> asyncio.Task[T]:
        task = _Task(coro, number=next(self._numbers), loop=loop, context=context)
        self.born(task, context)
        return task

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        raise RuntimeError(f"wanted no threads in a simulation, found {func}")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run it to its end, in virtual time. Raises what it raises, and Idle when it waits for what can never come."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        for task in sorted(asyncio.all_tasks(loop), key=hash):
            task.cancel()
        loop.run_until_complete(_until_gone(loop))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _until_gone(loop: asyncio.AbstractEventLoop) -> None:
    tasks = [task for task in sorted(asyncio.all_tasks(loop), key=hash) if task is not asyncio.current_task()]
    await asyncio.gather(*tasks, return_exceptions=True)
