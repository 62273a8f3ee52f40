"""Nodes and queues: who works, and what waits."""

from jobpool.api.checks import check_enum, check_filter, check_id, check_namespace, check_page, check_span, check_text
from jobpool.api.context import Context
from jobpool.api.keyset import check_seek
from jobpool.api.service import Call
from jobpool.api.sightings import Sightings
from jobpool.kit.pure.durations import DAY, Millis, format_duration
from jobpool.model.errors import InvalidArgument, NotFound
from jobpool.model.node import Node
from jobpool.model.statuses import EvaluationStatus, JobStatus, NodeStatus
from jobpool.store.change import Command
from jobpool.store.commands import CancelDrain, RemoveNode, SetEligibility, StartDrain, releases
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import node_message

_MAX_DESCRIPTION = 512
_LONGEST_DRAIN: Millis = 365 * DAY
_GIVEN_UP_AT_ONCE = 200


class Nodes:
    def __init__(self, context: Context, sightings: Sightings) -> None:
        self._context = context
        self._sightings = sightings

    async def list(self, request: pb.NodeListRequest, call: Call) -> pb.NodeListResponse:
        seek = check_seek(request, str)
        page = check_page(request.pageNumber, request.pageSize)
        status = check_enum("status", request.status, NodeStatus) if request.status else None
        node_id = self._context.state.node_named(check_filter("id", request.id))
        name = check_filter("name", request.name)
        state = self._context.state
        found = sorted(
            node.id
            for node in state.nodes.values()
            if node_id in ("", node.id) and name in node.name and status in (None, node.status)
        )
        response = pb.NodeListResponse(header=self._context.header())
        if seek is not None:
            shown, token = seek.take(found, lambda node_id: (node_id,))
            setattr(response, "continue", token)
        else:
            shown = found[page.offset : page.offset + page.limit]
            response.totalElements, response.totalPages = len(found), page.pages(len(found))
        response.data.extend(self._message(state.nodes[key]) for key in shown)
        return response

    async def detail(self, request: pb.NodeDetailRequest, call: Call) -> pb.NodeDetailResponse:
        node_id = self._context.state.node_named(check_id("id", request.id))
        node = self._context.state.node(node_id)
        if node is None:
            raise NotFound("node", node_id, field="id")
        return pb.NodeDetailResponse(header=self._context.header(), data=self._message(node))

    async def delete(self, request: pb.NodeDeleteRequest, call: Call) -> pb.NodeDeleteResponse:
        node_id = self._context.state.node_named(check_id("id", request.id))
        if request.force:
            await self._give_up(node_id, call)
        await self._context.write(RemoveNode(node_id), call)
        return pb.NodeDeleteResponse(header=self._context.header())

    async def _give_up(self, node_id: str, call: Call) -> None:
        """What is on a node that is down ends or is tried elsewhere. Broken off half-way, it goes on when repeated."""
        while commands := releases(self._context.state, node_id, _GIVEN_UP_AT_ONCE, for_good=True):
            await self._context.write_all(commands, call)

    async def eligibility(self, request: pb.NodeEligibilityRequest, call: Call) -> pb.NodeEligibilityResponse:
        node_id = self._context.state.node_named(check_id("id", request.id))
        if not request.HasField("eligible"):
            raise InvalidArgument("eligible", "wanted true or false, found nothing", engine_code=1001)
        why = check_text("description", request.description, _MAX_DESCRIPTION)
        node = await self._context.write(SetEligibility(node_id, request.eligible, why), call)
        return pb.NodeEligibilityResponse(header=self._context.header(), data=self._message(node))

    async def drain(self, request: pb.NodeDrainRequest, call: Call) -> pb.NodeDrainResponse:
        node_id = self._context.state.node_named(check_id("id", request.id))
        if not request.HasField("enable"):
            raise InvalidArgument("enable", "wanted true or false, found nothing", engine_code=1001)
        why = check_text("description", request.description, _MAX_DESCRIPTION)
        command: Command[Node]
        if request.enable:
            command = StartDrain(node_id, _within(request), why)
        else:
            _refuse_deadline(request)
            command = CancelDrain(node_id, request.eligible, why)
        node = await self._context.write(command, call)
        return pb.NodeDrainResponse(header=self._context.header(), data=self._message(node))

    def _message(self, node: Node) -> pb.Node:
        state = self._context.state
        server = state.server(node.server)
        server_name = server.name if server is not None else node.server
        message = node_message(node, state.node_load(node.id), server_name)
        self._sightings.add_to(message)
        return message


def _within(request: pb.NodeDrainRequest) -> Millis | None:
    """How long the runs of a node may still take; None = as long as they take."""
    if request.eligible:
        raise InvalidArgument("eligible", "a node under drain takes no new work; it is for enable = false")
    if request.force:
        if request.deadline:
            raise InvalidArgument("deadline", "force means now; give one of them")
        return 0
    within = check_span("deadline", request.deadline or "0s")
    if within > _LONGEST_DRAIN:
        raise InvalidArgument("deadline", f"wanted at most {format_duration(_LONGEST_DRAIN)}")
    return within or None


def _refuse_deadline(request: pb.NodeDrainRequest) -> None:
    for field in ("deadline", "force"):
        if getattr(request, field):
            raise InvalidArgument(field, "has no meaning when a drain is cancelled (enable = false)")


class Queues:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def detail(self, request: pb.QueueDetailRequest, call: Call) -> pb.QueueDetailResponse:
        if request.type == "evaluation":
            depths = self._context.leader.queue_depths()
        elif request.type == "allocation":
            depths = pb.QueueDetail(total=self._context.leader.waiting)
        else:
            raise InvalidArgument(
                "type", f"must be evaluation or allocation, found {request.type[:40]!r}", engine_code=1104
            )
        return pb.QueueDetailResponse(header=self._context.header(), data=depths)

    async def job_view(self, request: pb.QueueJobViewRequest, call: Call) -> pb.QueueJobViewResponse:
        """The job map of a namespace: how its slots are used, from the live runs themselves."""
        name = check_namespace("namespace", request.namespace)
        state = self._context.state
        if state.namespace(name) is None:
            raise NotFound("namespace", name, field="namespace")
        now = self._context.clock.now()
        stats = pb.QueueJobStats(total=state.slot_limit(name))
        for run in state.runs.values():
            if run.namespace != name or run.ended:
                continue
            if run.status is JobStatus.RUNNING:
                stats.running += 1
                stats.running_jobs.append(run.id)
                continue
            evaluation = run.evaluation
            waits = evaluation is not None and evaluation.status is EvaluationStatus.PENDING
            if run.holds_slot and run.retries and waits and evaluation is not None and evaluation.not_before > now:
                stats.retry += 1
            elif run.holds_slot:
                stats.pending += 1
            stats.pending_jobs.append(run.id)
        stats.un_used = max(0, stats.total - stats.running - stats.pending - stats.retry)
        return pb.QueueJobViewResponse(header=self._context.header(), data=stats)
