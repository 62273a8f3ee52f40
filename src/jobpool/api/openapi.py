"""The REST API as an OpenAPI 3.1 document, made from the definition that the routes are made from."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from jobpool import __version__
from jobpool.api.openapi_schemas import Json, Schemas, query_parameters
from jobpool.api.rest_routes import Route, RouteTable
from jobpool.api.revisions import checks_revision
from jobpool.api.service import METHODS
from jobpool.api.sse import EVENTS
from jobpool.wire.comments import comment

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_NAMESPACE = r"^[a-z][a-z0-9_]{0,127}$"
_PATTERNS = {
    "plans": _NAME,
    "jobs": _NAME,
    "evals": _NAME,
    "allocations": _NAME,
    "nodes": _NAME,
    "namespaces": _NAMESPACE,
}
"""Of the ids in paths, by collection."""

_MAKES: Mapping[str, tuple[str, str]] = {
    "PlanAdd": ("plans", "$response.body#/data/id"),
    "PlanRun": ("jobs", "$response.body#/data/id"),
    "JobRerun": ("jobs", "$response.body#/data/id"),
    "JobAdd": ("jobs", "$response.body#/data/id"),
    "EvalAdd": ("evals", "$response.body#/data/id"),
    "NodeAdd": ("nodes", "$response.body#/data/ID"),
    "NameSpaceAdd": ("namespaces", "$request.body#/name"),
}
"""What brings something into being: its collection, and where its id is."""
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "PlanAdd": ("name", "namespace", "type"),
    "NameSpaceAdd": ("name",),
    "JobUpdate": ("status",),
    "NodeEligibility": ("eligible",),
    "NodeDrain": ("enable",),
    "MemberAdd": ("peer_urls",),
    "MemberUpdate": ("peer_urls",),
}
"""What a request must hold, besides what its path has."""
_OF_PLANS = ("namespace",)
"""What every call about one plan must say besides its id."""

REFUSALS: Mapping[str, str] = {
    "400": "A field is missing, unknown or wrong; `details` names it.",
    "401": "The caller did not prove who they are.",
    "403": "The caller may not do this, or is a page of another site.",
    "404": "What is named does not exist.",
    "408": "The body did not come in time.",
    "409": "It exists already, or this is not possible in the present state.",
    "412": "It was changed meanwhile: the revision that was expected is not the newest.",
    "413": "The body is too large.",
    "415": "The body is not said to be JSON.",
    "421": "The request was meant for another host.",
    "429": "Too much at once; `Retry-After` says when to come back.",
    "500": "A fault of the server; its log says more under the request's id.",
    "503": "Not now: no leader, shutting down, or the store cannot be reached.",
    "504": "No answer in time; what became of it is not known.",
}
_ONLY_WITH_BODY = frozenset({"408", "413", "415"})
_ONLY_WITH_REVISION = frozenset({"412"})

INTRODUCTION = (
    "Names are those of the definition, in snake_case; requests may spell them in lowerCamelCase too. 64-bit numbers "
    "are texts in answers; requests may give numbers or texts. What is empty, 0 or false is left out of answers, null "
    "in a request is as good as absent, and what a request holds beside the fields below is refused by name. "
    "`/v3beta/` reads as `/v3/`. Every answer bears `X-Request-Id`; `Accept-Language: zh` gives messages in Chinese."
)
EXAMPLES: Mapping[str, Json] = {
    "PlanAdd": {
        "id": "nightly",
        "name": "nightly",
        "namespace": "default",
        "type": "service",
        "status": "running",
        "executor": "noop",
        "periodic": {"spec": "0 2 * * *", "time_zone": "Europe/Berlin"},
    },
    "PlanUpdate": {"namespace": "default", "description": "after the backup"},
    "PlanOnline": {"namespace": "default"},
    "PlanOffline": {"namespace": "default"},
    "PlanRun": {"namespace": "default"},
    "NameSpaceAdd": {"name": "reports", "job_parallelism_limit": 4},
    "NameSpaceUpdate": {"description": "monthly reports"},
    "JobUpdate": {"status": "complete"},
    "NodeEligibility": {"eligible": False, "description": "new disks"},
    "QueuePause": {"by": "kim", "note": "the database moves"},
}
"""A request for each call that is easier shown than told."""


@cache
def document(served: frozenset[str]) -> bytes:
    """The document of the calls that are served, as JSON text."""
    return msgspec.json.encode(_document(served))


def operations(served: Collection[str]) -> Iterator[Route]:
    """The routes of the calls that are served, in the order of the definition."""
    return (route for route in RouteTable().all if route.rpc in served)


def _document(served: Collection[str]) -> Json:
    routes = list(operations(served))
    schemas = Schemas(METHODS[route.rpc].output_type for route in routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.verb.lower()] = _operation(route, routes, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jobpool",
            "version": __version__,
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(collection_of(route) for route in routes)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())) | {"Error": _error()},
            "responses": {f"Refused{status}": _refused(status) for status in REFUSALS},
            "headers": {"RequestId": {"required": True, "schema": {"type": "string"}}},
        },
    }


def _operation(route: Route, routes: Collection[Route], schemas: Schemas) -> Json:
    method = METHODS[route.rpc]
    bound = [field for _, field in route.variables]
    made: Json = {"operationId": route.rpc, "tags": [collection_of(route)]}
    summary, _, rest = comment(f"Schedule.{route.rpc}").partition(". ")
    made["summary"] = summary.rstrip(".")
    if text := " ".join(filter(None, (rest, comment(method.input_type.name)))):
        made["description"] = text
    parameters = [_path_parameter(route, field) for field in bound]
    if route.takes_body:
        content: Json = {"schema": schemas.request(method.input_type, without=bound, required=_required(route))}
        if route.rpc in EXAMPLES:
            content["example"] = EXAMPLES[route.rpc]
        made["requestBody"] = {"content": {"application/json": content}}
    else:
        parameters += (_demanded(one, _required(route)) for one in query_parameters(method.input_type, without=bound))
    parameters += _header_parameters(route, method.input_type)
    if parameters:
        made["parameters"] = parameters
    made["responses"] = {"200": _answer(route, routes, schemas)} | {
        status: {"$ref": f"#/components/responses/Refused{status}"} for status in _statuses(route)
    }
    return made


def _answer(route: Route, routes: Collection[Route], schemas: Schemas) -> Json:
    output = METHODS[route.rpc].output_type
    headers: Json = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    data = output.fields_by_name.get("data")
    if data is not None and data.message_type is not None and data.message_type.name == "Plan" and not data.is_repeated:
        told = "The plan's revision, for `If-Match`."
        headers["ETag"] = {"description": told, "required": True, "schema": {"type": "string"}}
    made: Json = {
        "description": "Done." if route.verb != "GET" else "Found.",
        "headers": headers,
        "content": _content(route, schemas),
    }
    if links := _links(route, routes):
        made["links"] = links
    return made


def _content(route: Route, schemas: Schemas) -> Json:
    """Streams are server-sent events, whose data is the answer as JSON."""
    events: Json = {EVENTS: {"schema": {"type": "string"}}}
    if METHODS[route.rpc].server_streaming:
        return events
    content: Json = {"application/json": {"schema": schemas.answer(METHODS[route.rpc].output_type)}}
    return content | events if route.rpc == "JobLogs" else content


def _links(route: Route, routes: Collection[Route]) -> Json:
    """From what brings something into being to all that can be done with it."""
    if route.rpc not in _MAKES:
        return {}
    collection, pointer = _MAKES[route.rpc]
    return {
        other.rpc: _link(other, pointer)
        for other in routes
        if collection_of(other) == collection and [at for at, _ in other.variables] == [3]
    }


def _link(to: Route, pointer: str) -> Json:
    (_, variable) = to.variables[0]
    made: Json = {"operationId": to.rpc}
    parameters: Json = {variable: pointer}
    namespace = "$response.body#/data/namespace"
    if "namespace" in to.request.DESCRIPTOR.fields_by_name:
        if to.takes_body:
            made["requestBody"] = {"namespace": namespace}
        else:
            parameters["namespace"] = namespace
    return made | {"parameters": parameters}


def _path_parameter(route: Route, field: str) -> Json:
    schema: Json = {"type": "string", "minLength": 1}
    collection = collection_of(route)
    if field == "type":
        schema["enum"] = ["evaluation", "allocation"]
    elif field == "namespace":
        schema["pattern"] = _NAMESPACE
    elif collection in _PATTERNS:
        schema["pattern"] = _PATTERNS[collection]
    return {"name": field, "in": "path", "required": True, "schema": schema}


def _required(route: Route) -> Mapping[str, Json]:
    """With what else their schemas say."""
    of_a_plan = collection_of(route) == "plans" and route.variables
    names = _OF_PLANS if of_a_plan else _REQUIRED.get(route.rpc, ())
    return {name: _demand(route, name) for name in names}


def _demand(route: Route, name: str) -> Json:
    if name == "namespace" or route.rpc == "NameSpaceAdd":
        return {"pattern": _NAMESPACE}
    if name == "type":
        return {"enum": ["service"]}
    field = route.request.DESCRIPTOR.fields_by_name[name]
    return {"minLength": 1} if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated else {}


def _demanded(parameter: Json, required: Mapping[str, Json]) -> Json:
    wanted = required.get(str(parameter["name"]))
    if wanted is None:
        return parameter
    schema = parameter["schema"]
    assert isinstance(schema, dict)
    return parameter | {"required": True, "schema": schema | wanted}


def _header_parameters(route: Route, request: Descriptor) -> Iterator[Json]:
    if checks_revision(route.request):
        told = "The revision that is expected, as an ETag: 412 when it is not the newest."
        schema: Json = {"type": "string", "pattern": r'^("[0-9]{1,18}"|\*)$'}
        yield {"name": "If-Match", "in": "header", "description": told, "schema": schema}
    if "idempotency_key" in request.fields_by_name:
        told = "Makes a repeat safe: the same key stands for the same outcome for 24 h."
        yield {"name": "Idempotency-Key", "in": "header", "description": told, "schema": {"type": "string"}}
    if route.rpc == "JobUpdate":
        told = "The token that the callee was given with its call: 403 when it is not the newest attempt's."
        yield {"name": "X-Jobpool-Token", "in": "header", "description": told, "schema": {"type": "string"}}


def _statuses(route: Route) -> Iterator[str]:
    for status in REFUSALS:
        if status in _ONLY_WITH_BODY and not route.takes_body:
            continue
        if status in _ONLY_WITH_REVISION and not checks_revision(route.request):
            continue
        yield status


def _refused(status: str) -> Json:
    headers: Json = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if status == "429":
        headers["Retry-After"] = {"required": True, "schema": {"type": "string"}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {"description": REFUSALS[status], "headers": headers, "content": content}


def _error() -> Json:
    detail: Json = {
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": "The path of the field; empty when none is at fault."},
            "reason": {"type": "string"},
            "engine_code": {"type": "integer", "description": "The original's number; 0 where it has none."},
        },
        "required": ["field", "reason", "engine_code"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "error": {"type": "string", "description": "As `message`."},
            "code": {"type": "integer", "minimum": 1, "maximum": 16, "description": "The status of gRPC."},
            "message": {"type": "string"},
            "details": {"type": "array", "items": detail},
        },
        "required": ["error", "code", "message", "details"],
        "additionalProperties": False,
    }


def collection_of(route: Route) -> str:
    """What a call is about: `plans`, `jobs`, `queues`."""
    return route.segments[3] if route.segments[2] == "simple" else route.segments[2]
