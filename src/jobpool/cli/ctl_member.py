"""`jobpoolctl member`: who belongs to the etcd below the servers, and how that changes."""

from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_lists import show_items
from jobpool.cli.ctl_options import PrefixGroup, Settings
from jobpool.cli.ctl_session import run
from jobpool.cli.formats import shown_whole
from jobpool.cli.output import Row, View, fields_of, note, show_plain_json, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobpool.client import Client
    from jobpool.wire import jobpool_pb2 as pb

_urls = click.option(
    "--peer-urls",
    required=True,
    metavar="URL,…",
    help="Where the other members reach it: http(s)://host:port, as its initial-advertise-peer-urls.",
)


@click.group(cls=PrefixGroup)
def member() -> None:
    """Members of the etcd below the servers. Where a member is named, its name or its id will do."""


@member.command("list")
@click.pass_obj
def list_members(settings: Settings) -> None:
    """List the members; on an etcd that jobpool does not run the servers too."""
    from jobpool.wire import jobpool_pb2 as pb

    async def ask(client: "Client") -> "tuple[pb.MemberListResponse, Sequence[pb.Server]]":
        answer = await client.member_list(pb.MemberListRequest())
        return answer, (await client.server_list(pb.ServerListRequest())).data

    answer, servers = run(settings, ask)
    bare = [one for one in servers if not one.member_id]
    if settings.compat and settings.write_out in ("simple", "table", "json"):
        from jobpool.cli.compat_servers import show_old_members

        show_old_members(answer, settings.write_out)
        return
    if settings.write_out == "json":
        members = [fields_of(one) | {"is_learner": one.is_learner, "status": _status(one)} for one in answer.data]
        shown = {"data": members, "servers": [_fields(one) for one in servers]}
        show_plain_json(fields_of(answer) | shown)
        return
    if shown_whole(settings, answer):
        return
    show_items(settings, list(answer.data), MEMBERS)
    if bare and answer.data:
        note("servers on this etcd, which jobpool does not run:")
        show_items(settings, bare, SERVERS)


@member.command("add")
@click.argument("name")
@_urls
@click.option("--learner", is_flag=True, help="It follows without a vote until `member promote`: the safe way.")
@click.pass_obj
def add_member(settings: Settings, name: str, *, peer_urls: str, learner: bool) -> None:
    """Let the server NAME join, before it is started. Prints what its configuration has to say."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.MemberAddRequest(peer_urls=_split(peer_urls), is_learner=learner)
    answer = run(settings, lambda client: _add(client, name, request))
    if shown_whole(settings, answer):
        return
    note(f"member {answer.member.id} added{' as a learner' if learner else ''}; into the configuration of {name}:")
    click.echo(_configuration(name, answer))
    unnamed = [one for one in answer.data if not one.name and one.id != answer.member.id]
    if unnamed:
        ids = ", ".join(one.id for one in unnamed)
        note(f"add the members that were never started ({ids}) to initial-cluster by hand, as name=url")
    note(f"then start it{f', and `jobpoolctl member promote {answer.member.id}`' if learner else ''}")


async def _add(client: "Client", name: str, request: "pb.MemberAddRequest") -> "pb.MemberAddResponse":
    from jobpool.model.errors import AlreadyExists
    from jobpool.wire import jobpool_pb2 as pb

    known = (await client.member_list(pb.MemberListRequest())).data
    if any(one.name == name for one in known):
        raise AlreadyExists("member", name, field="name")
    return await client.member_add(request)


def _configuration(name: str, answer: "pb.MemberAddResponse") -> str:
    """Ready to be pasted."""
    own = answer.member
    known = [(one.name, url) for one in answer.data if one.name and one.id != own.id for url in one.peer_urls]
    cluster = ",".join(f"{who}={url}" for who, url in [*known, *((name, url) for url in own.peer_urls)])
    lines = (
        f"name: {name}",
        f"initial-advertise-peer-urls: {','.join(own.peer_urls)}",
        f"initial-cluster: {cluster}",
        "initial-cluster-state: existing",
    )
    return "\n".join(lines)


@member.command("remove")
@click.argument("member_name", metavar="MEMBER")
@click.pass_obj
def remove_member(settings: Settings, member_name: str) -> None:
    """Take a member and its server out of the cluster for good. Its data directory is of no use any more."""
    from jobpool.wire import jobpool_pb2 as pb

    async def remove(client: "Client") -> "pb.MemberRemoveResponse":
        servers = (await client.server_list(pb.ServerListRequest())).data
        is_bare = any(member_name in (one.id, one.name) and not one.member_id for one in servers)
        wanted = member_name if is_bare else await _id_of(client, member_name)
        return await client.member_remove(pb.MemberRemoveRequest(id=wanted))

    _show_rest(settings, run(settings, remove), said=f"member {member_name} removed")


@member.command("promote")
@click.argument("member_name", metavar="MEMBER")
@click.pass_obj
def promote_member(settings: Settings, member_name: str) -> None:
    """Give a learner that has caught up its vote."""
    from jobpool.wire import jobpool_pb2 as pb

    async def promote(client: "Client") -> "pb.MemberPromoteResponse":
        return await client.member_promote(pb.MemberPromoteRequest(id=await _id_of(client, member_name)))

    _show_rest(settings, run(settings, promote), said=f"member {member_name} has a vote")


@member.command("update")
@click.argument("member_name", metavar="MEMBER")
@_urls
@click.pass_obj
def update_member(settings: Settings, member_name: str, *, peer_urls: str) -> None:
    """Say where the other members reach one from now on."""
    from jobpool.wire import jobpool_pb2 as pb

    async def update(client: "Client") -> "pb.MemberUpdateResponse":
        member_id = await _id_of(client, member_name)
        return await client.member_update(pb.MemberUpdateRequest(id=member_id, peer_urls=_split(peer_urls)))

    _show_rest(settings, run(settings, update), said=f"member {member_name} updated")


def _show_rest(
    settings: Settings,
    answer: "pb.MemberRemoveResponse | pb.MemberPromoteResponse | pb.MemberUpdateResponse",
    *,
    said: str,
) -> None:
    if shown_whole(settings, answer):
        return
    show_items(settings, list(answer.data), MEMBERS)
    note(said)


async def _id_of(client: "Client", name: str) -> str:
    """The id of the member with this name, or the text itself: the server knows whether it is an id."""
    from jobpool.model.errors import FailedPrecondition
    from jobpool.wire import jobpool_pb2 as pb

    found = [one.id for one in (await client.member_list(pb.MemberListRequest())).data if one.name == name]
    if len(found) > 1:
        ids = ", ".join(found)
        raise FailedPrecondition(f"{len(found)} members are named {name!r}: say the id of one ({ids})", field="member")
    return found[0] if found else name


def _split(urls: str) -> "Sequence[str]":
    return [url.strip() for url in urls.split(",") if url.strip()]


def _status(one: "pb.Member") -> str:
    return "learner" if one.is_learner else "started" if one.name else "unstarted"


def _fields(server: "pb.Server") -> dict[str, object]:
    """`heard_ago` in ms; null when it was never heard."""
    heard = server.heard_ago if server.HasField("heard_ago") else None
    named = {"id": server.id, "name": server.name, "url": server.url, "member_id": server.member_id}
    return named | {"version": server.version, "leads": server.leads, "n": server.n, "heard_ago": heard}


def _heard(server: "pb.Server") -> str:
    return f"heard {span(server.heard_ago) or '0s'} ago" if server.HasField("heard_ago") else "not heard"


def _server_row(one: "pb.Server") -> Row:
    return (one.id, one.name, one.url, _heard(one), "leader" if one.leads else "")


def _line(one: "pb.Member") -> Row:
    return (one.id, _status(one), one.name or "-", ",".join(one.peer_urls), one.server_url)


def _row(one: "pb.Member") -> Row:
    started = "started" if one.name else "unstarted"
    learner = "true" if one.is_learner else "false"
    return (one.id, started, one.name or "-", ",".join(one.peer_urls), one.server_url, learner)


MEMBERS: "View[pb.Member]" = View(_line, ("ID", "Status", "Name", "Peer addrs", "Server", "Is learner"), _row)
SERVERS: "View[pb.Server]" = View(_server_row, ("ID", "Name", "Server", "Heard", "Leads"), _server_row)
