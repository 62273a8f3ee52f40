"""What programs read: whole answers as JSON, as `"name" : value` lines, or as the bytes of the wire.

How a command prints what a server answered:

    if not shown_whole(settings, answer):
        …lines, or a table

`show_list`, `show_one`, `show_changed` and `done` of `ctl_lists` do so themselves.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import click

from jobpool.cli.compat import go_json, go_members, go_text_of
from jobpool.cli.ctl_kinds import UnsupportedFormat
from jobpool.cli.ctl_options import Settings
from jobpool.cli.grid import say
from jobpool.cli.output import fields_of, show_json, show_plain_json

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

HEADER = {"cluster_id": "ClusterID", "member_id": "MemberID", "revision": "Revision", "raft_term": "RaftTerm"}
"""How etcdctl names what is in the header of every answer."""


def shown_whole(settings: Settings, answer: "Message") -> bool:
    """Print all of an answer if `-w` asks for a format of programs; False: it is for the caller to print."""
    match settings.write_out:
        case "json" if settings.compat:
            click.echo(go_json(answer))
        case "json":
            show_json(answer)
        case "fields":
            say(field_lines(answer, as_hex=settings.hex))
        case "protobuf":
            click.echo(answer.SerializeToString(), nl=False)
        case _:
            return False
    return True


def shown_plain(settings: Settings, value: object) -> bool:
    """The same of what is no answer of a server: JSON values, or lists of objects of them. Raises UnsupportedFormat."""
    refuse_protobuf(settings)
    if settings.write_out == "json":
        show_plain_json(value)
    elif settings.write_out == "fields":
        say(_plain_lines(value, ""))
    return settings.write_out in ("json", "fields")


def refuse_protobuf(settings: Settings) -> None:
    """For commands whose output is no message, before they do anything. Raises UnsupportedFormat."""
    if settings.write_out == "protobuf":
        raise UnsupportedFormat("protobuf not supported as output format: what this command prints is no message")


def field_lines(message: "Message", path: str = "", *, as_hex: bool = False) -> Iterator[str]:
    """`"name" : value` for each field that is set, inner ones by their path; a line of nothing after each item."""
    for field, value in message.ListFields():
        yield from _lines_of(field, value, path + field.name, as_hex=as_hex)


def _lines_of(field: "FieldDescriptor", value: Any, name: str, *, as_hex: bool) -> Iterator[str]:
    if field.message_type is None:
        for one in value if field.is_repeated else (value,):
            yield f'"{name}" : {_scalar(one, as_hex=as_hex)}'
    elif field.message_type.GetOptions().map_entry:
        for key in sorted(value):
            yield f'"{name}.{key}" : {_scalar(value[key], as_hex=as_hex)}'
    elif field.message_type.full_name == "google.protobuf.Timestamp":
        yield f'"{name}" : "{value.ToJsonString()}"'
    elif field.message_type.name == "ResponseHeader":
        yield from (f'"{told}" : {getattr(value, inner)}' for inner, told in HEADER.items())
    elif field.is_repeated:
        for one in value:
            yield from field_lines(one, "" if name == "data" else f"{name}.", as_hex=as_hex)
            yield ""
    else:
        yield from field_lines(value, "" if name == "data" else f"{name}.", as_hex=as_hex)


def _scalar(value: object, *, as_hex: bool) -> str:
    if isinstance(value, bytes):
        return f'"{value.hex()}"' if as_hex else json.dumps(value.decode(errors="backslashreplace"), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def _plain_lines(value: object, name: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _plain_lines(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for one in value:
            yield from _plain_lines(one, name)
            if isinstance(one, Mapping):
                yield ""
    else:
        yield f'"{name}" : {json.dumps(value, ensure_ascii=False)}'


class Pages:
    """The answers of a list, in their order, as one in which `data` has the items of all; written as they come."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._begun = False
        self._last: Message | None = None

    def show(self, answer: "Message") -> None:
        items = list(cast("Any", answer).data)
        self._last = answer
        if not items:
            return
        match self._settings.write_out:
            case "json":
                self._json(answer, items)
            case "fields":
                self._fields(answer, items)
            case _:
                self._bytes(answer)
        self._begun = True

    def close(self) -> None:
        """What stands after the items, as the last answer has it."""
        if self._last is None:
            return
        if not self._begun:
            shown_whole(self._settings, self._last)
        elif self._settings.write_out == "json":
            click.echo(self._end_of_json(self._last))
        elif self._settings.write_out == "fields":
            _, after = _around(self._last)
            say(field_lines(after))

    def _json(self, answer: "Message", items: "list[Message]") -> None:
        compat = self._settings.compat
        if self._begun:
            text = "," if compat else ",\n    "
        else:
            before = "".join(f"{member}," for member in self._members(_around(answer)[0]))
            text = f'{{{before}"data":[' if compat else f'{{{before}\n  "data": [\n    '
        written = map(go_json, items) if compat else (_indented(fields_of(item), 4) for item in items)
        click.echo(text + ("," if compat else ",\n    ").join(written), nl=False)

    def _end_of_json(self, answer: "Message") -> str:
        after = "".join(f",{member}" for member in self._members(_around(answer)[1]))
        return f"]{after}}}" if self._settings.compat else f"\n  ]{after}\n}}"

    def _members(self, part: "Message") -> Iterable[str]:
        if self._settings.compat:
            return [f"{go_text_of(name)}:{value}" for name, value in go_members(part)]
        return [f"\n  {json.dumps(name)}: {_indented(value, 2)}" for name, value in fields_of(part).items()]

    def _fields(self, answer: "Message", items: "list[Message]") -> None:
        lines = [] if self._begun else list(field_lines(_around(answer)[0]))
        for item in items:
            lines += [*field_lines(item, as_hex=self._settings.hex), ""]
        say(lines)

    def _bytes(self, answer: "Message") -> None:
        """Messages that are written one after the other are read as one."""
        if self._begun:
            answer.ClearField("header")
        click.echo(answer.SerializeToString(), nl=False)


def _around(answer: "Message") -> "tuple[Message, Message]":
    """What stands before and after the items."""
    before, after = type(answer)(), type(answer)()
    middle = answer.DESCRIPTOR.fields_by_name["data"].number
    for part in (before, after):
        part.CopyFrom(answer)
        for field, _ in answer.ListFields():
            if field.number == middle or (field.number < middle) != (part is before):
                part.ClearField(field.name)
    return before, after


def _indented(value: object, by: int) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n" + " " * by)
