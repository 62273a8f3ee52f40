"""Printing: aligned lines for people, tables, proto JSON for programs.

What servers send is printed without its control characters: a job's text must not move a terminal's cursor.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import click
import msgspec

from jobpool.cli.grid import Row as Row
from jobpool.cli.grid import cells as cells
from jobpool.cli.grid import printable as printable
from jobpool.cli.grid import say
from jobpool.cli.grid import show_table as show_table
from jobpool.kit.pure.durations import format_duration

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

Item = TypeVar("Item")

SPANS = ("timeout", "lateness_ms")
"""Number fields that hold milliseconds."""
MICROSECONDS = ("status_update_at",)
"""Number fields that hold microseconds since the epoch, as the original's clients expect them."""


class View(msgspec.Struct, Generic[Item], frozen=True):
    """How one kind of thing looks: `line` in a list, `columns` and `row` in a table. Empty cells say nothing."""

    line: Callable[[Item], Row]
    columns: Row
    row: Callable[[Item], Row]


class Lines:
    """Aligned lines; rows that come later may only widen the columns."""

    def __init__(self) -> None:
        self._widths: list[int] = []

    def show(self, rows: Sequence[Row]) -> None:
        clean = [[printable(cell) for cell in row] for row in rows]
        for row in clean:
            self._widths += [0] * (len(row) - len(self._widths))
            self._widths = [max(wide, cells(cell)) for wide, cell in zip(self._widths, row, strict=True)]
        lines = []
        for row in clean:
            padded = (cell + " " * (wide - cells(cell)) for cell, wide in zip(row, self._widths, strict=True) if wide)
            lines.append("  ".join(padded).rstrip())
        say(lines)


def show_fields(message: "Message", zone: tzinfo | None) -> None:
    """`name: value`, a line for each field that is set, inner fields by their path."""
    pairs = list(_pairs(message, zone, ""))
    wide = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        click.echo(f"{name + ':':<{wide + 1}} {printable(value)}")


def show_json(message: "Message") -> None:
    """The whole message as proto JSON, with the proto's field names."""
    show_plain_json(fields_of(message))


def fields_of(message: "Message") -> dict[str, object]:
    """What `show_json` shows, to be added to. Maps have no order of their own: theirs is that of the alphabet."""
    from google.protobuf.json_format import MessageToDict

    fields = MessageToDict(message, preserving_proto_field_name=True)
    _order_maps(fields, message.DESCRIPTOR)
    return fields


def _order_maps(fields: dict[str, Any], kind: Any) -> None:  # of Descriptor, of which protobuf has two
    for name, value in fields.items():
        inner = kind.fields_by_name[name].message_type
        if inner is None or isinstance(value, str):
            continue
        if inner.GetOptions().map_entry:
            fields[name] = dict(sorted(value.items()))
        else:
            for one in value if isinstance(value, list) else (value,):
                if isinstance(one, dict):
                    _order_maps(one, inner)


def show_plain_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """To people, on stderr."""
    click.echo(text, err=True)


def moment(at: "Timestamp", zone: tzinfo | None = None, *, exact: bool = False) -> str:
    """`2026-01-31 09:00:00+01:00` in the zone, None = local; `exact` adds milliseconds."""
    return _moment_of(datetime.fromtimestamp(at.seconds, UTC).replace(microsecond=at.nanos // 1000), zone, exact=exact)


def _moment_of(at: datetime, zone: tzinfo | None, *, exact: bool) -> str:
    whole = "milliseconds" if exact and at.microsecond else "seconds"
    return at.astimezone(zone).isoformat(sep=" ", timespec=whole)


def stamp(message: "Message", field: str, zone: tzinfo | None = None) -> str:
    """The time in a field, or nothing."""
    return moment(getattr(message, field), zone) if message.HasField(field) else ""


@lru_cache(maxsize=256)
def zone_named(name: str) -> tzinfo | None:
    """The zone, or None = local when this machine does not know it."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, LookupError):
        return None


def size(count: int) -> str:
    """Of so many bytes, for people."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"


def span(millis: int) -> str:
    """A duration for people; nothing for 0, `-` before a negative one."""
    return "" if millis == 0 else format_duration(millis) if millis > 0 else f"-{format_duration(-millis)}"


def _pairs(message: "Message", zone: tzinfo | None, path: str) -> Iterable[tuple[str, str]]:
    for field, value in message.ListFields():
        name = path + field.name
        if field.name in MICROSECONDS:
            yield name, _moment_of(datetime.fromtimestamp(value / 1_000_000, UTC), zone, exact=True)
        elif field.message_type is None:
            yield name, _written(field.name, value)
        elif field.message_type.full_name == "google.protobuf.Timestamp":
            yield name, moment(value, zone, exact=True)
        elif field.message_type.GetOptions().map_entry:
            yield name, ", ".join(f"{key}={value[key]}" for key in sorted(value))
        else:
            yield from _pairs(value, zone, f"{name}.")


def _written(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and name in SPANS:
        return span(value)
    if isinstance(value, str | int):
        return str(value)
    return ", ".join(str(part) for part in value) if isinstance(value, Iterable) else str(value)
