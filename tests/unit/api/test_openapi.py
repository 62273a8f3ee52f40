"""The description of the API: whole, true to the routes and the messages, and a page that loads nothing."""

import json
import re
from contextlib import nullcontext

import jsonschema_rs
import pytest

from jobpool.api.docs_page import POLICY, page
from jobpool.api.openapi import EXAMPLES, document
from jobpool.api.rest_routes import RouteTable
from jobpool.api.service import METHODS, request_type
from jobpool.model.errors import InvalidArgument
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.json import decode, to_object

ALL = frozenset(METHODS)
UNARY = [name for name, method in METHODS.items() if not method.client_streaming and not method.server_streaming]
DOCUMENT = json.loads(document(ALL))
SCHEMAS = DOCUMENT["components"]["schemas"]


def operations():
    return {
        operation["operationId"]: (path, verb, operation)
        for path, item in DOCUMENT["paths"].items()
        for verb, operation in item.items()
    }


def schema(name: str) -> jsonschema_rs.Draft202012Validator:
    """The validator of one component."""
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    )


def mentions(value) -> set[str]:
    """Everything referred to."""
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(mentions(item) for item in value.values()))
    return set().union(*(mentions(item) for item in value)) if isinstance(value, list) else set()


def test_every_call_is_there_under_its_path_and_verb():
    table = RouteTable()
    for name, (path, verb, _) in operations().items():
        route = table.find(verb.upper(), re.sub(r"\{\w+\}", "x", path).removeprefix("/").split("/"))
        assert route is not None
        assert (route.rpc, route.path) == (name, path)
    assert sorted(operations()) == sorted([*UNARY, "Watch", "ClusterWatch", "NodeWatch"])


def test_every_call_says_what_it_is_for():
    assert [name for name, (_, _, operation) in operations().items() if not operation["summary"]] == []


def test_only_what_is_served_is_there():
    few = json.loads(document(frozenset({"PlanDetail", "PlanAdd"})))
    assert list(few["paths"]) == ["/v3/schedule/plans", "/v3/schedule/plans/{id}"]
    assert list(few["paths"]["/v3/schedule/plans"]["post"]["responses"]["200"]["links"]) == ["PlanDetail"]


def test_every_reference_leads_somewhere_and_every_schema_is_one():
    for reference in mentions(DOCUMENT):
        _, *path = reference.split("/")
        found = DOCUMENT
        for part in path:
            found = found[part]
    for component in SCHEMAS.values():
        jsonschema_rs.meta.validate(component)


def test_path_variables_are_those_of_the_definition():
    paths = operations()
    assert paths["NodeUpdate"][0] == "/v3/schedule/nodes/{ID}/status"
    assert paths["NodeDetail"][0] == "/v3/schedule/nodes/{id}"
    for path, _, operation in paths.values():
        told = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
        assert told == re.findall(r"\{(\w+)\}", path)


def test_links_lead_to_operations_and_fill_their_variables():
    links = [
        (link, operations()[link["operationId"]])
        for _, _, operation in operations().values()
        for link in operation["responses"]["200"].get("links", {}).values()
    ]
    assert len(links) > 20
    for link, (path, _, _) in links:
        assert set(re.findall(r"\{(\w+)\}", path)) <= set(link["parameters"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_requests(name):
    decode(json.dumps(EXAMPLES[name]).encode(), request_type(name))
    body = operations()[name][2]["requestBody"]["content"]["application/json"]
    schema(body["schema"]["$ref"].rpartition("/")[2]).validate(EXAMPLES[name])


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ({"priority": 5}, True),
        ({"priority": "5"}, True),
        ({"priority": None}, True),
        ({"priority": -1}, False),
        ({"priority": "five"}, False),
        ({"priority": 1.5}, False),
        ({"synchronous": "true"}, False),
        ({"name": 5}, False),
        ({"periodic": None}, True),
        ({"periodic": {"spec": "@daily", "enabled": True}}, True),
        ({"periodic": {"spec": 5}}, False),
        ({"periodic": {"crontab": ""}}, False),
        ({"retry": {"on": [None]}}, False),
        ({"overlap": "skip"}, True),
        ({"overlap": None}, True),
        ({"status": ""}, True),
        ({"nme": "x"}, False),
    ],
    ids=lambda value: str(value),
)
def test_requests_are_described_as_they_are_read(value, good):
    value = {"name": "p", "namespace": "default", "type": "service"} | value
    assert schema("SchedulePlanAddRequest").is_valid(value) is good
    with nullcontext() if good else pytest.raises(InvalidArgument):
        decode(json.dumps(value).encode(), pb.SchedulePlanAddRequest)


async def test_what_is_said_to_be_demanded_is(world):
    plan = {"name": "p", "namespace": "default", "type": "service", "executor": "noop"}
    for left_out in plan.keys() - {"executor"}:
        for value in (plan | {left_out: None}, {name: plan[name] for name in plan if name != left_out}):
            assert not schema("SchedulePlanAddRequest").is_valid(value)
            refused = await world.refusal("PlanAdd", decode(json.dumps(value).encode(), pb.SchedulePlanAddRequest))
            assert (refused.code, refused.field) == ("INVALID_ARGUMENT", left_out)
    assert schema("SchedulePlanAddRequest").is_valid(plan)
    told = {one["name"]: one.get("required") for one in operations()["PlanDetail"][2]["parameters"]}
    assert told == {"id": True, "namespace": True}
    assert (await world.refusal("PlanDetail", pb.SchedulePlanDetailRequest(id="p"))).field == "namespace"


def test_answers_are_described_as_they_are_written():
    plan = pb.Plan(id="p", priority=2**64 - 1, revision=7, status="running")
    plan.launch_time.FromJsonString("2026-11-22T09:59:04Z")
    plan.periodic.SetInParent()
    answer = pb.SchedulePlanListResponse(header=pb.ResponseHeader(cluster_id=1), data=[plan], totalElements=1)
    schema("SchedulePlanListResponse").validate(to_object(answer))
    wrong = to_object(answer) | {"totalElements": "1"}
    assert not schema("SchedulePlanListResponse").is_valid(wrong)
    plan.status = "asleep"
    assert not schema("Plan").is_valid(to_object(plan))


def test_errors_and_what_a_change_may_meet_are_described():
    responses = operations()["PlanAdd"][2]["responses"]
    assert {"200", "400", "403", "404", "408", "409", "413", "415", "421", "429", "500", "503", "504"} <= set(responses)
    assert "413" not in operations()["PlanList"][2]["responses"]


def test_a_revision_that_can_be_checked_is_described_and_no_other():
    def header(name):
        return [one for one in operations()[name][2].get("parameters", ()) if one["name"] == "If-Match"]

    assert header("PlanUpdate")
    assert "412" in operations()["PlanUpdate"][2]["responses"]
    assert header("PlanAdd") == header("HashKV") == []


# ---- as they are served


async def test_the_document_is_served(server):
    answer = await server.ask("GET", "/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json["openapi"] == "3.1.0"
    assert answer.json["paths"]["/v3/schedule/plans/{id}"].keys() == {"get", "post", "delete"}
    assert "/v3/schedule/nodes" not in answer.json["paths"]
    wrong = await server.ask("POST", "/openapi.json", text="{}")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD")


async def test_the_page_is_served_with_its_policy(server):
    async with server.raw() as (reader, writer):
        writer.write(b"GET /docs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"content-security-policy: {POLICY}".encode() in head
    assert b"content-type: text/html; charset=utf-8" in head
    assert body.startswith(b"<!DOCTYPE html>")


def test_the_page_names_every_call_and_loads_and_runs_nothing():
    text = page(ALL).decode()
    assert [name for name in UNARY if f'id="{name}"' not in text] == []
    assert re.findall(r"<(script|img|link|iframe|form|base|object)\b|\bon\w+=|javascript:", text) == []
    assert set(re.findall(r'(?:src|href)="([^#"][^"]*)"', text)) == {"/openapi.json"}
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY


def test_links_of_the_page_lead_to_its_parts():
    text = page(ALL).decode()
    assert set(re.findall(r'href="#(\w+)"', text)) <= set(re.findall(r'id="(\w+)"', text))
