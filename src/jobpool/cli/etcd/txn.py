"""`jobpoolctl txn`: comparisons and requests from stdin, a line each, in three parts that empty lines end."""

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_errors import INVALID_INPUT
from jobpool.cli.ctl_options import Settings
from jobpool.cli.etcd.frame import EtcdLeaf, fail, run
from jobpool.cli.etcd.quoting import QUOTED, split, unquoted

if TYPE_CHECKING:
    from jobpool.wire import etcd_pb2 as pb

_COMPARISON = re.compile(rf"(\w+)\(\s*({QUOTED})\s*\)\s+(\S+)\s+({QUOTED})")
_RESULTS = {"=": "EQUAL", "!=": "NOT_EQUAL", ">": "GREATER", "<": "LESS"}
_TARGETS = {
    "ver": "VERSION",
    "version": "VERSION",
    "c": "CREATE",
    "create": "CREATE",
    "m": "MOD",
    "mod": "MOD",
    "val": "VALUE",
    "value": "VALUE",
    "lease": "LEASE",
}


@click.command(cls=EtcdLeaf)
@click.option("-i", "--interactive", is_flag=True, help="Say what comes next.")
@click.pass_obj
def txn(settings: Settings, *, interactive: bool) -> None:
    """Do several requests at once: comparisons, then what is done if all hold, then what if not.

    \b
    mod("key") > "0"        also ver, create, val, lease; = != < >
    (empty line)
    put key "new value"     put, get and del with their options
    (empty line)
    get key
    (empty line)
    """
    from jobpool.cli.etcd.show import show, txn_fields, txn_lines
    from jobpool.wire import etcd_pb2 as pb

    request = _read(interactive=interactive)
    answer = run(settings, lambda etcd: etcd.call("Txn", request, reply=pb.TxnResponse))
    show(settings, answer, simple=lambda: txn_lines(answer, settings), fields=lambda: txn_fields(answer))


def _read(*, interactive: bool) -> "pb.TxnRequest":
    from jobpool.wire import etcd_pb2 as pb

    request = pb.TxnRequest()
    try:
        for title in ("compares:", "success requests (get, put, del):", "failure requests (get, put, del):"):
            if interactive:
                click.echo(title)
            for line in _part():
                if title == "compares:":
                    request.compare.append(comparison(line))
                else:
                    (request.success if title.startswith("success") else request.failure).append(operation(line))
    except ValueError as error:
        fail(INVALID_INPUT, str(error))
    return request


def _part() -> Iterator[str]:
    """The lines up to an empty one. Raises ValueError when stdin ends before it."""
    while True:
        raw = sys.stdin.buffer.readline()
        if not raw.endswith(b"\n"):
            raise ValueError("wanted an empty line at the end of each of the three parts, found the end of the input")
        line = raw.decode(errors="surrogateescape").strip()
        if not line:
            return
        yield line


def comparison(line: str) -> "pb.Compare":
    """`mod("key") > "0"`. Raises ValueError."""
    from jobpool.wire import etcd_pb2 as pb

    found = _COMPARISON.match(line)
    if found is None:
        raise ValueError(f'malformed comparison: wanted one as mod("key") > "0", found {line}')
    what, key, operator, value = found.groups()
    if what not in _TARGETS:
        raise ValueError(f"malformed comparison: {line} (unknown target {what}: wanted one of {', '.join(_TARGETS)})")
    if operator not in _RESULTS:
        raise ValueError(f"malformed comparison: {line} (unknown operator {operator}: wanted {' '.join(_RESULTS)})")
    compare = pb.Compare(
        result=_RESULTS[operator],
        target=_TARGETS[what],
        key=unquoted(key),
    )
    if _TARGETS[what] == "VALUE":
        compare.value = unquoted(value)
        return compare
    number = _number(unquoted(value), 16 if what == "lease" else 10, line)
    match _TARGETS[what]:
        case "VERSION":
            compare.version = number
        case "CREATE":
            compare.create_revision = number
        case "MOD":
            compare.mod_revision = number
        case _:
            compare.lease = number
    return compare


def _number(text: bytes, base: int, line: str) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = 2**63
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"malformed comparison: wanted a whole number, found {line}")
    return number


def operation(line: str) -> "pb.RequestOp":
    """`put key "value"`, `get …`, `del …` with their options. Raises ValueError."""
    from jobpool.cli.etcd.kv import delete, delete_request, get, put, put_request, range_request
    from jobpool.wire import etcd_pb2 as pb

    command, *words = split(line) or [""]
    commands = {"put": put, "get": get, "del": delete}
    names = [name for name in commands if command and name.startswith(command)]
    if len(names) != 1:
        raise ValueError(f"invalid request: wanted put, get or del, found {line}")
    try:
        context = commands[names[0]].make_context(names[0], list(words), obj=Settings())
        asked = {name: value for name, value in context.params.items() if name != "print_value_only"}
        match names[0]:
            case "put":
                return pb.RequestOp(request_put=put_request(**asked))
            case "get":
                return pb.RequestOp(request_range=range_request(**asked))
            case _:
                return pb.RequestOp(request_delete_range=delete_request(**asked))
    except click.ClickException as error:
        raise ValueError(f"invalid request: {line}: {error.format_message()}") from error
    except click.exceptions.Exit as error:
        raise ValueError(f"invalid request: {line}") from error
