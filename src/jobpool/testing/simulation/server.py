"""A server of the cluster: the product's `Core` in a process of its own, on a simulated store and network."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, cast

from google.protobuf.message import Message

from jobpool.api.context import History, Identity
from jobpool.api.service import Call
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.service import run_services
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.term import Retention
from jobpool.model.errors import JobpoolError, StoreFailed
from jobpool.model.server import ServerRecord
from jobpool.peers.stream import MAX_FRAME, Dial, FrameStream, StreamBroken
from jobpool.replica.replica import Replica
from jobpool.server.core import Core, CoreConfig
from jobpool.store.operations import EngineStatus, Operations, Space
from jobpool.store.port import Store
from jobpool.testing.harness import NoRetention
from jobpool.testing.history import MemoryHistory
from jobpool.testing.simulation.agents import PORT as AGENTS
from jobpool.testing.simulation.agents import agents_served_by
from jobpool.testing.simulation.network import End, Network
from jobpool.testing.simulation.plans import SLOTS
from jobpool.testing.simulation.process import Process
from jobpool.testing.simulation.store import Connection

PEERS = "peers"
_AGAIN: Millis = SECOND // 2


class _NoEngine:
    """Below it there is no Raft group, so nobody who leads one."""

    async def status(self) -> EngineStatus:
        return EngineStatus(space=Space(0, 0))


class Make(Protocol):
    """Builds a core; `Core` itself, or one with a bug in it."""

    def __call__(
        self,
        store: Store,
        replica: Replica,
        *,
        config: CoreConfig,
        history: History,
        retention: Retention,
        engine: Operations,
        dial: Dial,
        clock: Clock,
        dice: Dice,
    ) -> Core: ...


class PeerStream:
    """An end of a stream between two servers. Implements `FrameStream`; `e` begins a refusal, `m` all else."""

    def __init__(self, end: End) -> None:
        self._end = end

    async def send(self, data: bytes) -> None:
        try:
            await self._end.send(b"m" + data)
        except ConnectionResetError as broken:
            raise StreamBroken(str(broken)) from None

    async def recv(self, *, limit: int = MAX_FRAME) -> bytes | None:
        try:
            data = await self._end.recv()
        except ConnectionResetError as broken:
            raise StreamBroken(str(broken)) from None
        if data is not None and data[:1] == b"e":
            raise StreamBroken(data[1:].decode())
        return None if data is None else data[1:]


class Server:
    """One life of a server. `ended` says why it ended by itself, which it never should."""

    def __init__(
        self,
        process: Process,
        connection: Connection,
        network: Network,
        *,
        make: Make,
        new_replica: "NewReplica",
        dice: Dice,
    ) -> None:
        self.process = process
        self.ended = ""
        self.connection = connection
        self._network = network
        self._dice = dice
        self.replica = new_replica(default_slots=SLOTS)
        name = process.name
        self.core = make(
            connection,
            self.replica,
            config=CoreConfig(
                me=ServerRecord(name, name, f"http://{name}:2379", "1", 0),
                identity=Identity(1, 1 + int(name[1:]), name),
                default_time_zone="UTC",
            ),
            history=MemoryHistory(self.replica),
            retention=NoRetention(),
            engine=cast(Operations, _NoEngine()),  # no administrator asks here for what concerns it
            dial=self._dial,
            clock=process.clock,
            dice=dice,
        )
        process.start(self._live(), name=name).add_done_callback(self._end)

    def stop(self) -> None:
        """SIGTERM: it gives up what it leads and whom it serves, and waits to be killed."""
        self.process.world.tell(self.process.name, "stops")
        self.core.sessions.close()
        self.process.start(self.core.leadership.hand_over(), name="hand over")

    async def call(self, name: str, request: Message, timeout: Millis) -> Message:
        """What a user's call to this server brings. Raises JobpoolError."""
        return await self.core.service.call(name, request, Call(transport="grpc", peer="user:1", timeout=timeout))

    async def _live(self) -> None:
        while True:
            try:
                await self.replica.restore(self.connection)
                break
            except StoreFailed:
                await self.process.clock.sleep(_AGAIN)
        self._network.listen(self.process, AGENTS, agents_served_by(self.core.service.session))
        self._network.listen(self.process, PEERS, self._accept)
        await run_services(self.core.services)

    def _end(self, task: asyncio.Task[None]) -> None:
        if self.process.alive:
            self.ended = "cancelled" if task.cancelled() else repr(task.exception())

    # ---- streams of other servers

    @asynccontextmanager
    async def _dial(self, record: ServerRecord) -> AsyncIterator[FrameStream]:
        host = record.url.split("//")[1].split(":")[0]
        try:
            end = await self._network.dial(self.process, host, PEERS)
        except OSError as failure:
            raise StreamBroken(str(failure)) from None
        try:
            yield PeerStream(end)
        finally:
            end.close()

    async def _accept(self, end: End) -> None:
        try:
            await self.core.mesh.accept(PeerStream(end))
        except JobpoolError as refusal:
            await end.send(b"e" + str(refusal).encode())


NewReplica = Callable[..., Replica]
"""Takes `default_slots`."""
