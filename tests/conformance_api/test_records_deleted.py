"""JobDelete, EvalDelete, AllocationDelete: what has ended leaves history, what is live stays."""

from tests.conformance_api.harness import Api


async def ended(api: Api) -> str:
    """A job that has an allocation and has ended."""
    await api.world.core.add_node()
    await api.world.add_plan()
    job = (await api.world.run_plan()).id
    await api.ask("JobUpdate", id=job, status="complete")
    return job


async def test_a_job_leaves_history_with_all_it_has(api: Api) -> None:
    job = await ended(api)
    await api.ask("JobDelete", id=job)
    assert (await api.refused("JobDetail", id=job)).code == "NOT_FOUND"
    assert not (await api.ask("JobList")).data
    assert not (await api.ask("EvalList", job_id=job)).data
    assert not (await api.ask("AllocationList")).data
    again = await api.refused("JobDelete", id=job)
    assert (again.code, again.field, again.engine_code) == ("NOT_FOUND", "id", 1101)


async def test_its_id_is_free_again(api: Api) -> None:
    await api.world.add_plan()
    for _ in range(2):
        await api.ask("JobAdd", id="mine", plan_id="p", namespace="default", status="complete")
        await api.ask("JobDelete", id="mine")


async def test_live_records_stay(api: Api) -> None:
    await api.world.core.add_node()
    await api.world.add_plan()
    job = (await api.world.run_plan()).id
    for rpc, name in (("JobDelete", job), ("EvalDelete", f"{job}-e1"), ("AllocationDelete", f"{job}-a1")):
        refusal = await api.refused(rpc, id=name)
        assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "id")


async def test_an_evaluation_leaves_the_history_of_its_job(api: Api) -> None:
    job = await ended(api)
    await api.ask("EvalDelete", id=f"{job}-e1")
    assert (await api.refused("EvalDetail", id=f"{job}-e1")).engine_code == 1101
    assert not (await api.ask("EvalList")).data
    await api.ask("EvalDelete", id=f"{job}-e1")
    await api.ask("EvalDelete", id="nobody")
    assert (await api.ask("JobDetail", id=job)).data.status == "complete"


async def test_an_allocation_leaves_the_history_of_its_job(api: Api) -> None:
    job = await ended(api)
    await api.ask("AllocationDelete", id=f"{job}-a1")
    for name in (f"{job}-a1", "nobody"):
        assert (await api.refused("AllocationDelete", id=name)).engine_code == 1101
    assert not (await api.ask("AllocationList", job_id=job)).data
    assert (await api.ask("JobDetail", id=job)).data.status == "complete"
