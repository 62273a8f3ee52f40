"""What this server answers when another one asks."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from jobpool.api.agent_desk import LocalDesk
from jobpool.api.service import Call, Service
from jobpool.api.sessions import Sessions
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import AlreadyExists, PermissionDenied, Unimplemented
from jobpool.model.queued import Delivery
from jobpool.model.server import ServerRecord
from jobpool.model.verdict import Settled
from jobpool.peers.words import (
    AgentLeaving,
    AgentLeft,
    AgentReady,
    AgentReported,
    Forward,
    HoldAgents,
    Join,
    Question,
    ReadOutput,
    RegisterAgent,
    Registered,
    SettleEvaluations,
    TakeEvaluations,
    TakeInventory,
)
from jobpool.replica.replica import Replica
from jobpool.server.lent import Lent
from jobpool.store.commands import JoinServer
from jobpool.wire import jobpool_pb2 as pb

Handler = Callable[[Question, str], Awaitable[object]]


class Answers:
    """Implements `peers.Answerer`. `service` and `sessions` are set once they are built."""

    service: Service
    sessions: Sessions

    def __init__(self, leadership: Leadership, replica: Replica, desk: LocalDesk) -> None:
        self._leadership = leadership
        self._replica = replica
        self._desk = desk
        self._lent = Lent(leadership)
        self._handlers: Mapping[type[Question], Handler] = {
            Join: cast(Handler, self._join),
            Forward: cast(Handler, self._forward),
            TakeEvaluations: cast(Handler, self._take),
            SettleEvaluations: cast(Handler, self._settle),
            RegisterAgent: cast(Handler, self._register),
            TakeInventory: cast(Handler, self._inventory),
            AgentReady: cast(Handler, self._ready),
            AgentLeaving: cast(Handler, self._leaving),
            AgentLeft: cast(Handler, self._left),
            AgentReported: cast(Handler, self._reported),
            HoldAgents: cast(Handler, self._hold),
            ReadOutput: cast(Handler, self._output),
        }

    @property
    def n(self) -> int:
        return self._replica.n

    async def answer(self, question: Question, server_id: str) -> object:
        """Raises JobpoolError."""
        handler = self._handlers.get(type(question))
        if handler is None:
            raise Unimplemented(f"this server does not know what {type(question).__name__} is")
        return await handler(question, server_id)

    async def take_back(self, server_id: str) -> None:
        """That server is not there any more: what its evaluators have in hand goes to others."""
        await self._lent.take_back(server_id)

    @property
    def lent_to(self) -> frozenset[str]:
        """The servers whose evaluators have something in hand."""
        return self._lent.servers

    # ---- the cluster

    async def _join(self, question: Join, server_id: str) -> ServerRecord:
        _require_own(question.server.id, server_id)
        self._require_free_name(question.server)
        return await self._leadership.reign.committer.submit(JoinServer(question.server))

    def _require_free_name(self, server: ServerRecord) -> None:
        """Two that are there and have one name could not be told apart by people. Raises AlreadyExists."""
        known = self._replica.state.servers
        if server.id in known and known[server.id].name == server.name:
            return
        for other in known.values():
            if other.name == server.name and other.id != server.id and other.id in self._leadership.heard:
                raise AlreadyExists("server", f"{other.name} ({other.id} at {other.url or 'an unknown address'})")

    async def _forward(self, question: Forward, server_id: str) -> bytes:
        call = Call(
            transport=question.transport,
            peer=question.peer,
            metadata=question.metadata,
            timeout=question.timeout,
            minted=question.minted,
            forwarded=True,
        )
        return await self.service.forwarded(question.rpc, question.request, call)

    # ---- evaluations

    async def _take(self, question: TakeEvaluations, server_id: str) -> list[Delivery]:
        reign = self._leadership.reign
        if question.evaluator is not None:
            await self._lent.take_back(server_id, question.evaluator)
        taken = await reign.queues.dequeue(question.types, question.limit, timeout=0)
        self._lent.lend(reign.number, server_id, question.evaluator, taken)
        return list(taken)

    async def _settle(self, question: SettleEvaluations, server_id: str) -> list[Settled]:
        settled = await self._leadership.reign.queues.settle(question.verdicts)
        self._lent.settle(server_id, question.verdicts, settled)
        return list(settled)

    # ---- agents

    async def _register(self, question: RegisterAgent, server_id: str) -> Registered:
        _require_own(question.server, server_id)
        return await self._desk.register(pb.AgentHello.FromString(question.hello), server=question.server)

    async def _inventory(self, question: TakeInventory, server_id: str) -> None:
        await self._desk.inventory(question.node_id, question.session, vouched=question.vouched, lost=question.lost)

    async def _ready(self, question: AgentReady, server_id: str) -> None:
        await self._desk.ready(question.node_id, question.session)

    async def _leaving(self, question: AgentLeaving, server_id: str) -> None:
        await self._desk.leaving(question.node_id, question.session)

    async def _left(self, question: AgentLeft, server_id: str) -> None:
        await self._desk.left(question.node_id, question.session, drained=question.drained)

    async def _reported(self, question: AgentReported, server_id: str) -> list[str]:
        reports = pb.AgentReports.FromString(question.reports)
        outcomes = await self._desk.reports(question.node_id, question.session, reports)
        return ["" if outcome is None else outcome.value for outcome in outcomes]

    async def _hold(self, question: HoldAgents, server_id: str) -> list[str]:
        _require_own(question.server, server_id)
        return await self._leadership.reign.hold(question.server, question.agents)

    async def _output(self, question: ReadOutput, server_id: str) -> bytes:
        chunk = await self.sessions.read_log(
            question.node_id, question.allocation, offset=question.offset, limit=question.limit, wait=question.wait
        )
        return chunk.SerializeToString()


def _require_own(claimed: str, proved: str) -> None:
    """Raises PermissionDenied for a server that speaks for another than it has proved to be."""
    if claimed != proved:
        raise PermissionDenied(f"wanted the id of the server that asks, {proved}, found {claimed!r}", field="server")
