"""Agents' streams: what a commit placed goes out, what an agent says comes in. Any server serves any agent.

A session is fed by commits: a new attempt on its node is assigned, a wish to stop is passed on, and what ended without
the agent's own word is dropped. On (re)connection the agent first says what it holds, and both sides settle the rest.
"""

import asyncio
from collections.abc import Iterable, Sequence
from hashlib import sha256

from jobpool.api.checks import check_name
from jobpool.api.context import Context
from jobpool.api.service import MessageStream
from jobpool.kit.effects.logging import get_logger
from jobpool.model.errors import InvalidArgument, JobpoolError, NotFound, Unavailable
from jobpool.model.node import DEFAULT_CAPACITY, Node
from jobpool.model.reasons import Reason
from jobpool.model.run import Attempt, Run, allocation_id, split_id
from jobpool.model.statuses import AllocationStatus, DesiredStatus, NodeStatus
from jobpool.replica.state import Folded
from jobpool.store.change import Command
from jobpool.store.commands import DrainNode, LoseAttempt, RegisterNode, ReportAttempt, Reported, SetNodeStatus
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import millis_of

_BATCH = 200
_MAX_CAPACITY = 100_000
_MAX_LIST = 64
_MAX_TEXT = 4096
_HELLO_SECONDS = 10
_LOG_SECONDS = 10
LOST = "lost"
_REPORTABLE = frozenset(
    {
        AllocationStatus.RUNNING,
        AllocationStatus.COMPLETE,
        AllocationStatus.FAILED,
        AllocationStatus.CANCELLED,
        AllocationStatus.EXPIRED,
        AllocationStatus.SKIPPED,
    }
)


class Session:
    """One agent on one stream. `outbox` parts are emptied by the writer in batches."""

    def __init__(self, node_id: str, stream: MessageStream) -> None:
        self.node_id = node_id
        self.stream = stream
        self.ready = False
        self.told: set[str] = set()  # allocations whose end the agent itself has reported
        self.assign: list[tuple[Run, Attempt]] = []
        self.stop: list[tuple[str, int]] = []
        self.drop: list[tuple[str, int]] = []
        self.acks: list[int] = []
        self.log_requests: list[pb.ServerLogRequest] = []
        self.logs: dict[int, asyncio.Future[pb.AgentLogChunk]] = {}
        self.replaced = asyncio.Event()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def waits(self) -> None:
        await self._wake.wait()
        self._wake.clear()

    def fail(self, why: JobpoolError) -> None:
        for answer in self.logs.values():
            if not answer.done():
                answer.set_exception(why)


class Sessions:
    """All agents connected to this server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sessions: dict[str, Session] = {}
        self._requests = 0
        self._log = get_logger("sessions")
        context.replica.listen(self._observe)
        context.replica.on_restore(self._restart)

    def __len__(self) -> int:
        return len(self._sessions)

    def _restart(self) -> None:
        """The state was loaded anew: every agent shall come back and say what it holds."""
        for session in self._sessions.values():
            session.replaced.set()

    # ---- commits, outwards

    def _observe(self, folded: Folded) -> None:
        if not self._sessions:
            return
        for _, node in folded.nodes:
            if node is not None and node.status is NodeStatus.DOWN and node.id in self._sessions:
                self._sessions[node.id].replaced.set()  # it must come back and say what it holds
        for old, new in folded.runs:
            before = old.open_attempt if old is not None else None
            after = new.open_attempt if new is not None else None
            if before is not None and (after is None or after.number != before.number) and old is not None:
                self._ended(old, before, new)
            if after is None or new is None:
                continue
            if before is None or before.number != after.number:
                self._placed(new, after)
            elif after.desired is DesiredStatus.STOP and before.desired is not DesiredStatus.STOP:
                self._stopping(new, after)

    def _placed(self, run: Run, attempt: Attempt) -> None:
        session = self._sessions.get(attempt.node_id)
        if session is not None and session.ready:
            session.assign.append((run, attempt))
            session.wake()

    def _stopping(self, run: Run, attempt: Attempt) -> None:
        session = self._sessions.get(attempt.node_id)
        if session is not None:
            session.stop.append((allocation_id(run.id, attempt.number), attempt.fence))
            session.wake()

    def _ended(self, run: Run, attempt: Attempt, after: Run | None) -> None:
        session = self._sessions.get(attempt.node_id)
        if session is None:
            return
        allocation = allocation_id(run.id, attempt.number)
        if allocation in session.told:
            session.told.discard(allocation)
        elif after is None or not after.accepted:
            session.drop.append((allocation, attempt.fence))
            session.wake()

    # ---- one stream

    async def serve(self, stream: MessageStream) -> None:
        """Serve one agent until its stream ends. Raises JobpoolError for an agent that is refused."""
        hello = await self._hello(stream)
        node = self._node_of(hello)
        await self._context.leader.submit(RegisterNode(node))
        self._context.leader.liveness.beat(node.id)
        session = Session(node.id, stream)
        before = self._sessions.get(node.id)
        if before is not None:
            before.replaced.set()
        self._sessions[node.id] = session
        ttl = self._context.leader.liveness.ttl_of(node.id)
        await stream.send(
            pb.ServerMessage(welcome=pb.ServerWelcome(heartbeat_ttl=ttl, server=self._context.identity.name))
        )
        self._log.info("an agent connected", event_name="agent_connected", node=node.id, peer=stream.call.peer)
        try:
            await self._talk(session)
        finally:
            if self._sessions.get(node.id) is session:
                del self._sessions[node.id]
            session.fail(Unavailable(f"the agent of node {node.id} disconnected"))
            self._log.info("an agent disconnected", event_name="agent_disconnected", node=node.id)

    async def _talk(self, session: Session) -> None:
        """Read and write until the agent leaves, its stream breaks, or a newer stream takes its place."""
        loop = asyncio.get_running_loop()
        parts = [
            loop.create_task(self._read(session)),
            loop.create_task(self._write(session)),
            loop.create_task(session.replaced.wait()),
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        for part in done:
            part.result()

    async def _hello(self, stream: MessageStream) -> pb.AgentHello:
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                message = await stream.recv()
        except TimeoutError:
            raise InvalidArgument("hello", "did not come in time") from None
        if message is None or message.WhichOneof("kind") != "hello":
            raise InvalidArgument("hello", "must be the first message of an agent's stream")
        return message.hello

    def _node_of(self, hello: pb.AgentHello) -> Node:
        now = self._context.clock.now()
        if not hello.secret:
            raise InvalidArgument("secret", "must not be empty", engine_code=1001)
        if not 0 <= hello.capacity <= _MAX_CAPACITY:
            raise InvalidArgument("capacity", f"must be 1 to {_MAX_CAPACITY}, found {hello.capacity}")
        if len(hello.executors) > _MAX_LIST or len(hello.attributes) > _MAX_LIST:
            raise InvalidArgument("executors", f"an agent names at most {_MAX_LIST} executors and attributes")
        started = millis_of("started_at", hello.started_at) if hello.HasField("started_at") else now
        return Node(
            id=check_name("node_id", hello.node_id),
            name=_clip("name", hello.name) or hello.node_id,
            secret_hash=sha256(hello.secret.encode()).hexdigest(),
            status=NodeStatus.INITIALIZING,
            started_at=started,
            updated_at=now,
            data_center=_clip("data_center", hello.data_center) or "default",
            capacity=hello.capacity or DEFAULT_CAPACITY,
            executors=tuple(sorted({check_name("executors", name) for name in hello.executors})),
            attributes=tuple(
                sorted(
                    (_clip("attributes", key), _clip("attributes", value)) for key, value in hello.attributes.items()
                )
            ),
            version=_clip("version", hello.version),
        )

    async def _read(self, session: Session) -> None:
        liveness = self._context.leader
        while (message := await session.stream.recv()) is not None:
            liveness.liveness.beat(session.node_id)
            kind = message.WhichOneof("kind")
            if kind == "reports":
                await self._reports(session, message.reports)
            elif kind == "inventory":
                await self._inventory(session, message.inventory)
            elif kind == "log":
                self._log_chunk(session, message.log)
            elif kind == "drain":
                await self._context.leader.submit(DrainNode(session.node_id))
            elif kind == "hello":
                raise InvalidArgument("hello", "comes once, as the first message")

    # ---- what the agent holds, and what we think it does

    async def _inventory(self, session: Session, inventory: pb.AgentInventory) -> None:
        held = {item.allocation_id: item.fence for item in inventory.held}
        state = self._context.state
        lost: list[LoseAttempt] = []
        for job_id in state.node_runs(session.node_id):
            run = state.run(job_id)
            attempt = run.open_attempt if run is not None else None
            if run is None or attempt is None:
                continue
            allocation = allocation_id(job_id, attempt.number)
            if held.pop(allocation, None) == attempt.fence:
                if attempt.desired is DesiredStatus.STOP:
                    session.stop.append((allocation, attempt.fence))
            elif attempt.status is AllocationStatus.PENDING:
                session.assign.append((run, attempt))
            else:
                why = "its agent does not know of it any more"
                lost.append(LoseAttempt(job_id, attempt.number, session.node_id, attempt.fence, why))
        session.drop.extend(held.items())
        session.ready = True  # in the same step as the look at the state: no placement can fall in between
        session.wake()
        await self._submit(lost)
        await self._context.leader.submit(SetNodeStatus(session.node_id, NodeStatus.READY, "node is ready"))

    async def _submit(self, commands: Sequence[Command[Reported]]) -> Sequence[Reported]:
        """Commit reports. Raises the first failure: then nothing is acknowledged and the agent says it again."""
        answers: list[Reported] = []
        for outcome in await self._context.leader.submit_all(commands):
            if isinstance(outcome, JobpoolError):
                raise outcome
            answers.append(outcome)
        return answers

    async def _reports(self, session: Session, reports: pb.AgentReports) -> None:
        commands: list[Command[Reported]] = []
        for report in reports.items:
            command = _command_of(report, session.node_id)
            if command is None:
                self._log.warning(
                    "an agent reported what cannot be understood",
                    event_name="report_refused",
                    node=session.node_id,
                    allocation=report.allocation_id[:64],
                    status=report.status[:32],
                )
                continue
            if report.status != AllocationStatus.RUNNING.value:
                session.told.add(report.allocation_id)
            commands.append(command)
        answers = await self._submit(commands)
        for command, answer in zip(commands, answers, strict=True):
            if answer in (Reported.STALE, Reported.UNKNOWN):
                self._log.warning(
                    "a result came too late and was not taken",
                    event_name="report_stale",
                    node=session.node_id,
                    answer=answer,
                    command=repr(command)[:200],
                )
        session.told.clear()
        session.acks.append(reports.sequence)
        session.wake()

    # ---- outwards

    async def _write(self, session: Session) -> None:
        while True:
            await session.waits()
            for message in self._messages(session):
                await session.stream.send(message)

    def _messages(self, session: Session) -> Iterable[pb.ServerMessage]:
        acks, session.acks = session.acks, []
        if acks:
            yield pb.ServerMessage(reports_ack=pb.ServerReportsAck(sequence=max(acks)))
        assign, session.assign = session.assign, []
        for at in range(0, len(assign), _BATCH):
            items = [item for run, attempt in assign[at : at + _BATCH] if (item := self._assignment(run, attempt))]
            yield pb.ServerMessage(assignments=pb.ServerAssignments(items=items))
        stop, session.stop = session.stop, []
        if stop:
            yield pb.ServerMessage(stops=pb.ServerStops(items=_held(stop)))
        drop, session.drop = session.drop, []
        if drop:
            yield pb.ServerMessage(drop=pb.ServerDrop(items=_held(drop)))
        requests, session.log_requests = session.log_requests, []
        for request in requests:
            yield pb.ServerMessage(log=request)

    def _assignment(self, run: Run, attempt: Attempt) -> pb.Assignment | None:
        plan = self._context.state.plan_version(run.namespace, run.plan_id, run.plan_version)
        parameters = run.parameters if run.parameters is not None else plan.parameters if plan is not None else None
        if parameters is None:
            self._log.error("a run's plan version is gone", event_name="version_gone", job=run.id)
            return None
        return pb.Assignment(
            allocation_id=allocation_id(run.id, attempt.number),
            job_id=run.id,
            plan_id=run.plan_id,
            namespace=run.namespace,
            name=run.name,
            fence=attempt.fence,
            attempt=attempt.number,
            executor=run.executor,
            parameters=parameters,
            synchronous=run.synchronous,
            timeout=run.timeout,
            scheduled_time=run.scheduled_at,
            desired_status=attempt.desired if attempt.desired is not DesiredStatus.STOP else "",
        )

    # ---- output of runs

    async def read_log(self, node_id: str, allocation: str, *, offset: int, limit: int) -> pb.AgentLogChunk:
        """Output of an allocation, from its agent. Raises Unavailable when the agent is not connected or silent."""
        session = self._sessions.get(node_id)
        if session is None:
            raise Unavailable(f"the output is with the agent of node {node_id}, which is not connected")
        self._requests += 1
        number = self._requests
        answer: asyncio.Future[pb.AgentLogChunk] = asyncio.get_running_loop().create_future()
        session.logs[number] = answer
        session.log_requests.append(
            pb.ServerLogRequest(request_id=number, allocation_id=allocation, offset=offset, limit=limit)
        )
        session.wake()
        try:
            async with asyncio.timeout(_LOG_SECONDS):
                return await answer
        except TimeoutError:
            raise Unavailable(f"the agent of node {node_id} did not answer within {_LOG_SECONDS} s") from None
        finally:
            del session.logs[number]

    @staticmethod
    def _log_chunk(session: Session, chunk: pb.AgentLogChunk) -> None:
        answer = session.logs.get(chunk.request_id)
        if answer is None or answer.done():
            return
        if chunk.error:
            answer.set_exception(NotFound("output", chunk.error))
        else:
            answer.set_result(chunk)


def _held(items: Iterable[tuple[str, int]]) -> list[pb.HeldAllocation]:
    return [pb.HeldAllocation(allocation_id=allocation, fence=fence) for allocation, fence in items]


def _clip(field: str, text: str) -> str:
    if len(text) > _MAX_TEXT or any(ord(letter) < 32 for letter in text):
        raise InvalidArgument(field, f"holds at most {_MAX_TEXT} characters and no control characters")
    return text


def _command_of(report: pb.Report, node_id: str) -> Command[Reported] | None:
    named = split_id(report.allocation_id)
    if named is None or named[1] != "a":
        return None
    job_id, _, number = named
    if report.status == LOST:
        why = report.description[:_MAX_TEXT] or "its agent was restarted"
        return LoseAttempt(job_id, number, node_id, report.fence, why)
    if report.status not in _STATUS_OF:
        return None
    return ReportAttempt(
        job_id,
        number,
        node_id,
        report.fence,
        _STATUS_OF[report.status],
        _REASON_OF.get(report.reason, Reason.EXECUTOR_ERROR),
        report.description[:_MAX_TEXT],
        report.exit_code if report.HasField("exit_code") else None,
        report.result[:_MAX_TEXT],
        report.started_at or None,
        report.finished_at or None,
        report.accepted,
    )


_STATUS_OF = {status.value: status for status in _REPORTABLE}
_REASON_OF = {reason.value: reason for reason in Reason}
