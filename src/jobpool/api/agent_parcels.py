"""What is to be told to an agent, as messages of its stream. Pure."""

from collections.abc import Iterable, Mapping

from jobpool.api.agent_outbox import Parcel
from jobpool.api.tokens import callback_token, callback_url
from jobpool.model.reasons import Reason
from jobpool.model.run import Attempt, Run, allocation_id
from jobpool.model.statuses import AllocationStatus
from jobpool.replica.state import State
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import assignment_message


def messages_of(parcel: Parcel, state: State, *, url: str) -> tuple[list[pb.ServerMessage], list[pb.Report]]:
    """The messages, in order, and the ends of attempts that nobody can be given: what they were to do is not known.

    `url`: where callees reach this server.
    """
    said = [pb.ServerMessage(reports_ack=pb.ServerReportsAck(sequence=sequence)) for sequence in parcel.acks]
    items, hopeless = [], []
    for run, attempt in parcel.assign:
        parameters = _parameters_of(run, state)
        if parameters is None:
            hopeless.append(_end_of(run, attempt))
        else:
            items.append(_assignment(run, attempt, parameters, state, url=url))
    if items:
        said.append(pb.ServerMessage(assignments=pb.ServerAssignments(items=items)))
    if parcel.stop:
        said.append(pb.ServerMessage(stops=pb.ServerStops(items=_held(parcel.stop))))
    if parcel.drop:
        said.append(pb.ServerMessage(drop=pb.ServerDrop(items=_held(parcel.drop))))
    said += [pb.ServerMessage(log=request) for request in parcel.logs]
    if parcel.beat:
        said.append(pb.ServerMessage(beat=pb.ServerBeat()))
    return said, hopeless


def _assignment(run: Run, attempt: Attempt, parameters: str, state: State, *, url: str) -> pb.Assignment:
    """With a token when the run is handed over to somebody who is to say how it ended."""
    message = assignment_message(run, attempt, parameters)
    if run.executor == "rest" and not run.synchronous and not message.desired_status:
        message.callback_token = callback_token(state.cluster, run.id, attempt.fence)
        message.callback_url = callback_url(url, run.id) if message.callback_token else ""
    return message


def _parameters_of(run: Run, state: State) -> str | None:
    if run.parameters is not None:
        return run.parameters
    plan = state.plan_version(run.namespace, run.plan_id, run.plan_version)
    return plan.parameters if plan is not None else None


def _end_of(run: Run, attempt: Attempt) -> pb.Report:
    return pb.Report(
        allocation_id=allocation_id(run.id, attempt.number),
        fence=attempt.fence,
        status=AllocationStatus.FAILED.value,
        reason=Reason.EXECUTOR_ERROR.value,
        description=f"version {run.plan_version} of its plan is gone",
    )


def _held(items: Mapping[str, int]) -> Iterable[pb.HeldAllocation]:
    return [pb.HeldAllocation(allocation_id=allocation, fence=fence) for allocation, fence in items.items()]
