"""Links between processes: streams of frames that behave as TCP does when machines, links and processes fail.

A stream loses nothing while it lives: what is sent into a cut arrives late, in order, or the stream breaks. Who only
listens on a cut stream learns nothing. A killed process resets its streams; a machine that is gone says nothing more.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.testing.simulation.process import Process
from jobpool.testing.simulation.world import World

_CONNECT_WITHIN: Millis = 3 * SECOND
_UNACKNOWLEDGED: Millis = 3 * SECOND
"""After so long without a way to the other a sender gives its stream up, and a quarter more by chance."""
_RESENT: Millis = 400


class End:
    """One end of a stream. `on_break` is called once, when it breaks; closing is no break."""

    def __init__(self, network: "Network", process: Process) -> None:
        self.process = process
        self.on_break: Callable[[], None] = lambda: None
        self._network = network
        self._other: End | None = None
        self._inbox: deque[bytes | None] = deque()
        self._backlog: deque[Callable[[End], None]] = deque()
        self._woken = asyncio.Event()
        self._broken = ""
        self._closed = False
        self._due: Millis = 0
        self._giving_up: asyncio.TimerHandle | None = None

    def join(self, other: "End") -> None:
        self._other, other._other = other, self

    @property
    def broken(self) -> bool:
        return bool(self._broken)

    @property
    def peer(self) -> str:
        return self._other.process.name if self._other is not None else ""

    async def send(self, data: bytes) -> None:
        """Raises ConnectionResetError."""
        self._check()
        self._say(lambda other: other._arrive(data))
        await asyncio.sleep(0)

    async def recv(self) -> bytes | None:
        """The next frame; None once the other has closed. Raises ConnectionResetError."""
        while not self._inbox:
            self._check()
            self._woken.clear()
            await self._woken.wait()
        if self._inbox[0] is None:
            return None
        return self._inbox.popleft()

    def close(self) -> None:
        if not self._closed and not self._broken:
            self._closed = True
            self._say(lambda other: other._arrive(None))

    def reset(self, reason: str) -> None:
        """Break it from this side; the other side learns it when the way is open."""
        if not self._broken:
            self.break_off(reason)
            self._post(lambda other: other.break_off("the other side reset the connection"))

    def break_off(self, reason: str) -> None:
        if self._broken:
            return
        self._broken = reason
        self._network.forget(self)
        self._inbox = deque(item for item in self._inbox if item is not None)
        self._woken.set()
        self.on_break()

    def _check(self) -> None:
        if self._broken:
            raise ConnectionResetError(self._broken)

    def _arrive(self, item: bytes | None) -> None:
        if self._broken:
            self.reset_other()
            return
        self._inbox.append(item)
        self._woken.set()

    def reset_other(self) -> None:
        """What comes to an end that is gone is answered by a reset."""
        self._post(lambda other: other.break_off("the other side does not know the connection"))

    # ---- the way

    def _say(self, item: "Callable[[End], None]") -> None:
        """What a process does on its way out reaches nobody."""
        if self.process.alive:
            self._post(item)

    def _post(self, item: "Callable[[End], None]") -> None:
        if self._backlog or self._stalled:
            self._backlog.append(item)
            self._network.remember(self)
            if self._giving_up is None:
                patience = _UNACKNOWLEDGED + self._network.dice.below(_UNACKNOWLEDGED // 4)
                self._giving_up = self._network.world.later(patience, self._give_up)
        else:
            self._transmit(item, 0)

    @property
    def _stalled(self) -> bool:
        """Whether nothing gets through, or no acknowledgement comes back."""
        return self._network.is_cut(self.process.name, self.peer) or self._network.is_cut(self.peer, self.process.name)

    def _transmit(self, item: "Callable[[End], None]", late: Millis) -> None:
        other, world = self._other, self._network.world
        if other is None:
            return
        self._due = max(self._due, world.elapsed + self._network.latency() + late)

        def arrive() -> None:
            if other.process.alive:
                other.process.deliver(lambda: item(other))
            else:  # its machine is gone: nobody acknowledges anything
                world.later(_UNACKNOWLEDGED, self._give_up)

        world.later(self._due - world.elapsed, arrive)

    def _give_up(self) -> None:
        self._giving_up = None
        self._backlog.clear()
        self.process.deliver(lambda: self.break_off("the other side does not answer"))

    def flush(self) -> None:
        """The way may be open again."""
        if self._stalled:
            return
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        late = self._network.dice.below(_RESENT)
        while self._backlog:
            self._transmit(self._backlog.popleft(), late)


Serve: TypeAlias = Callable[[End], Awaitable[None]]
"""Serves one stream to its end; the stream is closed when it returns, and it is cancelled when the stream breaks."""


class Network:
    """Processes listen by name and port; links are cut by pairs of names, each direction by itself."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dice = world.dice("network")
        self.slow: Millis = 0
        self._listening: dict[tuple[str, str], tuple[Process, Serve]] = {}
        self._cuts: set[tuple[str, str]] = set()
        self._stalled: dict[End, None] = {}
        self._ends: dict[End, None] = {}

    # ---- what a story does to it

    def cut(self, sender: str, receiver: str) -> None:
        self._cuts.add((sender, receiver))

    def mend(self, sender: str, receiver: str) -> None:
        self._cuts.discard((sender, receiver))
        for end in list(self._stalled):
            del self._stalled[end]
            end.flush()
            if end._backlog:
                self._stalled[end] = None

    def mend_all(self) -> None:
        for sender, receiver in sorted(self._cuts):
            self.mend(sender, receiver)

    def is_cut(self, sender: str, receiver: str) -> bool:
        return (sender, receiver) in self._cuts

    def latency(self) -> Millis:
        return 1 + self.dice.below(4) + self.slow

    def drop(self, process: Process, *, silently: bool) -> None:
        """The process is dead. Its machine resets its streams, unless it is gone as well (`silently`)."""
        for key in [key for key, (listener, _) in self._listening.items() if listener is process]:
            del self._listening[key]
        for end in [end for end in self._ends if end.process is process]:
            if silently:
                self.forget(end)
            else:
                end.reset("the process has died")

    # ---- what processes do

    def listen(self, process: Process, port: str, serve: Serve) -> None:
        self._listening[process.name, port] = (process, serve)

    async def dial(self, process: Process, to: str, port: str) -> End:
        """A stream to whoever listens there. Raises OSError."""
        if self.is_cut(process.name, to) or self.is_cut(to, process.name):
            await process.clock.sleep(_CONNECT_WITHIN)
            raise TimeoutError(f"{to} does not answer")
        await process.clock.sleep(2 * self.latency())
        found = self._listening.get((to, port))
        if found is None:
            raise ConnectionRefusedError(f"nobody listens at {to}")
        here, there = End(self, process), End(self, found[0])
        here.join(there)
        self._ends[here] = self._ends[there] = None
        found[0].deliver(lambda: self._accept(there, found[1]))
        return here

    def _accept(self, end: End, serve: Serve) -> None:
        if end.broken:
            return

        async def serving() -> None:
            try:
                await serve(end)
            except ConnectionResetError:
                return
            finally:
                end.close()

        task = end.process.start(serving(), name=f"stream from {end.peer}")

        def broken() -> None:
            self.world.loop.call_soon(task.cancel)

        end.on_break = broken

    def remember(self, end: End) -> None:
        self._stalled[end] = None

    def forget(self, end: End) -> None:
        self._stalled.pop(end, None)
        self._ends.pop(end, None)
