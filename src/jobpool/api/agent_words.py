"""What agents say, in the model's terms: a Hello as a node, a report as a command. Nothing of it is trusted."""

from hashlib import sha256

from google.protobuf.message import Message

from jobpool.api.checks import check_name, check_text
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument
from jobpool.model.node import DEFAULT_CAPACITY, MOST_BYTES, Node, Resources
from jobpool.model.reasons import Reason
from jobpool.model.run import split_id
from jobpool.model.statuses import AllocationStatus, NodeStatus
from jobpool.store.commands import LoseAttempt, ReportAttempt
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import millis_of

LOST = "lost"
"""A report's status: a restarted agent cannot know how it ended."""

_MAX_CAPACITY = 32_768
"""An inventory of so many fits one message."""
_MAX_LIST = 64
_MAX_WORD = 256
_MAX_KEY = 128
_MAX_VALUE = 512
_MAX_TEXT = 4096
_MOST_MILLICPUS = 1_000_000_000
_STATUS_OF = {
    status.value: status
    for status in (
        AllocationStatus.RUNNING,
        AllocationStatus.COMPLETE,
        AllocationStatus.FAILED,
        AllocationStatus.CANCELLED,
        AllocationStatus.EXPIRED,
        AllocationStatus.SKIPPED,
    )
}
_REASON_OF = {reason.value: reason for reason in Reason}


def node_of(hello: pb.AgentHello, now: Millis) -> Node:
    """Raises InvalidArgument for what no agent says of itself."""
    if not hello.secret:
        raise InvalidArgument("secret", "must not be empty", engine_code=1001)
    if not 0 <= hello.capacity <= _MAX_CAPACITY:
        raise InvalidArgument(
            "capacity", f"must be 1 to {_MAX_CAPACITY} (0 = {DEFAULT_CAPACITY}), found {hello.capacity}"
        )
    resources_of(hello.resources)
    node_id = check_name("node_id", hello.node_id)
    return Node(
        id=node_id,
        name=check_text("name", hello.name, _MAX_WORD) or node_id,
        secret_hash=sha256(check_text("secret", hello.secret, _MAX_WORD).encode()).hexdigest(),
        status=NodeStatus.INITIALIZING,
        started_at=millis_of("started_at", hello.started_at) if hello.HasField("started_at") else now,
        updated_at=now,
        data_center=check_text("data_center", hello.data_center, _MAX_WORD) or "default",
        capacity=hello.capacity or DEFAULT_CAPACITY,
        executors=_executors(hello),
        attributes=_attributes(hello),
        version=check_text("version", hello.version, _MAX_WORD),
        process=check_text("process", hello.process, _MAX_WORD),
        peer=check_text("peer", hello.peer, _MAX_WORD),
    )


def _executors(hello: pb.AgentHello) -> tuple[str, ...]:
    if len(hello.executors) > _MAX_LIST:
        raise InvalidArgument("executors", f"an agent offers at most {_MAX_LIST}, found {len(hello.executors)}")
    return tuple(sorted({check_name("executors", name) for name in hello.executors}))


def _attributes(hello: pb.AgentHello) -> tuple[tuple[str, str], ...]:
    if len(hello.attributes) > _MAX_LIST:
        raise InvalidArgument("attributes", f"an agent has at most {_MAX_LIST}, found {len(hello.attributes)}")
    return tuple(
        sorted(
            (check_text("attributes", key, _MAX_KEY), check_text("attributes", value, _MAX_VALUE))
            for key, value in hello.attributes.items()
        )
    )


def resources_of(told: pb.NodeResources) -> Resources:
    """What is said to be in use is at most what there is: both were looked at one after the other.

    Raises InvalidArgument for what no machine has.
    """
    cpus, memory, disk = (_amount(told, field) for field in ("millicpus", "memory", "disk"))
    return Resources(
        millicpus=cpus,
        millicpus_used=_within(cpus, _amount(told, "millicpus_used")),
        memory=memory,
        memory_used=_within(memory, _amount(told, "memory_used")),
        disk=disk,
        disk_free=_within(disk, _amount(told, "disk_free")),
    )


def _amount(told: pb.NodeResources, field: str) -> int | None:
    message: Message = told
    if not message.HasField(field):
        return None
    found, most = getattr(told, field), _MOST_MILLICPUS if "cpus" in field else MOST_BYTES
    if not 0 <= found <= most:
        raise InvalidArgument(f"resources.{field}", f"must be 0 to {most}, found {found}")
    return int(found)


def _within(total: int | None, part: int | None) -> int | None:
    return part if total is None or part is None else min(part, total)


def command_of(report: pb.Report, node_id: str) -> ReportAttempt | LoseAttempt | None:
    """None for what cannot be understood. Texts are cut rather than refused: the end of a run must not get lost."""
    named = split_id(report.allocation_id)
    if named is None or named[1] != "a":
        return None
    job_id, _, number = named
    if report.status == LOST:
        why = report.description[:_MAX_TEXT] or "its agent was restarted"
        return LoseAttempt(job_id, number, node_id, report.fence, why)
    status = _STATUS_OF.get(report.status)
    if status is None:
        return None
    return ReportAttempt(
        job_id,
        number,
        node_id,
        report.fence,
        status,
        _REASON_OF.get(report.reason, Reason.EXECUTOR_ERROR),
        report.description[:_MAX_TEXT],
        report.exit_code if report.HasField("exit_code") else None,
        report.result[:_MAX_TEXT],
        report.started_at or None,
        report.finished_at or None,
        report.accepted,
    )


def says_end(report: pb.Report) -> bool:
    """Whether the agent is done with the allocation once this is acknowledged."""
    return bool(report.status != AllocationStatus.RUNNING.value or report.accepted)
