"""Callbacks of asynchronous calls: what the callee is handed, and whose word on a run is taken."""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from msgspec.structs import replace

from jobpool.api.handlers import build_service
from jobpool.api.service import Call
from jobpool.api.snapshots import Snapshots
from jobpool.api.tokens import callback_token, callback_url
from jobpool.model.server import Cluster
from jobpool.store.commands import FoundCluster
from jobpool.testing.clock import settle
from jobpool.testing.harness import SERVER
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import SECOND, Agent, World

PARAMETERS = '{"url": "http://callee/", "method": "post"}'


async def serve(world: World, *, required: bool = False) -> None:
    """With an address that callees can reach, in a cluster that has its secret."""
    await world.core.submit(FoundCluster(Cluster(7, bytes(range(32)))))
    world.context = replace(world.context, url="https://jobs.example:2379", require_callback_token=required)
    world.sessions = world.another_server(SERVER)
    snapshots = Snapshots(world.store, world.clock, allow_remote=False)
    world.service = build_service(world.context, world.sessions, snapshots)


async def agent_of(world: World, *, required: bool = False, retries: int = 0) -> Agent:
    await serve(world, required=required)
    retry = pb.Retry(attempts=retries, backoff="1s") if retries else None
    await world.add_plan("hand_over", executor="rest", parameters=PARAMETERS, retry=retry)
    return await world.agent(executors=["rest", "noop"]).join()


async def handed_over(world: World, agent: Agent) -> pb.Assignment:
    """A run that its callee has accepted."""
    await world.run_plan("hand_over")
    given = agent.stream.assigned[-1]
    await agent.finish(given, "running", accepted=True)
    return given


def report(job_id: str, status: str = "complete") -> pb.ScheduleJobStatusUpdateRequest:
    return pb.ScheduleJobStatusUpdateRequest(id=job_id, status=status)


def showing(token: str, transport: str = "rest") -> Call:
    return Call(transport=transport, metadata={"x-jobpool-token": token})


async def test_the_callee_of_an_asynchronous_call_is_told_where_to_report_and_has_a_token(world: World) -> None:
    given = await handed_over(world, await agent_of(world))
    assert given.callback_url == f"https://jobs.example:2379/v3/schedule/jobs/{given.job_id}/status"
    cluster = world.state.cluster
    assert cluster is not None
    words = f"callback\0{given.job_id}\0{given.fence}".encode()
    made = hmac.new(cluster.secret, words, sha256).digest()
    assert given.callback_token == urlsafe_b64encode(made).decode().rstrip("=")


async def test_nobody_else_has_a_token(world: World) -> None:
    agent = await agent_of(world)
    await world.add_plan("waits", executor="rest", synchronous=True, parameters=PARAMETERS)
    await world.add_plan("idle", executor="noop")
    for plan in ("waits", "idle"):
        await world.run_plan(plan)
        given = agent.stream.assigned[-1]
        assert (given.plan_id, given.callback_url, given.callback_token) == (plan, "", "")


async def test_a_cluster_without_a_secret_gives_no_token() -> None:
    assert callback_token(None, "j", 1) == callback_token(Cluster(1, b""), "j", 1) == ""


@pytest.mark.parametrize("url", ["http://a:1", "http://a:1/"])
async def test_an_id_cannot_change_where_a_report_goes(url: str) -> None:
    assert callback_url(url, "a/../b?c") == "http://a:1/v3/schedule/jobs/a%2F..%2Fb%3Fc/status"


@pytest.mark.parametrize("required", [False, True])
async def test_the_callee_ends_its_run_by_its_token_and_may_say_so_again(world: World, required: bool) -> None:
    given = await handed_over(world, await agent_of(world, required=required))
    for _ in range(2):
        told = (await world.ask("JobUpdate", report(given.job_id), showing(given.callback_token))).data
        assert told.status == "complete"


async def test_by_default_a_run_is_ended_without_a_token(world: World) -> None:
    given = await handed_over(world, await agent_of(world))
    assert (await world.ask("JobUpdate", report(given.job_id))).data.status == "complete"


async def test_where_a_token_is_demanded_nothing_is_taken_without_one(world: World) -> None:
    given = await handed_over(world, await agent_of(world, required=True))
    refusal = await world.refusal("JobUpdate", report(given.job_id))
    assert (refusal.code, refusal.field) == ("UNAUTHENTICATED", "x-jobpool-token")
    assert "require-callback-token" in refusal.text


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("wrong", ["x", "ü", "\ud800", "short", "cut", "longer"])
async def test_a_wrong_token_is_refused_and_not_repeated(world: World, required: bool, wrong: str) -> None:
    given = await handed_over(world, await agent_of(world, required=required))
    right = given.callback_token
    token = {"cut": right[:-1], "longer": right + "="}.get(wrong, wrong)
    refusal = await world.refusal("JobUpdate", report(given.job_id), showing(token))
    assert (refusal.code, refusal.field) == ("PERMISSION_DENIED", "x-jobpool-token")
    assert token not in refusal.text.replace("x-jobpool-token", "") or token == "x"


async def test_the_token_of_another_run_is_refused(world: World) -> None:
    agent = await agent_of(world)
    mine, other = await handed_over(world, agent), await handed_over(world, agent)
    refusal = await world.refusal("JobUpdate", report(mine.job_id), showing(other.callback_token))
    assert refusal.code == "PERMISSION_DENIED"


async def test_of_a_run_that_was_tried_again_only_the_newest_attempt_has_a_say(world: World) -> None:
    agent = await agent_of(world, retries=1)
    job_id = (await world.run_plan("hand_over")).id
    first = agent.stream.assigned[-1]
    await agent.finish(first, "failed", reason="request_failed")
    assert (await world.ask("JobUpdate", report(job_id, "running"), showing(first.callback_token))).data.id == job_id
    await world.clock.advance(2 * SECOND)
    await settle()
    second = agent.stream.assigned[-1]
    assert (second.job_id, second.attempt) == (job_id, 2)
    await agent.finish(second, "running", accepted=True)
    refusal = await world.refusal("JobUpdate", report(job_id), showing(first.callback_token))
    assert refusal.code == "PERMISSION_DENIED"
    assert (await world.ask("JobUpdate", report(job_id), showing(second.callback_token))).data.status == "complete"
    late = await world.refusal("JobUpdate", report(job_id), showing(first.callback_token))
    assert late.code == "PERMISSION_DENIED"


async def test_a_run_that_was_never_handed_to_anybody_has_no_token(world: World) -> None:
    await serve(world)
    await world.add_plan("hand_over", executor="rest", parameters=PARAMETERS)
    job_id = (await world.run_plan("hand_over")).id
    refusal = await world.refusal("JobUpdate", report(job_id), showing("x" * 43))
    assert refusal.code == "PERMISSION_DENIED"


async def test_of_a_job_that_there_is_not_a_token_says_nothing(world: World) -> None:
    await serve(world, required=True)
    assert (await world.refusal("JobUpdate", report("nobody"), showing("x"))).code == "NOT_FOUND"
