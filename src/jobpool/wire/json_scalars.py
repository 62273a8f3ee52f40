"""Single values between JSON and message fields, each refusal saying what was wanted and what was found."""

import base64
import binascii
import re
from collections.abc import Callable
from math import isinf

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from jobpool.model.errors import InvalidArgument

Convert = Callable[[object, str], object]
"""(what the JSON holds, path of the member) → what the field takes. Raises InvalidArgument."""

_INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_EXACT_FLOAT = 2**53


def describe(value: object) -> str:
    """What was found, for the reader of an error: short, and harmless whatever the value is."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return f"the number {value}" if abs(value) < 10**30 else "a very large number"
        case float():
            return "a very large number" if isinf(value) else f"the number {value}"
        case str():
            return f"the string {value[:40]!r}" + ("…" if len(value) > 40 else "")
        case list():
            return "an array"
        case _:
            return "an object"


def scalar_to_json(field: FieldDescriptor) -> Callable[..., object] | None:
    """How a set scalar is shown; None: as it is. Raises TypeError for a type the API does not use."""
    match field.type:
        case FieldDescriptor.TYPE_INT64 | FieldDescriptor.TYPE_UINT64:
            return str
        case FieldDescriptor.TYPE_BYTES:
            return lambda value: base64.b64encode(value).decode("ascii")
        case FieldDescriptor.TYPE_STRING | FieldDescriptor.TYPE_BOOL:
            return None
        case FieldDescriptor.TYPE_INT32 | FieldDescriptor.TYPE_UINT32:
            return None
        case FieldDescriptor.TYPE_ENUM:
            names = {value.number: value.name for value in _enum(field).values}
            return lambda value: names.get(value, value)
        case _:
            raise TypeError(f"{field.full_name}: its type has no JSON form here")


def scalar_from_json(field: FieldDescriptor) -> Convert:
    """How a scalar is read. Raises TypeError for a type the API does not use."""
    if field.type in _INTEGERS:
        return _integer(*_INTEGERS[field.type])
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            return read_string
        case FieldDescriptor.TYPE_BOOL:
            return _read_bool
        case FieldDescriptor.TYPE_BYTES:
            return _read_bytes
        case FieldDescriptor.TYPE_ENUM:
            return _enum_reader(_enum(field))
        case _:
            raise TypeError(f"{field.full_name}: its type has no JSON form here")


def read_string(value: object, path: str) -> str:
    """A string that UTF-8 can carry."""
    if not isinstance(value, str):
        advice = "; JSON goes into a string as text" if isinstance(value, dict) else ""
        raise InvalidArgument(path, f"wanted a string, found {describe(value)}{advice}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidArgument(path, "wanted valid Unicode, found half of a surrogate pair") from None
    return value


def bool_from_text(text: str, path: str) -> bool:
    """`true` or `false`, as a query string has it."""
    if text not in ("true", "false"):
        raise InvalidArgument(path, f"wanted true or false, found {describe(text)}")
    return text == "true"


def _read_bool(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgument(path, f"wanted true or false, found {describe(value)}")
    return value


def _read_bytes(value: object, path: str) -> bytes:
    text = read_string(value, path).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument(path, f"wanted base64, found {describe(value)}") from None


def _enum(field: FieldDescriptor) -> EnumDescriptor:
    assert field.enum_type is not None
    return field.enum_type


def _enum_reader(kind: EnumDescriptor) -> Convert:
    """Takes a value's name or its number."""
    numbers = {value.name: value.number for value in kind.values}

    def read(value: object, path: str) -> int:
        number = numbers.get(value) if isinstance(value, str) else None
        number = _whole(value) if number is None else number
        if number not in numbers.values():
            raise InvalidArgument(
                path, f"wanted one of {', '.join(numbers)}, found {describe(value)}", engine_code=1002
            )
        assert number is not None
        return number

    return read


def _integer(low: int, high: int) -> Convert:
    def read(value: object, path: str) -> int:
        number = _whole(value)
        if number is None or not low <= number <= high:
            raise InvalidArgument(path, f"wanted a whole number from {low} to {high}, found {describe(value)}")
        return number

    return read


def _whole(value: object) -> int | None:
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer() and abs(value) <= _EXACT_FLOAT:
            return int(value)
        case str() if _WHOLE.fullmatch(value):
            return int(value)
        case _:
            return None
