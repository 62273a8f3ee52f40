"""What this server answers when another one asks."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from jobpool.api.agent_desk import LocalDesk
from jobpool.api.service import Call, Service
from jobpool.api.sessions import Sessions
from jobpool.kit.effects.logging import get_logger
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import Unimplemented
from jobpool.model.queued import Delivery
from jobpool.model.server import ServerRecord
from jobpool.model.verdict import Settled, Verdict, VerdictKind
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
        self._lent = _Lent(leadership)
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
        return await self._leadership.reign.committer.submit(JoinServer(question.server))

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
        taken = await self._leadership.reign.queues.dequeue(question.types, question.limit, timeout=0)
        self._lent.lend(server_id, taken)
        return list(taken)

    async def _settle(self, question: SettleEvaluations, server_id: str) -> list[Settled]:
        settled = await self._leadership.reign.queues.settle(question.verdicts)
        self._lent.settle(server_id, question.verdicts, settled)
        return list(settled)

    # ---- agents

    async def _register(self, question: RegisterAgent, server_id: str) -> Registered:
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
        return await self._leadership.reign.hold(question.server, question.agents)

    async def _output(self, question: ReadOutput, server_id: str) -> bytes:
        chunk = await self.sessions.read_log(
            question.node_id, question.allocation, offset=question.offset, limit=question.limit
        )
        return chunk.SerializeToString()


class _Lent:
    """What the evaluators of other servers have in hand, so that it is not waited for when they are gone."""

    def __init__(self, leadership: Leadership) -> None:
        self._leadership = leadership
        self._lent: dict[str, dict[str, Delivery]] = {}
        self._log = get_logger("answers")

    @property
    def servers(self) -> frozenset[str]:
        return frozenset(self._lent)

    def lend(self, server_id: str, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            self._lent.setdefault(server_id, {}).update({item.token: item for item in deliveries})

    def settle(self, server_id: str, verdicts: Sequence[Verdict], settled: Sequence[Settled]) -> None:
        held = self._lent.get(server_id)
        if held is None:
            return
        for verdict, outcome in zip(verdicts, settled, strict=True):
            if outcome is not Settled.REFUSED:
                held.pop(verdict.token, None)
        if not held:
            del self._lent[server_id]

    async def take_back(self, server_id: str) -> None:
        held = self._lent.pop(server_id, {})
        if not held or not self._leadership.leads:
            return
        self._log.warning(
            "evaluations in the hands of a server that is gone are handed out again",
            event_name="evaluations_taken_back",
            server=server_id,
            count=len(held),
        )
        n = 0
        verdicts = [
            Verdict(item.evaluation.job_id, item.evaluation.number, item.token, VerdictKind.ABANDONED, n)
            for item in held.values()
        ]
        await self._leadership.reign.queues.settle(verdicts)
