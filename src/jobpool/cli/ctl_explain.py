"""`jobpoolctl job rerun`."""

import click

from jobpool.cli.ctl_lists import show_changed
from jobpool.cli.ctl_options import Leaf, Settings
from jobpool.cli.ctl_plan_flags import text_of
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import JOBS


@click.command("rerun", cls=Leaf)
@click.argument("job_id")
@click.option("--parameters", metavar="JSON|@FILE", help="Instead of the job's.")
@click.option("--idempotency-key", default="", help="The same key within 24 h names the same run.")
@click.option("--overlap", default="", metavar="allow", help="Start it whatever runs.  [default: the plan's]")
@click.pass_obj
def rerun(settings: Settings, job_id: str, *, parameters: str | None, idempotency_key: str, overlap: str) -> None:
    """Run a job again, with its parameters, by its plan as that is now."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.JobRerunRequest(
        id=job_id,
        parameters=None if parameters is None else text_of(parameters, "parameters"),
        idempotency_key=idempotency_key,
        overlap=overlap,
        created_by="jobpoolctl",
    )
    answer = run(settings, lambda client: client.job_rerun(request))
    show_changed(settings, answer, view=JOBS)
