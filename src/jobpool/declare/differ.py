"""What differs between two plans as a server answers them, field by field, but for what the server itself adds."""

import json
from collections.abc import Iterator, Mapping, Sequence

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct

from jobpool.declare.values import json_value
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.rfc3339 import format_timestamp

ADDED_BY_THE_SERVER = frozenset(
    {"create_time", "update_time", "launch_time", "next_time", "last_job", "revision", "status_reason", "paused"}
)
TIMING = ("periodic.", "dst.", "match")
"""What begins so decides when a plan is due."""


class FieldChange(Struct, frozen=True):
    """A field by its dotted path; the values as texts, empty where there is none."""

    field: str
    before: str
    after: str


def changes(before: pb.Plan, after: pb.Plan) -> tuple[FieldChange, ...]:
    """In the order of the fields. Parameters are compared as JSON: blanks and the order of keys say nothing."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    paths = [*new, *(path for path in old if path not in new)]
    return tuple(
        FieldChange(path, old.get(path, ""), new.get(path, "")) for path in paths if old.get(path) != new.get(path)
    )


def changes_timing(found: tuple[FieldChange, ...]) -> bool:
    return any(change.field.startswith(TIMING) for change in found)


def _leaves(plan: pb.Plan) -> Iterator[tuple[str, str]]:
    for field, value in plan.ListFields():
        if field.name == "parameters":
            yield from _of_json("parameters", json_value(value), value)
        elif field.name not in ADDED_BY_THE_SERVER:
            yield from _of_field(field.name, value)


def _of_field(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Timestamp):
        yield path, format_timestamp(value)
    elif isinstance(value, Message):
        for field, inner in value.ListFields():
            if field.name != "prohibit_overlap":  # the original's word for `overlap`
                yield from _of_field(f"{path}.{field.name}", inner)
    elif isinstance(value, Mapping):
        for name in sorted(value):
            yield f"{path}.{name}", value[name]
    elif isinstance(value, bool):
        yield path, "true" if value else "false"
    elif isinstance(value, str | int):
        yield path, str(value)
    elif isinstance(value, Sequence) and value:
        yield path, ", ".join(value)


def _of_json(path: str, value: object, text: str) -> Iterator[tuple[str, str]]:
    """Objects member by member; what is no JSON object is one text."""
    if not isinstance(value, dict):
        yield path, text
        return
    if not value:
        yield path, "{}"
    for name in sorted(value):
        inner = value[name]
        if isinstance(inner, dict) and inner:
            yield from _of_json(f"{path}.{name}", inner, "")
        else:
            yield f"{path}.{name}", json.dumps(inner, ensure_ascii=False, sort_keys=True)
