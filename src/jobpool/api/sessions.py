"""Agents' streams: what a commit placed goes out, what an agent says comes in. Any server serves any agent.

A session is fed by commits: a new attempt on its node is assigned, a wish to stop is passed on, and what ended without
the agent's own word is dropped. On (re)connection the agent first says what it holds, and both sides settle the rest.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from jobpool.api.agent_outbox import Outbox, Parcel
from jobpool.api.agent_words import command_of, node_of, says_end
from jobpool.api.context import Context
from jobpool.api.service import MessageStream
from jobpool.kit.effects.clock import deadline
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import Code, InvalidArgument, JobpoolError, ResourceExhausted, Unavailable
from jobpool.model.reasons import Reason
from jobpool.model.run import Attempt, Run, allocation_id
from jobpool.model.statuses import AllocationStatus, DesiredStatus, NodeStatus
from jobpool.replica.state import Folded
from jobpool.store.change import Command
from jobpool.store.commands import (
    DrainNode,
    LoseAttempt,
    RegisterNode,
    ReportAttempt,
    Reported,
    SetNodeStatus,
    vouchers,
)
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import assignment_message

_MAX_REPORTS = 1_000
_MAX_UNACKED = 1_000
_MAX_LOG_REQUESTS = 64
_HELLO_WITHIN: Millis = 10 * SECOND
_LOG_WITHIN: Millis = 10 * SECOND
_SEND_WITHIN: Millis = 30 * SECOND
_NOT_TAKEN = (Reported.STALE, Reported.UNKNOWN)


class NoOutput(JobpoolError):
    """The agent has no output of the allocation to give."""

    code = Code.NOT_FOUND


class Session:
    """One agent on one stream. `told` are allocations whose end the agent itself has just reported."""

    def __init__(self, node_id: str, stream: MessageStream) -> None:
        self.node_id = node_id
        self.stream = stream
        self.ready = False
        self.told: set[str] = set()
        self.outbox = Outbox()
        self.logs: dict[int, asyncio.Future[pb.AgentLogChunk]] = {}
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, why: str) -> None:
        """End the stream; the agent comes back and says what it holds."""
        if not self._ended.done():
            self._ended.set_exception(Unavailable(why))
            self._ended.exception()  # seen: a session may end before anybody waits for this

    async def until_ended(self) -> None:
        await self._ended

    def fail_logs(self, why: JobpoolError) -> None:
        for answer in self.logs.values():
            if not answer.done():
                answer.set_exception(why)


class Sessions:
    """All agents connected to this server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sessions: dict[str, Session] = {}
        self._requests = 0
        self._closed = False
        self._log = get_logger("sessions")
        context.replica.listen(self._observe)
        context.replica.on_restore(lambda: self._end_all("this server has loaded its state anew"))

    def __len__(self) -> int:
        return len(self._sessions)

    def close(self) -> None:
        """End every stream and take no new one: this server stops."""
        self._closed = True
        self._end_all("this server is stopping")

    def _end_all(self, why: str) -> None:
        for session in self._sessions.values():
            session.end(why)

    # ---- commits, outwards

    def _observe(self, folded: Folded) -> None:
        if not self._sessions:
            return
        for _, node in folded.nodes:
            if node is not None and node.status is NodeStatus.DOWN and node.id in self._sessions:
                self._sessions[node.id].end("the node was marked down; register again")
        for old, new in folded.runs:
            before = old.open_attempt if old is not None else None
            after = new.open_attempt if new is not None else None
            if before is not None and (after is None or after.number != before.number) and old is not None:
                self._left(old, before, new)
            if after is None or new is None:
                continue
            if before is None or before.number != after.number:
                self._placed(new, after)
            elif after.desired is DesiredStatus.STOP and before.desired is not DesiredStatus.STOP:
                self._stopping(new, after)

    def _placed(self, run: Run, attempt: Attempt) -> None:
        session = self._sessions.get(attempt.node_id)
        if session is not None and session.ready:
            session.outbox.assign(run, attempt)

    def _stopping(self, run: Run, attempt: Attempt) -> None:
        session = self._sessions.get(attempt.node_id)
        if session is not None and session.ready:
            session.outbox.stop(allocation_id(run.id, attempt.number), attempt.fence)

    def _left(self, run: Run, attempt: Attempt, after: Run | None) -> None:
        """The attempt is not with its agent any more."""
        session = self._sessions.get(attempt.node_id)
        if session is None or not session.ready:
            return
        allocation = allocation_id(run.id, attempt.number)
        if allocation not in session.told and (after is None or not after.accepted):
            session.outbox.drop(allocation, attempt.fence)

    # ---- one stream

    async def serve(self, stream: MessageStream) -> None:
        """Serve one agent until its stream ends. Raises JobpoolError for an agent that is refused or sent away."""
        self._refuse_when_closed()
        node = node_of(await self._hello(stream), self._context.clock.now())
        await self._context.leader.submit(RegisterNode(node))
        session = self._admit(node.id, stream)
        self._log.info("an agent connected", event_name="agent_connected", node=node.id, peer=stream.call.peer)
        try:
            await self._welcome(session)
            await self._talk(session)
            await self._farewell(session.node_id)
        finally:
            if self._sessions.get(node.id) is session:
                del self._sessions[node.id]
            session.fail_logs(Unavailable(f"the agent of node {node.id} disconnected"))
            self._log.info("an agent disconnected", event_name="agent_disconnected", node=node.id)

    async def _farewell(self, node_id: str) -> None:
        """An agent that drained and closed its stream has left: nobody need wait for its silence."""
        node = self._context.state.node(node_id)
        if node is not None and node.draining and not self._context.state.node_load(node_id):
            await self._context.leader.submit(SetNodeStatus(node_id, NodeStatus.DOWN, "its agent drained and left"))

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Unavailable("this server is stopping")

    async def _hello(self, stream: MessageStream) -> pb.AgentHello:
        try:
            async with deadline(self._context.clock, _HELLO_WITHIN):
                message = await stream.recv()
        except TimeoutError:
            raise InvalidArgument("hello", f"did not come within {_HELLO_WITHIN // SECOND} s") from None
        if message is None or message.WhichOneof("kind") != "hello":
            raise InvalidArgument("hello", "must be the first message of an agent's stream")
        return message.hello

    def _admit(self, node_id: str, stream: MessageStream) -> Session:
        """The node's session from now on. Raises Unavailable when the node fell again before it could be heard."""
        self._refuse_when_closed()
        node = self._context.state.node(node_id)
        if node is None or node.status is NodeStatus.DOWN:
            raise Unavailable("the node was marked down; register again")
        before = self._sessions.get(node_id)
        if before is not None:
            before.end("a newer stream of the same node took its place")
        session = self._sessions[node_id] = Session(node_id, stream)
        return session

    async def _welcome(self, session: Session) -> None:
        liveness = self._context.leader.liveness
        ttl = liveness.ttl_of(session.node_id)
        liveness.beat(session.node_id)
        await self._send(
            session, pb.ServerMessage(welcome=pb.ServerWelcome(heartbeat_ttl=ttl, server=self._context.identity.name))
        )

    async def _talk(self, session: Session) -> None:
        """Read and write until the agent leaves, its stream breaks, or the session is ended from here."""
        try:
            async with asyncio.TaskGroup() as group:
                others = [group.create_task(self._write(session)), group.create_task(session.until_ended())]
                await self._read(session)
                for task in others:
                    task.cancel()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _read(self, session: Session) -> None:
        leader = self._context.leader
        while (message := await session.stream.recv()) is not None:
            leader.liveness.beat(session.node_id)
            kind = message.WhichOneof("kind")
            if kind == "reports":
                await self._reports(session, message.reports)
            elif kind == "inventory":
                await self._inventory(session, message.inventory)
            elif kind == "log":
                self._log_chunk(session, message.log)
            elif kind == "drain":
                await leader.submit(DrainNode(session.node_id))
            elif kind == "hello":
                raise InvalidArgument("hello", "comes once, as the first message")

    # ---- what the agent holds, and what we think it does

    async def _inventory(self, session: Session, inventory: pb.AgentInventory) -> None:
        if session.ready:
            raise InvalidArgument("inventory", "comes once, right after the welcome")
        held = {item.allocation_id: item.fence for item in inventory.held}
        vouched = vouchers(self._context.state, session.node_id, held)
        lost = self._settle(session, held)
        session.ready = True  # in the same step as the look at the state: no placement can fall in between
        session.told.update(allocation_id(command.job_id, command.attempt) for command in lost)
        await self._submit([*vouched, *lost])
        session.told.clear()
        await self._context.leader.submit(SetNodeStatus(session.node_id, NodeStatus.READY, "node is ready"))

    def _settle(self, session: Session, held: dict[str, int]) -> list[LoseAttempt]:
        """Say again what did not arrive, and forget what is over; the attempts that are nowhere any more."""
        state = self._context.state
        lost: list[LoseAttempt] = []
        for job_id in state.node_runs(session.node_id):
            run = state.run(job_id)
            attempt = run.open_attempt if run is not None else None
            if run is None or attempt is None:
                continue
            allocation = allocation_id(job_id, attempt.number)
            stopping = attempt.desired is DesiredStatus.STOP
            if held.get(allocation) == attempt.fence:
                del held[allocation]
                if stopping:
                    session.outbox.stop(allocation, attempt.fence)
            elif attempt.status is AllocationStatus.PENDING and not stopping and not run.predates(state.era):
                session.outbox.assign(run, attempt)
            else:
                why = "its agent does not know of it any more"
                lost.append(LoseAttempt(job_id, attempt.number, session.node_id, attempt.fence, why))
        for allocation, fence in held.items():
            session.outbox.drop(allocation, fence)
        return lost

    async def _submit(self, commands: Sequence[Command[Reported]]) -> Sequence[Reported]:
        """Commit reports. Raises the first failure: then nothing is acknowledged and the agent says it again."""
        answers: list[Reported] = []
        for outcome in await self._context.leader.submit_all(commands):
            if isinstance(outcome, JobpoolError):
                raise outcome
            answers.append(outcome)
        return answers

    async def _reports(self, session: Session, reports: pb.AgentReports) -> None:
        if len(reports.items) > _MAX_REPORTS or session.outbox.unsent_acks >= _MAX_UNACKED:
            raise InvalidArgument(
                "reports", f"wanted at most {_MAX_REPORTS} in a message and {_MAX_UNACKED} messages before reading"
            )
        commands: list[Command[Reported]] = []
        for report in reports.items:
            command = command_of(report, session.node_id)
            if command is not None:
                commands.append(command)
                if says_end(report):
                    session.told.add(report.allocation_id)
        answers = await self._submit(commands)
        session.told.clear()
        self._log_not_taken(session, reports, commands, answers)
        session.outbox.acknowledge(reports.sequence)

    def _log_not_taken(
        self,
        session: Session,
        reports: pb.AgentReports,
        commands: Sequence[Command[Reported]],
        answers: Sequence[Reported],
    ) -> None:
        """One line a message at most: an agent must not be able to flood the log."""
        garbled = len(reports.items) - len(commands)
        if garbled:
            self._log.warning(
                "an agent reported what cannot be understood",
                event_name="report_refused",
                node=session.node_id,
                count=garbled,
            )
        late = [command for command, answer in zip(commands, answers, strict=True) if answer in _NOT_TAKEN]
        if late:
            self._log.warning(
                "results came too late and were not taken",
                event_name="report_stale",
                node=session.node_id,
                count=len(late),
                first=repr(late[0])[:200],
            )

    # ---- outwards

    async def _write(self, session: Session) -> None:
        while True:
            await session.outbox.filled()
            forgotten: list[ReportAttempt] = []
            for message in self._messages(session.outbox.take(), forgotten):
                await self._send(session, message)
            await self._submit(forgotten)

    async def _send(self, session: Session, message: pb.ServerMessage) -> None:
        try:
            async with deadline(self._context.clock, _SEND_WITHIN):
                await session.stream.send(message)
        except TimeoutError:
            raise Unavailable(f"the agent took nothing for {_SEND_WITHIN // SECOND} s") from None

    def _messages(self, parcel: Parcel, forgotten: list[ReportAttempt]) -> Iterator[pb.ServerMessage]:
        """`forgotten` collects the ends of attempts that cannot be assigned: nobody knows what they were to do."""
        for sequence in parcel.acks:
            yield pb.ServerMessage(reports_ack=pb.ServerReportsAck(sequence=sequence))
        items = [item for run, attempt in parcel.assign if (item := self._assignment(run, attempt, forgotten))]
        if items:
            yield pb.ServerMessage(assignments=pb.ServerAssignments(items=items))
        if parcel.stop:
            yield pb.ServerMessage(stops=pb.ServerStops(items=_held(parcel.stop)))
        if parcel.drop:
            yield pb.ServerMessage(drop=pb.ServerDrop(items=_held(parcel.drop)))
        for request in parcel.logs:
            yield pb.ServerMessage(log=request)

    def _assignment(self, run: Run, attempt: Attempt, forgotten: list[ReportAttempt]) -> pb.Assignment | None:
        if run.parameters is not None:
            return assignment_message(run, attempt, run.parameters)
        plan = self._context.state.plan_version(run.namespace, run.plan_id, run.plan_version)
        if plan is not None:
            return assignment_message(run, attempt, plan.parameters)
        self._log.error("a run's plan version is gone", event_name="version_gone", job=run.id)
        failed = AllocationStatus.FAILED
        why = f"version {run.plan_version} of its plan is gone"
        forgotten.append(
            ReportAttempt(
                run.id, attempt.number, attempt.node_id, attempt.fence, failed, Reason.EXECUTOR_ERROR, description=why
            )
        )
        return None

    # ---- output of runs

    async def read_log(self, node_id: str, allocation: str, *, offset: int, limit: int) -> pb.AgentLogChunk:
        """Output of an allocation, from its agent.

        Raises Unavailable when the agent is not connected or silent, NoOutput when it has none to give.
        """
        session = self._sessions.get(node_id)
        if session is None:
            raise Unavailable(f"the output is with the agent of node {node_id}, which is not connected")
        if len(session.logs) >= _MAX_LOG_REQUESTS:
            raise ResourceExhausted(f"{len(session.logs)} requests for output of node {node_id} wait; try again")
        self._requests += 1
        number = self._requests
        answer: asyncio.Future[pb.AgentLogChunk] = asyncio.get_running_loop().create_future()
        session.logs[number] = answer
        session.outbox.ask_log(
            pb.ServerLogRequest(request_id=number, allocation_id=allocation, offset=offset, limit=limit)
        )
        try:
            async with deadline(self._context.clock, _LOG_WITHIN):
                return await answer
        except TimeoutError:
            raise Unavailable(f"the agent of node {node_id} did not answer within {_LOG_WITHIN // SECOND} s") from None
        finally:
            session.outbox.forget_log(number)
            del session.logs[number]

    @staticmethod
    def _log_chunk(session: Session, chunk: pb.AgentLogChunk) -> None:
        answer = session.logs.get(chunk.request_id)
        if answer is None or answer.done():
            return
        if chunk.error:
            answer.set_exception(NoOutput(f"no output from node {session.node_id}: {chunk.error}", field="id"))
        else:
            answer.set_result(chunk)


def _held(items: Mapping[str, int]) -> Iterable[pb.HeldAllocation]:
    return [pb.HeldAllocation(allocation_id=allocation, fence=fence) for allocation, fence in items.items()]
