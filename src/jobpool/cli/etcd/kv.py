"""`jobpoolctl get`, `put`, `del` and `compaction`."""

import sys
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_options import Settings
from jobpool.cli.etcd.frame import INT64, LEASE, EtcdLeaf, ranged, run
from jobpool.cli.etcd.quoting import bytes_of
from jobpool.cli.output import note

if TYPE_CHECKING:
    from jobpool.wire import etcd_pb2 as pb

ORDERS = ("ASCEND", "DESCEND")
TARGETS = ("CREATE", "KEY", "MODIFY", "VALUE", "VERSION")


@click.command(cls=EtcdLeaf)
@click.argument("first", metavar="KEY")
@click.argument("range_end", required=False)
@click.option("--consistency", type=click.Choice(("l", "s")), default="l", help="Linearizable or serializable.")
@click.option("--order", type=click.Choice(("", *ORDERS), case_sensitive=False), default="", help="Of the results.")
@click.option("--sort-by", type=click.Choice(("", *TARGETS), case_sensitive=False), default="", help="By what.")
@click.option("--limit", type=INT64, default=0, help="At most so many.")
@click.option("--prefix", is_flag=True, help="All keys that begin with KEY.")
@click.option("--from-key", is_flag=True, help="KEY and all keys after it.")
@click.option("--rev", type=INT64, default=0, help="As of this revision.")
@click.option("--keys-only", is_flag=True, help="Keys without values.")
@click.option("--count-only", is_flag=True, help="How many; not with -w simple.")
@click.option("--print-value-only", is_flag=True, help="Values without keys; with -w simple.")
@click.pass_obj
def get(settings: Settings, /, *, print_value_only: bool, **asked: object) -> None:
    """Show a key, or those from KEY up to RANGE_END."""
    from jobpool.cli.etcd.show import show_range
    from jobpool.wire import etcd_pb2 as pb

    request = range_request(**asked)
    if request.count_only and settings.write_out == "simple":
        raise click.UsageError("--count-only needs -w fields, json or protobuf")
    if print_value_only and settings.write_out != "simple":
        raise click.UsageError("--print-value-only is for -w simple only")
    answer = run(settings, lambda etcd: etcd.call("Range", request, reply=pb.RangeResponse))
    show_range(settings, answer, value_only=print_value_only)


def range_request(**asked: object) -> "pb.RangeRequest":
    """The request of `get` by its parameters. Raises UsageError for what contradicts itself."""
    from jobpool.wire import etcd_pb2 as pb

    if asked["keys_only"] and asked["count_only"]:
        raise click.UsageError("--keys-only and --count-only cannot be given together")
    first, end = ranged(
        str(asked["first"]), _text(asked["range_end"]), prefix=bool(asked["prefix"]), from_key=bool(asked["from_key"])
    )
    order, target = str(asked["order"]), str(asked["sort_by"]).replace("MODIFY", "MOD") or "KEY"
    if (order, target) == ("ASCEND", "KEY"):
        order = ""  # etcd's own order
    return pb.RangeRequest(
        key=first,
        range_end=end,
        limit=_number(asked["limit"]),
        revision=max(0, _number(asked["rev"])),
        sort_order=order or "NONE",
        sort_target=target,
        serializable=asked["consistency"] == "s",
        keys_only=bool(asked["keys_only"]),
        count_only=bool(asked["count_only"]),
    )


@click.command(cls=EtcdLeaf)
@click.argument("first", metavar="KEY")
@click.argument("value", required=False)
@click.option("--lease", type=LEASE, default=0, help="The lease that the key is to end with, in hexadecimal.")
@click.option("--prev-kv", is_flag=True, help="Show what was there before.")
@click.option("--ignore-value", is_flag=True, help="Keep its value.")
@click.option("--ignore-lease", is_flag=True, help="Keep its lease.")
@click.pass_obj
def put(settings: Settings, /, **asked: object) -> None:
    """Set a key. Without VALUE it is read from stdin; one that begins with `-` comes after `--`."""
    from jobpool.cli.etcd.show import put_answer_fields, put_answer_lines, show
    from jobpool.wire import etcd_pb2 as pb

    if asked["value"] is None and not asked["ignore_value"]:
        asked["value"] = sys.stdin.buffer.read().decode(errors="surrogateescape")
        if not asked["value"]:
            raise click.UsageError("there is no value: give it as second argument or by stdin")
    request = put_request(**asked)
    answer = run(settings, lambda etcd: etcd.call("Put", request, reply=pb.PutResponse))
    show(
        settings,
        answer,
        simple=lambda: put_answer_lines(answer, settings),
        fields=lambda: put_answer_fields(answer),
    )


def put_request(**asked: object) -> "pb.PutRequest":
    """The request of `put` by its parameters. Raises UsageError for what contradicts itself."""
    from jobpool.wire import etcd_pb2 as pb

    value = _text(asked["value"])
    if asked["ignore_value"] and value is not None:
        raise click.UsageError("--ignore-value takes no value")
    if value is None and not asked["ignore_value"]:
        raise click.UsageError("there is no value")
    return pb.PutRequest(
        key=bytes_of(str(asked["first"])),
        value=bytes_of(value or ""),
        lease=_number(asked["lease"]),
        prev_kv=bool(asked["prev_kv"]),
        ignore_value=bool(asked["ignore_value"]),
        ignore_lease=bool(asked["ignore_lease"]),
    )


@click.command("del", cls=EtcdLeaf)
@click.argument("first", metavar="KEY")
@click.argument("range_end", required=False)
@click.option("--prefix", is_flag=True, help="All keys that begin with KEY.")
@click.option("--from-key", is_flag=True, help="KEY and all keys after it.")
@click.option("--prev-kv", is_flag=True, help="Show what was there.")
@click.option("--range", "meant", is_flag=True, help="A range is meant: no word of warning.")
@click.pass_obj
def delete(settings: Settings, /, **asked: object) -> None:
    """Delete a key, or those from KEY up to RANGE_END."""
    from jobpool.cli.etcd.show import delete_fields, delete_lines, show
    from jobpool.wire import etcd_pb2 as pb

    request = delete_request(**asked)
    if asked["range_end"] is not None and not asked["meant"]:
        note(f"Deleting all keys from {asked['first']!r} up to {asked['range_end']!r} (--range: no word of it).")
    answer = run(settings, lambda etcd: etcd.call("DeleteRange", request, reply=pb.DeleteRangeResponse))
    show(settings, answer, simple=lambda: delete_lines(answer, settings), fields=lambda: delete_fields(answer))


def delete_request(**asked: object) -> "pb.DeleteRangeRequest":
    """The request of `del` by its parameters. Raises UsageError for what contradicts itself."""
    from jobpool.wire import etcd_pb2 as pb

    first, end = ranged(
        str(asked["first"]), _text(asked["range_end"]), prefix=bool(asked["prefix"]), from_key=bool(asked["from_key"])
    )
    return pb.DeleteRangeRequest(key=first, range_end=end, prev_kv=bool(asked["prev_kv"]))


@click.command(cls=EtcdLeaf)
@click.argument("revision", type=INT64)
@click.option("--physical", is_flag=True, help="Wait until the old revisions are gone from the database.")
@click.pass_obj
def compaction(settings: Settings, revision: int, *, physical: bool) -> None:
    """Forget the revisions of keys before REVISION."""
    from jobpool.cli.etcd.show import said, show
    from jobpool.wire import etcd_pb2 as pb

    request = pb.CompactionRequest(revision=revision, physical=physical)
    answer = run(settings, lambda etcd: etcd.call("Compact", request, reply=pb.CompactionResponse))
    show(settings, answer, simple=said(f"compacted revision {revision}"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
