"""`jobpoolctl make-mirror`: copy the keys of one etcd to another, then every change of them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from itertools import groupby
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from jobpool.cli.ctl_errors import FAILED
from jobpool.cli.ctl_options import Settings
from jobpool.cli.etcd.frame import EtcdLeaf, client_of, fail, parted, prefix_end
from jobpool.cli.etcd.quoting import bytes_of
from jobpool.kit.effects.clock import Clock, SystemClock
from jobpool.kit.pure.durations import SECOND, Millis

if TYPE_CHECKING:
    from jobpool.client.etcd import Etcd
    from jobpool.wire import etcd_pb2 as pb

TELL_EVERY: Millis = 30 * SECOND
PAGE = 1000
"""Keys that are read at once."""
MOST_OPERATIONS = 100
"""In a transaction: etcd takes 128 by default."""
MOST_BYTES = 1_000_000
"""Of keys and values in one: etcd takes 1.5 MiB by default."""


@click.command("make-mirror", cls=EtcdLeaf)
@click.argument("destination")
@click.option("--prefix", default="", help="Only keys that begin so.")
@click.option("--dest-prefix", default="", help="What they begin with there.  [default: the same]")
@click.option("--no-dest-prefix", is_flag=True, help="They begin with nothing there.")
@click.option("--dest-cacert", metavar="FILE", default="", help="Authorities to trust there, PEM.")
@click.option("--dest-cert", metavar="FILE", default="", help="Our certificate there, PEM.")
@click.option("--dest-key", metavar="FILE", default="", help="The key of --dest-cert, PEM.")
@click.option("--dest-insecure-transport/--no-dest-insecure-transport", default=True, help="=false: TLS there.")
@click.option("--dest-user", metavar="NAME[:PASSWORD]", default="", help="Who writes there.")
@click.option("--dest-password", metavar="PASSWORD", default="", help="Of --dest-user.")
@click.pass_obj
def make_mirror(
    settings: Settings,
    /,
    *,
    destination: str,
    prefix: str,
    dest_prefix: str,
    no_dest_prefix: bool,
    dest_insecure_transport: bool,
    **there: str,
) -> None:
    """Copy keys to the etcd at DESTINATION, and go on with every change until interrupted.

    How many puts and deletions there were is said every 30 s. What was deleted here while no mirror ran stays there.
    """
    if dest_prefix and no_dest_prefix:
        raise click.UsageError("--dest-prefix and --no-dest-prefix cannot be given together")
    target = "" if no_dest_prefix else dest_prefix or prefix
    reached = replace(settings, endpoints=tuple(destination.split(",")), insecure_transport=dest_insecure_transport)
    make_source, make_there = client_of(settings), client_of(_settings_there(reached, there))

    async def within() -> None:
        async with make_source() as source, make_there() as sink:
            await Mirror(source, sink, bytes_of(prefix), target=bytes_of(target)).run()

    asyncio.run(within())


def _settings_there(settings: Settings, there: Mapping[str, str]) -> Settings:
    user, password = parted(there["dest_user"], there["dest_password"], prompt="Destination Password")
    return replace(
        settings,
        cacert=there["dest_cacert"],
        cert=there["dest_cert"],
        key=there["dest_key"],
        insecure_skip_tls_verify=False,
        user=user,
        password=password,
    )


class Mirror:
    """Writes to `sink` what `source` has under `prefix`, with `target` in its place."""

    def __init__(
        self, source: "Etcd", sink: "Etcd", prefix: bytes, *, target: bytes, clock: Clock | None = None
    ) -> None:
        self._source = source
        self._sink = sink
        self._prefix = prefix
        self._target = target
        self._clock = clock or SystemClock()
        self._done = 0

    async def run(self) -> None:
        """Until it fails. Raises JobpoolError; ends the command when the source has forgotten what is missing."""
        telling = asyncio.get_running_loop().create_task(self._tell())
        try:
            await self._follow(await self._copy())
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(self) -> None:
        while True:
            await self._clock.sleep(TELL_EVERY)
            click.echo(self._done)

    @property
    def _range(self) -> tuple[bytes, bytes]:
        return (self._prefix, prefix_end(self._prefix)) if self._prefix else (b"\0", b"\0")

    async def _copy(self) -> int:
        """All keys as of one revision, which is returned."""
        from jobpool.wire import etcd_pb2 as pb

        first, end = self._range
        revision, more = 0, True
        while more:
            asked = pb.RangeRequest(key=first, range_end=end, limit=PAGE, revision=revision)
            found = await self._source.call("Range", asked, reply=pb.RangeResponse)
            revision, more = revision or found.header.revision, found.more
            await self._write([self._put(kv) for kv in found.kvs])
            if found.kvs:
                first = found.kvs[-1].key + b"\0"
        return revision

    async def _follow(self, revision: int) -> None:
        from jobpool.client.etcd_watch import Watch
        from jobpool.wire import etcd_pb2 as pb

        first, end = self._range
        create = pb.WatchCreateRequest(key=first, range_end=end, start_revision=revision + 1)
        async with aclosing(Watch(self._source, create).answers()) as answers:
            async for answer in answers:
                if answer.canceled:
                    why = "what comes next was compacted: start again" if answer.compact_revision else ""
                    fail(FAILED, f"the source ended the watch: {why or answer.cancel_reason}")
                for _, events in groupby(answer.events, key=lambda event: event.kv.mod_revision):
                    await self._write([self._change(event) for event in events])

    def _change(self, event: "pb.Event") -> "pb.RequestOp":
        from jobpool.wire import etcd_pb2 as pb

        if event.type == pb.Event.PUT:
            return self._put(event.kv)
        return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=self._moved(event.kv.key)))

    def _put(self, kv: "pb.KeyValue") -> "pb.RequestOp":
        from jobpool.wire import etcd_pb2 as pb

        return pb.RequestOp(request_put=pb.PutRequest(key=self._moved(kv.key), value=kv.value))

    def _moved(self, key: bytes) -> bytes:
        return self._target + key.removeprefix(self._prefix)

    async def _write(self, operations: "Sequence[pb.RequestOp]") -> None:
        """In as few transactions as they fit into; a revision with more than one holds is no whole any more."""
        from jobpool.wire import etcd_pb2 as pb

        waiting, size = pb.TxnRequest(), 0
        for one in operations:
            if waiting.success and (len(waiting.success) == MOST_OPERATIONS or size + one.ByteSize() > MOST_BYTES):
                await self._commit(waiting)
                waiting, size = pb.TxnRequest(), 0
            waiting.success.append(one)
            size += one.ByteSize()
        if waiting.success:
            await self._commit(waiting)

    async def _commit(self, request: "pb.TxnRequest") -> None:
        from jobpool.wire import etcd_pb2 as pb

        await self._sink.call("Txn", request, reply=pb.TxnResponse)
        self._done += len(request.success)
