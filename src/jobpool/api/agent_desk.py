"""Where agents' words become changes: at the leader, wherever that is."""

from collections.abc import Callable, Sequence
from typing import Protocol

from jobpool.api.agent_words import command_of, node_of
from jobpool.api.context import Leader
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.seldom import Seldom
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import FailedPrecondition, JobpoolError, PermissionDenied, Unavailable
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
        """The agent has come to this server. Raises PermissionDenied for another's secret or cluster, InvalidArgument,
        FailedPrecondition while another process of the same identity is connected."""
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

    def __init__(
        self,
        leader: Leader,
        replica: Replica,
        clock: Clock,
        *,
        server_id: str,
        is_there: Callable[[str], bool] = lambda server_id: True,
    ) -> None:
        """`is_there`: whether that server is heard; the streams of one that is not have ended."""
        self._leader = leader
        self._replica = replica
        self._clock = clock
        self._server_id = server_id
        self._is_there = is_there
        self._seldom = Seldom(clock)
        self._log = get_logger("agents")

    async def register(self, hello: pb.AgentHello, *, server: str = "") -> Registered:
        """`server`: the id of the server that has the stream; empty for this one."""
        self._require_cluster(hello)
        node = node_of(hello, self._clock.now())
        self._refuse_copy(node)
        ttl = self._leader.liveness.ttl_of(node.id)
        registered = await self._leader.submit(RegisterNode(node, server or self._server_id))
        self.heard(node.id, registered.session, ttl)
        return Registered(registered.session, ttl)

    def _require_cluster(self, hello: pb.AgentHello) -> None:
        """Before anything is written: an agent of another cluster is to be nothing here."""
        cluster = self._replica.state.cluster
        if hello.cluster_id and cluster is not None and hello.cluster_id != cluster.id:
            raise PermissionDenied(
                f"this agent belongs to cluster {hello.cluster_id:x}, this server to {cluster.id:x}: take the server "
                "out of the agent's advertise-server-urls; to move the agent here, stop it once it is idle, remove the "
                "file cluster-id from its data directory, and start it",
                field="cluster_id",
            )

    def _refuse_copy(self, node: Node) -> None:
        """Raises FailedPrecondition while another process with the same identity is connected: it was there first.

        A process that has ended left its stream; one whose machine is gone is found out by its silence.
        """
        known = self._replica.state.node(node.id)
        if known is None or known.secret_hash != node.secret_hash or not node.process:
            return
        if known.process in ("", node.process) or known.status is not NodeStatus.READY:
            return
        if not known.server or not self._is_there(known.server):
            return
        if self._seldom.allows(f"{known.process} {node.process}"):
            self._log.warning(
                "two processes come with the identity of one node; the newer is refused while the older is connected: "
                "was a data directory copied? give each agent its own",
                event_name="agent_copied",
                node=node.id,
                older=known.peer,
                newer=node.peer,
            )
        raise FailedPrecondition(
            f"another process with this agent's identity is connected, from {known.peer or 'elsewhere'}: if this data "
            "directory is a copy, remove its files client-id, secret-id and journal.db; after a crash, the other is "
            "forgotten as soon as its stream is found to be gone"
        )

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
