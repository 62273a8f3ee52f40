"""The sample plan of `jobpool dev`: added and watched over the API, like a user would.

So what it tells is what every client sees.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC

from jobpool.client import Client
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import AlreadyExists, JobpoolError, NotFound
from jobpool.wire import jobpool_pb2 as pb

NAMESPACE = "default"
PLAN = "hello"
SPEC = "@every 5s"
COMMAND = 'echo "hello from the tick of $JOBPOOL_SCHEDULED_TIME"'

_LOOK_EVERY: Millis = SECOND // 2
_PAGE = 100
_LIVE = frozenset({"pending", "running", "unknown"})


async def add_sample(client: Client) -> bool:
    """Whether the plan had to be added; one that is there stays as its user left it."""
    try:
        await client.plan_detail(pb.SchedulePlanDetailRequest(id=PLAN, namespace=NAMESPACE))
    except NotFound:
        pass
    else:
        return False
    try:
        await client.plan_add(
            pb.SchedulePlanAddRequest(
                id=PLAN,
                name=PLAN,
                type="service",
                namespace=NAMESPACE,
                description="The sample of jobpool dev",
                status="running",
                executor="shell",
                parameters=json.dumps({"command": COMMAND}),
                timeout="30s",
                periodic=pb.PeriodicConfig(spec=SPEC, time_zone="UTC"),
            )
        )
    except AlreadyExists:
        return False
    return True


class News:
    """Which runs ended since the last look. Those that had ended before the first look are no news."""

    def __init__(self) -> None:
        self._told: frozenset[str] | None = None

    def of(self, newest: Iterable[pb.Job]) -> list[pb.Job]:
        """`newest`: the newest runs, newest first; the answer is oldest first."""
        ended = [job for job in newest if job.status not in _LIVE]
        before = frozenset(job.id for job in ended) if self._told is None else self._told
        self._told = frozenset(job.id for job in ended)
        return [job for job in reversed(ended) if job.id not in before]


async def watch_sample(client: Client, tell: Callable[[str], None], *, clock: Clock) -> None:
    """Tell every run that ends, until cancelled."""
    news = News()
    log = get_logger("dev")
    request = pb.ScheduleJobListRequest(namespace=NAMESPACE, plan_id=PLAN, pageNumber=1, pageSize=_PAGE)
    while True:
        try:
            answer = await client.job_list(request)
        except JobpoolError as error:
            log.warning("the list of runs cannot be had", event_name="dev_list", error=str(error))
        else:
            for job in news.of(answer.data):
                tell(run_line(job))
        await clock.sleep(_LOOK_EVERY)


def run_line(job: pb.Job) -> str:
    """`hello 12:00:05 +00:00 complete in 12 ms (late 3 ms)  01JDA…`."""
    due = job.scheduled_time if job.HasField("scheduled_time") else job.create_time
    words = [f"{job.plan_id} {due.ToDatetime(UTC):%H:%M:%S} +00:00 {job.status}"]
    if job.reason:
        words.append(f"[{job.reason}]")
    if job.HasField("started_at") and job.HasField("finished_at"):
        took = job.finished_at.ToMilliseconds() - job.started_at.ToMilliseconds()
        words.append(f"in {took} ms (late {job.lateness_ms} ms)")
    return " ".join(words) + f"  {job.id}"
