"""`jobpoolctl lease`: ends of life that keys share."""

from base64 import b64encode
from collections.abc import Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_errors import FAILED
from jobpool.cli.ctl_options import Settings
from jobpool.cli.etcd.frame import INT64, LEASE, EtcdGroup, fail, run

if TYPE_CHECKING:
    from jobpool.client.etcd import Etcd
    from jobpool.wire import etcd_pb2 as pb


@click.group(cls=EtcdGroup)
def lease() -> None:
    """Leases: keys that are put with one end with it."""


@lease.command("grant")
@click.argument("ttl", type=INT64)
@click.pass_obj
def grant(settings: Settings, ttl: int) -> None:
    """Create a lease of TTL seconds."""
    from jobpool.cli.etcd.show import header_beside, header_fields, said, show
    from jobpool.wire import etcd_pb2 as pb

    request = pb.LeaseGrantRequest(TTL=ttl)
    answer = run(settings, lambda etcd: etcd.call("LeaseGrant", request, reply=pb.LeaseGrantResponse))
    show(
        settings,
        answer,
        simple=said(f"lease {answer.ID:016x} granted with TTL({answer.TTL}s)"),
        fields=lambda: [*header_fields(answer), f'"ID" : {answer.ID}', f'"TTL" : {answer.TTL}'],
        json=lambda: header_beside(answer, ID=answer.ID, TTL=answer.TTL, Error=answer.error),
    )


@lease.command("revoke")
@click.argument("lease_id", type=LEASE, metavar="ID")
@click.pass_obj
def revoke(settings: Settings, lease_id: int) -> None:
    """End a lease, and its keys with it."""
    from jobpool.cli.etcd.show import said, show
    from jobpool.wire import etcd_pb2 as pb

    request = pb.LeaseRevokeRequest(ID=lease_id)
    answer = run(settings, lambda etcd: etcd.call("LeaseRevoke", request, reply=pb.LeaseRevokeResponse))
    show(settings, answer, simple=said(f"lease {lease_id:016x} revoked"))


@lease.command("timetolive")
@click.argument("lease_id", type=LEASE, metavar="ID")
@click.option("--keys", is_flag=True, help="And its keys.")
@click.pass_obj
def timetolive(settings: Settings, lease_id: int, *, keys: bool) -> None:
    """Show how long a lease lives."""
    from jobpool.cli.etcd.quoting import quoted
    from jobpool.cli.etcd.show import header_beside, header_fields, show
    from jobpool.wire import etcd_pb2 as pb

    request = pb.LeaseTimeToLiveRequest(ID=lease_id, keys=keys)
    answer = run(settings, lambda etcd: etcd.call("LeaseTimeToLive", request, reply=pb.LeaseTimeToLiveResponse))
    shown = {"id": answer.ID, "ttl": answer.TTL, "granted-ttl": answer.grantedTTL, "keys": _base64(answer.keys)}
    show(
        settings,
        answer,
        simple=lambda: [_life(answer, keys=keys)],
        fields=lambda: [
            *header_fields(answer),
            f'"ID" : {answer.ID}',
            f'"TTL" : {answer.TTL}',
            f'"GrantedTTL" : {answer.grantedTTL}',
            *(f'"Key" : {quoted(key)}' for key in answer.keys),
        ],
        json=lambda: header_beside(answer, **shown),
    )


def _life(answer: "pb.LeaseTimeToLiveResponse", *, keys: bool) -> bytes:
    if answer.grantedTTL == 0 and answer.TTL == -1:
        return f"lease {answer.ID:016x} already expired".encode()
    told = f"lease {answer.ID:016x} granted with TTL({answer.grantedTTL}s), remaining({answer.TTL}s)".encode()
    return told + b", attached keys([" + b" ".join(answer.keys) + b"])" if keys else told


def _base64(keys: Iterable[bytes]) -> list[str] | None:
    return [b64encode(key).decode() for key in keys] or None


@lease.command("list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """List the leases that live."""
    from jobpool.cli.etcd.show import header_beside, header_fields, said, show
    from jobpool.wire import etcd_pb2 as pb

    request = pb.LeaseLeasesRequest()
    answer = run(settings, lambda etcd: etcd.call("LeaseLeases", request, reply=pb.LeaseLeasesResponse))
    ids = [one.ID for one in answer.leases]
    show(
        settings,
        answer,
        simple=said(f"found {len(ids)} leases", *(f"{number:016x}" for number in ids)),
        fields=lambda: [*header_fields(answer), *(f'"ID" : {number}' for number in ids)],
        json=lambda: header_beside(answer, leases=[{"id": number} for number in ids]),
    )


@lease.command("keep-alive")
@click.argument("lease_id", type=LEASE, metavar="ID")
@click.option("--once", is_flag=True, help="Only once.")
@click.pass_obj
def keep_alive(settings: Settings, lease_id: int, *, once: bool) -> None:
    """Keep a lease alive until it is revoked or this is interrupted."""
    run(settings, lambda etcd: _keep(etcd, settings, lease_id, once=once))


async def _keep(etcd: "Etcd", settings: Settings, lease_id: int, *, once: bool) -> None:
    from jobpool.cli.etcd.sessions import beats

    async with aclosing(beats(etcd, lease_id)) as answers:
        async for answer in answers:
            if answer.TTL <= 0:
                break
            _show_beat(settings, answer)
            if once:
                return
    if once:
        fail(FAILED, "etcdserver: requested lease not found")
    click.echo(f"lease {lease_id:016x} expired or revoked.")


def _show_beat(settings: Settings, answer: "pb.LeaseKeepAliveResponse") -> None:
    from jobpool.cli.etcd.show import header_beside, header_fields, said, show

    show(
        settings,
        answer,
        simple=said(f"lease {answer.ID:016x} keepalived with TTL({answer.TTL})"),
        fields=lambda: [*header_fields(answer), f'"ID" : {answer.ID}', f'"TTL" : {answer.TTL}'],
        json=lambda: header_beside(answer, ID=answer.ID, TTL=answer.TTL),
    )
