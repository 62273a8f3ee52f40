"""From a plan as people write it (flags, or a document) to the request: every field checked, by name."""

import json
from collections.abc import Iterable, Mapping, MutableSequence
from difflib import get_close_matches
from typing import cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from jobpool.model.errors import InvalidArgument
from jobpool.wire import jobpool_pb2 as pb

NUMBERS = (
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
)


def add_request(fields: Mapping[str, object], *, pending: bool) -> pb.SchedulePlanAddRequest:
    """The request that adds a plan, with what our command line supposes: it runs, and `rest` is synchronous.

    `pending`: it waits for `online`. Raises InvalidArgument naming the field at fault.
    """
    request = pb.SchedulePlanAddRequest()
    fill(request, fields)
    if not request.id and not request.name:
        raise InvalidArgument("id", "wanted an id or a name, found neither")
    request.name = request.name or request.id
    request.namespace = request.namespace or "default"
    request.type = request.type or "service"
    request.status = "pending" if pending else request.status or "running"
    if not request.HasField("synchronous") and request.executor in ("", "rest"):
        request.synchronous = True
    return request


def update_request(fields: Mapping[str, object], clear: Iterable[str]) -> pb.SchedulePlanUpdateRequest:
    """The request that changes just these fields of a plan. Raises InvalidArgument naming the field at fault."""
    request = pb.SchedulePlanUpdateRequest(clear=clear)
    fill(request, fields)
    return request


def fill(message: Message, fields: Mapping[str, object], path: str = "") -> None:
    """Set the message's fields by their names, strictly; None leaves a field unset.

    Raises InvalidArgument with the path of the field: unknown (and what is nearest), of another type, out of range.
    """
    for name, value in fields.items():
        field = _field(message, name, path)
        if value is not None:
            _set(message, field, value, path + field.name)


def _field(message: Message, name: object, path: str) -> FieldDescriptor:
    fields = cast("list[FieldDescriptor]", message.DESCRIPTOR.fields)
    known = {field.name: field for field in fields} | {field.json_name: field for field in fields}
    if not isinstance(name, str):
        raise InvalidArgument(f"{path}{name}", f"field names are text, found {_what(name)}")
    if name not in known:
        near = get_close_matches(name, [field.name for field in fields], n=1)
        raise InvalidArgument(path + name, "there is no such field" + (f"; did you mean {near[0]!r}?" if near else ""))
    return known[name]


def _set(message: Message, field: FieldDescriptor, value: object, where: str) -> None:
    if where == "parameters" and isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    if field.message_type is None:
        _set_plain(message, field, value, where)
    elif field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
        _set_time(getattr(message, field.name), value, where)
    elif isinstance(value, dict):
        inner: Message = getattr(message, field.name)
        inner.SetInParent()
        fill(inner, value, where + ".")
    else:
        raise InvalidArgument(where, f"wanted fields, found {_what(value)}")


def _set_plain(message: Message, field: FieldDescriptor, value: object, where: str) -> None:
    try:
        current = getattr(message, field.name)
        if isinstance(current, MutableSequence):
            current.extend(_texts(value, where))
        else:
            setattr(message, field.name, _scalar(field, value, where))
    except ValueError as error:
        raise InvalidArgument(where, f"cannot take {value!r}: {error}") from error


def _texts(value: object, where: str) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise InvalidArgument(where, f"wanted a list of texts, found {_what(value)}")
    return list(value)


def _scalar(field: FieldDescriptor, value: object, where: str) -> object:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        wanted, right = "true or false", isinstance(value, bool)
    elif field.cpp_type in NUMBERS:
        wanted, right = "a whole number", isinstance(value, int) and not isinstance(value, bool)
    else:
        wanted, right = "text", isinstance(value, str)
    if not right:
        quote = f" (write it in quotes: '{value}')" if wanted == "text" and isinstance(value, int | float) else ""
        raise InvalidArgument(where, f"wanted {wanted}, found {_what(value)}{quote}")
    return value


def _set_time(stamp: Timestamp, value: object, where: str) -> None:
    wanted = "wanted a time with its offset, such as 2026-01-31T09:00:00+01:00"
    if not isinstance(value, str):
        raise InvalidArgument(where, f"{wanted}, found {_what(value)}")
    try:
        stamp.FromJsonString(value)
    except ValueError as error:
        raise InvalidArgument(where, f"{wanted}, found {value!r}") from error


def _what(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value[:40]!r}"
        case list() | tuple():
            return "a list"
        case dict():
            return "fields"
    return type(value).__name__
