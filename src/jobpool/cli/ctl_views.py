"""How each kind of thing looks in a line and in a table (the columns of the original, and what ours knows more)."""

from datetime import tzinfo
from typing import TYPE_CHECKING

from jobpool.cli.output import Row, View, size, span, stamp, zone_named

if TYPE_CHECKING:
    from jobpool.wire import jobpool_pb2 as pb


def zone_of(plan: "pb.Plan") -> tzinfo | None:
    return zone_named(plan.periodic.time_zone)


def _labelled(label: str, value: str) -> str:
    return f"{label} {value}" if value else ""


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _plan_status(plan: "pb.Plan") -> str:
    return f"{plan.status}, paused" if plan.HasField("paused") else plan.status


def _paused(plan: "pb.Plan") -> str:
    """Until when, by whom and why it is."""
    if not plan.HasField("paused"):
        return ""
    until = _labelled("until", stamp(plan.paused, "until", zone_of(plan)))
    return ": ".join(text for text in (f"{until} {_labelled('by', plan.paused.by)}".strip(), plan.paused.note) if text)


def _plan_line(plan: "pb.Plan") -> Row:
    return (
        plan.id,
        plan.namespace,
        _plan_status(plan),
        plan.periodic.spec or "(no schedule)",
        plan.periodic.time_zone,
        plan.executor,
        _paused(plan) or _labelled("next", stamp(plan, "next_time", zone_of(plan))),
        plan.name if plan.name != plan.id else "",
    )


def _plan_row(plan: "pb.Plan") -> Row:
    zone = zone_of(plan)
    return (
        plan.id,
        _plan_status(plan),
        plan.name,
        plan.type,
        plan.namespace,
        str(plan.priority),
        _yes(plan.synchronous),
        plan.description,
        plan.periodic.spec,
        stamp(plan, "launch_time", zone),
        stamp(plan, "next_time", zone),
        stamp(plan, "create_time", zone),
        stamp(plan, "update_time", zone),
    )


PLANS: "View[pb.Plan]" = View(
    _plan_line,
    (
        "ID",
        "Status",
        "Name",
        "Type",
        "Namespace",
        "Priority",
        "Synchronous",
        "Desc",
        "Spec",
        "Launch time",
        "Next time",
        "Create time",
        "Update time",
    ),
    _plan_row,
)


def took(job: "pb.Job") -> str:
    if not (job.HasField("started_at") and job.HasField("finished_at")):
        return ""
    millis = (job.finished_at.ToNanoseconds() - job.started_at.ToNanoseconds()) // 1_000_000
    return span(millis) or "0s"


def _job_line(job: "pb.Job") -> Row:
    zone = zone_named(job.time_zone)
    due = stamp(job, "scheduled_time", zone) or stamp(job, "create_time", zone)
    return (
        job.id,
        f"{job.status} ({job.reason})" if job.reason else job.status,
        f"{job.namespace}/{job.plan_id}",
        due,
        _labelled("late", span(job.lateness_ms)),
        _labelled("took", took(job)),
        _labelled("attempt", str(job.attempt) if job.attempt > 1 else ""),
        _labelled("on", job.node_id),
        job.info,
    )


def _job_row(job: "pb.Job") -> Row:
    zone = zone_named(job.time_zone)
    return (
        job.id,
        job.status,
        job.reason,
        job.name,
        job.type,
        job.namespace,
        job.plan_id,
        job.derived_plan_id,
        job.node_id,
        span(job.lateness_ms),
        span(job.timeout),
        job.info,
        stamp(job, "create_time", zone),
        stamp(job, "update_time", zone),
    )


JOBS: "View[pb.Job]" = View(
    _job_line,
    (
        "ID",
        "Status",
        "Reason",
        "Name",
        "Type",
        "Namespace",
        "Plan id",
        "Derived Plan",
        "Node",
        "Lateness",
        "Timeout",
        "Info",
        "Create time",
        "Update time",
    ),
    _job_row,
)


def _eval_line(evaluation: "pb.Evaluation") -> Row:
    return (
        evaluation.id,
        evaluation.status,
        evaluation.triggered_by,
        f"{evaluation.namespace}/{evaluation.plan_id}",
        _labelled("job", evaluation.job_id),
        stamp(evaluation, "create_time"),
        _labelled("not before", stamp(evaluation, "not_before")),
        evaluation.status_description,
    )


def _eval_row(evaluation: "pb.Evaluation") -> Row:
    return (
        evaluation.id,
        evaluation.status,
        evaluation.type,
        evaluation.namespace,
        evaluation.plan_id,
        evaluation.job_id,
        evaluation.triggered_by,
        str(evaluation.priority),
        stamp(evaluation, "create_time"),
        stamp(evaluation, "update_time"),
    )


EVALUATIONS: "View[pb.Evaluation]" = View(
    _eval_line,
    ("ID", "Status", "Type", "Namespace", "Plan id", "Job id", "Triggered", "Priority", "Create time", "Update time"),
    _eval_row,
)


def _allocation_line(allocation: "pb.Allocation") -> Row:
    return (
        allocation.id,
        allocation.client_status,
        f"{allocation.namespace}/{allocation.plan_id}",
        _labelled("job", allocation.job_id),
        _labelled("on", allocation.node_id),
        stamp(allocation, "create_time"),
        allocation.client_description,
    )


def _allocation_row(allocation: "pb.Allocation") -> Row:
    return (
        allocation.id,
        allocation.client_status,
        allocation.name,
        allocation.namespace,
        allocation.plan_id,
        allocation.job_id,
        allocation.eval_id,
        allocation.node_id,
        allocation.client_description,
        stamp(allocation, "create_time"),
        stamp(allocation, "update_time"),
    )


ALLOCATIONS: "View[pb.Allocation]" = View(
    _allocation_line,
    (
        "ID",
        "Status",
        "Name",
        "Namespace",
        "Plan id",
        "Job id",
        "Eval id",
        "Node id",
        "Info",
        "Create time",
        "Update time",
    ),
    _allocation_row,
)


def _namespace_line(namespace: "pb.NameSpace") -> Row:
    return (
        namespace.name,
        _labelled("limit", str(namespace.job_parallelism_limit or "")),
        _labelled("when full", namespace.when_full),
        namespace.default_time_zone,
        namespace.description,
    )


def _namespace_row(namespace: "pb.NameSpace") -> Row:
    limit = str(namespace.job_parallelism_limit or "")
    return (namespace.name, limit, namespace.when_full, namespace.default_time_zone, namespace.description)


NAMESPACES: "View[pb.NameSpace]" = View(
    _namespace_line, ("Name", "Limit", "When full", "Time zone", "Desc"), _namespace_row
)


def _eligibility(node: "pb.Node") -> str:
    if not node.HasField("drain"):
        return node.eligibility
    until = stamp(node.drain, "deadline")
    return f"draining until {until}" if until else "draining"


def _node_description(node: "pb.Node") -> str:
    return "; ".join(filter(None, (node.status_description, node.eligibility_description)))


def cpus_used(told: "pb.NodeResources") -> str:
    """`0.3 of 4 used`; what is not known is left out."""
    used = f"{told.millicpus_used / 1000:.1f}" if told.HasField("millicpus_used") else ""
    return _part(used, f"{told.millicpus / 1000:g}" if told.HasField("millicpus") else "", "used")


def memory_used(told: "pb.NodeResources") -> str:
    used = size(told.memory_used) if told.HasField("memory_used") else ""
    return _part(used, size(told.memory) if told.HasField("memory") else "", "used")


def disk_free(told: "pb.NodeResources") -> str:
    free = size(told.disk_free) if told.HasField("disk_free") else ""
    return _part(free, size(told.disk) if told.HasField("disk") else "", "free")


def _part(part: str, whole: str, is_what: str) -> str:
    if not part:
        return whole
    return f"{part} of {whole} {is_what}" if whole else f"{part} {is_what}"


def _node_line(node: "pb.Node") -> Row:
    return (
        node.ID,
        node.name,
        node.status,
        "" if node.eligibility == "eligible" else _eligibility(node),
        f"{node.running} of {node.capacity} running",
        ",".join(node.executors),
        _labelled("since", stamp(node, "updated_at")),
        _node_description(node),
        _labelled("heard", stamp(node, "heard_at")),
        _labelled("processors", cpus_used(node.resources)),
        _labelled("memory", memory_used(node.resources)),
        _labelled("disk", disk_free(node.resources)),
    )


def _node_row(node: "pb.Node") -> Row:
    return (
        node.ID,
        node.status,
        _eligibility(node),
        node.name,
        str(node.running),
        str(node.capacity),
        ",".join(node.executors),
        node.version,
        node.server,
        cpus_used(node.resources),
        memory_used(node.resources),
        disk_free(node.resources),
        _node_description(node),
        stamp(node, "started_at"),
        stamp(node, "updated_at"),
        stamp(node, "heard_at"),
    )


NODES: "View[pb.Node]" = View(
    _node_line,
    (
        "ID",
        "Status",
        "Eligibility",
        "Name",
        "Running",
        "Capacity",
        "Executors",
        "Version",
        "Server",
        "Processors",
        "Memory",
        "Disk",
        "Desc",
        "Start time",
        "Update time",
        "Heard",
    ),
    _node_row,
)

DST_MARKS = {"gap": "the clock goes forward", "overlap": "the clock goes back"}


def _tick_line(tick: "pb.PreviewTick") -> Row:
    dst = f"DST {tick.dst}: {DST_MARKS.get(tick.dst, '')}" if tick.dst else ""
    return (local_time(tick), tick.time_zone, dst.rstrip(": "))


def local_time(tick: "pb.PreviewTick") -> str:
    """In the plan's zone, with the offset; as the server wrote it where this machine does not know the zone."""
    zone = zone_named(tick.time_zone)
    return stamp(tick, "time", zone) if zone is not None or not tick.local else tick.local


def _tick_row(tick: "pb.PreviewTick") -> Row:
    return (local_time(tick), tick.time_zone, stamp(tick, "time", zone_named("UTC")), tick.dst)


TICKS: "View[pb.PreviewTick]" = View(_tick_line, ("Time", "Zone", "UTC", "DST"), _tick_row)


def _queue_line(queue: "pb.QueueDetail") -> Row:
    counts = tuple(f"{title.lower()} {count}" for title, count in zip(COUNTS, _counts(queue), strict=True))
    return (*counts, *_pause_line(queue.pause)) if queue.HasField("pause") else counts


def _queue_row(queue: "pb.QueueDetail") -> Row:
    return (*_counts(queue), stamp(queue.pause, "since"))


def _counts(queue: "pb.QueueDetail") -> Row:
    counts = (queue.total, queue.total_ready, queue.total_unacked, queue.total_blocked)
    return tuple(map(str, (*counts, queue.total_waiting, queue.total_failed, queue.total_delayed)))


COUNTS = ("Total", "Ready", "Unacked", "Blocked", "Waiting", "Failed", "Delayed")
QUEUES: "View[pb.QueueDetail]" = View(_queue_line, (*COUNTS, "Paused since"), _queue_row)


def _pause_line(pause: "pb.Pause") -> Row:
    return (f"paused since {stamp(pause, 'since')}", f"by {pause.by}", *filter(None, (pause.note,)))


def _pause_row(pause: "pb.Pause") -> Row:
    return (stamp(pause, "since"), pause.by, pause.note)


PAUSES: "View[pb.Pause]" = View(_pause_line, ("Paused since", "By", "Note"), _pause_row)


def _map_line(stats: "pb.QueueJobStats") -> Row:
    return tuple(f"{title.lower()} {count}" for title, count in zip(MAP_COLUMNS, _map_row(stats), strict=True))


def _map_row(stats: "pb.QueueJobStats") -> Row:
    return tuple(map(str, (stats.total, stats.running, stats.pending, stats.retry, stats.un_used)))


MAP_COLUMNS = ("Total", "Running", "Waiting", "Retry", "Free")
JOB_MAP: "View[pb.QueueJobStats]" = View(_map_line, MAP_COLUMNS, _map_row)
