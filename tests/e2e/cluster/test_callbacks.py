"""Callees that report to servers that do not lead: the token is checked where the run is changed."""

import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from jobpool.testing.etcd import NO_ETCD, etcd_binary
from jobpool.wire import jobpool_pb2 as pb
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.programs import Server
from tests.e2e.oracle.callee import Called, Callee
from tests.e2e.oracle.client import Api, until

pytestmark = [
    pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD),
    pytest.mark.xdist_group("processes"),
    pytest.mark.timeout(180),
]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, servers=3, agents=1, network=False, flags={"require-callback-token": "true"})
    yield cluster
    cluster.close()
    assert list(cluster.troubles()) == []


async def handed_over(api: Api, callee: Callee, plan: str) -> tuple[str, Called]:
    """A run that its callee has accepted, and the call."""
    parameters = json.dumps({"url": f"{callee.url}/{plan}", "method": "post"})
    fields = {"id": plan, "name": plan, "type": "service", "namespace": "default", "executor": "rest"}
    await api.post("plans", parameters=parameters, **fields)
    job = (await api.post(f"plans/{plan}/run", namespace="default"))["data"]
    await until(lambda: api.job(job["id"]), lambda job: job["status"] == "running" and bool(callee.to(f"/{plan}")))
    return job["id"], callee.to(f"/{plan}")[-1]


async def say(server: Server, job_id: str, token: str | None, **body: str) -> int:
    headers = {} if token is None else {"x-JOBPOOL-token": token}
    url = f"{server.url}/v3/schedule/jobs/{job_id}/status"
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as answer:
        return answer.status


async def report(server: Server, job_id: str, status: str, **metadata: str) -> pb.ScheduleJobStatusUpdateResponse:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    channel = Channel(host, int(port))
    call: UnaryUnaryMethod[pb.ScheduleJobStatusUpdateRequest, pb.ScheduleJobStatusUpdateResponse] = UnaryUnaryMethod(
        channel,
        "/etcdserverpb.Schedule/JobUpdate",
        pb.ScheduleJobStatusUpdateRequest,
        pb.ScheduleJobStatusUpdateResponse,
    )
    try:
        return await call(pb.ScheduleJobStatusUpdateRequest(id=job_id, status=status), metadata=metadata, timeout=30)
    finally:
        channel.close()


async def persistent(server: Server, job_id: str, status: str, **metadata: str) -> pb.ScheduleJobStatusUpdateResponse:
    """Says it again while nobody leads, as a callee is to."""

    async def one() -> pb.ScheduleJobStatusUpdateResponse | None:
        try:
            return await report(server, job_id, status, **metadata)
        except GRPCError as error:
            if error.status is not Status.UNAVAILABLE:
                raise
            return None

    answer = await until(one, lambda answer: answer is not None)
    assert answer is not None
    return answer


async def test_a_token_is_checked_whichever_server_is_told(cluster: Cluster, callee: Callee) -> None:
    await cluster.start()
    leader = await cluster.leader()
    follower, other = (server for server in cluster.servers if server is not leader)
    async with Api(follower.url) as api:
        one, call = await handed_over(api, callee, "one")
        two, another = await handed_over(api, callee, "two")
        good, wrong = call.headers["X-Jobpool-Token"], another.headers["X-Jobpool-Token"]
        for token, status in ((None, 401), ("", 401), (wrong, 403), (good[:-1], 403), (good + "A", 403), ("é", 403)):
            assert (token, await say(follower, one, token, status="complete")) == (token, status)
        for metadata, code in (({}, Status.UNAUTHENTICATED), ({"x-jobpool-token": wrong}, Status.PERMISSION_DENIED)):
            with pytest.raises(GRPCError) as refused:
                await report(follower, one, "complete", **metadata)
            assert refused.value.status is code
        assert (await api.job(one))["status"] == "running"
        assert await say(follower, one, good, status="complete") == 200
        assert [await say(server, one, good, status="complete") for server in cluster.servers] == [200] * 3
        assert await say(other, one, good, status="failed") == 409
        assert await say(other, one, wrong, status="complete") == 403, "what has ended tells nobody without its token"

        leader.kill()
        assert (await persistent(other, two, "failed", **{"x-jobpool-token": wrong})).data.status == "failed"
        assert await until(lambda: say(follower, two, wrong, status="failed"), lambda status: status != 503) == 200
        await until(lambda: api.job(two), lambda job: job["status"] == "failed")  # it was told by another server
    programs = (*cluster.servers, *cluster.agents)
    assert all(token not in program.text() for program in programs for token in (good, wrong))
