"""`jobpoolctl eval` and `jobpoolctl allocation`: what the scheduler looked at, and what it decided."""

from datetime import datetime

import click

from jobpool.cli.ctl_lists import show_list, show_one, timestamp
from jobpool.cli.ctl_options import Paging, PrefixGroup, Settings, paged, since_until
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import ALLOCATIONS, EVALUATIONS


@click.group("eval", cls=PrefixGroup)
def evaluation() -> None:
    """Evaluations: the scheduler's looks at a run."""


@evaluation.command("list")
@click.option("--ns", "--namespace", "namespace", help="Only of this namespace.")
@click.option("--status", help="Only with this status.")
@click.option("--plan-id", help="Only of this plan.")
@click.option("--job-id", help="Only of this run.")
@since_until
@paged
@click.pass_obj
def list_evaluations(
    settings: Settings, /, paging: Paging, *, since: datetime | None, until: datetime | None, **filters: str | None
) -> None:
    """List evaluations."""
    from jobpool.wire import jobpool_pb2 as pb

    show_list(
        settings,
        lambda client, number, size: client.eval_list(
            pb.ScheduleEvalListRequest(
                pageNumber=number,
                pageSize=size,
                start_time=timestamp(since),
                end_time=timestamp(until),
                limit=None,
                **filters,
            )
        ),
        view=EVALUATIONS,
        paging=paging,
        namespace=filters.get("namespace"),
    )


@evaluation.command("detail")
@click.argument("eval_id")
@click.pass_obj
def show_evaluation(settings: Settings, eval_id: str) -> None:
    """Show one evaluation."""
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.eval_detail(pb.ScheduleEvalDetailRequest(id=eval_id)))
    show_one(settings, answer, view=EVALUATIONS)


@click.group(cls=PrefixGroup)
def allocation() -> None:
    """Allocations: runs placed on nodes."""


@allocation.command("list")
@click.option("--ns", "--namespace", "namespace", help="Only of this namespace.")
@click.option("--status", help="Only with this status.")
@click.option("--plan-id", help="Only of this plan.")
@click.option("--job-id", help="Only of this run.")
@click.option("--eval-id", help="Only of this evaluation.")
@click.option("--node-id", help="Only on this node.")
@click.option("--name", help="Only with this name.")
@since_until
@paged
@click.pass_obj
def list_allocations(
    settings: Settings, /, paging: Paging, *, since: datetime | None, until: datetime | None, **filters: str | None
) -> None:
    """List allocations."""
    from jobpool.wire import jobpool_pb2 as pb

    show_list(
        settings,
        lambda client, number, size: client.allocation_list(
            pb.ScheduleAllocationListRequest(
                pageNumber=number,
                pageSize=size,
                start_time=timestamp(since),
                end_time=timestamp(until),
                limit=None,
                **filters,
            )
        ),
        view=ALLOCATIONS,
        paging=paging,
        namespace=filters.get("namespace"),
    )


@allocation.command("detail")
@click.argument("allocation_id")
@click.pass_obj
def show_allocation(settings: Settings, allocation_id: str) -> None:
    """Show one allocation."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.ScheduleAllocationDetailRequest(id=allocation_id)
    answer = run(settings, lambda client: client.allocation_detail(request))
    show_one(settings, answer, view=ALLOCATIONS)
