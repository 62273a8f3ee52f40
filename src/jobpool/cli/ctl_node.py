"""`jobpoolctl node` and `jobpoolctl queue`: the machines that work, and the work that waits."""

import click

from jobpool.cli.ctl_lists import done, show_items, show_list, show_one
from jobpool.cli.ctl_options import Paging, PrefixGroup, Settings, paged
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import JOB_MAP, NODES, QUEUES
from jobpool.cli.output import Lines, show_json


@click.group(cls=PrefixGroup)
def node() -> None:
    """Machines with an agent."""


@node.command("list")
@click.option("--status", help="Only with this status.")
@click.option("--name", help="Only with this name.")
@paged
@click.pass_obj
def list_nodes(settings: Settings, /, paging: Paging, **filters: str | None) -> None:
    """List nodes."""
    from jobpool.wire import jobpool_pb2 as pb

    show_list(
        settings,
        lambda client, number, size: client.node_list(pb.NodeListRequest(pageNumber=number, pageSize=size, **filters)),
        view=NODES,
        paging=paging,
    )


@node.command("detail")
@click.argument("node_id")
@click.pass_obj
def show_node(settings: Settings, node_id: str) -> None:
    """Show one node."""
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.node_detail(pb.NodeDetailRequest(id=node_id)))
    show_one(settings, answer, view=NODES)


@node.command("delete")
@click.argument("node_id")
@click.pass_obj
def delete_node(settings: Settings, node_id: str) -> None:
    """Forget a node that will not come back."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.NodeDeleteRequest(id=node_id)
    done(settings, run(settings, lambda client: client.node_delete(request)), said=f"node {node_id} deleted")


@click.group(cls=PrefixGroup)
def queue() -> None:
    """What waits: evaluations, allocations, and the slots of a namespace."""


def _show_queue(settings: Settings, kind: str) -> None:
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.queue_detail(pb.QueueDetailRequest(type=kind)))
    if settings.write_out == "json":
        show_json(answer)
    else:
        show_items(settings, [answer.data], QUEUES)


@queue.command("evaluation")
@click.pass_obj
def evaluations(settings: Settings) -> None:
    """Evaluations that wait for a scheduler."""
    _show_queue(settings, "evaluation")


@queue.command("allocation")
@click.pass_obj
def allocations(settings: Settings) -> None:
    """Placements that wait for their verification."""
    _show_queue(settings, "allocation")


@queue.command("job")
@click.argument("namespace", default="default")
@click.pass_obj
def job_map(settings: Settings, namespace: str) -> None:
    """The slots of a namespace: in all, running, waiting, free; and by which runs they are taken."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.QueueJobViewRequest(namespace=namespace)
    answer = run(settings, lambda client: client.queue_job_view_detail(request))
    if settings.write_out == "json":
        show_json(answer)
        return
    show_items(settings, [answer.data], JOB_MAP)
    if settings.write_out == "simple":
        running = [("running", job_id) for job_id in answer.data.running_jobs]
        Lines().show(running + [("waiting", job_id) for job_id in answer.data.pending_jobs])
