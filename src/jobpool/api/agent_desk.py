"""Where agents' words become changes: at the leader, wherever that is."""

from collections.abc import Sequence
from typing import Protocol

from jobpool.api.agent_words import command_of, node_of
from jobpool.api.context import Leader
from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import FailedPrecondition, JobpoolError, Unavailable
from jobpool.model.node import Node
from jobpool.model.statuses import NodeStatus
from jobpool.peers.words import HeldAttempt, Registered
from jobpool.replica.replica import Replica
from jobpool.store.change import Command, Turn
from jobpool.store.commands import (
    DrainNode,
    EndStream,
    LoseAttempt,
    RegisterNode,
    Reported,
    SetNodeStatus,
    VouchAttempt,
)
from jobpool.wire import jobpool_pb2 as pb

REPLACED = "a newer stream of the same node took its place"
FELL = "the node was marked down; register again"
FORGOTTEN = "its agent does not know of it any more"


class AgentDesk(Protocol):
    """Every call returns once this server has folded what it brought about.

    `session` is that of `register`: what an earlier stream of the same agent still says changes nothing, and is
    refused with FailedPrecondition where its server must know. All may be said twice. They wait out a change of
    leader, within a bound, and raise Unavailable beyond it.
    """

    async def register(self, hello: pb.AgentHello) -> Registered:
        """The agent has come to this server. Raises PermissionDenied for another's secret, InvalidArgument."""
        ...

    async def inventory(
        self, node_id: str, session: int, *, vouched: Sequence[HeldAttempt], lost: Sequence[HeldAttempt]
    ) -> None: ...

    async def ready(self, node_id: str, session: int) -> None:
        """The agent has said what it holds in this session, and takes work."""
        ...

    async def leaving(self, node_id: str, session: int) -> None:
        """The agent takes nothing new."""
        ...

    async def left(self, node_id: str, session: int, *, drained: bool) -> None:
        """The agent's stream has ended. Never refused."""
        ...

    async def reports(self, node_id: str, session: int, reports: pb.AgentReports) -> Sequence[Reported | None]:
        """What became of each report; None for one that cannot be understood."""
        ...

    def heard(self, node_id: str, session: int, ttl: Millis) -> None:
        """The agent lives. Never waits."""
        ...


class LocalDesk:
    """The desk of the server that leads, for its own agents and, asked by them, for those of the others.

    It waits for nothing but commits: without a term it raises Unavailable at once.
    """

    def __init__(self, leader: Leader, replica: Replica, clock: Clock, *, server_id: str) -> None:
        self._leader = leader
        self._replica = replica
        self._clock = clock
        self._server_id = server_id

    async def register(self, hello: pb.AgentHello, *, server: str = "") -> Registered:
        """`server`: the id of the server that has the stream; empty for this one."""
        node = node_of(hello, self._clock.now())
        ttl = self._leader.liveness.ttl_of(node.id)
        registered = await self._leader.submit(RegisterNode(node, server or self._server_id))
        self.heard(node.id, registered.session, ttl)
        return Registered(registered.session, ttl)

    async def inventory(
        self, node_id: str, session: int, *, vouched: Sequence[HeldAttempt], lost: Sequence[HeldAttempt]
    ) -> None:
        self._in_force(node_id, session)
        commands: list[Command[Reported]] = [
            VouchAttempt(held.job_id, held.attempt, node_id, held.fence) for held in vouched
        ]
        commands += [LoseAttempt(held.job_id, held.attempt, node_id, held.fence, FORGOTTEN) for held in lost]
        await self._commit(commands, Turn.CARRY_ON)

    async def ready(self, node_id: str, session: int) -> None:
        await self._leader.submit(SetNodeStatus(node_id, NodeStatus.READY, "node is ready", session))
        self._in_force(node_id, session)

    async def leaving(self, node_id: str, session: int) -> None:
        await self._leader.submit(DrainNode(node_id, session))

    async def left(self, node_id: str, session: int, *, drained: bool) -> None:
        await self._leader.submit(EndStream(node_id, session, drained))

    async def reports(self, node_id: str, session: int, reports: pb.AgentReports) -> Sequence[Reported | None]:
        self._in_force(node_id, session)
        commands = [command_of(report, node_id) for report in reports.items]
        answers = iter(await self._commit([command for command in commands if command is not None], Turn.END))
        return [None if command is None else next(answers) for command in commands]

    def heard(self, node_id: str, session: int, ttl: Millis) -> None:
        node = self._replica.state.node(node_id)
        if node is None or node.session != session or node.status is NodeStatus.DOWN:
            return
        try:
            self._leader.liveness.beat(node_id, ttl)
        except Unavailable:
            return  # nobody counts its silence now; the next leader begins anew

    def _in_force(self, node_id: str, session: int) -> None:
        require_session(self._replica.state.node(node_id), session)

    async def _commit(self, commands: Sequence[Command[Reported]], turn: Turn) -> Sequence[Reported]:
        """Raises the first failure: then nothing is acknowledged and the agent says it all again."""
        answers: list[Reported] = []
        for outcome in await self._leader.submit_all(commands, turn=turn):
            if isinstance(outcome, JobpoolError):
                raise outcome
            answers.append(outcome)
        return answers


def require_session(node: Node | None, session: int) -> None:
    """Raises FailedPrecondition when the agent has another stream by now, or the node is not to be heard."""
    if node is None or node.status is NodeStatus.DOWN:
        raise FailedPrecondition(FELL, engine_code=0)
    if node.session != session:
        raise FailedPrecondition(REPLACED, engine_code=0)
