"""JSON into messages, strictly: what is not understood is refused by name, so that nothing a caller meant is lost."""

import json
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from jobpool.model.errors import InvalidArgument
from jobpool.wire.json_scalars import Convert, bool_from_text, describe, read_string, scalar_from_json
from jobpool.wire.rfc3339 import parse_timestamp

_Set = Callable[[Message, object, str], None]
_SetText = Callable[[Message, list[str], str], None]
_BODY = "body"
_DIGITS = 40


class _Field(msgspec.Struct, frozen=True):
    name: str
    set: _Set
    set_text: _SetText
    """Takes the values of a query key."""
    inner: Descriptor | None = None
    """The message whose fields a dotted path reaches through this one."""


def parse_object(text: bytes) -> object:
    """The parsed JSON. Raises InvalidArgument: not JSON, not UTF-8, a member twice, NaN, nested too deeply."""
    try:
        return json.loads(
            text.decode(),
            object_pairs_hook=_members,
            parse_constant=_no_constant,
            parse_int=_bounded_int,
        )
    except UnicodeDecodeError as error:
        raise InvalidArgument(_BODY, f"wanted UTF-8, found byte 0x{text[error.start]:02x} at {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise InvalidArgument(_BODY, f"wanted JSON, found a mistake at {where}: {error.msg}") from None
    except RecursionError:
        raise InvalidArgument(_BODY, "wanted a JSON object, found one nested too deeply") from None


def decode_object(message: Message, value: object, path: str = "") -> None:
    """Fill the message from a parsed JSON object. Raises InvalidArgument, which names the member's path."""
    if not isinstance(value, dict):
        raise InvalidArgument(path or _BODY, f"wanted an object{_members_of(message, path)}, found {describe(value)}")
    fields = _compile(message.DESCRIPTOR)
    for key, item in value.items():
        field = fields.get(key)
        if field is None:
            raise _unknown(message, key, path)
        where = f"{path}.{field.name}" if path else field.name
        if key != field.name and field.name in value:
            raise InvalidArgument(where, f"given twice, as {field.name} and as {key}")
        if item is not None:
            field.set(message, item, where)


def bind_text(message: Message, key: str, values: list[str]) -> str:
    """Set the field at a dotted path from text; the path in proto names. Raises InvalidArgument, which names it."""
    owner, path = message, ""
    *outer, last = key.split(".")
    for part in outer:
        field = _find(owner, part, path)
        path = f"{path}{field.name}."
        if field.inner is None:
            raise InvalidArgument(key[:80], f"{path[:-1]} is a single value and has no members")
        owner = getattr(owner, field.name)
        owner.SetInParent()
    field = _find(owner, last, path)
    field.set_text(owner, values, path + field.name)
    return path + field.name


def _find(owner: Message, name: str, path: str) -> _Field:
    field = _compile(owner.DESCRIPTOR).get(name)
    if field is None:
        raise _unknown(owner, name, path.rstrip("."))
    return field


def _unknown(owner: Message, key: str, path: str) -> InvalidArgument:
    shown, known = _shown(key), _known(owner)
    near = get_close_matches(shown, known, 1)
    hint = f"; did you mean {known[near[0]]}?" if near else ""
    return InvalidArgument(f"{path}.{shown}" if path else shown, f"unknown field{hint}")


def _known(owner: Message) -> dict[str, str]:
    """What a name may have meant, with its path: a field of the object, else one of an object in it."""
    fields = _compile(owner.DESCRIPTOR).values()
    parts = [(field.name, part.name) for field in fields if field.inner for part in field.inner.fields]
    inner = {part: f"{outer}.{part}" for outer, part in parts if len(part) > 2}  # every word is near to `on`
    return inner | {field.name: field.name for field in fields}


def _members_of(message: Message, path: str) -> str:
    """What an object may hold, said of inner ones: of a whole request it would be too much."""
    return f" ({', '.join(field.name for field in message.DESCRIPTOR.fields)})" if path else ""


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, value in pairs:
        if name in members:
            raise InvalidArgument(_shown(name), "given twice in one JSON object")
        members[name] = value
    return members


def _shown(name: str) -> str:
    """A caller's member name as an error may repeat it: short, and valid UTF-8."""
    return name[:64].encode(errors="backslashreplace").decode() or '""'


def _no_constant(text: str) -> object:
    raise InvalidArgument(_BODY, f"wanted JSON, found {text}, which is no JSON number")


def _bounded_int(text: str) -> int | float:
    return int(text) if len(text) <= _DIGITS else float("inf")


@cache
def _compile(descriptor: Descriptor) -> dict[str, _Field]:
    fields = [_field(field) for field in descriptor.fields]
    aliases = {field.json_name: made for field, made in zip(descriptor.fields, fields, strict=True)}
    # A node's id is `ID` in some messages of the original and `id` in others.
    aliases |= {made.name.swapcase(): made for made in fields if made.name in ("id", "ID")}
    return aliases | {made.name: made for made in fields}


def _field(field: FieldDescriptor) -> _Field:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return _map_field(field, entry)
    if entry is None or entry.full_name == "google.protobuf.Timestamp":
        return _repeated_scalar(field) if field.is_repeated else _single_field(field)
    if field.is_repeated:
        return _Field(field.name, _messages_setter(field.name), _no_text)
    return _Field(field.name, _message_setter(field.name), _no_text, entry)


def _single_field(field: FieldDescriptor) -> _Field:
    name = field.name
    if field.message_type is not None:
        store = _timestamp_setter(name)
        return _Field(name, store, lambda message, values, path: store(message, _only(values, path), path))
    read = scalar_from_json(field)
    read_text = _text_reader(field, read)

    def set_text(message: Message, values: list[str], path: str) -> None:
        setattr(message, name, read_text(_only(values, path), path))

    return _Field(name, lambda message, value, path: setattr(message, name, read(value, path)), set_text)


def _repeated_scalar(field: FieldDescriptor) -> _Field:
    if field.message_type is not None:
        raise TypeError(f"{field.full_name}: a list of times has no JSON form here")
    name, read = field.name, scalar_from_json(field)
    read_text = _text_reader(field, read)

    def store(message: Message, value: object, path: str) -> None:
        items = _array(value, path)
        getattr(message, name).extend(read(item, f"{path}[{at}]") for at, item in enumerate(items))

    def set_text(message: Message, values: list[str], path: str) -> None:
        getattr(message, name).extend(read_text(text, path) for text in values)

    return _Field(name, store, set_text)


def _map_field(field: FieldDescriptor, entry: Descriptor) -> _Field:
    key, item = entry.fields_by_name["key"], entry.fields_by_name["value"]
    if key.type != FieldDescriptor.TYPE_STRING or item.message_type is not None:
        raise TypeError(f"{field.full_name}: only maps of strings to scalars have a JSON form here")
    name, read = field.name, scalar_from_json(item)

    def store(message: Message, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise InvalidArgument(path, f"wanted an object, found {describe(value)}")
        target = getattr(message, name)
        for label, member in value.items():
            target[read_string(label, path)] = read(member, f"{path}.{_shown(label)}")

    return _Field(name, store, _no_text)


def _timestamp_setter(name: str) -> _Set:
    def store(message: Message, value: object, path: str) -> None:
        if not isinstance(value, str):
            raise InvalidArgument(path, f"wanted a time as an RFC 3339 string, found {describe(value)}")
        try:
            seconds, nanos = parse_timestamp(value)
        except ValueError as error:
            raise InvalidArgument(path, str(error)) from None
        stamp = getattr(message, name)
        stamp.SetInParent()
        stamp.seconds, stamp.nanos = seconds, nanos

    return store


def _message_setter(name: str) -> _Set:
    def store(message: Message, value: object, path: str) -> None:
        inner = getattr(message, name)
        inner.SetInParent()
        decode_object(inner, value, path)

    return store


def _messages_setter(name: str) -> _Set:
    def store(message: Message, value: object, path: str) -> None:
        target = getattr(message, name)
        for at, item in enumerate(_array(value, path)):
            decode_object(target.add(), item, f"{path}[{at}]")

    return store


def _text_reader(field: FieldDescriptor, read: Convert) -> Callable[[str, str], object]:
    return bool_from_text if field.type == FieldDescriptor.TYPE_BOOL else read


def _no_text(message: Message, values: list[str], path: str) -> None:
    raise InvalidArgument(path, "cannot be given here as text; name a single field of it, such as periodic.spec")


def _array(value: object, path: str) -> list[object]:
    if not isinstance(value, list):
        raise InvalidArgument(path, f"wanted an array, found {describe(value)}")
    return value


def _only(values: list[str], path: str) -> str:
    if len(values) != 1:
        raise InvalidArgument(path, f"wanted one value, found {len(values)}")
    return values[0]
