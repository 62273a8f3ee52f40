"""`jobpoolctl job wait`, and `job logs --follow`: until a run has ended."""

import sys
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_kinds import DURATION
from jobpool.cli.ctl_lists import show_changed
from jobpool.cli.ctl_options import Leaf, Settings
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import JOBS
from jobpool.cli.output import note
from jobpool.model.statuses import JobStatus

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.kit.pure.durations import Millis
    from jobpool.wire import jobpool_pb2 as pb

STILL_RUNNING = 124
"""As of the command `timeout`."""
_FAILED = 1
_LARGEST = 255


@click.command("wait", cls=Leaf)
@click.argument("job_id")
@click.option("--timeout", type=DURATION, help="Give up after this long, with exit code 124.  [default: never]")
@click.pass_obj
def wait(settings: Settings, job_id: str, *, timeout: "Millis | None") -> int:
    """Wait until a run has ended, and end as it did: 0 when it is complete, else its own exit code, or 1."""
    from jobpool.wire import jobpool_pb2 as pb

    job = run(settings, lambda client: _ended(client, job_id, timeout))
    if job is None:
        note(f"job {job_id} has not ended yet; it goes on")
        return STILL_RUNNING
    show_changed(settings, pb.ScheduleJobDetailResponse(data=job), view=JOBS)
    return exit_code_of(job)


async def _ended(client: "Client", job_id: str, timeout: "Millis | None") -> "pb.Job | None":
    """None when the time was over first."""
    from jobpool.client.streams import StillRunning

    try:
        return await client.wait(job_id, timeout=timeout)
    except StillRunning:
        return None


def exit_code_of(job: "pb.Job") -> int:
    """What a shell is told of a run that has ended."""
    if job.status == JobStatus.COMPLETE:
        return 0
    return job.exit_code if job.HasField("exit_code") and 0 < job.exit_code <= _LARGEST else _FAILED


def follow(settings: Settings, job_id: str, *, attempt: int | None, offset: int) -> None:
    """Print a run's output as it is written: of one attempt, or to the end of the run."""
    truncated = run(settings, lambda client: _pour(client, job_id, attempt=attempt, offset=offset))
    if truncated:
        note("the output was longer than the agent keeps: the rest was dropped")


async def _pour(client: "Client", job_id: str, *, attempt: int | None, offset: int) -> bool:
    """Whether some of it was dropped."""
    from contextlib import aclosing

    stdout, shown, truncated = sys.stdout.buffer, 0, False
    async with aclosing(client.follow_logs(job_id, attempt=attempt or 0, offset=offset)) as pieces:
        async for piece in pieces:
            if piece.attempt != shown and shown:
                note(f"attempt {piece.attempt}")
            shown, truncated = piece.attempt, truncated or piece.truncated
            stdout.write(piece.data)
            stdout.flush()
            if attempt and piece.complete:
                break
    return truncated
