"""Messages as JSON, by closures compiled once per message type from its descriptor.

The output is that of the original's gateway: proto names, field-number order, zero values left out (an `optional`
scalar that is set is shown), 64-bit integers as strings, no blanks, `<`, `>`, `&` escaped as Go does.
"""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from jobpool.wire.json_decode import bind_text, decode_object, parse_object
from jobpool.wire.json_scalars import scalar_to_json
from jobpool.wire.rfc3339 import format_timestamp

M = TypeVar("M", bound=Message)
_Convert = Callable[..., object]
_BLANK = b" \t\r\n"
_encoder = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """The message as JSON text, UTF-8. Raises ValueError when a time lies outside the years 1 to 9999."""
    return dump(to_object(message))


def decode(text: bytes, message_type: type[M]) -> M:
    """The message that the JSON object `text` spells; blank text is the empty message.

    Accepts proto names and lowerCamelCase names, numbers or strings for integers, null for unset. Raises
    InvalidArgument, which names the member's path, for anything that is not exactly such a message.
    """
    message = message_type()
    if text.strip(_BLANK):
        decode_object(message, parse_object(text))
    return message


def bind(message: Message, key: str, values: list[str]) -> str:
    """Set the field at the dotted path `key` from text, as in a query string; the path in proto names.

    Only a repeated field takes more than one value. Raises InvalidArgument, which names the key.
    """
    return bind_text(message, key, values)


def to_object(message: Message) -> dict[str, object]:
    """What `encode` writes, as dicts, lists, strings, numbers and booleans."""
    return _compile(message.DESCRIPTOR)(message)


def dump(value: object) -> bytes:
    """Plain values as JSON text in the same spelling."""
    text = _encoder.encode(value)
    for sign, escaped in _ESCAPES:
        if sign in text:
            text = text.replace(sign, escaped)
    return text


# These bytes occur only inside JSON strings.
_ESCAPES = (
    (b"<", rb"\u003c"),
    (b">", rb"\u003e"),
    (b"&", rb"\u0026"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)


@cache
def _compile(descriptor: Descriptor) -> Callable[[Message], dict[str, object]]:
    fields = {field.number: (field.name, _converter(field)) for field in descriptor.fields}

    def convert(message: Message) -> dict[str, object]:
        members: dict[str, object] = {}
        for field, value in message.ListFields():
            name, to_json = fields[field.number]
            members[name] = value if to_json is None else to_json(value)
        return members

    return convert


def _converter(field: FieldDescriptor) -> _Convert | None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map_converter(field.message_type)
    one = _single_converter(field)
    if not field.is_repeated:
        return one
    return list if one is None else lambda values: [one(value) for value in values]


def _map_converter(entry: Descriptor) -> _Convert:
    key, item = entry.fields_by_name["key"], entry.fields_by_name["value"]
    if key.type != FieldDescriptor.TYPE_STRING:
        raise TypeError(f"{entry.full_name}: only strings as keys of a map have a JSON form here")
    one = _single_converter(item) or (lambda value: value)
    return lambda items: {name: one(items[name]) for name in sorted(items)}


def _single_converter(field: FieldDescriptor) -> _Convert | None:
    if field.message_type is None:
        return scalar_to_json(field)
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return format_timestamp
    inner = field.message_type

    def convert(message: Message) -> dict[str, object]:
        return _compile(inner)(message)  # compiled when it is met: messages may hold themselves

    return convert
