"""From flags and files to the request that adds or changes a plan."""

import json
from pathlib import Path

import pytest
from google.protobuf.message import Message

from jobpool.api.status import grpc_error
from jobpool.model.errors import AlreadyExists, Unavailable
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli.harness import Ctl
from tests.unit.cli.samples import at


def plan(**fields: object) -> pb.SchedulePlanAddRequest:
    """What the command line supposes, and these fields."""
    supposed = {"id": "x", "name": "x", "namespace": "default", "type": "service", "status": "running"}
    return pb.SchedulePlanAddRequest(**(supposed | fields))  # type: ignore[arg-type]


async def added(run: Ctl, api: FakeApi, *words: str) -> pb.SchedulePlanAddRequest:
    outcome = await run("plan", "add", "--id", "x", *words)
    assert outcome.code == 0
    (request,) = api.received("PlanAdd")
    assert isinstance(request, pb.SchedulePlanAddRequest)
    return request


async def test_least(run: Ctl, api: FakeApi) -> None:
    assert await added(run, api) == plan(synchronous=True)


async def test_a_name_alone_lets_the_server_choose_the_id(run: Ctl, api: FakeApi) -> None:
    await run("plan", "add", "--name", "Report")
    assert api.received("PlanAdd") == [plan(id="", name="Report", synchronous=True)]


async def test_neither_id_nor_name(run: Ctl, api: FakeApi) -> None:
    outcome = await run("plan", "add", "--spec", "@daily")
    assert (outcome.code, outcome.err) == (3, "Error: id: wanted an id or a name, found neither\n")
    assert api.requests == []


async def test_a_shell_command(run: Ctl, api: FakeApi) -> None:
    request = await added(run, api, "--command", 'echo "é"', "--cron", "*/5 * * * *", "--tz", "Europe/Berlin")
    assert request == plan(
        executor="shell",
        parameters='{"command": "echo \\"é\\""}',
        periodic=pb.PeriodicConfig(spec="*/5 * * * *", time_zone="Europe/Berlin"),
    )


async def test_a_url(run: Ctl, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "body").write_text('{"a": 1}')
    request = await added(
        run, api, "--url", "http://a/b", "--method", "put", "--body", f"@{tmp_path}/body", "--async", "--pending"
    )
    assert json.loads(request.parameters) == {"url": "http://a/b", "method": "put", "body": '{"a": 1}'}
    assert (request.executor, request.synchronous, request.status) == ("rest", False, "pending")


async def test_parameters_from_a_file(run: Ctl, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"sleep": "1s"}')
    request = await added(run, api, "--executor", "noop", "--parameters", f"@{tmp_path}/p.json")
    assert request == plan(executor="noop", parameters='{"sleep": "1s"}')


EVERY_OTHER_FLAG = """
    --name N --ns ops --description d --timeout 90s --priority 7 --overlap skip --disabled
    --catch-up all --catch-up-window 2h --catch-up-max-runs 5 --catch-up-rate 6
    --retry 3 --retry-backoff 1s --retry-max-backoff 1m --retry-on timeout --retry-on node_lost
    --delivery at-most-once --dst-gap skip --dst-overlap both --match all --strategy random
    --start 2026-01-31T09:00:00 --end 2026-12-31T00:00:00Z --tz America/New_York --type service
"""


async def test_every_other_flag(run: Ctl, api: FakeApi) -> None:
    request = await added(run, api, *EVERY_OTHER_FLAG.split())
    assert request == plan(
        name="N",
        namespace="ops",
        description="d",
        synchronous=True,
        timeout="90s",
        priority=7,
        overlap="skip",
        catch_up=pb.CatchUp(mode="all", window="2h", max_runs=5, rate_per_minute=6),
        retry=pb.Retry(attempts=3, backoff="1s", max_backoff="1m", on=["timeout", "node_lost"]),
        delivery="at-most-once",
        dst=pb.Dst(gap="skip", overlap="both"),
        match="all",
        strategy="random",
        periodic=pb.PeriodicConfig(
            enabled=False,
            time_zone="America/New_York",
            start_time=at("2026-01-31T14:00:00Z"),
            end_time=at("2026-12-31T00:00:00Z"),
        ),
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--start 2026-01-31T09:00:00", "start: '2026-01-31T09:00:00' has no offset, and no known --tz says"),
        ("--start soon", "start: wanted a time such as 2026-01-31T09:00:00+01:00, found 'soon'"),
        ("--parameters @/nowhere", "parameters: cannot read /nowhere"),
        ("--priority -1", "priority: wanted a whole number"),
        ("--retry 3000000000", "retry.attempts: wanted a whole number from -2147483648 to 2147483647"),
    ],
)
async def test_values_that_cannot_be_read(run: Ctl, api: FakeApi, *, words: str, said: str) -> None:
    outcome = await run("plan", "add", "--id", "x", *words.split())
    assert outcome.code == 3
    assert outcome.err.startswith(f"Error: {said}")
    assert api.requests == []


async def test_update_sends_only_what_is_given(run: Ctl, api: FakeApi) -> None:
    await run("plan", "update", "x", "--spec", "@daily", "--clear", "timeout", "--clear", "retry")
    await run("plan", "update", "x", "ops", "--enabled", "--async", "--command", "true")
    assert api.received("PlanUpdate") == [
        pb.SchedulePlanUpdateRequest(
            id="x", namespace="default", periodic=pb.PeriodicConfig(spec="@daily"), clear=["timeout", "retry"]
        ),
        pb.SchedulePlanUpdateRequest(
            id="x",
            namespace="ops",
            periodic=pb.PeriodicConfig(enabled=True),
            synchronous=False,
            executor="shell",
            parameters='{"command": "true"}',
        ),
    ]


# ---- files

YAML = """\
id: x
namespace: ops
synchronous: false
timeout: 90s
priority: 7
description: 'yes'
periodic:
  spec: "*/5 * * * *"
  time_zone: Europe/Berlin
  start_time: 2026-01-31T09:00:00+01:00
retry: {attempts: 2, on: [timeout]}
parameters:
  url: http://a/b
  headers: {X-When: 2026-01-31, X-Code: 0900}
"""
FROM_YAML = plan(
    namespace="ops",
    synchronous=False,
    timeout="90s",
    priority=7,
    description="yes",
    periodic=pb.PeriodicConfig(spec="*/5 * * * *", time_zone="Europe/Berlin", start_time=at("2026-01-31T08:00:00Z")),
    retry=pb.Retry(attempts=2, on=["timeout"]),
    parameters='{"url": "http://a/b", "headers": {"X-When": "2026-01-31", "X-Code": "0900"}}',
)


async def test_a_yaml_file(run: Ctl, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(YAML)
    assert (await run("plan", "add", "-f", str(tmp_path / "plan.yaml"))).code == 0
    assert api.received("PlanAdd") == [FROM_YAML]


async def test_stdin(run: Ctl, api: FakeApi) -> None:
    assert (await run("plan", "add", "-f", "-", stdin=YAML.encode())).code == 0
    assert api.received("PlanAdd") == [FROM_YAML]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "id: a\n---\nid: b\n---\n"),
        ("a.yaml", "- id: a\n- {id: b}\n"),
        ("a.json", '[{"id": "a"}, {"id": "b"}]'),
        ("a", ' [{"id": "a"},\n{"id": "b", "timeout": null}]'),
    ],
)
async def test_several_plans(run: Ctl, api: FakeApi, tmp_path: Path, *, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert (await run("plan", "add", "-f", str(tmp_path / name), "--pending")).code == 0
    assert api.received("PlanAdd") == [plan(id=id_, name=id_, status="pending", synchronous=True) for id_ in ("a", "b")]


async def test_json_names_are_taken_too(run: Ctl, api: FakeApi) -> None:
    await run("plan", "add", "-f", "-", stdin=b'{"id": "x", "catchUp": {"maxRuns": 3}}')
    assert api.received("PlanAdd") == [plan(synchronous=True, catch_up=pb.CatchUp(max_runs=3))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: x\nspce: 1", "spce: unknown field"),
        ("id: x\nperiodc: {}", "periodc: unknown field; did you mean periodic? (in -)"),
        ("id: x\nperiodic: {spek: '@daily'}", "periodic.spek: unknown field; did you mean spec?"),
        (
            "id: x\npriority: high",
            "priority: wanted a whole number from 0 to 18446744073709551615, found the string 'high'",
        ),
        ("id: x\npriority: 1.5", "priority: wanted a whole number"),
        ("id: x\npriority: true", "priority: wanted a whole number"),
        ("id: x\npriority: -1", "priority: wanted a whole number"),
        ("id: x\nsynchronous: 1", "synchronous: wanted true or false, found the number 1"),
        ("id: x\nsynchronous: yes", "synchronous: wanted true or false, found the string 'yes'"),
        ("id: 5", "id: wanted a string, found the number 5"),
        ("id: x\ntimezone: UTC", "timezone: unknown field; did you mean periodic.time_zone? (in -)"),
        ("id: x\nattempts: 3", "attempts: unknown field; did you mean retry.attempts? (in -)"),
        ("id: x\nretry: 3", "retry: wanted an object (attempts, backoff, max_backoff, on), found the number 3"),
        ("id: x\nperiodic: {start_time: 2026-01-31}", "periodic.start_time: "),
        ("id: x\nretry: {on: timeout}", "retry.on: wanted an array, found the string 'timeout'"),
        ("id: x\nretry: {on: [1]}", "retry.on[0]: wanted a string, found the number 1"),
        ("id: x\nparameters: {a: 1e999}", "parameters: JSON cannot hold it"),
        ("id: x\nparameters: {a: !!binary aGk=}", "file: - is not YAML: could not determine a constructor"),
        ("id: x\nparameters: !!python/object:os.system {}", "file: - is not YAML: could not determine a constructor"),
        ("id: x\n5: y", "file: - is not YAML: found a name that is not text"),
        ("id: x\n[a]: y", "file: - is not YAML: found a name that is not text"),
        ("id: x\nid: y", "file: - is not YAML: found 'id' twice at line 2, column 1: id: y"),
        ("id: x\nspec: */5 * * * *", "file: - is not YAML: while scanning an alias"),
        ("id: [x", "file: - is not YAML: while parsing a flow sequence"),
        ('{"id": "x", "id": "y"}', "file: -: id: given twice in one JSON object"),
        ('{"id": "x"', "file: -: wanted JSON"),
        ("[" * 100_000, "file: -: wanted a JSON object, found one nested too deeply"),
        ("", "file: there is no plan in -"),
        ("just text", "file: wanted the fields of a plan in -, found 'just text'"),
        ("- id: a\n- b", "file: wanted the fields of a plan in -, plan 2, found 'b'"),
        ("- id: a\n- {id: b, nmae: c}", "nmae: unknown field; did you mean name? (in -, plan 2)"),
        ("\x00", "file: - is not YAML"),
    ],
    ids=lambda text: text[:30].encode("unicode_escape").decode(),
)
async def test_files_that_are_refused_whole(run: Ctl, api: FakeApi, *, text: str, said: str) -> None:
    outcome = await run("plan", "add", "-f", "-", stdin=text.encode())
    assert outcome.code == 3
    assert outcome.err.startswith(f"Error: {said}")
    assert api.requests == []


async def test_files_that_cannot_be_read(run: Ctl) -> None:
    assert (await run("plan", "add", "-f", "/nowhere")).err.startswith(
        "Error: file: cannot read /nowhere: No such file"
    )
    assert (await run("plan", "add", "-f", "-", stdin=b"id: \xff")).err.startswith(
        "Error: file: - is not UTF-8 at byte 4"
    )


async def test_a_refusal_keeps_the_other_plans_of_a_file_from_nothing(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanAdd", refusing_b)
    outcome = await run("plan", "add", "-f", "-", stdin=b"- id: a\n- id: b\n- id: c\n")
    assert outcome.code == 1
    assert [line for line in outcome.out.splitlines() if line.startswith("plan ")] == [
        "plan a added in namespace default, running",
        "plan c added in namespace default, running",
    ]
    assert [line for line in outcome.err.splitlines() if not line.startswith("Warning: ")] == [
        "b (-, plan 2) was not added: plan 'b' already exists",
        "2 of 3 plans were added",
        "Hint: `jobpoolctl plan update b` changes it",
    ]


async def refusing_b(request: Message) -> Message:
    assert isinstance(request, pb.SchedulePlanAddRequest)
    if request.id == "b":
        raise grpc_error(AlreadyExists("plan", "b"))
    return pb.SchedulePlanAddResponse(data=pb.Plan(id=request.id, namespace="default", status="running"))


async def test_once_no_server_answers_the_rest_of_a_file_is_not_tried(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanAdd", Unavailable("going down"))
    text = "".join(f"- id: p{number}\n" for number in range(200))
    outcome = await run("plan", "add", "-f", "-", stdin=text.encode())
    assert outcome.code == 2
    assert outcome.err.splitlines()[-2].startswith("0 of 200 plans were added, 136 were not tried")
    assert len(api.received("PlanAdd")) == 64


async def test_of_many_plans_each_is_told_in_the_order_of_the_file(run: Ctl, api: FakeApi) -> None:
    async def added(request: Message) -> Message:
        assert isinstance(request, pb.SchedulePlanAddRequest)
        every = pb.PeriodicConfig(spec="@daily")
        return pb.SchedulePlanAddResponse(data=pb.Plan(id=request.id, namespace="x", status="running", periodic=every))

    api.answers("PlanAdd", added)
    names = [f"p{number}" for number in range(150)]
    outcome = await run("plan", "add", "-f", "-", stdin="".join(f"- id: {name}\n" for name in names).encode())
    assert outcome.code == 0
    assert outcome.out.splitlines() == [f"plan {name} added in namespace x, running" for name in names]
    assert api.received("PlanPreview") == []


async def test_a_plan_that_a_file_has_twice_is_refused_before_anything_is_sent(run: Ctl, api: FakeApi) -> None:
    outcome = await run(
        "plan", "add", "-f", "-", stdin=b"- id: a\n- {id: a, namespace: x}\n- {id: a, namespace: default}"
    )
    assert outcome.code == 3
    assert outcome.err.startswith("Error: id: plan default/a is there twice: in -, plan 1")
    assert api.requests == []


async def test_a_preview_starts_at_a_time_in_the_plans_zone(run: Ctl, api: FakeApi) -> None:
    plan_in_tokyo = pb.Plan(id="x", periodic=pb.PeriodicConfig(spec="@daily", time_zone="Asia/Tokyo"))
    api.answers("PlanDetail", pb.SchedulePlanDetailResponse(data=plan_in_tokyo))
    api.answers("PlanPreview", pb.PlanPreviewResponse())
    assert (await run("plan", "preview", "x", "--after", "2026-03-28")).code == 0
    (request,) = api.received("PlanPreview")
    assert isinstance(request, pb.PlanPreviewRequest)
    assert request.after.ToJsonString() == "2026-03-27T15:00:00Z"


async def test_a_preview_start_with_an_offset_needs_no_plan(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanPreview", pb.PlanPreviewResponse())
    assert (await run("plan", "preview", "x", "--after", "2026-03-28T00:00:00+01:00")).code == 0
    assert api.received("PlanDetail") == []


async def test_a_preview_start_that_is_no_time(run: Ctl, api: FakeApi) -> None:
    outcome = await run("plan", "preview", "x", "--after", "tomorrow")
    assert outcome.code == 128
    assert "a time in the plan's zone or a span such as 2h, found 'tomorrow'" in outcome.err
