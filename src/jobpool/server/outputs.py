"""The output of runs, from the server whose agent has it."""

from jobpool.api.agent_session import NoOutput
from jobpool.api.sessions import Sessions
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import NotFound
from jobpool.peers.mesh import Mesh
from jobpool.peers.words import ReadOutput
from jobpool.replica.replica import Replica
from jobpool.wire import jobpool_pb2 as pb

_WITHIN: Millis = 11 * SECOND


class ClusterOutputs:
    """Implements `api.logs.Outputs`."""

    def __init__(self, sessions: Sessions, replica: Replica, mesh: Mesh, *, me: str) -> None:
        self._sessions = sessions
        self._replica = replica
        self._mesh = mesh
        self._me = me

    async def read_log(
        self, node_id: str, allocation: str, *, offset: int, limit: int, wait: Millis = 0
    ) -> pb.AgentLogChunk:
        """Raises what `Sessions.read_log` raises, LinkDown when the agent's server cannot be asked."""
        node = self._replica.state.node(node_id)
        if node is None or node.server in ("", self._me):
            return await self._sessions.read_log(node_id, allocation, offset=offset, limit=limit, wait=wait)
        question = ReadOutput(node_id, allocation, offset, limit, wait)
        try:
            told = await self._mesh.ask(node.server, question, bytes, timeout=_WITHIN + wait)
        except NotFound as error:  # of an error its code comes over, not its class
            raise NoOutput(error.reason, field=error.field) from error
        return pb.AgentLogChunk.FromString(told.value)
