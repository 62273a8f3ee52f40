"""A user's first hour: namespace, plans of every executor, their runs, and how to steer them, by REST and by shell."""

import base64
import contextlib
import json
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.conftest import Site
from tests.e2e.oracle.callee import Callee
from tests.e2e.oracle.client import Api, Refused, until
from tests.e2e.oracle.ctl import ctl

pytestmark = pytest.mark.xdist_group("processes")

FAR = "0 0 1 1 *"
"""A schedule that does not fire during a test (unless it is New Year)."""


async def add_plan(api: Api, plan_id: str, *, executor: str = "noop", parameters: Any = None, **more: Any) -> Any:
    text = {} if parameters is None else {"parameters": json.dumps(parameters)}
    fields = {"id": plan_id, "name": plan_id, "type": "service", "namespace": "default", "executor": executor}
    return (await api.post("plans", **fields | text | more))["data"]


async def run(api: Api, plan_id: str, **more: Any) -> Any:
    return (await api.post(f"plans/{plan_id}/run", **{"namespace": "default"} | more))["data"]


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def output(api: Api, job_id: str) -> str:
    return base64.b64decode((await api.get(f"jobs/{job_id}/logs")).get("data", "")).decode()


async def test_a_namespace_has_its_own_slots_and_shows_them(api: Api) -> None:
    await api.post("namespaces", name="team", job_parallelism_limit=3, when_full="wait", default_time_zone="UTC")
    shown = (await api.get("namespaces/team"))["data"]
    assert (shown["job_parallelism_limit"], shown["when_full"]) == (3, "wait")
    assert (await api.get("queues/job/team"))["data"] == {"total": 3, "un_used": 3}
    assert {item["name"] for item in await api.everything("namespaces")} >= {"default", "team"}
    with pytest.raises(Refused, match="already exists"):
        await api.post("namespaces", name="team")


async def test_a_plan_fires_every_second_and_each_tick_is_one_run(api: Api) -> None:
    plan = await add_plan(
        api, "beat", status="running", periodic={"spec": "* * * * * *", "time_zone": "UTC"}, catch_up={"mode": "all"}
    )
    first = instant(plan["next_time"])
    await until(lambda: api.everything("jobs", plan_id="beat", status="complete"), lambda jobs: len(jobs) >= 4)
    await api.post("plans/beat/offline", namespace="default", description="seen enough")
    jobs = await until(
        lambda: api.everything("jobs", plan_id="beat", namespace="default"),
        lambda jobs: all(job["status"] == "complete" for job in jobs),
    )
    ticks = sorted(instant(job["scheduled_time"]) for job in jobs)
    assert ticks == [first + at for at in range(len(ticks))]
    assert {job["trigger"] for job in jobs} == {"schedule"}
    assert {job["derived_plan_id"] for job in jobs} == {f"beat/periodic-{int(tick)}" for tick in ticks}
    shown = (await api.get("plans/beat", namespace="default"))["data"]
    assert (shown["status"], shown.get("next_time")) == ("dead", None)


async def test_preview_shows_the_ticks_to_come_with_wall_time(api: Api) -> None:
    await add_plan(api, "yearly", periodic={"spec": "30 2 31 3 *", "time_zone": "Europe/Berlin"})
    ticks = (await api.get("plans/yearly/preview", namespace="default", n=2, after="2024-01-01T00:00:00Z"))["data"]
    assert [tick["time"] for tick in ticks] == ["2024-03-31T01:00:00Z", "2025-03-31T00:30:00Z"]
    assert ticks[0]["dst"] == "gap"


async def test_a_run_by_hand_takes_its_own_parameters_once_per_key(api: Api) -> None:
    await add_plan(api, "by_hand", parameters={"result": "usual"})
    first = await run(api, "by_hand", parameters='{"result": "special"}', idempotency_key="k1")
    again = await run(api, "by_hand", parameters='{"result": "special"}', idempotency_key="k1")
    other = await run(api, "by_hand")
    assert first["id"] == again["id"] != other["id"]
    assert (await api.ended(first["id"]))["result"] == "special"
    assert (await api.ended(other["id"]))["result"] == "usual"
    jobs = await api.everything("jobs", plan_id="by_hand")
    assert {(job["id"], job["trigger"]) for job in jobs} == {(first["id"], "manual"), (other["id"], "manual")}


async def test_a_shell_run_leaves_its_output_and_exit_code(api: Api) -> None:
    await add_plan(api, "shell", executor="shell", parameters={"command": "echo to be read; exit 3"})
    job = await api.ended((await run(api, "shell"))["id"])
    assert (job["status"], job["reason"], job["exit_code"], job["attempt"]) == ("failed", "exit_nonzero", 3, 1)
    assert await output(api, job["id"]) == "to be read\n"


async def test_a_failing_run_is_tried_again_as_its_plan_says(api: Api) -> None:
    await add_plan(
        api,
        "flaky",
        executor="shell",
        parameters={"command": 'echo "try $JOBPOOL_ATTEMPT"; [ "$JOBPOOL_ATTEMPT" = 3 ]'},
        retry={"attempts": 3, "backoff": "200ms"},
    )
    job = await api.ended((await run(api, "flaky"))["id"])
    assert (job["status"], job["attempt"]) == ("complete", 3)
    allocations = await api.everything("allocations", job_id=job["id"])
    assert sorted(one["client_status"] for one in allocations) == ["complete", "failed", "failed"]
    assert len({one["fence"] for one in allocations}) == 3
    assert await output(api, job["id"]) == "try 3\n"


async def test_a_run_beyond_its_timeout_is_ended_on_the_agent(api: Api) -> None:
    await add_plan(api, "endless", executor="shell", parameters={"command": "exec sleep 600"}, timeout="1s")
    job = await api.ended((await run(api, "endless"))["id"])
    assert (job["status"], job["reason"]) == ("expired", "timeout")


async def test_a_running_job_is_cancelled_on_the_agent(api: Api) -> None:
    await add_plan(api, "long", executor="shell", parameters={"command": "echo up; exec sleep 600"})
    job_id = (await run(api, "long"))["id"]
    await until(lambda: api.job(job_id), lambda job: job["status"] == "running")
    assert (await api.get("queues/job/default"))["data"]["running_jobs"] == [job_id]
    await api.post(f"jobs/{job_id}/cancel", description="not today")
    job = await api.ended(job_id)
    assert (job["status"], job["reason"], job["info"]) == ("cancelled", "cancelled", "not today")
    with pytest.raises(Refused, match="terminal"):
        await api.post(f"jobs/{job_id}/cancel")


async def test_a_synchronous_call_ends_with_its_answer(api: Api, callee: Callee) -> None:
    callee.answers["/broken"] = (500, '{"code": 500}')
    good = {"url": f"{callee.url}/work?x=1", "method": "post", "body": '{"n": 1}', "headers": {"X-Team": "a"}}
    await add_plan(api, "call", executor="rest", synchronous=True, parameters=good)
    await add_plan(api, "call_broken", executor="rest", synchronous=True, parameters={"url": f"{callee.url}/broken"})
    job = await api.ended((await run(api, "call"))["id"])
    assert (job["status"], job["result"]) == ("complete", '{"code": 200}')
    (call,) = callee.to("/work")
    assert (call.method, call.body, call.headers["X-Team"]) == ("POST", '{"n": 1}', "a")
    assert (call.headers["Idempotency-Key"], call.headers["X-Jobpool-Fence"]) == (job["id"], job["fence"])
    failed = await api.ended((await run(api, "call_broken"))["id"])
    assert (failed["status"], failed["reason"]) == ("failed", "http_status")


async def test_an_asynchronous_call_ends_by_the_callees_report(api: Api, callee: Callee) -> None:
    await add_plan(api, "hand_over", executor="rest", parameters={"url": f"{callee.url}/take", "method": "post"})
    job_id = (await run(api, "hand_over"))["id"]
    await until(lambda: api.job(job_id), lambda job: job["status"] == "running")
    (call,) = callee.to("/take")
    assert call.body == f'{{"planId": "hand_over", "jobId":"{job_id}"}}'
    await api.post(f"jobs/{call.json['jobId']}/status", status="complete", result="42 rows")
    job = await api.job(job_id)
    assert (job["status"], job["result"]) == ("complete", "42 rows")
    with pytest.raises(Refused, match="terminal") as refusal:
        await api.post(f"jobs/{job_id}/status", status="failed")
    assert refusal.value.status == 409


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ('{"code": 500, "error": "not today"}', "failed"),
        ('{"code": 500}', "failed"),
        ("null", "running"),
        ("[]", "running"),
        ("", "running"),
        ('{"code": "200"}', "running"),
    ],
)
async def test_whatever_an_asynchronous_callee_answers_its_run_goes_on(
    api: Api, callee: Callee, answer: str, status: str
) -> None:
    """The original's agent died of `null` and forgot a run whose refusal gave no error."""
    callee.answers["/odd"] = (200, answer)
    with contextlib.suppress(Refused):
        await add_plan(api, "odd", executor="rest", parameters={"url": f"{callee.url}/odd", "method": "post"})
    parameters = json.dumps({"url": f"{callee.url}/odd", "method": "post"})
    job_id = (await run(api, "odd", parameters=parameters))["id"]
    job = await until(lambda: api.job(job_id), lambda job: job["status"] != "pending")
    assert job["status"] == status
    if status == "running":
        await api.post(f"jobs/{job_id}/cancel")
        assert (await api.ended(job_id))["status"] == "cancelled"


async def test_an_overlapping_tick_is_skipped_and_the_callee_is_told(api: Api, callee: Callee) -> None:
    await add_plan(
        api,
        "no_overlap",
        executor="rest",
        status="running",
        parameters={"url": f"{callee.url}/over", "method": "post"},
        periodic={"spec": "* * * * * *", "time_zone": "UTC", "prohibit_overlap": True},
    )
    skipped = await until(
        lambda: api.everything("jobs", plan_id="no_overlap", status="skipped"), lambda jobs: len(jobs) >= 2
    )
    await api.post("plans/no_overlap/offline", namespace="default")
    (running,) = await until(lambda: api.everything("jobs", plan_id="no_overlap", status="running"))
    assert {job["reason"] for job in skipped} == {"overlap"}
    assert running["id"] in skipped[0]["info"]

    async def told() -> set[str]:
        return {call.json["jobId"] for call in callee.to("/over") if call.json.get("status") == "skipped"}

    await until(told, lambda ids: ids >= {job["id"] for job in skipped})
    await api.post(f"jobs/{running['id']}/status", status="complete")


async def test_a_tick_without_a_slot_fails_and_the_callee_is_told(api: Api, callee: Callee) -> None:
    await api.post("namespaces", name="narrow", job_parallelism_limit=1)
    await add_plan(
        api,
        "crowded",
        namespace="narrow",
        executor="rest",
        status="running",
        parameters={"url": f"{callee.url}/crowd", "method": "post"},
        periodic={"spec": "* * * * * *", "time_zone": "UTC"},
    )
    failed = await until(lambda: api.everything("jobs", plan_id="crowded", status="failed"))
    await api.post("plans/crowded/offline", namespace="narrow")
    assert failed[0]["reason"] == "no_slot"

    async def told() -> list[Any]:
        return [call.json for call in callee.to("/crowd") if call.json.get("status") == "failed"]

    message = (await until(told))[0]
    assert message["message"] == "no slot left in scheduler engine"
    (running,) = await until(lambda: api.everything("jobs", plan_id="crowded", status="running"))
    await api.post(f"jobs/{running['id']}/status", status="complete")
    await until(lambda: api.get("queues/job/narrow"), lambda view: view["data"] == {"total": 1, "un_used": 1})


async def test_the_same_path_from_a_shell(shared: Site, api: Api) -> None:
    async def tool(*words: str, code: int = 0) -> str:
        return await ctl(api.url, *words, code=code)

    await tool("namespace", "add", "ops", "--limit", "5", "--tz", "UTC")
    said = await tool(
        "plan", "add", "--ns", "ops", "--id", "hello", "--command", "echo hello from $JOBPOOL_PLAN_ID", "--cron", FAR
    )
    assert "plan hello added in namespace ops, running" in said
    job = json.loads(await tool("-w", "json", "plan", "run", "hello", "--ns", "ops"))["data"]
    await api.ended(job["id"])
    assert await tool("job", "logs", job["id"]) == "hello from hello\n"
    detail = json.loads(await tool("-w", "json", "job", "detail", job["id"]))["data"]
    assert (detail["status"], detail["namespace"], detail["created_by"]) == ("complete", "ops", "jobpoolctl")
    assert job["id"] in await tool("job", "list", "--plan-id", "hello")
    assert "2027-01-01" in await tool(
        "plan", "preview", "hello", "--ns", "ops", "-n", "3", "--after", "2026-06-01T00:00:00Z"
    )
    assert "hello" in await tool("plan", "list", "--ns", "ops", "-w", "table")
    assert "agent-1" in await tool("node", "list")
    assert job["id"] in await tool("allocation", "list", "--job-id", job["id"])
    assert "healthy" in await tool("endpoint", "health")
    assert "ready" in await tool("queue", "evaluation")
    await tool("plan", "offline", "hello", "--ns", "ops")
    refusal = await tool("plan", "detail", "nobody", "--ns", "ops", code=1)
    assert "nobody" in refusal
    await tool("plan", "delete", "hello", "--ns", "ops")
    assert await api.everything("plans", namespace="ops") == []


async def test_history_queues_and_totals_survive_a_restart(site: Site) -> None:
    server = site.server()
    site.agent(server)
    async with Api(server.url) as api:
        await add_plan(api, "kept", parameters={"result": "r"})
        ids = {(await run(api, "kept"))["id"] for _ in range(25)}
        for job_id in ids:
            await api.ended(job_id)
        before = await api.everything("jobs")
        server.terminate()
        server.start()
        assert await api.everything("jobs") == before
        assert {job["id"] for job in before} == ids
        pages = [(await api.get("jobs", pageSize=10, pageNumber=number))["data"] for number in (1, 2, 3)]
        assert [job["id"] for page in pages for job in page] == [job["id"] for job in before]
        assert (await api.get("queues/evaluation")).get("data", {}) == {}
        assert (await api.ended((await run(api, "kept"))["id"]))["status"] == "complete"


async def test_a_run_waits_for_an_agent_and_starts_when_one_joins(site: Site) -> None:
    server = site.server()
    async with Api(server.url) as api:
        await add_plan(api, "patient")
        job_id = (await run(api, "patient"))["id"]
        waiting = await until(lambda: api.job(job_id), lambda job: job.get("reason") == "no_node")
        assert waiting["status"] == "pending"
        assert (await api.get("queues/evaluation"))["data"]["total_blocked"] == 1
        site.agent(server)
        assert (await api.ended(job_id))["status"] == "complete"
        assert (await api.get("queues/job/default"))["data"]["un_used"] == 100


async def test_the_runs_of_a_lost_agent_go_to_another(site: Site) -> None:
    server = site.server(min_heartbeat_ttl="2s", failover_heartbeat_ttl="2s")
    first = site.agent(server, "agent-1")
    async with Api(server.url) as api:
        await add_plan(api, "mobile", executor="shell", parameters={"command": "sleep 20; echo done"})
        await add_plan(api, "once", parameters={"sleep": "60s"}, delivery="at-most-once")
        mobile, once = (await run(api, "mobile"))["id"], (await run(api, "once"))["id"]
        await until(lambda: api.job(mobile), lambda job: job["status"] == "running")
        await until(lambda: api.job(once), lambda job: job["status"] == "running")
        site.agent(server, "agent-2")
        node = first.node_id
        first.kill()
        await until(lambda: api.get(f"nodes/{node}"), lambda answer: answer["data"]["status"] == "down", within=60)
        moved = await until(lambda: api.job(mobile), lambda job: job.get("attempt") == 2 and job["status"] == "running")
        assert moved["node_id"] != node
        lost = await api.ended(once)
        assert (lost["status"], lost["reason"], lost["attempt"]) == ("failed", "node_lost", 1)
        first.start()  # its shim ran on; what it reports now is an attempt that was given up
        job = await api.ended(mobile, within=90)
        assert (job["status"], job["attempt"], job["node_id"]) == ("complete", 2, moved["node_id"])


async def test_a_stopped_agent_drains(site: Site) -> None:
    server = site.server()
    agent = site.agent(server)
    async with Api(server.url) as api:
        await add_plan(api, "short", parameters={"sleep": "2s"})
        running = (await run(api, "short"))["id"]
        await until(lambda: api.job(running), lambda job: job["status"] == "running")
        code = agent.terminate()
        assert code == 0
        assert (await api.job(running))["status"] == "complete"
        later = (await run(api, "short"))["id"]
        await until(lambda: api.job(later), lambda job: job.get("reason") == "no_node")
        agent.start()
        assert (await api.ended(later))["status"] == "complete"
