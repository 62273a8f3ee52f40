"""Agents' streams: what a commit placed goes out, what an agent says comes in. Any server serves any agent.

A session is fed by commits: a new attempt on its node is assigned, a wish to stop is passed on, and what ended without
the agent's own word is dropped. On (re)connection the agent first says what it holds, and both sides settle the rest.
What agents say is told to the leader's desk, wherever that is; only what this server has folded is acted on, and only
while the node's record names this very stream: an agent may be at another server already.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial

from jobpool.api.agent_beats import Beats, beat_of
from jobpool.api.agent_desk import AgentDesk, require_session
from jobpool.api.agent_parcels import messages_of
from jobpool.api.agent_session import Session, settle
from jobpool.api.agent_words import resources_of, says_end
from jobpool.api.context import Context
from jobpool.api.service import MessageStream
from jobpool.api.sightings import Sightings
from jobpool.kit.effects.clock import deadline
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.seldom import Seldom
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import FailedPrecondition, InvalidArgument, JobpoolError, ResourceExhausted, Unavailable
from jobpool.model.node import NOTHING_KNOWN, Node
from jobpool.model.run import Attempt, Run, allocation_id
from jobpool.model.statuses import DesiredStatus, NodeStatus
from jobpool.peers.words import HeldAttempt, Registered
from jobpool.replica.state import Folded
from jobpool.store.commands import Reported, vouchers
from jobpool.wire import jobpool_pb2 as pb

_MAX_REPORTS = 1_000
_MAX_UNACKED = 1_000
_MAX_LOG_REQUESTS = 64
_MAX_LOG_WAITS = 48
"""Who follows output leaves room for those who only read it."""
_MOST_SAID = 16
"""Messages of an agent that wait for the leader; ours has two reports on their way at most."""
_HELLO_WITHIN: Millis = 10 * SECOND
_LOG_WITHIN: Millis = 10 * SECOND
_SEND_WITHIN: Millis = 30 * SECOND
_NOT_TAKEN = (Reported.STALE, Reported.UNKNOWN)


class Sessions:
    """All agents connected to this server. A service: what is told to the leader beside the streams waits for `run`.

    `stale_reports` counts the results that came too late and were not taken.
    """

    name = "sessions"

    def __init__(self, context: Context, desk: AgentDesk) -> None:
        self._context = context
        self._desk = desk
        self._sessions: dict[str, Session] = {}
        self._beats = Beats(context.clock, self._visit)
        self.sightings = Sightings(context.replica, context.clock)
        self._seldom = Seldom(context.clock)
        self._requests = 0
        self.stale_reports = 0
        self._closed = ""
        self._suspended = ""
        self._errands: deque[Callable[[], Coroutine[object, object, None]]] = deque()
        self._errand = asyncio.Event()
        self._log = get_logger("sessions")
        context.replica.listen(self._observe)
        context.replica.on_restore(lambda: self._end_all("this server has loaded its state anew"))

    def __len__(self) -> int:
        return len(self._sessions)

    def holding(self) -> list[tuple[str, int, Millis]]:
        """The agents connected to this server: node id, session, and how often each is to be heard."""
        return [(session.node_id, session.number, session.ttl) for session in self._sessions.values()]

    def dismiss(self, node_ids: Iterable[str]) -> None:
        """End the streams of agents that the leader does not think to be here; they come back."""
        for node_id in node_ids:
            session = self._sessions.get(node_id)
            if session is not None:
                session.end("the leader does not know this stream; register again")

    def suspend(self, why: str) -> None:
        """This server cannot serve agents now: they go to others. `why` is told to them."""
        self._suspended = why
        self._end_all(why)

    def resume(self) -> None:
        self._suspended = ""

    def close(self) -> None:
        """End every stream and take no new one: this server stops."""
        self._closed = "this server is stopping"
        self._end_all(self._closed)

    def _end_all(self, why: str) -> None:
        for session in self._sessions.values():
            session.end(why)

    def _refuse_when_closed(self) -> None:
        if why := self._closed or self._suspended:
            raise Unavailable(why)

    # ---- errands: what is told to the leader while no stream waits for it

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                await self._errand.wait()
                self._errand.clear()
                while self._errands:
                    group.create_task(self._errands.popleft()())

    def _send_on(self, errand: Callable[[], Coroutine[object, object, None]]) -> None:
        self._errands.append(errand)
        self._errand.set()

    async def _take_leave(self, session: Session, *, drained: bool) -> None:
        """Until the leader knows that the stream has ended, or the agent has another."""
        while self._names(session):
            try:
                await self._desk.left(session.node_id, session.number, drained=drained)
                return
            except JobpoolError as failure:
                self._log.warning(
                    "the leader could not be told that an agent disconnected; trying again",
                    event_name="leave_failed",
                    node=session.node_id,
                    error=str(failure),
                )
                await self._context.clock.sleep(SECOND)

    async def _say_ready_again(self, session: Session) -> None:
        try:
            await self._desk.ready(session.node_id, session.number)
        except JobpoolError as failure:
            self._log.info(
                "the leader could not be told that an agent is here",
                event_name="ready_failed",
                node=session.node_id,
                error=str(failure),
            )
        finally:
            session.asking = False

    def _names(self, session: Session) -> bool:
        """Whether the node's record names this stream."""
        node = self._context.state.node(session.node_id)
        return node is not None and node.session == session.number and bool(node.server)

    def _visit(self, session: Session) -> None:
        """A leader that has not heard this server for a while waits for its agents: those that are ready say so."""
        node = self._context.state.node(session.node_id)
        if node is None or node.status is not NodeStatus.INITIALIZING or not node.settled or session.asking:
            return
        if session.ready and self._names(session):
            session.asking = True
            self._send_on(partial(self._say_ready_again, session))

    # ---- commits, outwards

    def _observe(self, folded: Folded) -> None:
        if not self._sessions:
            return
        for _, node in folded.nodes:
            session = self._sessions.get(node.id) if node is not None else None
            if session is not None:
                self._end_when_over(session, node)
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

    @staticmethod
    def _end_when_over(session: Session, node: Node | None) -> None:
        try:
            require_session(node, session.number)
        except FailedPrecondition as over:
            session.end(over.message)

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
        hello = await self._hello(stream)
        hello.peer = stream.call.peer
        registered = await self._desk.register(hello)
        session = self._admit(hello.node_id, registered, stream)
        self._tells(session, hello.resources)
        self._log.info("an agent connected", event_name="agent_connected", node=session.node_id, peer=stream.call.peer)
        drained = False
        try:
            await self._welcome(session)
            await self._talk(session)
            drained = self._is_drained(session)
        finally:
            self._forget(session, drained=drained)

    async def _hello(self, stream: MessageStream) -> pb.AgentHello:
        try:
            async with deadline(self._context.clock, _HELLO_WITHIN):
                message = await stream.recv()
        except TimeoutError:
            raise InvalidArgument("hello", f"did not come within {_HELLO_WITHIN // SECOND} s") from None
        if message is None or message.WhichOneof("kind") != "hello":
            raise InvalidArgument("hello", "must be the first message of an agent's stream")
        return message.hello

    def _admit(self, node_id: str, registered: Registered, stream: MessageStream) -> Session:
        """The node's session from now on. Raises FailedPrecondition when it fell, or went on, before it was heard."""
        self._refuse_when_closed()
        require_session(self._context.state.node(node_id), registered.session)
        beat, now = beat_of(len(self._sessions) + 1), self._context.clock.monotonic()
        session = self._sessions[node_id] = Session(node_id, stream, registered, beat=beat, now=now)
        self._beats.add(session)
        return session

    def _forget(self, session: Session, *, drained: bool) -> None:
        if self._sessions.get(session.node_id) is session:
            del self._sessions[session.node_id]
        self._beats.remove(session)
        session.fail_logs(Unavailable(f"the agent of node {session.node_id} disconnected"))
        self._send_on(partial(self._take_leave, session, drained=drained))
        self._log.info("an agent disconnected", event_name="agent_disconnected", node=session.node_id)

    def _is_drained(self, session: Session) -> bool:
        """An agent that drained and closed its stream has left: nobody need wait for its silence."""
        node = self._context.state.node(session.node_id)
        return node is not None and node.draining and not self._context.state.node_load(node.id)

    async def _welcome(self, session: Session) -> None:
        self._desk.heard(session.node_id, session.number, session.ttl)
        name = self._context.identity.name
        cluster = self._context.state.cluster
        welcome = pb.ServerWelcome(
            heartbeat_ttl=session.ttl,
            server=name,
            server_beat=session.beat,
            cluster_id=0 if cluster is None else cluster.id,
        )
        await self._send(session, pb.ServerMessage(welcome=welcome))

    async def _talk(self, session: Session) -> None:
        """Read and write until the agent leaves, its stream breaks, or the session is ended from here."""
        try:
            async with asyncio.TaskGroup() as group:
                said: asyncio.Queue[pb.AgentMessage] = asyncio.Queue(_MOST_SAID)
                others = [
                    group.create_task(self._write(session, group)),
                    group.create_task(self._settle(session, said)),
                    group.create_task(session.until_ended()),
                ]
                await self._read(session, said)
                await said.join()
                for task in others:
                    task.cancel()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _read(self, session: Session, said: "asyncio.Queue[pb.AgentMessage]") -> None:
        """Hears the agent also while the leader has not answered what it said before."""
        while (message := await session.stream.recv()) is not None:
            self._desk.heard(session.node_id, session.number, session.ttl)
            self.sightings.heard(session.node_id)
            kind = message.WhichOneof("kind")
            if kind == "log":
                session.take_log(message.log)
            elif kind == "hello":
                raise InvalidArgument("hello", "comes once, as the first message")
            elif kind == "beat":
                self._tells(session, message.beat.resources)
            else:
                await said.put(message)

    def _tells(self, session: Session, told: pb.NodeResources) -> None:
        """What an agent says of its machine. What no machine has is left out, and the agent lives all the same."""
        try:
            resources = resources_of(told)
        except InvalidArgument as error:
            if times := self._seldom.times(f"{session.node_id} {error.field}"):
                self._log.warning(
                    "an agent tells of its machine what cannot be",
                    event_name="resources_refused",
                    node=session.node_id,
                    error=str(error),
                    times=times,
                )
            return
        if resources != NOTHING_KNOWN:
            self.sightings.told(session.node_id, resources)

    async def _settle(self, session: Session, said: "asyncio.Queue[pb.AgentMessage]") -> None:
        """Tells the leader what the agent said, in its order."""
        while True:
            message = await said.get()
            kind = message.WhichOneof("kind")
            if kind == "reports":
                await self._reports(session, message.reports)
            elif kind == "inventory":
                await self._inventory(session, message.inventory)
            elif kind == "drain":
                await self._desk.leaving(session.node_id, session.number)
            said.task_done()

    # ---- what the agent holds, and what we think it does

    async def _inventory(self, session: Session, inventory: pb.AgentInventory) -> None:
        if session.ready:
            raise InvalidArgument("inventory", "comes once, right after the welcome")
        require_session(self._context.state.node(session.node_id), session.number)
        held = {item.allocation_id: item.fence for item in inventory.held}
        vouched = [
            HeldAttempt(known.job_id, known.attempt, known.fence)
            for known in vouchers(self._context.state, session.node_id, held)
        ]
        lost = settle(session, self._context.state, held)
        session.ready = True  # in the same step as the look at the state: no placement can fall in between
        session.told.update(allocation_id(attempt.job_id, attempt.attempt) for attempt in lost)
        if vouched or lost:
            await self._desk.inventory(session.node_id, session.number, vouched=vouched, lost=lost)
        session.told.clear()
        await self._desk.ready(session.node_id, session.number)

    async def _reports(self, session: Session, reports: pb.AgentReports) -> None:
        if len(reports.items) > _MAX_REPORTS or session.outbox.unsent_acks >= _MAX_UNACKED:
            raise InvalidArgument(
                "reports", f"wanted at most {_MAX_REPORTS} in a message and {_MAX_UNACKED} messages before reading"
            )
        if reports.items:
            session.told.update(report.allocation_id for report in reports.items if says_end(report))
            answers = await self._desk.reports(session.node_id, session.number, reports)
            session.told.clear()
            self._log_not_taken(session, reports, answers)
        session.outbox.acknowledge(reports.sequence)

    def _log_not_taken(self, session: Session, reports: pb.AgentReports, answers: Sequence[Reported | None]) -> None:
        """One line a message at most: an agent must not be able to flood the log."""
        garbled = answers.count(None)
        if garbled:
            self._log.warning(
                "an agent reported what cannot be understood",
                event_name="report_refused",
                node=session.node_id,
                count=garbled,
            )
        late = [report for report, answer in zip(reports.items, answers, strict=True) if answer in _NOT_TAKEN]
        self.stale_reports += len(late)
        if late:
            self._log.warning(
                "results came too late and were not taken",
                event_name="report_stale",
                node=session.node_id,
                count=len(late),
                first=f"{late[0].allocation_id[:100]} {late[0].status[:20]}",
            )

    # ---- outwards

    async def _write(self, session: Session, group: asyncio.TaskGroup) -> None:
        """Never waits for the leader: an agent that hears nothing goes away."""
        while True:
            await session.outbox.filled()
            said, hopeless = messages_of(session.outbox.take(), self._context.state, url=self._context.url)
            for message in said:
                await self._send(session, message)
            if hopeless:
                group.create_task(self._give_up(session, hopeless))

    async def _send(self, session: Session, message: pb.ServerMessage) -> None:
        try:
            async with deadline(self._context.clock, _SEND_WITHIN):
                await session.stream.send(message)
        except TimeoutError:
            raise Unavailable(f"the agent took nothing for {_SEND_WITHIN // SECOND} s") from None
        session.spoke = self._context.clock.monotonic()

    async def _give_up(self, session: Session, hopeless: Sequence[pb.Report]) -> None:
        self._log.error(
            "runs cannot be given out: their plan's version is gone",
            event_name="version_gone",
            node=session.node_id,
            count=len(hopeless),
            first=hopeless[0].allocation_id,
        )
        await self._desk.reports(session.node_id, session.number, pb.AgentReports(items=hopeless))

    # ---- output of runs

    async def read_log(
        self, node_id: str, allocation: str, *, offset: int, limit: int, wait: Millis = 0
    ) -> pb.AgentLogChunk:
        """Output of an allocation, from its agent, which waits so long until there is some, or the run has ended.

        Raises Unavailable when the agent is not connected or silent, NoOutput when it has none to give,
        ResourceExhausted when too many ask.
        """
        session = self._sessions.get(node_id)
        if session is None:
            raise Unavailable(f"the output is with the agent of node {node_id}, which is not connected")
        if len(session.logs) >= (_MAX_LOG_WAITS if wait else _MAX_LOG_REQUESTS):
            raise ResourceExhausted(f"{len(session.logs)} requests for output of node {node_id} wait; try again")
        self._requests += 1
        number = self._requests
        answer: asyncio.Future[pb.AgentLogChunk] = asyncio.get_running_loop().create_future()
        session.logs[number] = answer
        session.outbox.ask_log(
            pb.ServerLogRequest(request_id=number, allocation_id=allocation, offset=offset, limit=limit, wait_ms=wait)
        )
        within = _LOG_WITHIN + wait
        try:
            async with deadline(self._context.clock, within):
                return await answer
        except TimeoutError:
            raise Unavailable(f"the agent of node {node_id} did not answer within {within // SECOND} s") from None
        finally:
            session.outbox.forget_log(number)
            del session.logs[number]
