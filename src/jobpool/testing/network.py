"""A network in memory: streams of frames between named servers, with delays, cuts, pauses and crashes, on one clock.

It behaves as TCP does. A cut loses packets, not frames in the middle of a stream: what was sent waits, and arrives if
the cut is healed in time. No end knows of a cut until its own bytes have not been acknowledged for three seconds. The
machine of a paused server takes in what comes; that of a crashed one says that nobody is there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import TypeAlias

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import JobpoolError
from jobpool.model.server import ServerRecord
from jobpool.peers.stream import Dial, FrameStream, StreamBroken
from jobpool.testing.wire import Wire

Accept: TypeAlias = Callable[[FrameStream], Awaitable[None]]


class Network:
    """Servers are named by their ids. `delay`: the least and the most ms of one way, chosen by the dice; may be set.

    Without delay a frame arrives while it is sent.
    """

    def __init__(self, clock: Clock, dice: Dice, *, delay: tuple[Millis, Millis] = (0, 0)) -> None:
        self.clock = clock
        self.delay = delay
        self._dice = dice
        self._hosts: dict[str, _Host] = {}
        self._cuts: set[tuple[str, str]] = set()
        self._paused: set[str] = set()
        self._wires: dict[int, Wire] = {}
        self._numbers = count()
        self._changed = asyncio.Event()
        self.faults: list[BaseException] = []
        """What broke in whoever accepts streams; no JobpoolError is among them."""

    # ---- servers

    def host(self, name: str, accept: Accept) -> None:
        """A server listens: each stream to it is given to `accept`, in a task of its own."""
        self._hosts[name] = _Host(name, accept, self.faults)

    async def crash(self, name: str) -> None:
        """It listens no more, its streams are cut off in the middle, and the others are told as far as it reaches."""
        host = self._hosts.pop(name, None)
        self.resume(name)
        for wire in self._of(name):
            wire.break_off(name, StreamBroken("this server has crashed"))
        if host is not None:
            await host.end()

    def dial_from(self, name: str) -> Dial:
        """How the server `name` dials others, by the ids in their records."""

        @asynccontextmanager
        async def dial(server: ServerRecord) -> AsyncIterator[FrameStream]:
            wire = await self._connect(name, server.id)
            try:
                yield wire.end_of(name)
            finally:
                wire.close(name)

        return dial

    def listens(self, name: str) -> bool:
        return name in self._hosts

    @property
    def streams(self) -> int:
        """How many are open at one end at least."""
        return len(self._wires)

    # ---- faults

    def cut(self, source: str, target: str) -> None:
        """Nothing of `source` reaches `target` any more; the other way stays open."""
        self._cuts.add((source, target))

    def partition(self, *groups: Iterable[str]) -> None:
        """Servers of different groups do not reach each other."""
        sides = [tuple(group) for group in groups]
        for at, side in enumerate(sides):
            others = [name for other in sides[:at] + sides[at + 1 :] for name in other]
            self._cuts |= {(source, target) for source in side for target in others}

    def heal(self, source: str | None = None, target: str | None = None) -> None:
        """End the cuts from `source` to `target`; None = any."""
        healed = {cut for cut in self._cuts if source in (None, cut[0]) and target in (None, cut[1])}
        self._cuts -= healed
        self._change()

    def pause(self, name: str) -> None:
        """It neither takes nor sends anything: what comes to it waits in its machine."""
        self._paused.add(name)

    def resume(self, name: str) -> None:
        self._paused.discard(name)
        self._change()

    def break_streams(self, one: str, other: str) -> None:
        """Streams between the two break at both ends, and what is on the way is lost."""
        for wire in self._of(one):
            if other in wire.names:
                for name in wire.names:
                    wire.break_off(name, StreamBroken("the connection was reset"), told=False)

    # ---- the weather of a wire

    def lag(self) -> Millis:
        least, most = self.delay
        return least + self._dice.below(most - least + 1) if most else 0

    def reaches(self, source: str, target: str) -> bool:
        return (source, target) not in self._cuts

    def is_paused(self, name: str) -> bool:
        return name in self._paused

    # ----

    async def _connect(self, source: str, target: str) -> Wire:
        """Waits while packets do not come through. Raises StreamBroken when nobody listens there."""
        await self._until(lambda: not self.is_paused(source))
        await self._until(lambda: self.reaches(source, target) and self.reaches(target, source))
        if lag := self.lag() + self.lag():
            await self.clock.sleep(lag)
        host = self._hosts.get(target)
        if host is None:
            raise StreamBroken("connection refused")
        number = next(self._numbers)
        wire = self._wires[number] = Wire(self, source, target, partial(self._forget, number))
        host.take(wire, partial(self._until, lambda: not self.is_paused(target)))
        return wire

    def _forget(self, number: int) -> None:
        self._wires.pop(number, None)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._changed.wait()

    def _of(self, name: str) -> list[Wire]:
        return [wire for wire in self._wires.values() if name in wire.names]

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        for wire in tuple(self._wires.values()):
            wire.flush()


class _Host:
    """A listening server, and the tasks that serve its streams."""

    def __init__(self, name: str, accept: Accept, faults: list[BaseException]) -> None:
        self._name = name
        self._accept = accept
        self._faults = faults
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, wire: Wire, awake: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(wire, awake))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    async def end(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._faults.append(fault)

    async def _serve(self, wire: Wire, awake: Callable[[], Awaitable[None]]) -> None:
        refusal: JobpoolError | None = None
        try:
            await awake()
            await self._accept(wire.end_of(self._name))
        except JobpoolError as error:
            refusal = error
        finally:
            wire.close(self._name, refusal)
