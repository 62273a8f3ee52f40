"""Simulated agents: they speak the real protocol with the real sessions of some server, over the simulated network.

What becomes a frame: `m` and a protobuf message, or `e`, a gRPC code and a reason, with which a server refuses.
"""

import asyncio
from typing import Never

from jobpool.agent import messages
from jobpool.agent.outbox import Outbox
from jobpool.agent.task import Key, Report
from jobpool.api.service import Call, StreamHandler
from jobpool.kit.effects.clock import Alarm, MonotonicClock, deadline
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import JobpoolError
from jobpool.testing.simulation.machine import Machine
from jobpool.testing.simulation.network import End, Network, Serve
from jobpool.testing.simulation.process import Process
from jobpool.wire import jobpool_pb2 as pb

PORT = "agents"
_WELCOME_WITHIN: Millis = 10 * SECOND
_FIRST_WAIT: Millis = 200
_LONGEST_WAIT: Millis = 5 * SECOND
_STEADY: Millis = 5 * SECOND
_MOMENT: Millis = 20
_OUT_OF_TOUCH: Millis = 5 * SECOND


class AgentStream:
    """A server's end of an agent's stream. Implements `MessageStream`: what breaks it cancels its handler."""

    def __init__(self, end: End) -> None:
        self._end = end
        self.call = Call(transport="grpc", peer=end.peer)

    async def recv(self) -> pb.AgentMessage | None:
        try:
            data = await self._end.recv()
        except ConnectionResetError:
            await _until_cancelled()
        return None if data is None else pb.AgentMessage.FromString(data[1:])

    async def send(self, message: pb.ServerMessage) -> None:
        try:
            await self._end.send(b"m" + message.SerializeToString())
        except ConnectionResetError:
            await _until_cancelled()


async def _until_cancelled() -> Never:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("a future that nobody resolves")


def agents_served_by(handler: StreamHandler) -> Serve:
    """What a server does with the streams of agents."""

    async def serve(end: End) -> None:
        try:
            await handler(AgentStream(end))
        except JobpoolError as refusal:
            await end.send(f"e{refusal.code.value} {refusal.reason}".encode())

    return serve


class SessionOver(Exception):
    """The server ended the session, refused it, or is not heard any more."""


class Agent:
    """One life of an agent's process. `run` ends only by cancellation."""

    def __init__(self, machine: Machine, process: Process, network: Network, *, servers: list[str], dice: Dice) -> None:
        self._machine = machine
        self._process = process
        self._clock = process.clock
        self._network = network
        self._servers = servers
        self._dice = dice
        self._outbox = Outbox()
        self._alarm = Alarm(MonotonicClock(process.clock))
        self._heard: Millis = 0
        self._touched: Millis = 0
        self.server = ""

    async def run(self) -> None:
        machine = self._machine
        machine.told = lambda report: self._process.deliver(lambda: self._report(report))
        for report in machine.reports():
            self._outbox.put(report)
        self._admit_soon()
        failed = 0
        while True:
            for server in self._shuffled():
                began = self._clock.monotonic()
                await self._converse(server)
                if self._clock.monotonic() - began >= _STEADY:
                    failed = 0
            failed += 1
            await self._clock.sleep(
                int(exponential(failed, base=_FIRST_WAIT, limit=_LONGEST_WAIT) * self._dice.fraction())
            )

    @property
    def in_touch(self) -> Millis:
        """How long some server or other has been in touch with it, without a break worth mentioning."""
        now = self._clock.monotonic()
        return now - self._touched if self._process.runs and now - self._heard <= _OUT_OF_TOUCH else 0

    def _shuffled(self) -> list[str]:
        """The server that was left last comes last."""
        rest = [server for server in self._servers if server != self.server]
        order = [rest.pop(self._dice.below(len(rest))) for _ in range(len(rest))]
        return [*order, self.server] if self.server else order

    async def _converse(self, server: str) -> None:
        try:
            end = await self._network.dial(self._process, server, PORT)
        except OSError:
            return
        try:
            async with deadline(self._clock, _WELCOME_WITHIN):
                welcome = await self._open(end)
            self.server = server
            self._process.world.tell(self._process.name, f"joins {server}")
            async with asyncio.TaskGroup() as group:
                group.create_task(self._receive(end))
                group.create_task(self._send(end, max(100, welcome.heartbeat_ttl // 3)))
                group.create_task(self._watch(welcome.server_beat))
        except* (SessionOver, ConnectionResetError, TimeoutError) as failures:
            why = failures.exceptions[0]
            self._process.world.tell(self._process.name, f"leaves {server}: {why}")
        finally:
            end.close()

    async def _open(self, end: End) -> pb.ServerWelcome:
        hello = pb.AgentHello(
            node_id=self._machine.name,
            secret=f"secret of {self._machine.name}",
            capacity=self._machine.capacity,
            executors=["noop"],
        )
        await self._say(end, pb.AgentMessage(hello=hello))
        welcome = await self._hear(end)
        if welcome.WhichOneof("kind") != "welcome":
            raise SessionOver(f"wanted a welcome, found {welcome.WhichOneof('kind')}")
        self._outbox.rewind()
        held = [key for key, entry in self._machine.journal.items() if not entry.dropped]
        await self._say(end, messages.inventory(held))
        return welcome.welcome

    async def _say(self, end: End, message: pb.AgentMessage) -> None:
        await end.send(b"m" + message.SerializeToString())

    async def _hear(self, end: End) -> pb.ServerMessage:
        data = await end.recv()
        if data is None:
            raise SessionOver("the server closed the stream")
        if data[:1] == b"e":
            raise SessionOver(data[1:].decode())
        now = self._clock.monotonic()
        if now - self._heard > _OUT_OF_TOUCH:
            self._touched = now
        self._heard = now
        return pb.ServerMessage.FromString(data[1:])

    async def _receive(self, end: End) -> None:
        while True:
            message = await self._hear(end)
            kind = message.WhichOneof("kind")
            if kind == "assignments":
                for item in message.assignments.items:
                    self._machine.receive(messages.task_of(item))
                self._admit_soon()
            elif kind == "reports_ack":
                self._acknowledged(message.reports_ack.sequence)
            elif kind == "stops":
                for key in messages.keys_of(message.stops.items):
                    self._machine.stop(key)
            elif kind == "drop":
                self._drop(messages.keys_of(message.drop.items))

    def _acknowledged(self, sequence: int) -> None:
        for report in self._outbox.acknowledge(sequence):
            if report.final:
                self._machine.acknowledged(report)
                self._machine.forget(report.key)
        self._alarm.kick()

    def _drop(self, keys: list[Key]) -> None:
        for key in keys:
            self._outbox.discard(key)
            self._machine.drop(key)

    def _report(self, report: Report) -> None:
        self._outbox.put(report)
        self._alarm.kick()
        if report.final:
            self._admit_soon()

    def _admit_soon(self) -> None:
        """Once the journal has it."""
        self._clock.call_later(1 + self._dice.below(4), self._machine.admit)

    async def _send(self, end: End, beat: Millis) -> None:
        clock = self._clock
        spoke = clock.monotonic()
        while True:
            while (batch := self._outbox.take()) is not None:
                await self._say(end, messages.reports(batch))
                spoke = clock.monotonic()
            if clock.monotonic() - spoke >= beat:
                await self._say(end, pb.AgentMessage(beat=pb.AgentBeat(running=self._machine.running)))
                spoke = clock.monotonic()
            await self._alarm.wait(spoke + beat)

    async def _watch(self, server_beat: Millis) -> None:
        """Leave a server that is not heard; after a pause of this process what has come meanwhile is heard first."""
        if not server_beat:
            return
        while True:
            await self._clock.sleep(max(_MOMENT, self._heard + 3 * server_beat - self._clock.monotonic()))
            if self._silent_for(3 * server_beat):
                await self._clock.sleep(_MOMENT)
                if self._silent_for(3 * server_beat):
                    raise SessionOver("the server is not heard any more")

    def _silent_for(self, span: Millis) -> bool:
        return self._clock.monotonic() - self._heard >= span
