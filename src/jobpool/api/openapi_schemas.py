"""JSON Schemas of messages: of answers as they are written, of requests as they are read."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from jobpool.model.namespace import WhenFull
from jobpool.model.schedule import CatchUpMode, DayMatch, Delivery, DstGap, DstOverlap, Overlap
from jobpool.model.statuses import AllocationStatus, EvaluationStatus, JobStatus, NodeStatus, PlanStatus
from jobpool.wire.comments import comment

Json: TypeAlias = dict[str, object]

_BOUNDS = {
    FieldDescriptor.TYPE_INT32: ("int32", -(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: ("uint32", 0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: ("int64", -(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: ("uint64", 0, 2**64 - 1),
}
_LONG = ("int64", "uint64")
_OF_PLANS: Mapping[str, type[StrEnum]] = {
    "status": PlanStatus,
    "overlap": Overlap,
    "delivery": Delivery,
    "match": DayMatch,
}
_WORDS: Mapping[str, type[StrEnum]] = {
    **{
        f"{message}.{field}": words
        for message in ("Plan", "SchedulePlanAddRequest", "SchedulePlanUpdateRequest")
        for field, words in _OF_PLANS.items()
    },
    "CatchUp.mode": CatchUpMode,
    "Dst.gap": DstGap,
    "Dst.overlap": DstOverlap,
    "NameSpace.when_full": WhenFull,
    "ScheduleNameSpaceAddRequest.when_full": WhenFull,
    "ScheduleNameSpaceUpdateRequest.when_full": WhenFull,
    "Job.status": JobStatus,
    "Evaluation.status": EvaluationStatus,
    "Allocation.client_status": AllocationStatus,
    "Node.status": NodeStatus,
}
"""Texts that are one of a few words."""


class Schemas:
    """The components that were asked for, and all that they mention. A request's have a name of their own where
    `answers` hold the same message."""

    def __init__(self, answers: Iterable[Descriptor]) -> None:
        self._shown = frozenset(message.name for answer in answers for message in reachable(answer))
        self.components: dict[str, Json] = {}

    def answer(self, message: Descriptor) -> Json:
        """A reference to what an answer holds. A later version may add members."""
        if message.name not in self.components:
            made = self._begin(message, message.name)
            made["properties"] = {
                field.name: self._shape(field, reads=False) | _described(_full_name(field)) for field in message.fields
            }
            if "header" in message.fields_by_name:
                made["required"] = ["header"]
        return _reference(message.name)

    def request(
        self, message: Descriptor, *, without: Iterable[str] = (), required: Mapping[str, Json] | None = None
    ) -> Json:
        """A reference to what a request may hold, without the fields that are given elsewhere.

        `required` are those that must be there, with what else their schemas say.
        """
        name = f"{message.name}Input" if message.name in self._shown else message.name
        if name not in self.components:
            made, wanted = self._begin(message, name), required or {}
            made["properties"] = {
                field.name: self._asked(field, wanted.get(field.name))
                for field in message.fields
                if field.name not in without
            }
            if wanted:
                made["required"] = list(wanted)
            made["additionalProperties"] = False
        return _reference(name)

    def _begin(self, message: Descriptor, name: str) -> Json:
        """It is there before its fields are: one of them may hold the same."""
        made: Json = {"type": "object"} | _described(message.name)
        self.components[name] = made
        return made

    def _asked(self, field: FieldDescriptor, required: Json | None) -> Json:
        schema = self._shape(field, reads=True)
        schema = _or_null(schema) if required is None else schema | required
        return schema | _described(_full_name(field))

    def _shape(self, field: FieldDescriptor, *, reads: bool) -> Json:
        inner = field.message_type
        if inner is not None and inner.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": scalar(inner.fields_by_name["value"], reads=reads)}
        if inner is None or inner.full_name == "google.protobuf.Timestamp":
            one = scalar(field, reads=reads)
        else:
            one = self.request(inner) if reads else self.answer(inner)
        return {"type": "array", "items": one} if field.is_repeated else one


def reachable(message: Descriptor) -> Iterator[Descriptor]:
    """The message and those in it, maps and times aside, each as often as it is named."""
    yield message
    for field in message.fields:
        inner = field.message_type
        if inner is None or inner.GetOptions().map_entry or inner.full_name == "google.protobuf.Timestamp":
            continue
        yield from reachable(inner)


def scalar(field: FieldDescriptor, *, reads: bool) -> Json:
    """One value. In answers a 64-bit number is a text; a request may give any number either way."""
    if field.message_type is not None:
        return {"type": "string", "format": "date-time"}
    if field.type in _BOUNDS:
        return _number(*_BOUNDS[field.type], reads=reads)
    match field.type:
        case FieldDescriptor.TYPE_BOOL:
            return {"type": "boolean"}
        case FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        case _:
            return {"type": "string"} | _words(field, reads=reads)


def _words(field: FieldDescriptor, *, reads: bool) -> Json:
    """What a text may be. Where absent and empty are the same, empty may be asked for."""
    words = _WORDS.get(_full_name(field))
    if words is None:
        return {}
    return {"enum": [*(word.value for word in words), *([""] if reads and not field.has_presence else [])]}


def _number(form: str, low: int, high: int, *, reads: bool) -> Json:
    pattern = "^[0-9]{1,20}$" if low == 0 else "^-?[0-9]{1,20}$"
    if reads:
        return {"type": ["integer", "string"], "minimum": low, "maximum": high, "pattern": pattern, "format": form}
    if form in _LONG:
        return {"type": "string", "pattern": pattern, "format": form}
    return {"type": "integer", "minimum": low, "maximum": high, "format": form}


def query_parameters(message: Descriptor, *, without: Iterable[str] = (), prefix: str = "") -> Iterator[Json]:
    """Of each field that text can hold; those of inner messages by their dotted path."""
    for field in message.fields:
        inner, name = field.message_type, f"{prefix}{field.name}"
        if name in without:
            continue
        if inner is None or inner.full_name == "google.protobuf.Timestamp":
            schema = scalar(field, reads=False) if inner else _in_query(field)
            shape: Json = {"type": "array", "items": schema} if field.is_repeated else schema
            yield {"name": name, "in": "query", "schema": shape} | _described(f"{message.name}.{field.name}")
        elif not field.is_repeated:
            yield from query_parameters(inner, without=without, prefix=f"{name}.")


def _in_query(field: FieldDescriptor) -> Json:
    if field.type in _BOUNDS:
        form, low, high = _BOUNDS[field.type]
        return {"type": "integer", "minimum": low, "maximum": high, "format": form}
    return scalar(field, reads=True)


def _or_null(schema: Json) -> Json:
    kind = schema.get("type")
    if kind is None:
        return {"anyOf": [schema, {"type": "null"}]}
    words = schema.get("enum")
    nothing: Json = {"enum": [*words, None]} if isinstance(words, list) else {}
    return schema | {"type": [*(kind if isinstance(kind, list) else [kind]), "null"]} | nothing


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _full_name(field: FieldDescriptor) -> str:
    return ".".join(field.full_name.split(".")[-2:])


def _described(name: str) -> Json:
    text = comment(name)
    return {"description": text} if text else {}
