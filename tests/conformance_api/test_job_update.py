"""JobUpdate: what a callee or an operator reports, repeats of it, and what a job that has ended says to more."""

import pytest

from tests.conformance_api.harness import Api


async def started(api: Api) -> str:
    """A job with a slot that nobody has taken yet."""
    await api.world.add_plan()
    return (await api.world.run_plan()).id


@pytest.mark.invariant("A-3")
@pytest.mark.parametrize("status", ["complete", "failed", "cancelled", "expired"])
async def test_an_end_frees_the_slot_and_the_same_end_again_is_a_success(api: Api, status: str) -> None:
    job_id = await started(api)
    told = (await api.ask("JobUpdate", id=job_id, status=status, description="so it went", result="r")).data
    assert (told.status, told.info, told.result) == (status, "" if status == "complete" else "so it went", "r")
    assert api.world.state.slots_used("default") == 0
    before = api.world.n
    again = (await api.ask("JobUpdate", id=job_id, status=status, description="said again", result="other")).data
    assert again == told
    assert api.world.n == before
    assert (await api.ask("JobDetail", id=job_id)).data == told


async def test_another_end_is_refused(api: Api) -> None:
    job_id = await started(api)
    await api.ask("JobUpdate", id=job_id, status="complete")
    for status in ("failed", "running", "unknown"):
        refusal = await api.refused("JobUpdate", id=job_id, status=status)
        assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "id")
        assert "complete" in refusal.text


@pytest.mark.parametrize("status", ["running", "unknown"])
async def test_running_and_unknown_make_a_placed_job_run(api: Api, status: str) -> None:
    await api.world.core.add_node()
    job_id = await started(api)
    assert (await api.ask("JobUpdate", id=job_id, status=status)).data.status == "running"


@pytest.mark.parametrize("status", ["pending", "skipped", "", "shiny", "complete,failed"])
async def test_what_a_job_cannot_be_set_to_is_refused(api: Api, status: str) -> None:
    job_id = await started(api)
    refusal = await api.refused("JobUpdate", id=job_id, status=status)
    assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", "status", 1002)


async def test_an_unknown_job_is_not_found(api: Api) -> None:
    refusal = await api.refused("JobUpdate", id="nobody", status="complete")
    assert (refusal.code, refusal.field, refusal.engine_code) == ("NOT_FOUND", "id", 1101)
