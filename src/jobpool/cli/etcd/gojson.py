"""Messages as JSON the way Go writes their structs: names of the proto, numbers bare, nothing that is zero."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message


def go_json(message: Message) -> str:
    """One line."""
    return encoded(as_go(message))


def encoded(value: Mapping[str, object]) -> str:
    """One line, with the signs escaped that Go escapes for HTML's sake."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def as_go(message: Message) -> dict[str, object]:
    """Its members, in the order of the proto."""
    found: dict[str, object] = {}
    for field, value in message.ListFields():
        one = field.containing_oneof
        if one is None:
            found[field.name] = _value(field, value)
        else:
            found[one.name.capitalize()] = {field.name: _value(field, value)}
    return found


def _value(field: FieldDescriptor, value: object) -> object:
    if field.is_repeated:
        return [_single(one) for one in cast("Sequence[object]", value)]
    return _single(value)


def _single(value: object) -> object:
    if isinstance(value, Message):
        return as_go(value)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
