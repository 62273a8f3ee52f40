"""From a plan as people write it (flags, or a document) to the request, by the strict rules of the API's JSON."""

import json
from collections.abc import Iterable, Mapping

from jobpool.model.errors import InvalidArgument
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.json_decode import decode_object


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


def _with_parameters_as_text(fields: Mapping[str, object]) -> dict[str, object]:
    """On the wire `parameters` is JSON text; in a document it may be written out."""
    parameters = fields.get("parameters")
    if not isinstance(parameters, dict | list):
        return dict(fields)
    try:
        return {**fields, "parameters": json.dumps(parameters, ensure_ascii=False, allow_nan=False)}
    except ValueError as error:
        raise InvalidArgument("parameters", f"JSON cannot hold it: {error}") from error
