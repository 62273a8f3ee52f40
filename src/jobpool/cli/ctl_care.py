"""`jobpoolctl alarm`, `defrag` and `move-leader`: what an operator does by hand, seldom."""

import asyncio
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from jobpool.cli.ctl_lists import show_items
from jobpool.cli.ctl_options import Leaf, PrefixGroup, Settings
from jobpool.cli.ctl_session import ask_each, endpoints_of, run, why
from jobpool.cli.formats import refuse_protobuf, shown_plain, shown_whole
from jobpool.cli.output import Lines, View, fields_of, note, show_plain_json, show_table
from jobpool.kit.pure.durations import MINUTE, Millis
from jobpool.model.errors import JobpoolError, Unavailable

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.wire import jobpool_pb2 as pb

_PATIENCE: Millis = 30 * MINUTE
"""For a defragmentation."""


@click.group(cls=PrefixGroup)
def alarm() -> None:
    """Alarms of the etcd members: NOSPACE (no commits any more) and CORRUPT (their data differ)."""


@alarm.command("list")
@click.pass_obj
def list_alarms(settings: Settings) -> None:
    """List the alarms that are raised."""
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.alarm_list(pb.AlarmListRequest()))
    if _alarms_shown(settings, answer):
        return
    show_items(settings, list(answer.data), ALARMS)
    if not answer.data:
        note("no alarm is raised")


@alarm.command("disarm")
@click.option(
    "--alarm",
    "kind",
    type=click.Choice(("NOSPACE", "CORRUPT")),
    default="NOSPACE",
    show_default=True,
    help="CORRUPT only when the damaged member has been replaced.",
)
@click.pass_obj
def disarm_alarms(settings: Settings, *, kind: str) -> None:
    """Disarm the alarms of one kind. Servers disarm NOSPACE themselves once there is room."""
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.alarm_disarm(pb.AlarmDisarmRequest(alarm=kind)))
    if _alarms_shown(settings, answer):
        return
    show_items(settings, list(answer.data), ALARMS)
    note(f"disarmed: {len(answer.data)}")


def _alarms_shown(settings: Settings, answer: "pb.AlarmListResponse | pb.AlarmDisarmResponse") -> bool:
    """As JSON, `data` is there even when no alarm is."""
    if settings.write_out == "json" and not settings.compat:
        show_plain_json({"data": []} | fields_of(answer))
        return True
    return shown_whole(settings, answer)


@click.command(cls=Leaf)
@click.option("--cluster", is_flag=True, help="All servers, one after the other, those that lead last.")
@click.pass_context
def defrag(ctx: click.Context, *, cluster: bool) -> None:
    """Give back the disk space that a server's database does not use. The server does nothing else meanwhile.

    Servers do so themselves before it is needed.
    """
    refuse_protobuf(ctx.obj)
    settings = replace(ctx.obj, command_timeout=max(ctx.obj.command_timeout, _PATIENCE))
    found = asyncio.run(_defragment(ctx.obj, settings, cluster=cluster))
    if not shown_plain(settings, [_defragmented(*one) for one in found]):
        from jobpool.cli.output import size

        cells = [
            (there, "", "", why(answer))
            if isinstance(answer, JobpoolError)
            else (there, size(answer.db_size_before), size(answer.db_size), "")
            for there, answer in found
        ]
        if settings.write_out == "table":
            show_table(("Endpoint", "Before", "After", "Error"), cells)
        else:
            Lines().show([(row[0], f"{row[1]} → {row[2]}" if row[1] else "", row[3]) for row in cells])
    if any(isinstance(answer, JobpoolError) for _, answer in found):
        ctx.exit(1)


async def _defragment(
    short: Settings, patient: Settings, *, cluster: bool
) -> "list[tuple[str, pb.DefragmentResponse | JobpoolError]]":
    """One after the other; the first that fails is the last, so that no second one is missing."""
    from jobpool.wire import jobpool_pb2 as pb

    found: list[tuple[str, pb.DefragmentResponse | JobpoolError]] = []
    for endpoint in await _in_order(short, await endpoints_of(short, cluster=cluster)):
        answers = await ask_each(patient, [endpoint], lambda client: client.defragment(pb.DefragmentRequest()))
        found.append((endpoint, answers[0]))
        if isinstance(answers[0], JobpoolError):
            note(f"{endpoint} failed; the others are left alone")
            break
    return found


async def _in_order(settings: Settings, endpoints: list[str]) -> list[str]:
    from jobpool.cli.ctl_status import status_of

    if len(endpoints) == 1:
        return endpoints
    answers = await ask_each(settings, endpoints, status_of)
    for endpoint, answer in zip(endpoints, answers, strict=True):
        if isinstance(answer, JobpoolError):
            raise Unavailable(f"{endpoint} is not well ({why(answer)}): no other is to be missing meanwhile")
    leads = {
        endpoint: (answer.is_leader, answer.raft_leader)
        for endpoint, answer in zip(endpoints, answers, strict=True)
        if not isinstance(answer, JobpoolError)
    }
    return sorted(endpoints, key=lambda endpoint: leads[endpoint])


def _defragmented(endpoint: str, answer: "pb.DefragmentResponse | JobpoolError") -> dict[str, object]:
    if isinstance(answer, JobpoolError):
        return {"endpoint": endpoint, "before": None, "after": None, "error": why(answer)}
    return {"endpoint": endpoint, "before": answer.db_size_before, "after": answer.db_size, "error": None}


@click.command("move-leader", cls=Leaf)
@click.argument("server", metavar="[SERVER]", required=False, default="")
@click.option("--raft", is_flag=True, help="The lead of etcd's Raft group instead; SERVER is then the member's name.")
@click.pass_obj
def move_leader(settings: Settings, server: str, *, raft: bool) -> None:
    """Hand the lead to SERVER (a name or an id), or to any other.

    There are two leads, best not on one server, so that the loss of a machine costs one election only: that of the
    scheduling, and that of etcd's Raft group below (--raft). Move what `endpoint status --cluster` shows on a machine
    before it is taken away; a server that is stopped by SIGTERM does so itself. Without SERVER, neither lead goes to
    the server that has the other one, unless no other is there. With --compat, SERVER is a member's id and the lead
    that of the Raft group, as the original has it.
    """
    from jobpool.wire import jobpool_pb2 as pb

    answer: pb.MoveLeaderResponse | pb.MoveRaftLeaderResponse
    if raft or (settings.compat and server):
        before, answer = asyncio.run(_move_raft(settings, server))
        said = f"member {answer.data.name} leads the Raft group"
        if settings.compat:
            said = f"Leadership transferred from {before} to {answer.data.id}"
    else:
        answer = run(settings, lambda client: client.move_leader(pb.MoveLeaderRequest(to=server)))
        said = f"server {answer.data.name} leads"
    if not shown_whole(settings, answer):
        Lines().show([(said,)])


async def _move_raft(settings: Settings, to: str) -> "tuple[str, pb.MoveRaftLeaderResponse]":
    """Who led, and the answer. Asked at the server whose member has the lead: nobody else can give it away."""
    from jobpool.cli.ctl_status import status_of
    from jobpool.wire import jobpool_pb2 as pb

    async def move(client: "Client") -> pb.MoveRaftLeaderResponse:
        return await client.move_raft_leader(pb.MoveRaftLeaderRequest(to=to))

    endpoints = await endpoints_of(settings, cluster=True)
    statuses = await ask_each(settings, endpoints, status_of)
    for endpoint, status in zip(endpoints, statuses, strict=True):
        if not isinstance(status, JobpoolError) and (status.raft_leader or status.engine != "etcd"):
            answer = (await ask_each(settings, [endpoint], move))[0]
            if isinstance(answer, JobpoolError):
                raise answer
            return status.member_id, answer
    raise Unavailable("no server that answers has the member that leads the Raft group")


ALARMS: "View[pb.Alarm]" = View(
    lambda one: (one.member_id, one.alarm), ("Member", "Alarm"), lambda one: (one.member_id, one.alarm)
)
