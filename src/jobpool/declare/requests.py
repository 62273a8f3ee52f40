"""From a plan as people write it (flags, or a document) to the request, by the strict rules of the API's JSON."""

import json
from collections.abc import Iterable, Mapping

from jobpool.model.errors import FailedPrecondition, InvalidArgument
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.json_decode import decode_object

_OF_ONE_CALL = ("idempotency_key", "dry_run")


def add_request(fields: Mapping[str, object], *, pending: bool) -> pb.SchedulePlanAddRequest:
    """The request that adds a plan, with what our command line supposes: it runs, and `rest` is synchronous.

    `pending`: it waits for `online`. Raises InvalidArgument naming the field at fault.
    """
    request = pb.SchedulePlanAddRequest()
    decode_object(request, _with_parameters_as_text(fields))
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
    decode_object(request, _with_parameters_as_text(fields))
    return request


def definition_request(fields: Mapping[str, object], *, namespace: str, owner: str) -> pb.SchedulePlanAddRequest:
    """The request that adds the plan of a document; `namespace` and `owner` are its own where it names none.

    Raises InvalidArgument naming the field at fault.
    """
    for field in _OF_ONE_CALL:
        if field in fields:
            raise InvalidArgument(field, "belongs to a call, not to a document")
    if not fields.get("id"):
        raise InvalidArgument("id", "a document says which plan it is: wanted an id, found none")
    request = add_request({"namespace": namespace} | dict(fields), pending=False)
    if owner and request.owner not in ("", owner):
        raise InvalidArgument("owner", f"is {request.owner!r}, while {owner!r} is applied; give one of them")
    if owner:
        request.owner = owner
    return request


def replacing_request(
    definition: pb.SchedulePlanAddRequest, stored: pb.Plan, *, status: str
) -> pb.SchedulePlanUpdateRequest:
    """The request that makes the stored plan what the definition says, if it is still at that revision.

    `status` empty = as operators left it. Raises FailedPrecondition for what no update can change.
    """
    if definition.HasField("stop") and definition.stop != stored.stop:
        raise FailedPrecondition("an update cannot change it; `status: dead` or `running` does", field="stop")
    request = pb.SchedulePlanUpdateRequest(clear=["*"], revision=stored.revision)
    for field, value in definition.ListFields():
        if field.name in ("stop", "status", *_OF_ONE_CALL):
            continue
        if field.message_type is None:
            setattr(request, field.name, value)
        elif field.message_type.GetOptions().map_entry:
            getattr(request, field.name).update(value)
        else:
            getattr(request, field.name).CopyFrom(value)
    if status != stored.status:
        request.status = status
    return request


def _with_parameters_as_text(fields: Mapping[str, object]) -> dict[str, object]:
    """On the wire `parameters` is JSON text; in a document it may be written out."""
    parameters = fields.get("parameters")
    if not isinstance(parameters, dict | list):
        return dict(fields)
    try:
        return {**fields, "parameters": json.dumps(parameters, ensure_ascii=False, allow_nan=False)}
    except ValueError as error:
        raise InvalidArgument("parameters", f"JSON cannot hold it: {error}") from error
