"""`jobpoolctl node` and `jobpoolctl queue`: the machines that work, and the work that waits."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from jobpool.cli.ctl_lists import done, show_changed, show_items, show_list, show_one
from jobpool.cli.ctl_options import DURATION, MAX_PAGE, Paging, PrefixGroup, Settings, paged
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import JOB_MAP, NODES, PAUSES, QUEUES
from jobpool.cli.formats import shown_whole
from jobpool.cli.output import Lines, note, stamp
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis, format_duration
from jobpool.model.errors import DeadlineExceeded, FailedPrecondition, NotFound, Unavailable

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.wire import jobpool_pb2 as pb

Answer = TypeVar("Answer")

_FIRST_LOOK: Millis = SECOND // 20
_LOOK_EVERY: Millis = SECOND
_PATIENCE: Millis = MINUTE
"""How long servers may be away while a drain is followed: it goes on without us."""


@click.group(cls=PrefixGroup)
def node() -> None:
    """Machines with an agent.

    `detail`, `eligibility` and `drain` take a node's name too, where only one has it.
    """


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
        lambda client, number, size: client.node_list(
            pb.NodeListRequest(pageNumber=number, pageSize=size, limit=None, **filters)
        ),
        view=NODES,
        paging=paging,
    )


@node.command("detail")
@click.argument("node_id")
@click.pass_obj
def show_node(settings: Settings, node_id: str) -> None:
    """Show one node."""
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(
        settings,
        lambda client: _named(client, node_id, lambda found: client.node_detail(pb.NodeDetailRequest(id=found))),
    )
    show_one(settings, answer, view=NODES)


@node.command("delete")
@click.argument("node_id")
@click.option("--force", is_flag=True, help="Its machine is gone for good: give up the runs that wait for its agent.")
@click.pass_obj
def delete_node(settings: Settings, node_id: str, *, force: bool) -> None:
    """Forget a node that is down and will not come back."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.NodeDeleteRequest(id=node_id, force=force)
    done(settings, run(settings, lambda client: client.node_delete(request)), said=f"node {node_id} deleted")


@node.command("eligibility")
@click.argument("node_id")
@click.option("--enable/--disable", "eligible", default=None, help="Whether it may be given new work.")
@click.option("--description", default="", help="Why.")
@click.pass_obj
def set_eligibility(settings: Settings, node_id: str, *, eligible: bool | None, description: str) -> None:
    """Say whether a node may be given new work; what it runs goes on."""
    from jobpool.wire import jobpool_pb2 as pb

    if eligible is None:
        raise click.UsageError("wanted --enable or --disable, found neither")
    request = pb.NodeEligibilityRequest(eligible=eligible, description=description)

    async def change(client: "Client", found: str) -> pb.NodeEligibilityResponse:
        request.id = found
        return await client.node_eligibility(request)

    answer = run(settings, lambda client: _named(client, node_id, lambda found: change(client, found)))
    show_changed(settings, answer, view=NODES)


@node.command("drain")
@click.argument("node_id")
@click.option("--deadline", type=DURATION, help="What still runs then is moved.  [default: none]")
@click.option("--force", is_flag=True, help="The deadline is now.")
@click.option("--wait", is_flag=True, help="Return when nothing is left; progress goes to stderr.")
@click.option("--disable", is_flag=True, help="Cancel the drain; the rest stays.")
@click.option("--eligible", is_flag=True, help="With --disable: it takes new work again.")
@click.option("--description", default="", help="Why.")
@click.pass_obj
def drain_node(
    settings: Settings,
    node_id: str,
    *,
    deadline: Millis | None,
    wait: bool,
    disable: bool,
    force: bool,
    eligible: bool,
    description: str,
) -> None:
    """Empty a node: nothing new, and its runs end, or are moved at the deadline."""
    from jobpool.wire import jobpool_pb2 as pb

    if wait and disable:
        raise click.UsageError("--wait is for a drain, not for its end (--disable)")
    request = pb.NodeDrainRequest(
        enable=not disable,
        deadline="" if deadline is None else format_duration(deadline),
        force=force,
        eligible=eligible,
        description=description,
    )

    async def drain(client: "Client", found: str) -> pb.NodeDrainResponse | pb.NodeDetailResponse:
        request.id = found
        return await _drain(client, request, wait=wait)

    answer = run(settings, lambda client: _named(client, node_id, lambda found: drain(client, found)))
    show_changed(settings, answer, view=NODES)


async def _named(client: "Client", node: str, act: Callable[[str], Awaitable[Answer]]) -> Answer:
    """`act` on the node with this id, else on the only one with this name."""
    from jobpool.wire import jobpool_pb2 as pb

    try:
        return await act(node)
    except NotFound:
        listed = await client.node_list(pb.NodeListRequest(name=node, pageNumber=1, pageSize=MAX_PAGE))
        found = [one.ID for one in listed.data if one.name == node]
        if not found:
            raise
    if len(found) > 1:
        ids = ", ".join(found)
        raise FailedPrecondition(f"{len(found)} nodes are named {node!r}: say the id of one ({ids})", field="id")
    return await act(found[0])


async def _drain(
    client: "Client", request: "pb.NodeDrainRequest", *, wait: bool
) -> "pb.NodeDrainResponse | pb.NodeDetailResponse":
    """Raises FailedPrecondition when somebody ends the drain that is followed."""
    answer: pb.NodeDrainResponse | pb.NodeDetailResponse = await client.node_drain(request)
    pause, told = _FIRST_LOOK, 0
    while wait and answer.data.HasField("drain"):
        left = answer.data.running
        if left != told:
            until = stamp(answer.data.drain, "deadline")
            note(f"{left} run{'s' * (left != 1)} left" + (f", until {until}" if until else ""))
            told = left
        await SystemClock().sleep(pause)
        pause = min(2 * pause, _LOOK_EVERY)
        answer = await _look(client, request.id)
    if wait and (answer.data.running or answer.data.eligibility != "ineligible"):
        raise FailedPrecondition(f"somebody ended the drain with {answer.data.running} runs left on the node")
    return answer


async def _look(client: "Client", node_id: str) -> "pb.NodeDetailResponse":
    from jobpool.wire import jobpool_pb2 as pb

    clock = SystemClock()
    end = clock.monotonic() + _PATIENCE
    while True:
        try:
            return await client.node_detail(pb.NodeDetailRequest(id=node_id))
        except (Unavailable, DeadlineExceeded):
            if clock.monotonic() >= end:
                raise
            await clock.sleep(_LOOK_EVERY // 4)


@click.group(cls=PrefixGroup)
def queue() -> None:
    """What waits: evaluations, allocations, and the slots of a namespace."""


def _show_queue(settings: Settings, kind: str) -> None:
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.queue_detail(pb.QueueDetailRequest(type=kind)))
    if not shown_whole(settings, answer):
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


@queue.command("pause")
@click.option("--by", default="", help="Who pauses.  [default: the address that the server sees]")
@click.option("--note", default="", help="Why.")
@click.pass_obj
def pause(settings: Settings, *, by: str, note: str) -> None:
    """Place nothing for a while: ticks become runs, and these wait. What runs goes on."""
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.queue_pause(pb.QueuePauseRequest(by=by, note=note)))
    show_changed(settings, answer, view=PAUSES)


@queue.command("resume")
@click.pass_obj
def resume(settings: Settings) -> None:
    """Place again, what has waited first."""
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.queue_resume(pb.QueueResumeRequest()))
    done(settings, answer, said="placing goes on")


@queue.command("job")
@click.argument("namespace", default="default")
@click.pass_obj
def job_map(settings: Settings, namespace: str) -> None:
    """The slots of a namespace: in all, running, waiting, free; and by which runs they are taken."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.QueueJobViewRequest(namespace=namespace)
    answer = run(settings, lambda client: client.queue_job_view_detail(request))
    if shown_whole(settings, answer):
        return
    show_items(settings, [answer.data], JOB_MAP)
    if settings.write_out == "simple":
        running = [("running", job_id) for job_id in answer.data.running_jobs]
        Lines().show(running + [("waiting", job_id) for job_id in answer.data.pending_jobs])
