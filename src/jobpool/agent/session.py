"""One conversation with one server, from Hello to the end of the stream.

One task reads, one writes (messages of one stream must not interleave), one reads output files for log requests so
that a slow disk does not hold up assignments, one notices when the server says nothing any more: a paused server, or
one behind a dead link, keeps its connections open.
"""

import asyncio
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from google.protobuf.message import DecodeError

from jobpool.agent import messages
from jobpool.agent.identity import Belonging
from jobpool.agent.outbox import Outbox
from jobpool.agent.rundirs import read_output
from jobpool.agent.runner import Runner
from jobpool.agent.task import Task
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument
from jobpool.model.node import NOTHING_KNOWN
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import resources_message

WELCOME_WITHIN: Millis = 10 * SECOND
_LOG_REQUESTS = 64
_TOO_MANY = "the agent has too many log requests; ask again"
_LONGEST_LOG_WAIT: Millis = 30 * SECOND
_FIRST_LOOK: Millis = 25
_LAST_LOOK: Millis = 200
"""A run's output is written by its own process, which tells nobody: its file is looked at, less and less often."""
_SILENT_BEATS = 3
_GARBLED = (DecodeError, NotImplementedError, AssertionError, KeyError)
"""What grpclib raises for bytes that are no message, compressed ones, a message cut short, an answer without status."""
_READ_FIRST: Millis = 50
"""What arrived while this process was held up is read before its sender is said to be silent."""


class Stream(Protocol):
    """What a session needs of a gRPC stream."""

    async def send_message(self, message: pb.AgentMessage) -> None: ...
    async def recv_message(self) -> pb.ServerMessage | None: ...
    async def end(self) -> None: ...


class SessionEnded(Exception):
    """The server closed the stream, said nothing, or something that is not part of the conversation."""


class AgentLeft(SessionEnded):
    """The agent has said all it had to say, and comes back to no server."""


class Mailbag:
    """What every session of the agent shares: the outbox, and a signal that there is something to send.

    `resources` is what was last seen of the machine.
    """

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.changed = asyncio.Event()
        self.acknowledged = asyncio.Event()
        self.draining = False
        self.leaving = False
        self.resources = NOTHING_KNOWN

    def drain(self) -> None:
        """Tell the server of this and every later session that the agent is about to leave."""
        self.draining = True
        self.changed.set()

    def leave(self) -> None:
        """End the stream of this session once all is said; later ones do not begin."""
        self.leaving = True
        self.changed.set()

    async def flushed(self) -> None:
        """Until the server has acknowledged everything."""
        while len(self.outbox):
            self.acknowledged.clear()
            await self.acknowledged.wait()


class Session:
    """`run` returns never; it raises SessionEnded, or what the stream raises."""

    def __init__(
        self,
        stream: Stream,
        hello: pb.AgentHello,
        *,
        belonging: Belonging,
        runner: Runner,
        mailbag: Mailbag,
        runs: Path,
        clock: Clock,
    ) -> None:
        self._stream = stream
        self._hello = hello
        self._belonging = belonging
        self._runner = runner
        self._mailbag = mailbag
        self._runs = runs
        self._clock = clock
        self._drained = False
        self._resources = NOTHING_KNOWN
        self._heard: Millis = 0
        self._log_requests: asyncio.Queue[pb.ServerLogRequest] = asyncio.Queue(_LOG_REQUESTS)
        self._log_waits = 0
        self._answers: deque[pb.AgentMessage] = deque()
        self._log = get_logger("session")

    async def open(self) -> pb.ServerWelcome:
        """Introduce the agent; what earlier sessions left unacknowledged is going to be sent again."""
        self._go_on()
        self._hello.cluster_id = self._belonging.cluster
        self._hello.resources.CopyFrom(self._news_of_the_machine())
        await self._stream.send_message(pb.AgentMessage(hello=self._hello))
        first = await self._hear()
        if first is None or first.WhichOneof("kind") != "welcome":
            raise SessionEnded(f"wanted a Welcome, found {first.WhichOneof('kind') if first else 'the end'}")
        if refusal := await self._belonging.accept(first.welcome.cluster_id):
            raise SessionEnded(refusal)  # before the inventory: what a cluster does not know of, it wants dropped
        self._mailbag.outbox.rewind()
        await self._stream.send_message(messages.inventory(self._runner.inventory()))
        return first.welcome

    async def run(self, welcome: pb.ServerWelcome) -> None:
        """Talk until the stream breaks."""
        self._heard = self._clock.monotonic()
        beat = max(100, welcome.heartbeat_ttl // 3)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._receive(), name="session receive")
            group.create_task(self._send(beat), name="session send")
            group.create_task(self._read_logs(), name="session logs")
            if welcome.server_beat > 0:
                group.create_task(self._notice_silence(welcome.server_beat * _SILENT_BEATS), name="session silence")

    async def _hear(self) -> pb.ServerMessage | None:
        """Whoever answers at that address: what it says may end the session, never the agent and what runs here."""
        try:
            return await self._stream.recv_message()
        except _GARBLED as error:
            raise SessionEnded(f"what the server said cannot be read: {error!r}") from error

    async def _receive(self) -> None:
        while (message := await self._hear()) is not None:
            self._heard = self._clock.monotonic()
            self._handle(message)
        self._go_on()
        raise SessionEnded("the server closed the stream")

    def _go_on(self) -> None:
        if self._mailbag.leaving:
            raise AgentLeft("the agent leaves")

    async def _notice_silence(self, longest: Millis) -> None:
        while True:
            await self._clock.sleep(self._heard + longest - self._clock.monotonic())
            if self._silence < longest:
                continue
            woke = self._clock.monotonic()
            await self._clock.sleep(_READ_FIRST)
            held_up = self._clock.monotonic() - woke > 2 * _READ_FIRST
            if self._silence >= longest and not held_up:
                raise SessionEnded(f"the server said nothing for {self._silence} ms")

    @property
    def _silence(self) -> Millis:
        return self._clock.monotonic() - self._heard

    def _handle(self, message: pb.ServerMessage) -> None:
        kind = message.WhichOneof("kind")
        if kind == "assignments":
            self._runner.receive(self._tasks(message.assignments))
        elif kind == "reports_ack":
            self._runner.acknowledged(self._mailbag.outbox.acknowledge(message.reports_ack.sequence))
            self._mailbag.changed.set()
            self._mailbag.acknowledged.set()
        elif kind == "stops":
            self._runner.stop(messages.keys_of(message.stops.items))
        elif kind == "drop":
            self._runner.drop(messages.keys_of(message.drop.items))
        elif kind == "log":
            self._take_log_request(message.log)
        elif kind != "beat":
            self._log.warning("ignored a message of an unknown kind", event_name="message_unknown", kind=kind)

    def _tasks(self, assignments: pb.ServerAssignments) -> list[Task]:
        tasks = []
        for item in assignments.items:
            try:
                tasks.append(messages.task_of(item))
            except ValueError as error:
                self._log.error("ignored an assignment", event_name="assignment_ignored", why=str(error))
        return tasks

    async def _send(self, beat: Millis) -> None:
        """Whatever is ready, and a beat every `beat` milliseconds: it tells of the machine, also of a busy one."""
        due = self._clock.monotonic() + beat
        while True:
            await self._send_ready()
            if self._mailbag.leaving:
                await self._stream.end()
                return
            if self._clock.monotonic() >= due:
                await self._stream.send_message(messages.beat(self._runner.running, self._news_of_the_machine()))
                due = self._clock.monotonic() + beat
            await self._something_to_send(due - self._clock.monotonic())

    async def _send_ready(self) -> None:
        """Everything that may be sent now."""
        await self._send_drain()
        while self._answers:
            await self._stream.send_message(self._answers.popleft())
        while (batch := self._mailbag.outbox.take()) is not None:
            await self._stream.send_message(messages.reports(batch))

    async def _send_drain(self) -> None:
        if self._drained or not self._mailbag.draining:
            return
        self._drained = True
        await self._stream.send_message(pb.AgentMessage(drain=pb.AgentDrain()))

    def _news_of_the_machine(self) -> pb.NodeResources:
        """Empty when this session has told it."""
        seen = self._mailbag.resources
        if seen is self._resources:
            return pb.NodeResources()
        self._resources = seen
        return resources_message(seen)

    async def _something_to_send(self, within: Millis) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within / 1000):
                await self._mailbag.changed.wait()
        self._mailbag.changed.clear()

    def _take_log_request(self, request: pb.ServerLogRequest) -> None:
        try:
            self._log_requests.put_nowait(request)
        except asyncio.QueueFull:
            self._answer(messages.log_error(request.request_id, _TOO_MANY))

    async def _read_logs(self) -> None:
        async with asyncio.TaskGroup() as waiting:
            while True:
                request = await self._log_requests.get()
                answer = await self._read_log(request)
                if request.wait_ms <= 0 or _says_something(answer.log):
                    self._answer(answer)
                elif self._log_waits >= _LOG_REQUESTS:
                    self._answer(messages.log_error(request.request_id, _TOO_MANY))
                else:
                    self._log_waits += 1
                    waiting.create_task(self._wait_for_log(request, answer), name="session log wait")

    async def _wait_for_log(self, request: pb.ServerLogRequest, answer: pb.AgentMessage) -> None:
        """Answer when there is something to tell, or nothing within the time that was asked for."""
        ends = self._clock.monotonic() + min(request.wait_ms, _LONGEST_LOG_WAIT)
        rest = _FIRST_LOOK
        try:
            while (left := ends - self._clock.monotonic()) > 0:
                await self._clock.sleep(min(rest, left))
                answer = await self._read_log(request)
                if _says_something(answer.log):
                    break
                rest = min(2 * rest, _LAST_LOOK)
            self._answer(answer)
        finally:
            self._log_waits -= 1

    async def _read_log(self, request: pb.ServerLogRequest) -> pb.AgentMessage:
        # Asked before the file is read: a run that ends in between is complete only for the next request.
        ended = not self._runner.is_live(request.allocation_id)
        if ended and not self._runner.knows(request.allocation_id):
            return messages.log_error(request.request_id, "the agent does not know this run, or no longer")
        try:
            chunk = await asyncio.to_thread(
                read_output,
                self._runs,
                request.allocation_id,
                offset=request.offset,
                limit=request.limit,
                ended=ended,
            )
        except (InvalidArgument, OSError) as error:
            return messages.log_error(request.request_id, str(error))
        return messages.log_chunk(request.request_id, chunk)

    def _answer(self, message: pb.AgentMessage) -> None:
        self._answers.append(message)
        self._mailbag.changed.set()


def _says_something(chunk: pb.AgentLogChunk) -> bool:
    return bool(chunk.data or chunk.complete or chunk.error)
