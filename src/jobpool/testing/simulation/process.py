"""A process of the simulated cluster: it can be stopped in its tracks, resumed, and killed, and has a clock of its own.

Whatever reaches it from outside (time, frames, answers) comes by its gate. While it is paused the gate keeps all that;
at its resumption everything is there at once, as after SIGCONT. A killed one does and hears nothing more.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import Millis
from jobpool.testing.simulation.world import World

T = TypeVar("T")

_owner: ContextVar["Process | None"] = ContextVar("owner", default=None)


def owner() -> "Process | None":
    """The process whose code runs now."""
    return _owner.get()


class _Timer:
    """A call of a process's clock that is still to come."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    def cancel(self) -> None:
        self._callback = None


class ProcessClock:
    """`skew` is how far its wall clock is ahead. Its monotonic time goes on while it is paused, as Linux' does."""

    def __init__(self, process: "Process", *, skew: Millis, uptime: Millis) -> None:
        self._process = process
        self._uptime = uptime
        self.skew = skew

    def now(self) -> Millis:
        return self._process.world.now + self.skew

    def monotonic(self) -> Millis:
        return self._process.world.elapsed + self._uptime

    def call_later(self, span: Millis, callback: Callable[[], None]) -> _Timer:
        timer = _Timer(callback)
        self._process.world.later(span, lambda: self._process.deliver(timer.fire, timer=True))
        return timer

    async def sleep(self, span: Millis) -> None:
        woken = asyncio.Event()
        timer = self.call_later(span, woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()


class Process:
    """One life of a process; whoever starts it again makes another one."""

    def __init__(self, world: World, name: str, *, dice: Dice, skew: Millis = 0) -> None:
        self.world = world
        self.name = name
        self.clock = ProcessClock(self, skew=skew, uptime=dice.below(1_000_000))
        self.alive = True
        self._dice = dice
        self._paused = False
        self._kept: list[tuple[bool, Callable[[], None]]] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._context = copy_context()
        self._context.run(_owner.set, self)
        world.loop.born = _register

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def runs(self) -> bool:
        return self.alive and not self._paused

    def start(self, coro: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """A task of this process; so are all that it makes."""
        return self.world.loop.create_task(coro, name=name, context=self._context)

    def deliver(self, call: Callable[[], None], *, timer: bool = False) -> None:
        """Let something reach the process: now, at its resumption, or never."""
        if not self.alive:
            return
        if self._paused:
            self._kept.append((timer, call))
        else:
            self._context.copy().run(call)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        """What came meanwhile is there at once: either in the order in which it came, or what is overdue last."""
        if not self.runs:
            self._paused = False
            kept, self._kept = self._kept, []
            if self._dice.below(2):
                kept.sort(key=lambda item: item[0])
            for _, call in kept:
                self.deliver(call)

    def kill(self) -> None:
        """End it at once. What its tasks do on their way out reaches nobody."""
        self.alive = False
        self._kept.clear()
        for task in list(self._tasks):
            task.cancel()

    def leave(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    def enter(self, task: asyncio.Task[Any]) -> None:
        self._tasks[task] = None
        task.add_done_callback(self.leave)

    @property
    def tasks(self) -> list[asyncio.Task[Any]]:
        return list(self._tasks)


def _register(task: asyncio.Task[Any], context: Context | None) -> None:
    owner = _owner.get() if context is None else context.get(_owner)
    if owner is not None:
        owner.enter(task)
