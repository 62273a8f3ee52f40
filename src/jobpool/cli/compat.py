"""`--compat`: what the original's jobpoolctl prints of an answer, so that scripts that read it go on to work.

Fields that the original does not have are left out.
"""

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, cast

import click

from jobpool.cli.grid import Row, cells, printable

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

    from jobpool.wire import jobpool_pb2 as pb

    Old = tuple[Row, Callable[[Message], Row]]

OURS = 100
"""Field numbers from here on are not the original's."""
NO_TIME = "(timestamp: nil Timestamp)"
_UNSAFE = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def go_json(message: "Message") -> str:
    """One line, as Go's encoding/json writes the struct: numbers unquoted, no zero values, instants as numbers."""
    return "{" + ",".join(f"{go_text_of(name)}:{text}" for name, text in go_members(message)) + "}"


def go_members(message: "Message") -> "Iterable[tuple[str, str]]":
    """The members of `go_json`."""
    for field, value in _set_fields(message):
        yield field.name, _go_value(field, value)


def go_text_of(text: str) -> str:
    """A string of Go's JSON, with its quotes."""
    return '"' + _UNSAFE.sub(lambda found: _SHORT.get(found[0], f"\\u{ord(found[0]):04x}"), text) + '"'


def _go_value(field: "FieldDescriptor", value: object) -> str:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        pairs = cast("dict[str, object]", value)
        inner = field.message_type.fields_by_name["value"]
        return "{" + ",".join(f"{go_text_of(key)}:{_go_one(inner, pairs[key])}" for key in sorted(pairs)) + "}"
    if field.is_repeated:
        return "[" + ",".join(_go_one(field, one) for one in cast("Sequence[object]", value)) + "]"
    return _go_one(field, value)


def _go_one(field: "FieldDescriptor", value: object) -> str:
    if field.message_type is not None:
        return go_json(cast("Message", value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return '"' + base64.b64encode(value).decode() + '"'
    return go_text_of(value) if isinstance(value, str) else str(value)


def compact_text(message: "Message") -> str:
    """One line of protobuf's text form, as Go wrote it: with a blank at its end, and bytes beyond ASCII in octal."""
    return "".join(_text_fields(message))


def _text_fields(message: "Message") -> Iterable[str]:
    for field, value in _set_fields(message):
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            pairs = cast("dict[str, object]", value)
            inner = field.message_type.fields_by_name["value"]
            for key in sorted(pairs):
                yield f'{field.name}:<key:"{_octal(key)}" value:{_text_one(inner, pairs[key])} > '
        else:
            for one in cast("Sequence[object]", value) if field.is_repeated else (value,):
                yield f"{field.name}:{_text_one(field, one)} "


def _text_one(field: "FieldDescriptor", value: object) -> str:
    if field.message_type is not None:
        return f"<{compact_text(cast('Message', value))}>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(cast("int", value))
        return named.name if named is not None else str(value)
    return f'"{_octal(value)}"' if isinstance(value, str | bytes) else str(value)


def _octal(value: str | bytes) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return "".join(_SHORT.get(chr(one)) or (chr(one) if 0x20 <= one < 0x7F else f"\\{one:03o}") for one in raw)


def _set_fields(message: "Message") -> "Iterable[tuple[FieldDescriptor, object]]":
    """In the order of their declaration; those with presence only where they are not zero, as Go left them out."""
    for field, value in message.ListFields():
        if field.number < OURS and (field.message_type is not None or field.is_repeated or value):
            yield field, value


def old_view(item: "Message") -> "Old | None":
    """The titles and cells of the original's table of such things; None for what it did not have."""
    return _VIEWS.get(item.DESCRIPTOR.name)


def show_old_table(columns: Row, rows: Sequence[Row]) -> None:
    """As etcdctl draws tables: titles in capitals and in the middle, cells at the right."""
    titles = [title.upper() for title in columns]
    clean = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(titles, *clean, strict=True)]
    rule = "+" + "+".join("-" * (wide + 2) for wide in widths) + "+"
    middle = [_middle(title, wide) for title, wide in zip(titles, widths, strict=True)]
    right = [[" " * (wide - cells(cell)) + cell for cell, wide in zip(row, widths, strict=True)] for row in clean]
    click.echo("\n".join([rule, _line(middle), rule, *map(_line, right), rule]))


def _line(padded: Row) -> str:
    return f"| {' | '.join(padded)} |"


def _middle(text: str, wide: int) -> str:
    left = (wide - cells(text)) // 2
    return " " * left + text + " " * (wide - cells(text) - left)


def instant(message: "Message", field: str, *, missing: str = NO_TIME) -> str:
    """RFC 3339 in UTC with as many digits as it has."""
    if not message.HasField(field):
        return missing
    whole: str = getattr(message, field).ToJsonString()
    return whole if "." not in whole else whole.removesuffix("Z").rstrip("0").rstrip(".") + "Z"


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _plan(plan: "pb.Plan") -> Row:
    return (
        *(plan.id, plan.status, plan.name, plan.type, plan.namespace, str(plan.priority), _yes(plan.synchronous)),
        *(plan.description, plan.periodic.spec, instant(plan, "launch_time", missing="")),
        *(instant(plan, "create_time"), instant(plan, "update_time")),
    )


def _job(job: "pb.Job") -> Row:
    return (
        *(job.id, job.status, job.name, job.type, job.namespace, job.plan_id, job.derived_plan_id, str(job.timeout)),
        *(job.info, instant(job, "create_time"), instant(job, "update_time")),
    )


def _evaluation(one: "pb.Evaluation") -> Row:
    return (
        *(one.id, one.status, one.type, one.namespace, one.plan_id, one.job_id, one.triggered_by, str(one.priority)),
        *(instant(one, "create_time"), instant(one, "update_time")),
    )


def _allocation(one: "pb.Allocation") -> Row:
    return (
        *(one.id, one.client_status, one.name, one.namespace, one.plan_id, one.job_id, one.eval_id, one.node_id),
        *(one.client_description, instant(one, "create_time"), instant(one, "update_time")),
    )


def _namespace(one: "pb.NameSpace") -> Row:
    return (one.name,)


_HEAD = ("ID", "Status", "Name", "Type", "Namespace")
_TIMES = ("Create time", "Update time")
_VIEWS = cast(
    "dict[str, Old]",
    {
        "Plan": ((*_HEAD, "Priority", "Synchronous", "Desc", "Spec", "Launch time", *_TIMES), _plan),
        "Job": ((*_HEAD, "Plan id", "Derived Plan", "Timeout", "Info", *_TIMES), _job),
        "Evaluation": (
            ("ID", "Status", "Type", "Namespace", "Plan id", "Job id", "Triggered", "Priority", *_TIMES),
            _evaluation,
        ),
        "Allocation": (
            ("ID", "Status", "Name", "Namespace", "Plan id", "Job id", "Eval id", "Node id", "Info", *_TIMES),
            _allocation,
        ),
        "NameSpace": (("Name",), _namespace),
    },
)
