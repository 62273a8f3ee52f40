"""What a real server says of why: every cause that can be brought about within seconds, by the API and by the shell."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobpool.explain import Code
from jobpool.kit.effects.clock import SystemClock
from tests.e2e.conftest import Site
from tests.e2e.oracle.callee import Callee
from tests.e2e.oracle.client import Api, until
from tests.e2e.oracle.ctl import ctl

pytestmark = pytest.mark.xdist_group("processes")

SECONDLY = {"spec": "* * * * * *", "time_zone": "Europe/Berlin"}
HOURLY = {"spec": "0 * * * *", "time_zone": "Europe/Berlin"}


class Asker:
    """Asks why. `node` is the agent's."""

    def __init__(self, api: Api, *, node: str = "") -> None:
        self.api = api
        self.node = node

    async def ctl(self, *words: str) -> str:
        return await ctl(self.api.url, *words)

    async def plan(self, plan_id: str, code: Code, *, namespace: str = "default", **fields: object) -> dict[str, Any]:
        return await self._told(f"plans/{plan_id}/explain", code, namespace=namespace, **fields)

    async def job(self, job_id: str, code: Code) -> dict[str, Any]:
        return await self._told(f"jobs/{job_id}/explain", code)

    async def _told(self, path: str, code: Code, **query: object) -> dict[str, Any]:
        """The answer, once that code is in it."""
        answer: dict[str, Any] = await until(
            lambda: self.api.get(path, **query), lambda answer: code in codes(answer), 30
        )
        return answer

    async def add(self, plan_id: str, *, namespace: str = "default", **fields: Any) -> str:
        given = {"name": plan_id, "type": "service", "executor": "noop", "status": "running", **fields}
        await self.api.post("plans", id=plan_id, namespace=namespace, **given)
        return plan_id

    async def run(self, plan_id: str, *, namespace: str = "default", **fields: object) -> str:
        job: str = (await self.api.post(f"plans/{plan_id}/run", namespace=namespace, **fields))["data"]["id"]
        return job


def codes(answer: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in answer["data"]]


def finding(answer: dict[str, Any], code: Code) -> dict[str, Any]:
    return next(one for one in answer["data"] if one["code"] == code)


def command(text: str) -> dict[str, str]:
    return {"executor": "shell", "parameters": json.dumps({"command": text})}


def later(**span: int) -> str:
    at = datetime.fromtimestamp(SystemClock().now() / 1000, UTC) + timedelta(**span)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


async def passed(api: Api, span: int) -> None:
    """So many milliseconds later."""
    begun = SystemClock().monotonic()
    await until(lambda: api.get("status"), lambda _: SystemClock().monotonic() - begun > span)


@pytest.fixture
async def why(site: Site) -> AsyncIterator[Asker]:
    """Of a server with an agent that has room for three runs."""
    server = site.server()
    agent = site.agent(server, capacity="3")
    async with Api(server.url) as api:
        await until(lambda: api.everything("nodes", status="ready"))
        yield Asker(api, node=agent.node_id)


async def test_plans_that_are_off(why: Asker) -> None:
    await why.add("good", periodic=HOURLY)
    answer = await why.plan("good", Code.DUE)
    assert (answer["verdict"], codes(answer)) == ("fires", ["due"])
    assert answer["data"][0]["text"].endswith(("+01:00", "+02:00"))

    await why.plan(await why.add("fresh", status="pending", periodic=HOURLY), Code.PLAN_PENDING)
    await why.add("dead", periodic=HOURLY)
    await why.api.post("plans/dead/offline", namespace="default")
    await why.plan("dead", Code.PLAN_DEAD)
    await why.plan(await why.add("stopped", stop=True, periodic=HOURLY), Code.PLAN_STOPPED)
    await why.plan(await why.add("disabled", periodic={**HOURLY, "enabled": False}), Code.PLAN_DISABLED)
    await why.plan(await why.add("by-hand"), Code.NO_SCHEDULE)
    await why.plan(await why.add("early", periodic={**HOURLY, "start_time": later(days=1)}), Code.BEFORE_START)
    over = {**HOURLY, "end_time": later(days=-1)}
    await why.plan(await why.add("over", status="pending", periodic=over), Code.AFTER_END)
    once = {"spec": f"@at {later(seconds=2)}", "time_zone": "UTC", "end_time": later(days=1)}
    await why.plan(await why.add("once", periodic=once), Code.NEVER_AGAIN)


async def test_a_pause_and_its_ticks(why: Asker) -> None:
    await why.add("held", periodic=SECONDLY)
    await why.ctl("plan", "pause", "held", "--by", "ann", "--note", "the warehouse moves")
    paused = await why.plan("held", Code.PAUSED)
    assert paused["verdict"] == "off"
    assert paused["data"][0]["facts"] == {"by": "ann", "note": "the warehouse moves"}
    said = await why.ctl("plan", "explain", "held")
    assert said.startswith("plan held in namespace default: off\n  ! paused")
    assert "-> jobpoolctl plan resume held --ns default" in said
    await passed(why.api, 2_000)
    await why.api.post("plans/held/resume", namespace="default")
    ledger = await why.api.get("plans/held/ledger", namespace="default")
    assert "paused" in {entry["decision"] for entry in ledger["data"]}, ledger
    await why.plan("held", Code.TICKS_PAUSED)
    await why.plan("held", Code.LAST_JOB)
    assert "paused" in await why.ctl("plan", "ledger", "held", "--all")
    table = await why.ctl("plan", "ledger", "held", "--decision", "paused", "-w", "table")
    assert table.splitlines()[1].startswith("| Due")
    assert {line.split("|")[3].strip() for line in table.splitlines()[3:-1]} == {"paused"}


async def test_plans_whose_runs_would_not_start(why: Asker) -> None:
    await why.add("alone", overlap="skip", periodic=HOURLY, **command("exec sleep 60"))
    job = await why.run("alone")
    await why.job(job, Code.RUNNING)
    held = await why.plan("alone", Code.OVERLAP)
    assert held["verdict"] == "held"
    assert finding(held, Code.OVERLAP)["facts"]["job"] == job
    await why.plan(await why.add("elsewhere", executor="cobol", parameters="", periodic=HOURLY), Code.NO_EXECUTOR)

    await why.add("good", periodic=HOURLY)
    await why.api.post("queues/pause", by="bob", note="the database moves")
    await why.plan("good", Code.QUEUE_PAUSED)
    await why.api.post("queues/resume")
    await why.api.post(f"nodes/{why.node}/drain", enable=True, deadline="10m")
    await why.plan("good", Code.ALL_DRAINING)
    await why.api.post(f"nodes/{why.node}/drain", enable=False)
    await why.plan("good", Code.ALL_INELIGIBLE)
    await why.api.post(f"nodes/{why.node}/eligibility", eligible=True)
    assert (await why.plan("good", Code.DUE))["verdict"] == "fires"


async def test_a_job_that_fails_and_runs_again(why: Asker) -> None:
    await why.add("fails", retry={"attempts": 1, "backoff": "1h"}, **command("exit 3"))
    tried = await why.run("fails")
    answer = await why.job(tried, Code.RETRY_WAIT)
    assert answer["verdict"] == "waiting"
    assert finding(answer, Code.ATTEMPT_ENDED)["facts"]["exit_code"] == "3"
    await why.ctl("job", "cancel", tried)
    assert (await why.job(tried, Code.ENDED))["job"]["status"] == "cancelled"

    again = json.loads(await why.ctl("job", "rerun", tried, "-w", "json"))["data"]
    assert (again["rerun_of"], again["trigger"]) == (tried, "rerun")
    rerun = await why.job(again["id"], Code.BY_RERUN)
    assert f"jobpoolctl ran job {tried} again" in finding(rerun, Code.BY_RERUN)["text"]


async def test_a_skipped_tick_and_a_job_that_is_with_somebody(why: Asker, callee: Callee) -> None:
    await why.add("ticks", overlap="skip", periodic=SECONDLY, **command("trap '' TERM; sleep 60"))
    skipped = await until(lambda: why.api.everything("jobs", plan_id="ticks", status="skipped"))
    await why.job(skipped[0]["id"], Code.BY_SCHEDULE)
    told = await why.job(skipped[0]["id"], Code.SKIPPED_OVERLAP)
    await why.api.post("plans/ticks/offline", namespace="default")
    [live] = await until(lambda: why.api.everything("jobs", plan_id="ticks", status="running"))
    assert finding(told, Code.SKIPPED_OVERLAP)["facts"]["job"] == live["id"]
    await why.api.post(f"jobs/{live['id']}/cancel", description="enough")
    await why.job(live["id"], Code.CANCEL_REQUESTED)
    assert "its end is asked for: enough" in await why.ctl("job", "explain", live["id"])

    await why.add("remote", executor="rest", parameters=json.dumps({"url": f"{callee.url}/", "method": "post"}))
    accepted = await why.run("remote")
    assert (await why.job(accepted, Code.ACCEPTED_BY_CALLEE))["verdict"] == "running"
    await why.api.post(f"jobs/{accepted}/status", status="complete")


async def test_jobs_and_slots(why: Asker) -> None:
    await why.api.post("namespaces", name="small", job_parallelism_limit=1, when_full="wait")
    await why.add("long", namespace="small", **command("exec sleep 60"))
    first, second = [await why.run("long", namespace="small") for _ in range(2)]
    await why.job(second, Code.SLOT_WAIT)
    full = await why.plan("long", Code.NAMESPACE_FULL, namespace="small")
    facts = finding(full, Code.NAMESPACE_FULL)["facts"]
    assert (facts["used"], facts["limit"], facts["waiting"], facts["when_full"]) == ("1", "1", "1", "wait")
    await why.api.post(f"jobs/{second}/cancel")

    await why.api.post("namespaces/small", when_full="fail")
    await why.add("ticks", namespace="small", periodic=SECONDLY)
    failed = await until(lambda: why.api.everything("jobs", plan_id="ticks", status="failed"))
    await why.job(failed[0]["id"], Code.NO_SLOT)
    await why.api.post("plans/ticks/offline", namespace="small")
    await why.api.post(f"jobs/{first}/cancel")


async def test_jobs_that_wait(why: Asker) -> None:
    await why.api.post("queues/pause", by="bob")
    await why.add("slow")
    held = await why.run("slow")
    await why.job(held, Code.BY_HAND)
    await why.job(held, Code.QUEUE_PAUSED)
    await passed(why.api, 1_500)
    await why.api.post("queues/resume")
    await why.job(held, Code.LATE)

    await why.api.post("jobs", id="record", namespace="default", plan_id="slow", name="slow", status="pending")
    await why.job("record", Code.NO_EVALUATION)

    await why.add("full", **command("exec sleep 60"))
    *_, waiting = [await why.run("full") for _ in range(4)]
    await why.job(waiting, Code.ALL_FULL)


async def test_an_agent_of_the_original(site: Site) -> None:
    """It polls, so a test can be one: what it never takes, and what becomes of what it has."""
    server = site.server()
    async with Api(server.url) as api:
        why = Asker(api)
        node = {"ID": "old", "name": "old", "secret_id": "s3cret"}
        simple = json.dumps({"url": "http://127.0.0.1:9/", "method": "post"})
        newer = json.dumps({"url": "http://127.0.0.1:9/", "method": "post", "headers": {"X-Of": "ours"}})
        rest: dict[str, Any] = {"executor": "rest", "periodic": HOURLY}
        await why.add("simple", overlap="skip", synchronous=True, parameters=simple, **rest)
        await why.add("newer", parameters=newer, **rest)
        await why.plan("simple", Code.NO_EXECUTOR)

        await api.post("nodes", **node, data_center="default", status="initializing")
        await why.plan("simple", Code.ALL_STARTING)
        await api.post("nodes/old/status", **{**node, "status": "ready"})
        await why.plan("simple", Code.DUE)
        await why.plan("newer", Code.NOT_PORTABLE)

        job = await why.run("simple")
        answer = await why.job(job, Code.SENT)
        assert answer["verdict"] == "starting"
        await api.post("nodes/old/status", **{**node, "status": "down"})
        await why.plan("newer", Code.ALL_DOWN)
        assert (await why.job(job, Code.NODE_SILENT))["verdict"] == "unknown"

        await api.post("nodes", **{**node, "ID": "other", "name": "other"}, data_center="default", status="ready")
        await why.plan("newer", Code.NO_NODE)
        await api.post("nodes/other/status", **{**node, "ID": "other", "status": "down"})
        await why.add("told", executor="rest", overlap="skip", parameters=newer, periodic=SECONDLY)
        skipped = await until(lambda: api.everything("jobs", plan_id="told", status="skipped"))
        await why.job(skipped[0]["id"], Code.CALLBACK_OWED)
        await api.post("plans/told/offline", namespace="default")
