"""`jobpoolctl lock` and `elect`: be the only one, or the first of several."""

import asyncio
import os
import signal
from typing import TYPE_CHECKING, NoReturn

import click

from jobpool.cli.ctl_errors import FAILED, INTERRUPTED
from jobpool.cli.ctl_options import Settings
from jobpool.cli.etcd.frame import INT64, EtcdLeaf, fail, run
from jobpool.cli.etcd.quoting import bytes_of
from jobpool.cli.output import note

if TYPE_CHECKING:
    from jobpool.cli.etcd.sessions import Session
    from jobpool.client.etcd import Etcd
    from jobpool.wire import etcd_pb2 as pb

ELECTION_TTL = 60
BY_SIGNAL = 255
"""Exit code when the command was ended by a signal."""


@click.command(cls=EtcdLeaf)
@click.argument("name")
@click.argument("command", nargs=-1)
@click.option("--ttl", type=INT64, default=10, show_default=True, help="Seconds until it is free after our end.")
@click.pass_context
def lock(ctx: click.Context, /, *, name: str, command: tuple[str, ...], ttl: int) -> None:
    """Take the lock NAME, waiting for it; free it at SIGINT or SIGTERM, or when COMMAND has ended.

    Options of COMMAND come after `--`. It finds the lock's key in ETCD_LOCK_KEY and its revision in ETCD_LOCK_REV. Its
    exit code is ours.
    """
    settings: Settings = ctx.obj
    ctx.exit(run(settings, lambda etcd: _lock(etcd, settings, name, command=command, ttl=ttl)))


async def _lock(etcd: "Etcd", settings: Settings, name: str, *, command: tuple[str, ...], ttl: int) -> int:
    from jobpool.cli.etcd.sessions import session
    from jobpool.client.etcd import FOREVER
    from jobpool.wire import etcd_pb2 as pb

    async with session(etcd, ttl) as held:
        asked = pb.LockRequest(name=bytes_of(name), lease=held.lease_id)
        got = await held.unless_ended(etcd.call("Lock", asked, reply=pb.LockResponse, timeout=FOREVER))
        if got is None:
            _given_up(held)
        if command:
            code = await _run(command, got, held)
        else:
            await _show_key(etcd, settings, got.key)
            await held.ended()
            code = 0
        if held.lost.is_set():
            fail(FAILED, "session expired: the lock is no longer ours")
        await etcd.call("Unlock", pb.UnlockRequest(key=got.key), reply=pb.UnlockResponse)
    return code


async def _run(command: tuple[str, ...], got: "pb.LockResponse", held: "Session") -> int:
    """Run it to its end, come what may: it is told of a SIGTERM, and at a terminal has a SIGINT by itself."""
    key = got.key.decode(errors="surrogateescape")
    names = {"ETCD_LOCK_KEY": key, "ETCD_LOCK_REV": str(got.header.revision)}
    try:
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **names})
    except OSError as error:
        note(f"Error: cannot run {command[0]!r}: {error.strerror or error}")
        return FAILED
    while (code := await held.unless_ended(process.wait())) is None:
        if held.lost.is_set():
            note(f"the lock is lost while {command[0]} runs: its lease has expired")
            code = await process.wait()
            break
        if held.signals.pop() == signal.SIGTERM and process.returncode is None:
            process.terminate()
        held.told.clear()
    if code:
        note(f"Error: exit status {code}" if code > 0 else f"Error: signal {-code}")
    return code if code >= 0 else BY_SIGNAL


@click.command(cls=EtcdLeaf)
@click.argument("name")
@click.argument("proposal", required=False)
@click.option("-l", "--listen", is_flag=True, help="Only tell who leads.")
@click.pass_obj
def elect(settings: Settings, /, *, name: str, proposal: str | None, listen: bool) -> None:
    """Stand for the election NAME with PROPOSAL, waiting to win it; resign at SIGINT or SIGTERM."""
    if proposal is None and not listen:
        raise click.UsageError("wanted a proposal, or --listen")
    if proposal is not None and listen:
        raise click.UsageError("--listen takes no proposal")
    if proposal is None:
        run(settings, lambda etcd: _observe(etcd, settings, name))
    else:
        run(settings, lambda etcd: _campaign(etcd, settings, name, proposal=proposal))


async def _campaign(etcd: "Etcd", settings: Settings, name: str, *, proposal: str) -> None:
    from jobpool.cli.etcd.sessions import session
    from jobpool.client.etcd import FOREVER
    from jobpool.wire import etcd_pb2 as pb

    async with session(etcd, ELECTION_TTL) as held:
        asked = pb.CampaignRequest(name=bytes_of(name), lease=held.lease_id, value=bytes_of(proposal))
        won = await held.unless_ended(etcd.call("Campaign", asked, reply=pb.CampaignResponse, timeout=FOREVER))
        if won is None:
            _given_up(held)
        await _show_key(etcd, settings, won.leader.key)
        await held.ended()
        if held.lost.is_set():
            fail(FAILED, "session expired: the election is no longer ours")
        await etcd.call("Resign", pb.ResignRequest(leader=won.leader), reply=pb.ResignResponse)


async def _observe(etcd: "Etcd", settings: Settings, name: str) -> None:
    from contextlib import aclosing

    from jobpool.cli.etcd.show import show_range
    from jobpool.wire import etcd_pb2 as pb

    asked = pb.LeaderRequest(name=bytes_of(name))
    async with aclosing(etcd.answers("Observe", asked, pb.LeaderResponse)) as answers:
        async for answer in answers:
            show_range(settings, pb.RangeResponse(header=answer.header, kvs=[answer.kv]))
    fail(FAILED, "the observer is lost")


async def _show_key(etcd: "Etcd", settings: Settings, key: bytes) -> None:
    from jobpool.cli.etcd.show import show_range
    from jobpool.wire import etcd_pb2 as pb

    found = await etcd.call("Range", pb.RangeRequest(key=key), reply=pb.RangeResponse)
    if not found.kvs:
        fail(FAILED, "it was lost as soon as it was won")
    show_range(settings, found)


def _given_up(held: "Session") -> NoReturn:
    if held.lost.is_set():
        fail(FAILED, "session expired while waiting")
    raise click.exceptions.Exit(INTERRUPTED)
