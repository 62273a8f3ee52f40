"""A plan as a document: what applying it again leaves as it is, and nothing that says itself."""

from jobpool.declare.values import json_value
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.rfc3339 import format_timestamp

_USUAL: dict[str, object] = {
    "type": "service",
    "priority": 50,
    "stop": False,
    "status": "running",
    "executor": "rest",
    "overlap": "allow",
    "delivery": "at-least-once",
    "match": "any",
}
_USUAL_PARTS: dict[str, dict[str, object]] = {
    "catch_up": {"mode": "latest", "max_runs": 1000},
    "retry": {"attempts": 0, "backoff": "10s", "max_backoff": "1h"},
    "dst": {"gap": "run-after", "overlap": "first"},
}


def document_of(plan: pb.Plan) -> dict[str, object]:
    """The fields of a document, in an order that stays. A pause is an operator's word and no part of it."""
    found: dict[str, object] = {"id": plan.id, "namespace": plan.namespace}
    if plan.name != plan.id:
        found["name"] = plan.name
    _texts(plan, found, "description", "owner")
    if plan.labels:
        found["labels"] = {name: plan.labels[name] for name in sorted(plan.labels)}
    _unusual(plan, found, "type", "status", "executor")
    _parameters(plan, found)
    if plan.periodic.spec:
        found["periodic"] = _periodic(plan)
    _unusual(plan, found, "match", "overlap", "priority", "delivery")
    _part(found, "dst", {name: getattr(plan.dst, name) for name in ("gap", "overlap")})
    _part(found, "catch_up", _set(plan, "catch_up", "mode", "window", "max_runs", "rate_per_minute"))
    _part(found, "retry", _set(plan, "retry", "attempts", "backoff", "max_backoff", "on"))
    if plan.timeout not in ("", "1h" if plan.synchronous or plan.executor != "rest" else "2d"):
        found["timeout"] = plan.timeout
    if plan.synchronous != (plan.executor == "rest"):
        found["synchronous"] = plan.synchronous
    _texts(plan, found, "strategy")
    if plan.status != "dead":  # which says it too
        _unusual(plan, found, "stop")
    return found


def _texts(plan: pb.Plan, found: dict[str, object], *fields: str) -> None:
    found.update((field, text) for field in fields if (text := getattr(plan, field)))


def _unusual(plan: pb.Plan, found: dict[str, object], *fields: str) -> None:
    found.update((field, value) for field in fields if (value := getattr(plan, field)) not in ("", 0, _USUAL[field]))


def _parameters(plan: pb.Plan, found: dict[str, object]) -> None:
    if plan.parameters:
        value = json_value(plan.parameters)
        found["parameters"] = value if isinstance(value, dict) else plan.parameters


def _periodic(plan: pb.Plan) -> dict[str, object]:
    periodic = plan.periodic
    found: dict[str, object] = {"spec": periodic.spec, "time_zone": periodic.time_zone}
    for field in ("start_time", "end_time"):
        if periodic.HasField(field):
            found[field] = format_timestamp(getattr(periodic, field))
    if not periodic.enabled and plan.status != "dead":
        found["enabled"] = False
    return found


def _set(plan: pb.Plan, part: str, *fields: str) -> dict[str, object]:
    set_ = {field.name: value for field, value in getattr(plan, part).ListFields() if field.name in fields}
    return {name: value if isinstance(value, str | int) else list(value) for name, value in set_.items()}


def _part(found: dict[str, object], name: str, values: dict[str, object]) -> None:
    kept = {field: value for field, value in values.items() if value not in ("", _USUAL_PARTS[name].get(field))}
    if kept:
        found[name] = kept
