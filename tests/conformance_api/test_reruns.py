"""JobRerun, over both transports: another run of a job that there was."""

from typing import Any

import pytest

from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from tests.conformance_api.harness import Api, Refusal

NAMED: dict[str, Any] = {"id": "p", "namespace": "default"}


async def job_of(api: Api, **fields: Any) -> pb.Job:
    return await api.world.run_plan(**fields)


async def ended(api: Api, **fields: Any) -> pb.Job:
    job = await job_of(api, **fields)
    await api.world.finish(job.id, "failed")
    assert api.world.state.run(job.id) is None
    return job


def told(refusal: Refusal) -> tuple[str, str]:
    return refusal.code, refusal.field


async def test_a_job_that_has_ended_runs_again(api: Api) -> None:
    await api.world.add_plan(parameters='{"sleep": "1s"}')
    old = await ended(api)
    new = (await api.ask("JobRerun", id=old.id, created_by="ann")).data
    assert new.id != old.id
    assert (new.plan_id, new.namespace, new.rerun_of, new.trigger) == ("p", "default", old.id, "rerun")
    assert (new.status, new.created_by, new.parameters) == ("pending", "ann", '{"sleep": "1s"}')
    assert new.derived_plan_id == f"p/manual-{new.id}"
    await settle()
    assert (await api.ask("JobDetail", id=new.id)).data.rerun_of == old.id
    assert (await api.ask("JobDetail", id=old.id)).data.status == "failed", "the old job stays as it is"
    assert (await api.ask("PlanDetail", **NAMED)).data.last_job == new.id


async def test_a_job_that_runs_runs_again_beside_itself(api: Api) -> None:
    await api.world.add_plan()
    old = await job_of(api)
    assert (await api.ask("JobRerun", id=old.id)).data.rerun_of == old.id
    assert len(api.world.state.runs) == 2


async def test_a_rerun_runs_again(api: Api) -> None:
    await api.world.add_plan()
    first = await ended(api)
    second = (await api.ask("JobRerun", id=first.id)).data
    assert (await api.ask("JobRerun", id=second.id)).data.rerun_of == second.id


async def test_it_has_the_parameters_of_the_job(api: Api) -> None:
    await api.world.add_plan(parameters='{"sleep": "1s"}')
    own, inherited = await ended(api, parameters='{"sleep": "2s"}'), await ended(api)
    await api.ask("PlanUpdate", **NAMED, parameters='{"sleep": "3s"}', priority=90)
    again = [(await api.ask("JobRerun", id=job.id)).data for job in (own, inherited)]
    assert [job.parameters for job in again] == ['{"sleep": "2s"}', '{"sleep": "1s"}']
    assert [api.world.state.runs[job.id].priority for job in again] == [90, 90], "all else is the plan's of now"
    other = await api.ask("JobRerun", id=own.id, parameters='{"sleep": "4s"}')
    assert other.data.parameters == '{"sleep": "4s"}'
    assert (await api.ask("JobRerun", id=own.id, parameters="")).data.parameters == ""


async def test_parameters_of_a_definition_that_is_not_kept_are_not_made_up(api: Api) -> None:
    await api.world.add_plan(parameters='{"sleep": "1s"}')
    job = await ended(api)
    for second in range(2, 30):
        await api.ask("PlanUpdate", **NAMED, parameters=f'{{"sleep": "{second}s"}}')
    await api.world.clock.advance(120_000)
    refusal = await api.refused("JobRerun", id=job.id)
    assert told(refusal) == ("FAILED_PRECONDITION", "parameters")
    assert "not kept" in refusal.text
    assert (await api.ask("JobRerun", id=job.id, parameters='{"sleep": "1s"}')).data.rerun_of == job.id


async def test_parameters_of_another_executor_are_refused(api: Api) -> None:
    await api.world.add_plan(parameters='{"sleep": "1s"}')
    job = await ended(api)
    await api.ask("PlanUpdate", **NAMED, executor="shell", parameters='{"command": ["true"]}')
    refusal = await api.refused("JobRerun", id=job.id)
    assert told(refusal) == ("FAILED_PRECONDITION", "parameters")
    assert "'shell'" in refusal.text
    again = await api.ask("JobRerun", id=job.id, parameters='{"command": ["false"]}')
    assert (again.data.executor, again.data.parameters) == ("shell", '{"command": ["false"]}')


async def test_a_plan_that_is_gone_refuses_in_words(api: Api) -> None:
    await api.world.add_plan()
    job = await ended(api)
    await api.ask("PlanOffline", **NAMED)
    await api.ask("PlanDelete", **NAMED)
    refusal = await api.refused("JobRerun", id=job.id)
    assert told(refusal) == ("FAILED_PRECONDITION", "id")
    assert f"plan default/p, which job {job.id} is a run of, is gone" in refusal.text
    await api.world.add_plan()
    assert (await api.ask("JobRerun", id=job.id, parameters="")).data.rerun_of == job.id


async def test_overlap_holds_as_for_manual_runs(api: Api) -> None:
    await api.world.add_plan(overlap="skip")
    job = await job_of(api)
    refusal = await api.refused("JobRerun", id=job.id)
    assert told(refusal) == ("FAILED_PRECONDITION", "overlap")
    assert (await api.ask("JobRerun", id=job.id, overlap="allow")).data.status == "pending"


async def test_slots_hold_as_for_manual_runs(api: Api) -> None:
    await api.ask("NameSpaceAdd", name="small", job_parallelism_limit=1)
    await api.world.add_plan(namespace="small")
    job = await api.world.run_plan(namespace="small")
    assert (await api.refused("JobRerun", id=job.id)).code == "RESOURCE_EXHAUSTED"
    await api.ask("NameSpaceUpdate", name="small", when_full="wait")
    waiting = (await api.ask("JobRerun", id=job.id)).data
    assert (waiting.status, waiting.reason) == ("pending", "no_slot")


@pytest.mark.invariant("A-2")
async def test_one_key_is_one_rerun(api: Api) -> None:
    await api.world.add_plan()
    one, other = await ended(api), await ended(api)
    made = [(await api.ask("JobRerun", id=one.id, idempotency_key="k")).data.id for _ in range(3)]
    assert len(set(made)) == 1
    assert (await api.ask("JobRerun", id=other.id, idempotency_key="k")).data.id not in made, "keys are each job's own"
    assert (await api.ask("JobRerun", id=one.id)).data.id not in made
    await api.ask("PlanOffline", **NAMED)
    assert (await api.ask("JobRerun", id=one.id, idempotency_key="k")).data.id == made[0]


@pytest.mark.parametrize(
    ("fields", "told_of"),
    [
        ({"id": "nobody"}, ("NOT_FOUND", "id")),
        ({"id": "a b"}, ("INVALID_ARGUMENT", "id")),
        ({"overlap": "skip"}, ("INVALID_ARGUMENT", "overlap")),
        ({"parameters": "{"}, ("INVALID_ARGUMENT", "parameters")),
        ({"parameters": '{"what": 1}'}, ("INVALID_ARGUMENT", "parameters.what")),
        ({"idempotency_key": "k" * 256}, ("INVALID_ARGUMENT", "idempotency_key")),
        ({"created_by": "x" * 257}, ("INVALID_ARGUMENT", "created_by")),
    ],
)
async def test_a_bad_request_is_refused_by_field(api: Api, fields: dict[str, Any], told_of: tuple[str, str]) -> None:
    await api.world.add_plan()
    job = await ended(api)
    assert told(await api.refused("JobRerun", **{"id": job.id, **fields})) == told_of
