"""`jobpoolctl cluster`: the cluster as a whole, as the page Cluster of the web UI shows it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_options import PrefixGroup, Settings
from jobpool.cli.ctl_session import run
from jobpool.cli.formats import shown_whole
from jobpool.cli.output import Lines, Row, note, show_table, size, span, stamp

if TYPE_CHECKING:
    from jobpool.wire import jobpool_pb2 as pb

SERVERS = ("Name", "ID", "Address", "Version", "Up since", "Role", "N", "Lag", "Agents", "DB size", "Errors")
_MOST = 200


@click.group(cls=PrefixGroup)
def cluster() -> None:
    """The cluster as a whole."""


@cluster.command("status")
@click.option(
    "--events", type=click.IntRange(0, _MOST), metavar="N", default=10, show_default=True, help="The newest N events."
)
@click.pass_context
def status(ctx: click.Context, *, events: int) -> None:
    """Servers, who leads since when, queues, latencies, events; exit code 1 when a server does not answer."""
    from jobpool.wire import jobpool_pb2 as pb

    settings: Settings = ctx.obj
    answer = run(settings, lambda client: client.cluster_detail(pb.ClusterDetailRequest()))
    del answer.events[: max(0, len(answer.events) - events)]
    if not shown_whole(settings, answer):
        _show(settings, answer)
    silent = [server for server in answer.servers if not server.HasField("status")]
    for server in silent:
        note(f"{server.server.name or server.server.id} does not answer: {server.error}")
    if not answer.leader_id:
        note("nobody leads: nothing is placed, nothing can be changed")
    if silent or not answer.leader_id:
        ctx.exit(1)


def _show(settings: Settings, answer: "pb.ClusterDetailResponse") -> None:
    if settings.write_out == "table":
        show_table(SERVERS, [_server_row(server) for server in answer.servers])
    else:
        Lines().show([_server_line(server) for server in answer.servers])
    click.echo()
    for line in _numbers(answer):
        click.echo(line)
    if answer.events:
        click.echo()
        Lines().show([_event_row(event) for event in reversed(answer.events)])


def _server_row(told: "pb.ClusterServer") -> Row:
    """For `SERVERS`."""
    server, status = told.server, told.status
    answers = told.HasField("status")
    return (
        server.name,
        server.id,
        server.url,
        server.version,
        stamp(status, "started_at"),
        _role(told),
        str(server.n),
        str(status.lag) if answers else "",
        str(status.agents) if answers else "",
        _space(status),
        "; ".join(error.strip() for error in status.errors) if answers else "does not answer",
    )


def _server_line(told: "pb.ClusterServer") -> Row:
    name, server_id, url, version, since, role, n, lag, agents, space, errors = _server_row(told)
    many = f"{agents} agent{'s' * (agents != '1')}" if agents else ""
    lags = f"lag {lag}" if lag else ""
    return (name, server_id, url, version, f"since {since}" * bool(since), role, f"n {n}", lags, many, space, errors)


def _role(told: "pb.ClusterServer") -> str:
    leads = told.status.is_leader or (told.server.leads and not told.HasField("status"))
    roles = ["leader" if leads else "follower"]
    if told.status.raft_leader:
        roles.append("raft leader")
    if told.status.is_learner:
        roles.append("learner")
    return ", ".join(roles)


def _space(status: "pb.ServerStatusResponse") -> str:
    if not status.db_size:
        return ""
    return size(status.db_size) + (f" of {size(status.db_quota)}" if status.db_quota else "")


def _numbers(answer: "pb.ClusterDetailResponse") -> Iterator[str]:
    if answer.leader_id:
        since = stamp(answer, "led_since")
        yield f"leader: {answer.leader_name or answer.leader_id}, term {answer.term}" + (
            f", since {since}" * bool(since)
        )
    else:
        yield "leader: nobody"
    if answer.HasField("queues"):
        queues = answer.queues
        waiting = queues.total_waiting + queues.total_delayed
        there = f"{queues.total_ready} ready, {queues.total_unacked} handed out, {queues.total_blocked} blocked"
        yield f"evaluations: {there}, {waiting} waiting"
        yield f"changes to be committed: {answer.commands}"
        if queues.HasField("pause"):
            yield f"paused by {queues.pause.by} since {stamp(queues.pause, 'since')}"
    yield f"commits, last 5 min: {_latency(answer.commit)}"
    yield f"starts after their time, last 5 min: {_latency(answer.lateness)}"


def _latency(told: "pb.ClusterLatency") -> str:
    if not told.count:
        return "none"
    quantiles = (told.p50, told.p99, told.longest)
    p50, p99, longest = (span(one) or "0s" for one in quantiles)
    return f"{told.count}, half within {p50}, 99 % within {p99}, the longest {longest}"


def _event_row(event: "pb.ClusterEvent") -> Row:
    subject = event.subject + (f" and {event.count - 1} more" if event.count > 1 else "")
    return (stamp(event, "time"), event.kind.replace("_", " "), subject, event.text)
