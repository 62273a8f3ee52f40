"""Between the agent's values and the messages of its stream."""

from collections.abc import Iterable

from jobpool.agent.outbox import Batch
from jobpool.agent.rundirs import Chunk
from jobpool.agent.task import Key, Report, Task
from jobpool.wire import jobpool_pb2 as pb

_INT64 = 1 << 63


def task_of(message: pb.Assignment) -> Task:
    """Raises ValueError for a fence that no engine gives."""
    if not 0 < message.fence < _INT64:
        raise ValueError(f"allocation {message.allocation_id!r} has fence {message.fence}, wanted 1 to {_INT64 - 1}")
    return Task(
        message.allocation_id,
        message.fence,
        message.job_id,
        message.plan_id,
        message.namespace,
        message.name,
        message.attempt,
        message.executor or "rest",
        message.parameters,
        message.synchronous,
        max(0, message.timeout),
        message.scheduled_time,
        message.desired_status,
        message.callback_url,
        message.callback_token,
    )


def keys_of(items: Iterable[pb.HeldAllocation]) -> list[Key]:
    return [(item.allocation_id, item.fence) for item in items]


def inventory(keys: Iterable[Key]) -> pb.AgentMessage:
    held = [pb.HeldAllocation(allocation_id=allocation_id, fence=fence) for allocation_id, fence in keys]
    return pb.AgentMessage(inventory=pb.AgentInventory(held=held))


def beat(running: int, resources: pb.NodeResources) -> pb.AgentMessage:
    return pb.AgentMessage(beat=pb.AgentBeat(running=running, resources=resources))


def reports(batch: Batch) -> pb.AgentMessage:
    items = [_report(report) for report in batch.reports]
    return pb.AgentMessage(reports=pb.AgentReports(sequence=batch.sequence, items=items))


def _report(report: Report) -> pb.Report:
    return pb.Report(
        allocation_id=report.allocation_id,
        fence=report.fence,
        status=report.status.value,
        reason=report.reason,
        description=report.description,
        exit_code=report.exit_code,
        result=report.result,
        started_at=report.started_at,
        finished_at=report.finished_at,
        accepted=report.accepted,
    )


def log_chunk(request_id: int, chunk: Chunk) -> pb.AgentMessage:
    return pb.AgentMessage(
        log=pb.AgentLogChunk(
            request_id=request_id,
            data=chunk.data,
            next_offset=chunk.next_offset,
            size=chunk.size,
            complete=chunk.complete,
            truncated=chunk.truncated,
        )
    )


def log_error(request_id: int, error: str) -> pb.AgentMessage:
    return pb.AgentMessage(log=pb.AgentLogChunk(request_id=request_id, error=error))
