"""Callees that say how their runs ended, by the callback that they were handed."""

import json
from typing import Any

import aiohttp
import pytest
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from jobpool.wire import jobpool_pb2 as pb
from tests.e2e.conftest import Site
from tests.e2e.oracle.callee import Called, Callee
from tests.e2e.oracle.client import Api, until

pytestmark = pytest.mark.xdist_group("processes")


async def handed_over(api: Api, callee: Callee, path: str, **more: Any) -> tuple[str, Called]:
    """A run that its callee has accepted, and the call."""
    parameters = {"url": callee.url + path, "method": "post", **more.pop("parameters", {})}
    plan = path.strip("/")
    fields = {"id": plan, "name": plan, "type": "service", "namespace": "default", "executor": "rest", **more}
    await api.post("plans", parameters=json.dumps(parameters), **fields)
    job = (await api.post(f"plans/{plan}/run", namespace="default"))["data"]
    await until(lambda: api.job(job["id"]), lambda job: job["status"] == "running" and bool(callee.to(path)))
    return job["id"], callee.to(path)[-1]


async def say(url: str, token: str | None, **body: str) -> tuple[int, str]:
    headers = {} if token is None else {"X-Jobpool-Token": token}
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_callee_answers_at_once_and_completes_by_its_callback(api: Api, callee: Callee) -> None:
    job_id, call = await handed_over(api, callee, "/train")
    url, token = call.headers["X-Jobpool-Callback"], call.headers["X-Jobpool-Token"]
    assert url == f"{api.url}/v3/schedule/jobs/{job_id}/status"
    assert (await say(url, "wrong", status="complete"))[0] == 403
    assert (await api.job(job_id))["status"] == "running"
    status, answer = await say(url, token, status="complete", result="42 rows")
    assert (status, token in answer) == (200, False)
    job = await api.job(job_id)
    assert (job["status"], job["result"]) == ("complete", "42 rows")
    assert (await say(url, token, status="complete"))[0] == 200
    assert (await say(url, token, status="failed"))[0] == 409


async def test_a_templated_body_has_all_that_a_callback_needs(api: Api, callee: Callee) -> None:
    body = {
        "for": ["{{job_id}}", "{{plan_id}}"],
        "url": "{{callback_url}}",
        "headers": {"X-Jobpool-Token": "{{token}}"},
    }
    job_id, call = await handed_over(api, callee, "/templated", parameters={"body": body, "template": True})
    assert call.json["for"] == [job_id, "templated"]
    assert (await say(call.json["url"], call.json["headers"]["X-Jobpool-Token"], status="failed"))[0] == 200
    assert (await api.job(job_id))["status"] == "failed"


async def test_the_token_of_another_run_is_refused(api: Api, callee: Callee) -> None:
    job_id, call = await handed_over(api, callee, "/mine")
    other_id, other = await handed_over(api, callee, "/other")
    status, answer = await say(call.headers["X-Jobpool-Callback"], other.headers["X-Jobpool-Token"], status="complete")
    assert (status, "newest attempt" in answer) == (403, True)
    assert (await api.job(job_id))["status"] == "running"
    for job in (job_id, other_id):
        await api.post(f"jobs/{job}/cancel")


async def test_the_token_of_an_attempt_before_the_newest_is_refused(api: Api, callee: Callee) -> None:
    callee.first["/again"] = (503, "")
    plan = {"url": f"{callee.url}/again", "method": "post"}
    fields = {"id": "again", "name": "again", "type": "service", "namespace": "default", "executor": "rest"}
    await api.post("plans", parameters=json.dumps(plan), retry={"attempts": 1, "backoff": "1s"}, **fields)
    job_id = (await api.post("plans/again/run", namespace="default"))["data"]["id"]
    await until(lambda: api.job(job_id), lambda job: job["status"] == "running" and len(callee.to("/again")) == 2)
    first, second = callee.to("/again")
    assert (first.headers["X-Jobpool-Attempt"], second.headers["X-Jobpool-Attempt"]) == ("1", "2")
    url = second.headers["X-Jobpool-Callback"]
    assert (await say(url, first.headers["X-Jobpool-Token"], status="complete"))[0] == 403
    assert (await say(url, second.headers["X-Jobpool-Token"], status="complete"))[0] == 200


async def test_where_a_token_is_demanded_it_is_by_both_transports(site: Site, callee: Callee) -> None:
    server = site.server(**{"require-callback-token": "true"})
    site.agent(server)
    async with Api(server.url) as api:
        job_id, call = await handed_over(api, callee, "/strict")
        url, token = call.headers["X-Jobpool-Callback"], call.headers["X-Jobpool-Token"]
        assert (await say(url, None, status="complete"))[0] == 401
        host, port = server.url.removeprefix("http://").split(":")
        channel = Channel(host, int(port))
        report: UnaryUnaryMethod[Any, Any] = UnaryUnaryMethod(
            channel,
            "/etcdserverpb.Schedule/JobUpdate",
            pb.ScheduleJobStatusUpdateRequest,
            pb.ScheduleJobStatusUpdateResponse,
        )
        request = pb.ScheduleJobStatusUpdateRequest(id=job_id, status="complete")
        for metadata, code in (({}, Status.UNAUTHENTICATED), ({"x-jobpool-token": "x"}, Status.PERMISSION_DENIED)):
            with pytest.raises(GRPCError) as refused:
                await report(request, metadata=metadata, timeout=20)
            assert refused.value.status is code
        assert (await report(request, metadata={"x-jobpool-token": token}, timeout=20)).data.status == "complete"
        channel.close()
    assert all(token not in program.text() for program in site.programs)
