"""One agent on one stream, as the server that holds it keeps it, and what follows from what it holds."""

import asyncio
from collections.abc import Mapping

from jobpool.api.agent_outbox import Outbox
from jobpool.api.service import MessageStream
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import Code, JobpoolError, Unavailable
from jobpool.model.run import allocation_id
from jobpool.model.statuses import AllocationStatus, DesiredStatus
from jobpool.peers.words import HeldAttempt, Registered
from jobpool.replica.state import State
from jobpool.wire import jobpool_pb2 as pb


class NoOutput(JobpoolError):
    """The agent has no output of the allocation to give."""

    code = Code.NOT_FOUND


class Session:
    """`number` tells it from others of the node, `ttl` is how often the agent is to be heard, `beat` how often it hears
    from us, both in ms; `spoke` is when it did last, by monotonic time.

    `ready`: the agent has said what it holds. `told` are allocations whose end it has itself just reported. `asking`:
    the leader is being told that it is ready, again.
    """

    def __init__(
        self, node_id: str, stream: MessageStream, registered: Registered, *, beat: Millis, now: Millis
    ) -> None:
        self.node_id = node_id
        self.stream = stream
        self.number = registered.session
        self.ttl = registered.ttl
        self.beat = beat
        self.spoke = now
        self.ready = False
        self.asking = False
        self.told: set[str] = set()
        self.outbox = Outbox()
        self.logs: dict[int, asyncio.Future[pb.AgentLogChunk]] = {}
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, why: str) -> None:
        """End the stream; the agent comes back, here or elsewhere, and says what it holds."""
        if not self._ended.done():
            self._ended.set_exception(Unavailable(why))
            self._ended.exception()  # seen: a session may end before anybody waits for this

    async def until_ended(self) -> None:
        await self._ended

    def take_log(self, chunk: pb.AgentLogChunk) -> None:
        answer = self.logs.get(chunk.request_id)
        if answer is None or answer.done():
            return
        if chunk.error:
            answer.set_exception(NoOutput(f"no output from node {self.node_id}: {chunk.error}", field="id"))
        else:
            answer.set_result(chunk)

    def fail_logs(self, why: JobpoolError) -> None:
        for answer in self.logs.values():
            if not answer.done():
                answer.set_exception(why)


def settle(session: Session, state: State, held: Mapping[str, int]) -> list[HeldAttempt]:
    """Say again what did not arrive, and forget what is over; the attempts that are nowhere any more.

    `held` are the allocations that the agent has, with their fences.
    """
    lost: list[HeldAttempt] = []
    over = dict(held)
    for job_id in state.node_runs(session.node_id):
        run = state.run(job_id)
        attempt = run.open_attempt if run is not None else None
        if run is None or attempt is None:
            continue
        allocation = allocation_id(job_id, attempt.number)
        stopping = attempt.desired is DesiredStatus.STOP
        if over.get(allocation) == attempt.fence:
            del over[allocation]
            if stopping:
                session.outbox.stop(allocation, attempt.fence)
        elif attempt.status is AllocationStatus.PENDING and not stopping and not run.predates(state.era):
            session.outbox.assign(run, attempt)
        else:
            lost.append(HeldAttempt(job_id, attempt.number, attempt.fence))
    for allocation, fence in over.items():
        session.outbox.drop(allocation, fence)
    return lost
