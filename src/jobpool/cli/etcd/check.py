"""`jobpoolctl check`: whether an etcd is fast enough for a load, and what memory one takes."""

import asyncio
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_errors import FAILED, INVALID_INPUT
from jobpool.cli.ctl_options import Settings
from jobpool.cli.ctl_session import tls_of
from jobpool.cli.etcd.frame import EtcdGroup, client_of, fail, prefix_end, run
from jobpool.cli.etcd.quoting import bytes_of
from jobpool.cli.output import note
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.model.errors import Unavailable

if TYPE_CHECKING:
    from jobpool.cli.etcd.load import Found, Load
    from jobpool.client.etcd import Etcd

RATES = {"s": (150, 50), "m": (1000, 200), "l": (8000, 500), "xl": (15000, 1000)}
"""Writes a second, and writers."""
AMOUNTS = {"s": (10_000, 50), "m": (100_000, 200), "l": (1_000_000, 500), "xl": (3_000_000, 1000)}
"""Keys, and writers."""
NAMES = {"small": "s", "medium": "m", "large": "l", "xLarge": "xl"}
FOR_SECONDS = 60
FAST_ENOUGH = 0.9
SLOWEST = 0.5
DEVIATION = 0.1
_PATIENCE: Millis = MINUTE
_METRIC = re.compile(rb"^process_resident_memory_bytes ([0-9.e+]+)\s*$", re.MULTILINE)
LOADS = click.Choice((*RATES, *NAMES))


@click.group(cls=EtcdGroup)
def check() -> None:
    """What the etcd can bear. Writes keys of its own, and deletes them."""


@check.command("perf")
@click.option("--load", type=LOADS, default="s", show_default=True, help="150, 1,000, 8,000 or 15,000 writes a second.")
@click.option("--prefix", default="/etcdctl-check-perf/", show_default=True, help="What the keys begin with.")
@click.option("--auto-compact", is_flag=True, help="Forget the old revisions afterwards.")
@click.option("--auto-defrag", is_flag=True, help="Give back the space afterwards.")
@click.pass_obj
def perf(settings: Settings, *, load: str, prefix: str, auto_compact: bool, auto_defrag: bool) -> None:
    """Write for a minute, and say whether all was as fast as it should be; exit code 1 when not."""
    from jobpool.cli.etcd.load import Load

    rate, writers = RATES[NAMES.get(load, load)]
    begin = bytes_of(prefix)
    wanted = Load(prefix=begin, count=rate * FOR_SECONDS, rate=rate, writers=writers, key_size=256, value_size=1024)
    found = run(settings, lambda etcd: _measured(etcd, wanted, compact=auto_compact))
    if auto_defrag:
        _defragment(settings)
    judge(found, rate)


def judge(found: "Found", rate: int) -> None:
    well = not found.failures
    _tell_failures(found)
    if found.rate <= FAST_ENOUGH * rate:
        well = False
        click.echo(f"FAIL: Throughput too low: {int(found.rate) + 1} writes/s")
    else:
        click.echo(f"PASS: Throughput is {int(found.rate) + 1} writes/s")
    for name, value, most in (("Slowest request took", found.slowest, SLOWEST), ("Stddev", found.deviation, DEVIATION)):
        if value > most:
            well = False
            click.echo(f"{name} too {'long' if name.endswith('took') else 'high'}: {value:f}s")
        else:
            click.echo(f"PASS: {name}{'' if name.endswith('took') else ' is'} {value:f}s")
    click.echo("PASS" if well else "FAIL")
    if not well:
        raise click.exceptions.Exit(FAILED)


def _tell_failures(found: "Found") -> None:
    if found.failures:
        click.echo("FAIL: too many errors")
        for text, count in found.failures.items():
            click.echo(f"FAIL: ERROR({text}) -> {count}")


async def _measured(etcd: "Etcd", load: "Load", *, compact: bool) -> "Found":
    """Write, and delete what was written, whatever becomes of it."""
    from jobpool.cli.etcd.load import write

    await _refuse_used(etcd, load.prefix)
    try:
        return await write(etcd, load, clock=SystemClock(), dice=Dice(), told=_progress(load.count))
    finally:
        await _clean(etcd, load.prefix, compact=compact)


async def _refuse_used(etcd: "Etcd", prefix: bytes) -> None:
    from jobpool.wire import etcd_pb2 as pb

    if not prefix:
        fail(INVALID_INPUT, "the prefix is empty: all keys would be deleted afterwards")
    asked = pb.RangeRequest(key=prefix, range_end=prefix_end(prefix), limit=1)
    found = await etcd.call("Range", asked, reply=pb.RangeResponse)
    if found.kvs:
        shown = prefix.decode(errors="backslashreplace")
        fail(INVALID_INPUT, f"prefix {shown!r} has keys: delete them first by `jobpoolctl del --prefix {shown}`")


async def _clean(etcd: "Etcd", prefix: bytes, *, compact: bool) -> None:
    from jobpool.wire import etcd_pb2 as pb

    asked = pb.DeleteRangeRequest(key=prefix, range_end=prefix_end(prefix))
    gone = await etcd.call("DeleteRange", asked, reply=pb.DeleteRangeResponse, timeout=_PATIENCE)
    if compact:
        revision = gone.header.revision
        await etcd.call(
            "Compact",
            pb.CompactionRequest(revision=revision, physical=True),
            reply=pb.CompactionResponse,
            timeout=_PATIENCE,
        )
        click.echo(f"Compacted with revision {revision}")


def _defragment(settings: Settings) -> None:
    """Every endpoint, one after the other."""
    from msgspec.structs import replace

    from jobpool.wire import etcd_pb2 as pb

    for endpoint in settings.endpoints:
        alone = replace(settings, endpoints=(endpoint,), command_timeout=max(settings.command_timeout, _PATIENCE))
        run(alone, lambda etcd: etcd.call("Defragment", pb.DefragmentRequest(), reply=pb.DefragmentResponse))
        click.echo(f'Defragmented "{endpoint}"')


def _progress(count: int) -> Callable[[int], None]:
    """Says at each tenth, on a terminal, how much is done."""
    step = max(1, count // 10)

    def tell(done: int) -> None:
        if done % step == 0 and sys.stderr.isatty():
            note(f"{done} of {count} keys are written")

    return tell


@check.command("datascale")
@click.option(
    "--load", type=LOADS, default="s", show_default=True, help="10,000, 100,000, 1 or 3 million keys of 1 KiB."
)
@click.option("--prefix", default="/etcdctl-check-datascale/", show_default=True, help="What the keys begin with.")
@click.option("--auto-compact", is_flag=True, help="Forget the old revisions afterwards.")
@click.option("--auto-defrag", is_flag=True, help="Give back the space afterwards.")
@click.pass_obj
def datascale(settings: Settings, *, load: str, prefix: str, auto_compact: bool, auto_defrag: bool) -> None:
    """Write many keys, and say how much more memory the process at the first endpoint takes then."""
    from jobpool.cli.etcd.load import Load

    count, writers = AMOUNTS[NAMES.get(load, load)]
    wanted = Load(prefix=bytes_of(prefix), count=count, rate=0, writers=writers, key_size=512, value_size=512)
    make = client_of(settings)

    async def within() -> "tuple[Found, float]":
        async with make() as etcd:
            before = await asyncio.to_thread(_memory, settings)
            click.echo(
                f"Start data scale check for work load [{count} key-value pairs, 1024 bytes per key-value, "
                f"{writers} concurrent clients]."
            )
            return await _held(etcd, wanted, settings, before=before, compact=auto_compact)

    found, used = asyncio.run(within())
    if auto_defrag:
        _defragment(settings)
    if found.failures:
        _tell_failures(found)
        raise click.exceptions.Exit(FAILED)
    click.echo(f"PASS: Approximate system memory used : {used / 1024 / 1024:.2f} MB.")


async def _held(
    etcd: "Etcd", load: "Load", settings: Settings, *, before: float, compact: bool
) -> "tuple[Found, float]":
    from jobpool.cli.etcd.load import write

    await _refuse_used(etcd, load.prefix)
    try:
        found = await write(etcd, load, clock=SystemClock(), dice=Dice(), told=_progress(load.count))
        return found, await asyncio.to_thread(_memory, settings) - before
    finally:
        await _clean(etcd, load.prefix, compact=compact)


def _memory(settings: Settings) -> float:
    """Bytes of the process at the first endpoint, as its metrics say. Raises Unavailable."""
    from http.client import HTTPException
    from urllib.request import HTTPSHandler, build_opener

    from jobpool.client import TlsConfig, parse_endpoint
    from jobpool.client.tls import client_context

    tls = tls_of(settings)
    endpoint = parse_endpoint(settings.endpoints[0], secure=tls is not None)
    handlers = (
        [HTTPSHandler(context=client_context(tls or TlsConfig(), protocol="http/1.1"))] if endpoint.secure else []
    )
    try:
        with build_opener(*handlers).open(
            f"{endpoint.url}/metrics", timeout=settings.command_timeout / SECOND
        ) as answer:
            told = _METRIC.search(answer.read())
    except (OSError, HTTPException) as error:
        why = str(error) or type(error).__name__
        raise Unavailable(f"cannot read {endpoint.url}/metrics: {why}") from error
    if told is None:
        raise Unavailable(
            f"{endpoint.url}/metrics says no process_resident_memory_bytes: wanted an etcd's own client address"
        )
    return float(told[1])
