"""What is answered here and what goes to the leader, under which id, and who is said to have answered."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from google.protobuf.message import Message

from jobpool.api.service import METHODS, Call
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND
from jobpool.peers.words import Forward
from jobpool.server.forwarding import LEADERS, Forwarding
from jobpool.server.leader_path import LeaderPath
from jobpool.testing.clock import FakeClock
from jobpool.wire import jobpool_pb2 as pb

ANSWER = pb.SchedulePlanAddResponse(header=pb.ResponseHeader(member_id=7), data=pb.Plan(id="p"))


class Path:
    """A way to a leader elsewhere, or, when `is_here`, to this server."""

    def __init__(self, *, is_here: bool) -> None:
        self.is_here = is_here
        self.asked: list[Forward] = []

    async def ask(
        self, here: Callable[[], Awaitable[bytes]], question: Forward, reply: type[bytes], **bounds: Any
    ) -> bytes:
        self.asked.append(question)
        self.bounds = bounds
        return await here() if self.is_here else ANSWER.SerializeToString()


def forwarding(path: Path) -> Forwarding:
    return Forwarding(cast(LeaderPath, path), clock=FakeClock(), dice=Dice(1), member_id=9)


class Here:
    """Answers by itself; `calls` are those that it got."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def __call__(self, call: Call) -> Message:
        self.calls.append(call)
        return ANSWER


def test_changes_are_the_leaders_and_reads_are_not() -> None:
    reads = {name for name in METHODS if name.endswith(("List", "Detail", "Exist", "Preview", "Logs"))}
    assert not LEADERS & reads - {"QueueDetail"}
    assert {"PlanAdd", "PlanRun", "JobCancel", "NodeDrain", "NameSpaceAdd", "JobUpdate", "MoveLeader"} <= LEADERS
    assert not LEADERS & {"Defragment", "AgentSession", "SnapshotSave", "AlarmDisarm", "ServerStatus"}


async def test_a_read_is_answered_here() -> None:
    path, here = Path(is_here=False), Here()
    call = Call(transport="grpc")
    assert await forwarding(path)("PlanList", pb.SchedulePlanListRequest(), call, here) is ANSWER
    assert (path.asked, here.calls) == ([], [call])


async def test_what_another_server_has_sent_is_not_sent_on() -> None:
    path, here = Path(is_here=False), Here()
    await forwarding(path)("PlanAdd", pb.SchedulePlanAddRequest(), Call(transport="grpc", forwarded=True), here)
    assert (path.asked, len(here.calls)) == ([], 1)


async def test_a_change_goes_to_the_leader_as_it_came_under_an_id_of_ours() -> None:
    path, here = Path(is_here=False), Here()
    request = pb.SchedulePlanAddRequest(name="x")
    call = Call(
        transport="rest", peer="1.2.3.4:5", metadata={"idempotency-key": "k", "x-jobpool-token": "t"}, timeout=4000
    )
    answer = await forwarding(path)("PlanAdd", request, call, here)
    (asked,) = path.asked
    assert pb.SchedulePlanAddRequest.FromString(asked.request) == request
    assert (asked.rpc, asked.transport, asked.peer, asked.timeout) == ("PlanAdd", "rest", "1.2.3.4:5", 4000)
    assert asked.metadata == {"idempotency-key": "k", "x-jobpool-token": "t"}
    assert len(asked.minted) == 26
    assert isinstance(answer, pb.SchedulePlanAddResponse)
    assert (answer.header.member_id, answer.data.id) == (9, "p")
    assert path.bounds == {"patience": 3 * SECOND, "timeout": 4 * SECOND, "again": False, "over_a_change": False}
    assert here.calls == []


async def test_the_leader_answers_itself_under_the_same_id() -> None:
    path, here = Path(is_here=True), Here()
    await forwarding(path)("PlanRun", pb.PlanRunRequest(), Call(transport="grpc"), here)
    assert here.calls[0].minted == path.asked[0].minted != ""


async def test_the_answer_of_who_hands_over_is_waited_for_over_the_change() -> None:
    path, here = Path(is_here=True), Here()
    await forwarding(path)("MoveLeader", pb.MoveLeaderRequest(), Call(transport="grpc"), here)
    assert path.bounds["over_a_change"]
