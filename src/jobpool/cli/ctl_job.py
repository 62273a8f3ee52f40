"""`jobpoolctl job`: runs, what became of them and what they printed."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_explain import explain_job, rerun
from jobpool.cli.ctl_lists import show_changed, show_list, show_one, timestamp
from jobpool.cli.ctl_options import MAX_NUMBER, MAX_REVISION, Paging, PrefixGroup, Settings, paged, since_until
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import JOBS
from jobpool.cli.ctl_wait import follow, wait
from jobpool.cli.output import note, zone_named
from jobpool.model.statuses import JobStatus

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.wire import jobpool_pb2 as pb

LOG_PIECE = 262_144


@click.group(cls=PrefixGroup)
def job() -> None:
    """Runs of plans."""


job.add_command(explain_job)
job.add_command(rerun)
job.add_command(wait)


@job.command("list")
@click.option("--ns", "--namespace", "namespace", help="Only of this namespace.")
@click.option("--plan-id", help="Only of this plan.")
@click.option("--status", help="Only with this status.")
@click.option("--name", help="Only with this name.")
@since_until
@paged
@click.pass_obj
def list_(
    settings: Settings, /, paging: Paging, *, since: datetime | None, until: datetime | None, **filters: str | None
) -> None:
    """List runs, newest first."""
    from jobpool.wire import jobpool_pb2 as pb

    show_list(
        settings,
        lambda client, number, size: client.job_list(
            pb.ScheduleJobListRequest(
                pageNumber=number,
                pageSize=size,
                start_time=timestamp(since),
                end_time=timestamp(until),
                limit=None,
                **filters,
            )
        ),
        view=JOBS,
        paging=paging,
        namespace=filters.get("namespace"),
    )


@job.command("detail")
@click.argument("job_id")
@click.pass_obj
def detail(settings: Settings, job_id: str) -> None:
    """Show one run."""
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.job_detail(pb.ScheduleJobDetailRequest(id=job_id)))
    show_one(settings, answer, view=JOBS, zone=zone_named(answer.data.time_zone))


@job.command("update")
@click.argument("job_id")
@click.argument("status")
@click.option("--description", default="change by command line tools", show_default=True)
@click.option("--result", help="What the run gives back.")
@click.pass_obj
def update(settings: Settings, job_id: str, *, status: str, description: str, result: str | None) -> None:
    """Report the status of an asynchronous run, as its callee would."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.ScheduleJobStatusUpdateRequest(id=job_id, status=status, description=description, result=result)
    answer = run(settings, lambda client: client.job_update(request))
    show_changed(settings, answer, view=JOBS)


@job.command("cancel")
@click.argument("job_id")
@click.option("--description", default="", help="Why.")
@click.pass_obj
def cancel(settings: Settings, job_id: str, *, description: str) -> None:
    """Stop a run; if it runs, its agent is told, as soon as it can be reached."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.JobCancelRequest(id=job_id, description=description)
    answer = run(settings, lambda client: client.job_cancel(request))
    show_changed(settings, answer, view=JOBS)
    if answer.data.status == JobStatus.UNKNOWN:
        note(
            f"node {answer.data.node_id} does not answer: its agent is told to stop the run when it is back; "
            f"if the machine is gone for good: jobpoolctl node delete {answer.data.node_id} --force"
        )


@job.command("logs")
@click.argument("job_id")
@click.option(
    "--attempt", type=click.IntRange(1, MAX_NUMBER), metavar="N", help="Of this attempt.  [default: the newest]"
)
@click.option("--offset", type=click.IntRange(0, MAX_REVISION), metavar="N", default=0, help="From this byte on.")
@click.option("-f", "--follow", "follows", is_flag=True, help="As it is written, until the run has ended.")
@click.pass_obj
def logs(settings: Settings, job_id: str, *, attempt: int | None, offset: int, follows: bool) -> None:
    """Print a run's output, byte for byte, as far as it is written."""
    from jobpool.wire import jobpool_pb2 as pb

    if follows:
        follow(settings, job_id, attempt=attempt, offset=offset)
        return
    first = pb.JobLogsRequest(id=job_id, offset=offset, limit=LOG_PIECE, attempt=attempt or 0)
    last = run(settings, lambda client: _pour(client, first))
    if last.truncated:
        note("the output was longer than the agent keeps: the rest was dropped")
    if not last.complete:
        note(f"not complete yet: --offset {last.next_offset} goes on from here")


async def _pour(client: "Client", request: "pb.JobLogsRequest") -> "pb.JobLogsResponse":
    """Write what there is to stdout and return the last answer."""
    stdout = sys.stdout.buffer
    while True:
        answer = await client.job_logs(request)
        stdout.write(answer.data)
        if answer.next_offset <= request.offset or answer.next_offset >= answer.size:
            stdout.flush()
            return answer
        request.offset = answer.next_offset
