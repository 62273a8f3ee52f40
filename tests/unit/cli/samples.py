"""Answers of a server, for the golden files."""

from google.protobuf.timestamp_pb2 import Timestamp

from jobpool.wire import jobpool_pb2 as pb

HEADER = pb.ResponseHeader(cluster_id=7, member_id=1, revision=12, raft_term=2)


def at(text: str) -> Timestamp:
    """A protobuf time."""
    stamp = Timestamp()
    stamp.FromJsonString(text)
    return stamp


HOURLY = pb.Plan(
    id="hourly",
    name="每小时报表",
    type="service",
    namespace="default",
    priority=50,
    synchronous=True,
    status="running",
    description="two\nlines and \x1b[31mred",
    parameters='{"url": "http://reports/run"}',
    periodic=pb.PeriodicConfig(enabled=True, spec="0 * * * *", time_zone="America/New_York"),
    create_time=at("2026-11-21T23:00:00.250Z"),
    update_time=at("2026-11-22T08:00:00Z"),
    launch_time=at("2026-11-22T10:00:00Z"),
    next_time=at("2026-11-22T11:00:00Z"),
    executor="rest",
    overlap="skip",
    catch_up=pb.CatchUp(mode="latest", max_runs=1000),
    retry=pb.Retry(attempts=3, backoff="10s", on=["http_status", "timeout"]),
    timeout="1h",
)
BY_HAND = pb.Plan(id="by-hand", name="by-hand", namespace="ops", type="service", status="pending", executor="shell")
PLANS = pb.SchedulePlanListResponse(header=HEADER, data=[HOURLY, BY_HAND], totalElements=12, totalPages=2)

PAUSE = pb.Pause(since=at("2026-11-22T10:05:00Z"), by="ada", note="the callees move")

DONE = pb.Job(
    id="01M8A0000000000000000000AA",
    plan_id="hourly",
    derived_plan_id="hourly/periodic-1795341600",
    name="每小时报表",
    type="auto",
    namespace="default",
    timeout=3_600_000,
    status="complete",
    create_time=at("2026-11-22T10:00:00.004Z"),
    update_time=at("2026-11-22T10:00:03.504Z"),
    scheduled_time=at("2026-11-22T10:00:00Z"),
    started_at=at("2026-11-22T10:00:00.012Z"),
    finished_at=at("2026-11-22T10:00:03.500Z"),
    attempt=1,
    node_id="agent-a",
    exit_code=0,
    lateness_ms=12,
    trigger="schedule",
    executor="rest",
)
FAILED = pb.Job(
    id="01M8A0000000000000000000BB",
    plan_id="by-hand",
    name="by-hand",
    type="auto",
    namespace="ops",
    timeout=90_000,
    status="failed",
    reason="exit_nonzero",
    info="exit code 3",
    create_time=at("2026-11-22T10:05:00Z"),
    update_time=at("2026-11-22T10:05:01Z"),
    attempt=2,
    node_id="agent-b",
    exit_code=3,
    trigger="manual",
)
JOBS = pb.ScheduleJobListResponse(header=HEADER, data=[FAILED, DONE], totalElements=2, totalPages=1)

WAITING = pb.Evaluation(
    id="01M8A0000000000000000000BB-e1",
    namespace="ops",
    priority=50,
    type="service",
    triggered_by="job-register",
    plan_id="by-hand",
    job_id="01M8A0000000000000000000BB",
    status="blocked",
    status_description="no node that offers the executor has room",
    create_time=at("2026-11-22T10:05:00Z"),
    update_time=at("2026-11-22T10:05:00Z"),
    not_before=at("2026-11-22T10:06:00Z"),
)
EVALUATIONS = pb.ScheduleEvalListResponse(header=HEADER, data=[WAITING], totalElements=1, totalPages=1)

PLACED = pb.Allocation(
    id="01M8A0000000000000000000AA-a1",
    name="hourly",
    namespace="default",
    eval_id="01M8A0000000000000000000AA-e1",
    node_id="agent-a",
    plan_id="hourly",
    job_id="01M8A0000000000000000000AA",
    client_status="complete",
    client_description="HTTP 200",
    create_time=at("2026-11-22T10:00:00.008Z"),
    update_time=at("2026-11-22T10:00:03.504Z"),
)
ALLOCATIONS = pb.ScheduleAllocationListResponse(header=HEADER, data=[PLACED], totalElements=1, totalPages=1)

NODE = pb.Node(
    ID="01M8NODE",
    name="agent-a",
    status="ready",
    status_description="node is ready",
    started_at=at("2026-11-20T08:00:00Z"),
    updated_at=at("2026-11-22T10:00:00Z"),
    capacity=256,
    running=3,
    attributes={"os": "linux"},
    version="0.1.0",
    executors=["noop", "rest", "shell"],
    eligibility="eligible",
    status_update_at=1_795_334_400_123_000,
    server="server1",
    resources=pb.NodeResources(
        millicpus=2_000,
        millicpus_used=260,
        memory=8_000_000_000,
        memory_used=1_500_000_000,
        disk=250_000_000_000,
        disk_free=70_000_000_000,
        told_at=at("2026-11-22T10:00:58Z"),
    ),
    heard_at=at("2026-11-22T10:01:00Z"),
)
DRAINING = pb.Node(
    ID="01M8OTHER",
    name="agent-b",
    status="ready",
    status_description="node is ready",
    drain_status="draining",
    updated_at=at("2026-11-22T10:00:00Z"),
    capacity=256,
    running=2,
    executors=["noop"],
    eligibility="ineligible",
    eligibility_description="kernel",
    drain=pb.Drain(since=at("2026-11-22T10:00:00Z"), deadline=at("2026-11-22T10:10:00Z")),
)
NODES = pb.NodeListResponse(header=HEADER, data=[NODE, DRAINING], totalElements=2, totalPages=1)

NAMESPACES = pb.ScheduleNameSpaceListResponse(
    header=HEADER,
    data=[
        pb.NameSpace(name="default"),
        pb.NameSpace(
            name="ops", job_parallelism_limit=5, when_full="wait", default_time_zone="UTC", description="on call"
        ),
    ],
    totalElements=2,
    totalPages=1,
)

# The clock goes back in New York on 2026-11-01 at 06:00 UTC.
TICKS = pb.PlanPreviewResponse(
    header=HEADER,
    data=[
        pb.PreviewTick(time=at("2026-10-31T05:30:00Z"), time_zone="America/New_York"),
        pb.PreviewTick(time=at("2026-11-01T05:30:00Z"), time_zone="America/New_York", dst="overlap"),
        pb.PreviewTick(time=at("2026-11-02T06:30:00Z"), time_zone="America/New_York"),
    ],
)
