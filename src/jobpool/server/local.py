"""The way to a leader that is this very server."""

from collections.abc import Sequence
from typing import TypeVar

from jobpool.api.context import Deliveries
from jobpool.api.pauses import pause_message
from jobpool.kit.pure.durations import Millis
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import JobpoolError
from jobpool.model.queued import Delivery
from jobpool.model.verdict import Settled, Verdict
from jobpool.ports import Liveness
from jobpool.store.change import Command, Turn
from jobpool.wire import jobpool_pb2 as pb

R = TypeVar("R")


class LocalLeader:
    """Implements `api.context.Leader` and `ports.Evaluations` over the present term."""

    def __init__(self, leadership: Leadership) -> None:
        self._leadership = leadership

    async def submit(self, command: Command[R]) -> R:
        return await self._leadership.reign.committer.submit(command)

    async def submit_all(
        self, commands: Sequence[Command[R]], *, turn: Turn = Turn.CARRY_ON
    ) -> Sequence[R | JobpoolError]:
        return await self._leadership.reign.committer.submit_all(commands, turn=turn)

    @property
    def waiting(self) -> int:
        return self._leadership.reign.committer.waiting

    @property
    def liveness(self) -> Liveness:
        return self._leadership.reign.heartbeats

    @property
    def deliveries(self) -> Deliveries:
        return self._leadership.reign.queues

    def queue_depths(self) -> pb.QueueDetail:
        queues = self._leadership.reign.queues
        stats, blocked, pause = queues.broker_stats(), queues.blocked_stats(), queues.pause
        return pb.QueueDetail(
            total=stats.tracked + blocked.blocked,
            total_ready=stats.ready,
            total_unacked=stats.unacked,
            total_blocked=stats.pending + blocked.blocked,
            total_waiting=stats.waiting,
            total_failed=stats.failed,
            total_delayed=stats.delayed,
            pause=None if pause is None else pause_message(pause),
        )

    async def dequeue(self, types: Sequence[str], limit: int, *, timeout: Millis) -> Sequence[Delivery]:
        reign = await self._leadership.leading()
        return await reign.queues.dequeue(types, limit, timeout=timeout)

    async def settle(self, verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        return await self._leadership.reign.queues.settle(verdicts)
