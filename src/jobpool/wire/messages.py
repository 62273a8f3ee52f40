"""Model to message: what the API says of plans, runs, nodes and namespaces."""

from google.protobuf.timestamp_pb2 import Timestamp

from jobpool.kit.pure.durations import Millis, format_duration
from jobpool.model.errors import InvalidArgument
from jobpool.model.namespace import Namespace
from jobpool.model.node import Node, Resources
from jobpool.model.plan import Paused, Plan
from jobpool.model.run import Attempt, Evaluation, Run, allocation_id, allocation_name, evaluation_name
from jobpool.model.schedule import Cursor, Overlap, Periodic
from jobpool.model.statuses import DesiredStatus
from jobpool.wire import jobpool_pb2 as pb

_YEAR_ONE: Millis = -62_135_596_800_000
_YEAR_9999: Millis = 253_402_300_799_999


def timestamp(at: Millis) -> Timestamp:
    seconds, millis = divmod(at, 1000)
    return Timestamp(seconds=seconds, nanos=millis * 1_000_000)


def millis_of(field: str, stamp: Timestamp) -> Millis:
    """Milliseconds of a message's time. Raises InvalidArgument for what is no time of the years 1 to 9999."""
    at = stamp.seconds * 1000 + stamp.nanos // 1_000_000
    if not (0 <= stamp.nanos < 1_000_000_000 and _YEAR_ONE <= at <= _YEAR_9999):
        raise InvalidArgument(field, "wanted a time in the years 1 to 9999")
    return at


def plan_message(plan: Plan, cursor: Cursor | None, *, brief: bool = False) -> pb.Plan:
    """`brief`: without what can be long: description, parameters and labels."""
    message = pb.Plan(
        id=plan.id,
        name=plan.name,
        type=plan.type,
        namespace=plan.namespace,
        priority=plan.priority,
        stop=plan.stop,
        synchronous=plan.synchronous,
        status=plan.status,
        description=None if brief else plan.description,
        parameters=None if brief else plan.parameters,
        create_time=timestamp(plan.created_at),
        update_time=timestamp(plan.updated_at),
        executor=plan.executor,
        overlap=plan.overlap,
        timeout=format_duration(plan.effective_timeout),
        delivery=plan.delivery,
        match=plan.match,
        strategy=plan.strategy,
        revision=plan.version,
        status_reason=plan.status_reason,
        labels=None if brief else dict(plan.labels),
        owner=plan.owner,
    )
    message.periodic.SetInParent()  # the original's client takes it for granted
    if plan.periodic is not None:
        message.periodic.CopyFrom(_periodic(plan.periodic, prohibit_overlap=plan.overlap is not Overlap.ALLOW))
    _add_policies(message, plan)
    if plan.paused is not None:
        message.paused.CopyFrom(_paused(plan.paused))
    if cursor is not None:
        if cursor.next_due is not None and plan.fires:
            message.next_time.CopyFrom(timestamp(cursor.next_due))
        if cursor.last_job_at is not None:
            message.launch_time.CopyFrom(timestamp(cursor.last_job_at))
            message.last_job = cursor.last_job
    return message


def _periodic(periodic: Periodic, *, prohibit_overlap: bool) -> pb.PeriodicConfig:
    message = pb.PeriodicConfig(
        enabled=periodic.enabled,
        spec=periodic.spec,
        time_zone=periodic.time_zone,
        prohibit_overlap=prohibit_overlap,
    )
    if periodic.start_time is not None:
        message.start_time.CopyFrom(timestamp(periodic.start_time))
    if periodic.end_time is not None:
        message.end_time.CopyFrom(timestamp(periodic.end_time))
    return message


def _paused(paused: Paused) -> pb.Paused:
    message = pb.Paused(by=paused.by, note=paused.note, since=timestamp(paused.since))
    if paused.until is not None:
        message.until.CopyFrom(timestamp(paused.until))
    return message


def _add_policies(message: pb.Plan, plan: Plan) -> None:
    message.catch_up.mode = plan.catch_up.mode
    message.catch_up.max_runs = plan.catch_up.max_runs
    if plan.catch_up.window is not None:
        message.catch_up.window = format_duration(plan.catch_up.window)
    if plan.catch_up.rate_per_minute:
        message.catch_up.rate_per_minute = plan.catch_up.rate_per_minute
    message.retry.attempts = plan.retry.attempts
    message.retry.backoff = format_duration(plan.retry.backoff)
    message.retry.max_backoff = format_duration(plan.retry.max_backoff)
    message.retry.on.extend(plan.retry.on)
    message.dst.gap = plan.dst.gap
    message.dst.overlap = plan.dst.overlap


def job_message(run: Run, plan: Plan | None, *, brief: bool = False) -> pb.Job:
    """`plan` is the version that the run belongs to; None when that is forgotten.

    `brief`: without what can be long: parameters and result.
    """
    inherited = plan.parameters if plan is not None else ""
    parameters = inherited if run.parameters is None else run.parameters
    message = pb.Job(
        id=run.id,
        plan_id=run.plan_id,
        derived_plan_id=run.derived_plan_id,
        name=run.name,
        type="auto",
        namespace=run.namespace,
        timeout=run.timeout,
        status=run.status,
        parameters=None if brief else parameters,
        info=run.info,
        create_time=timestamp(run.created_at),
        update_time=timestamp(run.updated_at),
        scheduled_time=timestamp(run.scheduled_at),
        attempt=len(run.attempts),
        reason=run.reason,
        result=None if brief else run.result,
        lateness_ms=run.lateness or 0,
        trigger=run.trigger,
        executor=run.executor,
        plan_version=run.plan_version,
        created_by=run.created_by,
        rerun_of=run.rerun_of,
        time_zone=plan.periodic.time_zone if plan is not None and plan.periodic is not None else "",
    )
    if run.started_at is not None:
        message.started_at.CopyFrom(timestamp(run.started_at))
    if run.finished_at is not None:
        message.finished_at.CopyFrom(timestamp(run.finished_at))
    if run.exit_code is not None:
        message.exit_code = run.exit_code
    if run.attempts:
        message.node_id = run.attempts[-1].node_id
        message.fence = run.attempts[-1].fence
    return message


def evaluation_message(run: Run, evaluation: Evaluation) -> pb.Evaluation:
    message = pb.Evaluation(
        id=evaluation_name(run, evaluation.number),
        namespace=run.namespace,
        priority=run.priority,
        type=run.type,
        triggered_by=evaluation.trigger,
        plan_id=run.plan_id,
        job_id=run.id,
        node_id=evaluation.node_id,
        status=evaluation.status,
        status_description=evaluation.description,
        create_time=timestamp(evaluation.created_at),
        update_time=timestamp(evaluation.updated_at),
    )
    numbers = {it.number for it in run.evaluations}
    if evaluation.number - 1 in numbers:
        message.previous_eval = evaluation_name(run, evaluation.number - 1)
    if evaluation.number + 1 in numbers:
        message.next_eval = evaluation_name(run, evaluation.number + 1)
    if evaluation.not_before:
        message.not_before.CopyFrom(timestamp(evaluation.not_before))
    return message


_DESIRED_TEXT = {
    DesiredStatus.RUN: "",
    DesiredStatus.SKIP: "a run of the plan is live, this one is skipped",
    DesiredStatus.FAIL: "no slot was free",
    DesiredStatus.STOP: "stop on request",
}


def allocation_message(run: Run, attempt: Attempt) -> pb.Allocation:
    message = pb.Allocation(
        id=allocation_name(run, attempt.number),
        name=run.name,
        namespace=run.namespace,
        eval_id=evaluation_name(run, attempt.evaluation),
        node_id=attempt.node_id,
        client_description=attempt.description,
        plan_id=run.plan_id,
        job_id=run.id,
        client_status=attempt.status,
        desired_status=attempt.desired,
        desired_description=_DESIRED_TEXT[attempt.desired],
        create_time=timestamp(attempt.created_at),
        update_time=timestamp(attempt.updated_at),
        fence=attempt.fence,
        started_at=None if attempt.started_at is None else timestamp(attempt.started_at),
        finished_at=None if attempt.finished_at is None else timestamp(attempt.finished_at),
        exit_code=attempt.exit_code,
        attempt=attempt.number,
    )
    if any(it.number == attempt.number + 1 for it in run.attempts):
        message.next_allocation = allocation_name(run, attempt.number + 1)
    return message


def assignment_message(run: Run, attempt: Attempt, parameters: str) -> pb.Assignment:
    """What an agent needs to know of an attempt; `parameters` are those in force."""
    return pb.Assignment(
        allocation_id=allocation_id(run.id, attempt.number),
        job_id=run.id,
        plan_id=run.plan_id,
        namespace=run.namespace,
        name=run.name,
        fence=attempt.fence,
        attempt=attempt.number,
        executor=run.executor,
        parameters=parameters,
        synchronous=run.synchronous,
        timeout=run.timeout,
        scheduled_time=run.scheduled_at,
        desired_status="" if attempt.desired is DesiredStatus.STOP else attempt.desired,
    )


def namespace_message(namespace: Namespace, limit: int) -> pb.NameSpace:
    """`limit` is the parallelism in force."""
    return pb.NameSpace(
        name=namespace.name,
        job_parallelism_limit=limit,
        when_full=namespace.when_full,
        default_time_zone=namespace.default_time_zone,
        description=namespace.description,
    )


def resources_message(told: Resources) -> pb.NodeResources:
    return pb.NodeResources(
        millicpus=told.millicpus,
        millicpus_used=told.millicpus_used,
        memory=told.memory,
        memory_used=told.memory_used,
        disk=told.disk,
        disk_free=told.disk_free,
    )


def node_message(node: Node, running: int, server: str = "") -> pb.Node:
    """Never with the secret. `server` is the name of the server that its agent is connected to."""
    message = pb.Node(
        ID=node.id,
        name=node.name,
        status=node.status,
        status_description=node.status_description,
        status_update_at=node.updated_at * 1000,
        drain_status="draining" if node.draining or node.drain is not None else "",
        started_at=timestamp(node.started_at),
        updated_at=timestamp(node.updated_at),
        capacity=node.capacity,
        running=running,
        attributes=dict(node.attributes),
        version=node.version,
        executors=node.executors,
        eligibility="eligible" if node.eligible else "ineligible",
        eligibility_description=node.eligibility_description,
        server=server,
    )
    if node.drain is not None:
        message.drain.since.CopyFrom(timestamp(node.drain.since))
        message.drain.runs = node.drain.runs
        if node.drain.deadline is not None:
            message.drain.deadline.CopyFrom(timestamp(node.drain.deadline))
    return message
