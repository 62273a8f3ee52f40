"""What a real server says of why: every cause that can be brought about within seconds, by the API and by the shell."""

import json
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
    """Asks why, and notes every code that an answer has had."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.codes: set[str] = set()

    async def plan(self, plan_id: str, code: Code, *, namespace: str = "default", **fields: object) -> dict[str, Any]:
        return await self._told(f"plans/{plan_id}/explain", code, namespace=namespace, **fields)

    async def job(self, job_id: str, code: Code) -> dict[str, Any]:
        return await self._told(f"jobs/{job_id}/explain", code)

    async def _told(self, path: str, code: Code, **query: object) -> dict[str, Any]:
        """The answer, once that code is in it."""
        answer: dict[str, Any] = await until(
            lambda: self.api.get(path, **query), lambda answer: code in codes(answer), 30
        )
        self.codes |= set(codes(answer))
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


async def test_plans_with_an_agent(site: Site) -> None:
    server = site.server()
    agent = site.agent(server)
    async with Api(server.url) as api:
        why = Asker(api)
        await until(lambda: api.everything("nodes", status="ready"))
        await why.add("good", periodic=HOURLY)
        answer = await why.plan("good", Code.DUE)
        assert (answer["verdict"], codes(answer)) == ("fires", ["due"])
        assert answer["data"][0]["text"].endswith(("+01:00", "+02:00"))

        await why.plan(await why.add("fresh", status="pending", periodic=HOURLY), Code.PLAN_PENDING)
        await why.add("dead", periodic=HOURLY)
        await api.post("plans/dead/offline", namespace="default")
        await why.plan("dead", Code.PLAN_DEAD)
        await why.plan(await why.add("stopped", stop=True, periodic=HOURLY), Code.PLAN_STOPPED)
        await why.plan(await why.add("disabled", periodic={**HOURLY, "enabled": False}), Code.PLAN_DISABLED)
        await why.plan(await why.add("early", periodic={**HOURLY, "start_time": later(days=1)}), Code.BEFORE_START)
        over = {**HOURLY, "end_time": later(days=-1)}
        await why.plan(await why.add("over", status="pending", periodic=over), Code.AFTER_END)
        once = {"spec": f"@at {later(seconds=2)}", "time_zone": "UTC", "end_time": later(days=1)}
        await why.plan(await why.add("once", periodic=once), Code.NEVER_AGAIN)

        await why.add("held", periodic=SECONDLY)
        await ctl(server.url, "plan", "pause", "held", "--by", "ann", "--note", "the warehouse moves")
        paused = await why.plan("held", Code.PAUSED)
        assert paused["data"][0]["facts"] == {"by": "ann", "note": "the warehouse moves"}
        said = await ctl(server.url, "plan", "explain", "held")
        assert said.startswith("plan held in namespace default: off\n  ! paused")
        assert "-> jobpoolctl plan resume held --ns default" in said

        await why.add("alone", overlap="skip", **command("exec sleep 600"))
        await why.plan("alone", Code.NO_SCHEDULE)
        job = await why.run("alone")
        await why.job(job, Code.RUNNING)
        overlapped = await why.plan("alone", Code.OVERLAP)
        assert "last_job" in codes(overlapped)

        await why.plan(await why.add("elsewhere", executor="cobol", parameters="", periodic=HOURLY), Code.NO_EXECUTOR)
        await api.post("queues/pause", by="bob", note="the database moves")
        await why.plan("good", Code.QUEUE_PAUSED)
        await api.post("queues/resume")
        await api.post(f"nodes/{agent.node_id}/drain", enable=True, deadline="10m")
        await why.plan("good", Code.ALL_DRAINING)
        await api.post(f"nodes/{agent.node_id}/drain", enable=False)
        await why.plan("good", Code.ALL_INELIGIBLE)
        await api.post(f"nodes/{agent.node_id}/eligibility", eligible=True)
        await why.plan("good", Code.DUE)

        await passed(api, 2_000)
        await api.post("plans/held/resume", namespace="default")
        ledger = await api.get("plans/held/ledger", namespace="default")
        assert "paused" in {entry["decision"] for entry in ledger["data"]}, ledger
        await why.plan("held", Code.TICKS_PAUSED)
        text = await ctl(server.url, "plan", "ledger", "held", "--all")
        assert "paused" in text
        table = await ctl(server.url, "plan", "ledger", "held", "--decision", "paused", "-w", "table")
        assert "| Due" in table

        wanted = {
            *(Code.DUE, Code.PLAN_PENDING, Code.PLAN_DEAD, Code.PLAN_STOPPED, Code.PLAN_DISABLED, Code.PAUSED),
            *(Code.NO_SCHEDULE, Code.BEFORE_START, Code.AFTER_END, Code.NEVER_AGAIN, Code.OVERLAP, Code.LAST_JOB),
            *(Code.NO_EXECUTOR, Code.QUEUE_PAUSED, Code.ALL_DRAINING, Code.ALL_INELIGIBLE, Code.RUNNING, Code.BY_HAND),
            Code.TICKS_PAUSED,
        }
        assert wanted <= why.codes


async def test_jobs_with_an_agent(site: Site, callee: Callee) -> None:
    server = site.server()
    site.agent(server, capacity="3")
    async with Api(server.url) as api:
        why = Asker(api)
        await until(lambda: api.everything("nodes", status="ready"))

        await why.add("fails", retry={"attempts": 1, "backoff": "1h"}, **command("exit 3"))
        tried = await why.run("fails")
        answer = await why.job(tried, Code.RETRY_WAIT)
        assert (answer["verdict"], "attempt_ended" in codes(answer)) == ("waiting", True)
        await ctl(server.url, "job", "cancel", tried)
        ended = await why.job(tried, Code.ENDED)
        assert ended["job"]["status"] == "cancelled"

        again = json.loads(await ctl(server.url, "job", "rerun", tried, "-w", "json"))["data"]
        assert again["rerun_of"] == tried
        rerun = await why.job(again["id"], Code.BY_RERUN)
        assert "jobpoolctl ran job" in finding(rerun, Code.BY_RERUN)["text"]
        await api.post(f"jobs/{again['id']}/cancel")

        await why.add("ticks", overlap="skip", periodic=SECONDLY, **command("trap '' TERM; while :; do sleep 1; done"))
        skipped = await until(lambda: api.everything("jobs", plan_id="ticks", status="skipped"))
        told = await why.job(skipped[0]["id"], Code.SKIPPED_OVERLAP)
        assert "by_schedule" in codes(told)
        await api.post("plans/ticks/offline", namespace="default")
        [live] = await api.everything("jobs", plan_id="ticks", status="running")
        await api.post(f"jobs/{live['id']}/cancel", description="enough")
        await why.job(live["id"], Code.CANCEL_REQUESTED)
        said = await ctl(server.url, "job", "explain", live["id"])
        assert "its end is asked for: enough" in said

        await why.add("remote", executor="rest", parameters=json.dumps({"url": f"{callee.url}/", "method": "post"}))
        accepted = await why.run("remote")
        answer = await why.job(accepted, Code.ACCEPTED_BY_CALLEE)
        assert answer["verdict"] == "running"
        await api.post(f"jobs/{accepted}/status", status="complete")

        await api.post("namespaces", name="small", job_parallelism_limit=1, when_full="wait")
        await why.add("long", namespace="small", **command("exec sleep 600"))
        first = await why.run("long", namespace="small")
        second = await why.run("long", namespace="small")
        await why.job(second, Code.SLOT_WAIT)
        full = await why.plan("long", Code.NAMESPACE_FULL, namespace="small")
        facts = finding(full, Code.NAMESPACE_FULL)["facts"]
        assert (facts["used"], facts["limit"], facts["waiting"], facts["when_full"]) == ("1", "1", "1", "wait")
        await api.post(f"jobs/{second}/cancel")

        await api.post("namespaces/small", when_full="fail")
        await why.add("late", namespace="small", periodic=SECONDLY)
        failed = await until(lambda: api.everything("jobs", plan_id="late", status="failed"))
        await why.job(failed[0]["id"], Code.NO_SLOT)
        await api.post("plans/late/offline", namespace="small")
        await api.post(f"jobs/{first}/cancel")

        await api.post("queues/pause", by="bob")
        await why.add("slow")
        held = await why.run("slow")
        await why.job(held, Code.QUEUE_PAUSED)
        await passed(api, 1_500)
        await api.post("queues/resume")
        await why.job(held, Code.LATE)

        await api.post("jobs", id="record", namespace="default", plan_id="slow", name="slow", status="pending")
        await why.job("record", Code.NO_EVALUATION)

        await why.add("full", **command("exec sleep 600"))
        *_, waiting = [await why.run("full") for _ in range(4)]
        await why.job(waiting, Code.ALL_FULL)

        wanted = {
            *(Code.RETRY_WAIT, Code.ATTEMPT_ENDED, Code.ENDED, Code.BY_RERUN, Code.BY_SCHEDULE, Code.BY_HAND),
            *(Code.SKIPPED_OVERLAP, Code.CANCEL_REQUESTED, Code.ACCEPTED_BY_CALLEE, Code.SLOT_WAIT, Code.NO_SLOT),
            *(Code.NAMESPACE_FULL, Code.QUEUE_PAUSED, Code.LATE, Code.NO_EVALUATION, Code.ALL_FULL),
        }
        assert wanted <= why.codes


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
        assert {
            *(Code.NO_EXECUTOR, Code.ALL_STARTING, Code.DUE, Code.NOT_PORTABLE, Code.SENT, Code.ALL_DOWN),
            *(Code.NODE_SILENT, Code.NO_NODE, Code.CALLBACK_OWED, Code.SKIPPED_OVERLAP),
        } <= why.codes
