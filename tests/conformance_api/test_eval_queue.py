"""EvalDequeue, EvalAck, EvalNack, EvalUpdate: scheduling from outside, and what becomes of work that is let go."""

import pytest

from jobpool.api.service import Call
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from tests.conformance_api.harness import Api


async def waiting(api: Api, count: int = 1) -> list[str]:
    await api.world.add_plan()
    return [(await api.world.run_plan()).id for _ in range(count)]


async def take(api: Api, timeout: int = 5000) -> pb.ScheduleEvalDequeueResponse:
    """What comes while that much time passes."""
    asking = api.world.spawn(api.ask("EvalDequeue", schedulers=["service"], timeout=timeout))
    for _ in range(200):
        await settle()
        if asking.done() or api.world.clock._timers:
            break
    while not asking.done():
        await api.world.clock.advance(500)
    answer: pb.ScheduleEvalDequeueResponse = await asking
    return answer


async def test_what_is_taken_comes_with_a_token_and_only_once(idle: Api) -> None:
    first, second = await waiting(idle, 2)
    taken = [await idle.ask("EvalDequeue", schedulers=["service"], timeout=1000) for _ in range(2)]
    assert {answer.data.id for answer in taken} == {f"{first}-e1", f"{second}-e1"}
    assert len({answer.token for answer in taken}) == 2
    data = taken[0].data
    assert (data.status, data.triggered_by, data.namespace, data.priority) == ("pending", "job-register", "default", 50)
    empty = await take(idle)
    assert (empty.HasField("data"), empty.token) == (False, "")


@pytest.mark.invariant("B-3")
async def test_what_nobody_acknowledges_is_delivered_again_under_another_token(idle: Api) -> None:
    [job] = await waiting(idle)
    first = await take(idle)
    await idle.world.clock.advance(61_000)
    refusal = await idle.refused("EvalAck", id=first.data.id, token=first.token)
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "token")
    again = await take(idle)
    assert again.data.id == f"{job}-e1"
    assert again.token != first.token


async def test_work_that_is_still_pending_comes_back_after_its_acknowledgement(idle: Api) -> None:
    await waiting(idle)
    first = await take(idle)
    await idle.ask("EvalAck", id=first.data.id, token=first.token)
    again = await take(idle)
    assert again.data.id == first.data.id
    assert again.token != first.token


async def test_what_is_given_back_waits_before_it_comes_again(idle: Api) -> None:
    await waiting(idle)
    first = await take(idle)
    await idle.ask("EvalNack", id=first.data.id, token=first.token)
    assert not (await take(idle, timeout=500)).token
    assert (await take(idle)).data.id == first.data.id


@pytest.mark.parametrize("rpc", ["EvalAck", "EvalNack"])
async def test_who_has_nothing_in_hand_is_told_so_in_the_originals_words(idle: Api, rpc: str) -> None:
    [job] = await waiting(idle)
    texts = {}
    texts["unknown"] = await idle.refused(rpc, id="nothing-e1", token="t")
    texts["nobody's"] = await idle.refused(rpc, id=f"{job}-e1", token="t")
    await take(idle)
    texts["another's"] = await idle.refused(rpc, id=f"{job}-e1", token="t")
    assert {refusal.code for refusal in texts.values()} == {"FAILED_PRECONDITION"}
    assert "Evaluation ID not found" in texts["unknown"].text
    assert "Evaluation ID not found" in texts["nobody's"].text
    assert "Token does not match for Evaluation ID" in texts["another's"].text
    for fields in ({"token": "t"}, {"id": f"{job}-e1"}):
        assert (await idle.refused(rpc, None, **fields)).engine_code == 1001


async def test_queues_that_hold_nothing_for_a_caller(idle: Api) -> None:
    await waiting(idle)
    refusal = await idle.refused("EvalDequeue", schedulers=["_failed"])
    assert (refusal.code, refusal.field, refusal.engine_code) == ("INVALID_ARGUMENT", "schedulers", 1104)
    assert (await idle.refused("EvalDequeue")).engine_code == 1001


async def test_a_paused_queue_hands_out_nothing(idle: Api) -> None:
    await idle.ask("QueuePause", by="me")
    await waiting(idle)
    assert not (await take(idle)).token
    await idle.ask("QueueResume")
    assert (await take(idle)).token


async def status_of(api: Api, eval_id: str) -> pb.Evaluation:
    found: pb.Evaluation = (await api.ask("EvalDetail", id=eval_id)).data
    return found


async def test_blocked_and_pending_again(idle: Api) -> None:
    [job] = await waiting(idle)
    name = f"{job}-e1"
    taken = await take(idle)
    told = (await idle.ask("EvalUpdate", id=name, status="blocked", status_description="no room")).data
    assert (told.id, told.status, told.status_description) == (name, "blocked", "no room")
    await idle.ask("EvalAck", id=name, token=taken.token)
    assert not (await take(idle)).token, "it waits for room"
    assert (await idle.ask("EvalUpdate", id=name, status="pending")).data.status == "pending"
    assert (await take(idle)).data.id == name


async def test_failed_is_tried_again_after_a_minute(idle: Api) -> None:
    [job] = await waiting(idle)
    told = (await idle.ask("EvalUpdate", id=f"{job}-e1", status="failed", status_description="broken")).data
    assert (told.status, told.status_description, told.next_eval) == ("failed", "broken", f"{job}-e2")
    assert (await status_of(idle, f"{job}-e2")).triggered_by == "failed-follow-up"


@pytest.mark.parametrize("status", ["complete", "canceled"])
async def test_a_job_is_not_left_without_anybody_who_places_it(idle: Api, status: str) -> None:
    [job] = await waiting(idle)
    refusal = await idle.refused("EvalUpdate", id=f"{job}-e1", status=status)
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "status")


async def test_the_same_status_is_a_success_and_a_terminal_one_never_changes(idle: Api) -> None:
    [job] = await waiting(idle)
    before = idle.world.n
    assert (await idle.ask("EvalUpdate", id=f"{job}-e1", status="pending")).data.status == "pending"
    assert idle.world.n == before
    await idle.ask("JobUpdate", id=job, status="complete")
    assert (await idle.ask("EvalUpdate", id=f"{job}-e1", status="canceled")).data.status == "canceled"
    refusal = await idle.refused("EvalUpdate", id=f"{job}-e1", status="pending")
    assert (refusal.code, refusal.field) == ("FAILED_PRECONDITION", "id")


async def test_a_status_or_an_evaluation_that_is_none(idle: Api) -> None:
    [job] = await waiting(idle)
    for status in ("", "shiny"):
        assert (await idle.refused("EvalUpdate", id=f"{job}-e1", status=status)).engine_code == 1002
    assert (await idle.refused("EvalUpdate", id=f"{job}-e9", status="pending")).engine_code == 1101


async def test_who_waits_less_than_it_asks_for_gets_an_answer_in_time(idle: Api) -> None:
    """A caller with a deadline of its own: nothing is delivered to somebody who has gone."""
    request = pb.ScheduleEvalDequeueRequest(schedulers=["service"])
    asking = idle.world.start("EvalDequeue", request, Call(transport="grpc", timeout=5000))
    await idle.world.clock.advance(4900)
    assert asking.done()
    assert not (await asking).token
