"""What schemathesis is told beyond the OpenAPI document of a server: loaded by it, not by the tests."""

from typing import Any, TypeAlias

import schemathesis

Case: TypeAlias = schemathesis.Case[Any]

PLAN: dict[str, Any] = {
    "name": "p",
    "namespace": "default",
    "executor": "noop",
    "periodic": {"spec": "@every 1s", "time_zone": "UTC"},
    "strategy": "spread",
}
ANY = {"type", "status", "overlap", "delivery", "match", "synchronous", "priority"}
"""Of a plan, what the document alone says."""


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Answers may gain members in a later version; those of this one are to be described, so objects are closed."""
    for component in raw_schema["components"]["schemas"].values():
        component.setdefault("additionalProperties", False)


@schemathesis.hook
def map_case(context: schemathesis.HookContext, case: Case) -> Case:
    """What is made up by chance is hardly ever taken: a plan needs a schedule that there is. So plans that are to be
    taken get that much, and an id from the server."""
    good = case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE
    if good and case.operation.definition.raw.get("operationId") == "PlanAdd" and isinstance(case.body, dict):
        case.body = {**{key: case.body[key] for key in case.body.keys() & ANY}, **PLAN}
    if good and case.operation.definition.raw.get("operationId") == "NameSpaceUpdate" and isinstance(case.body, dict):
        # By a name made up by chance nothing can be renamed, also where the new name has just been created.
        case.body = {key: value for key, value in case.body.items() if key != "old_name"}
    if case.operation.definition.raw.get("operationId") == "JobLogs" and case.query:
        case.query.pop("follow", None)  # an answer that goes on for as long as the job does
    if case.operation.definition.raw.get("operationId") == "JobUpdate" and case.headers:
        case.headers.pop("X-Jobpool-Token", None)  # nobody can make one up
    return case


@schemathesis.check
def refusals_name_the_field(context: schemathesis.CheckContext, response: schemathesis.Response, case: Case) -> None:
    """400 is about a part of the request, and says which."""
    if response.status_code == 400:
        details = response.json()["details"]
        assert details, "a refusal without details"
        assert details[0]["field"], "a refusal that names no field"
