"""Agents of the original: they register, beat, and ask for their work themselves, at any server."""

from hashlib import sha256

from jobpool.api.checks import check_enum, check_id, check_text
from jobpool.api.context import Context
from jobpool.api.service import Call
from jobpool.api.sightings import Sightings
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument
from jobpool.model.node import Node
from jobpool.model.statuses import NodeStatus
from jobpool.store.commands.pollers import BeatPoller, EnrolPoller, LosePolled
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import millis_of, node_message

_MAX_WORD = 256
_MAX_DESCRIPTION = 512
_FIRST_BEAT: Millis = 10 * SECOND
"""However long the time to live, an agent beats for the first time up to so long after it has registered."""
_LOST_AT_ONCE = 200


class Pollers:
    """Answers where the leader is, so that the time to live is the one that counts."""

    def __init__(self, context: Context, sightings: Sightings) -> None:
        self._context = context
        self._sightings = sightings

    async def add(self, request: pb.NodeAddRequest, call: Call) -> pb.NodeAddResponse:
        """An agent with the status `initializing` has just started: what it had before is lost."""
        node = _node_of(request, self._context.clock.now())
        known = await self._context.write(EnrolPoller(node), call)
        self._sightings.heard(known.id)
        if node.status is NodeStatus.INITIALIZING:
            await self._lose(known.id, call)
        ttl = self._context.leader.liveness.ttl_of(known.id)
        self._beaten(known, max(ttl, _FIRST_BEAT))
        return pb.NodeAddResponse(header=self._context.header(), data=self._message(known), heartbeat_ttl=ttl)

    async def update(self, request: pb.NodeUpdateRequest, call: Call) -> pb.NodeUpdateResponse:
        """A beat. The agent beats again after `heartbeat_ttl` ms; one that says it is down is not waited for."""
        node_id = check_id("ID", request.ID)
        status = check_enum("status", request.status, NodeStatus)
        description = check_text("status_description", request.status_description, _MAX_DESCRIPTION)
        beat = BeatPoller(node_id, _hash_of(request.secret_id), status, description)
        node = await self._context.write(beat, call)
        self._sightings.heard(node.id)
        answer = pb.NodeUpdateResponse(header=self._context.header(), data=self._message(node))
        if node.status is not NodeStatus.DOWN:
            answer.heartbeat_ttl = self._context.leader.liveness.ttl_of(node.id)
            self._beaten(node, answer.heartbeat_ttl)
        return answer

    async def _lose(self, node_id: str, call: Call) -> None:
        """Broken off half-way, it goes on when the agent, which got no answer, registers again."""
        state = self._context.state
        while commands := [
            LosePolled(run.id, node_id, attempt.fence)
            for job_id in state.node_runs(node_id)
            if (run := state.run(job_id)) is not None and (attempt := run.open_attempt) is not None
        ][:_LOST_AT_ONCE]:
            await self._context.write_all(commands, call)

    def _beaten(self, node: Node, ttl: Millis) -> None:
        if node.status is not NodeStatus.DOWN:
            self._context.leader.liveness.beat(node.id, ttl)

    def _message(self, node: Node) -> pb.Node:
        return node_message(node, self._context.state.node_load(node.id))


def _node_of(request: pb.NodeAddRequest, now: Millis) -> Node:
    """Raises InvalidArgument for what no agent says of itself."""
    node_id = check_id("ID", request.ID)
    for field in ("data_center", "name"):
        _demand(field, getattr(request, field))
    status = check_enum("status", request.status, NodeStatus)
    description = check_text("status_description", request.status_description, _MAX_DESCRIPTION)
    return Node(
        id=node_id,
        name=check_text("name", request.name, _MAX_WORD),
        secret_hash=_hash_of(request.secret_id),
        status=status,
        started_at=millis_of("started_at", request.started_at) if request.HasField("started_at") else now,
        updated_at=now,
        status_description=description or f"node is {status}",
        data_center=check_text("data_center", request.data_center, _MAX_WORD),
        executors=("rest",),
        attributes=(("agent", "original"),),
        polling=True,
    )


def _hash_of(secret: str) -> str:
    _demand("secret_id", secret)
    return sha256(check_text("secret_id", secret, _MAX_WORD).encode()).hexdigest()


def _demand(field: str, text: str) -> None:
    if not text:
        raise InvalidArgument(field, "must not be empty", engine_code=1001)
