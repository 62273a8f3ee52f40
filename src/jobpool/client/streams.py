"""What goes on by itself: watching what changes, following a run's output, waiting for its end."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Protocol

from jobpool.client.calls import Calls
from jobpool.client.follow import followed
from jobpool.client.resume import Resuming
from jobpool.client.spans import Span, span_of
from jobpool.client.watch import Change, changes, ended_job
from jobpool.kit.effects.clock import deadline
from jobpool.kit.pure.durations import format_duration
from jobpool.model.errors import DeadlineExceeded
from jobpool.wire import jobpool_pb2 as pb


class StillRunning(DeadlineExceeded):
    """A run has not ended within the time that was given to wait for it."""


class Streams(Calls, Protocol):
    """Each is asked of the first server that answers, and goes on at the next one when that goes away.

    They raise what a server refuses them with; Unreachable, Unavailable or DeadlineExceeded when no server takes them,
    or when none has answered for 5 minutes since the last word. Close what is not read to its end (`aclosing`).
    """

    def resuming(self) -> Resuming:
        """How streams of this client go on."""
        ...

    def watch(
        self,
        kinds: Iterable[str] = (),
        *,
        namespace: str = "",
        plan_id: str = "",
        id: str = "",
        after: str = "",
        snapshot: bool = False,
    ) -> AsyncGenerator[Change, None]:
        """What changes from now on, or since `after` (a position, or a revision), each change once and without end.

        `kinds` of plan, job, node, namespace, server; empty = all. `snapshot`: what there is comes first.
        """
        request = pb.ScheduleWatchRequest(
            kinds=kinds, namespace=namespace, plan_id=plan_id, id=id, after=after, snapshot=snapshot
        )
        return changes(self.resuming(), request)

    def watch_cluster(self) -> AsyncGenerator[pb.ClusterDetailResponse, None]:
        """All servers, who leads, queues and latencies as they are, every 2 s and whenever something happens.

        The first answer has all samples and events that are remembered, those after it what is new or has changed;
        from another server all is told again. Without end.
        """
        return self.resuming().answers("ClusterWatch", pb.ClusterWatchRequest, reply=pb.ClusterDetailResponse)

    async def watch_nodes(self, ids: Iterable[str] = ()) -> AsyncGenerator[pb.NodeSeen, None]:
        """When nodes are heard and what they tell of their machines: first all that is known, then what is new.

        `ids`: only these nodes, 100 at most. Each at most every 2 s, without end; another server tells all again.
        """
        request = pb.NodeWatchRequest(id=ids)
        answers = self.resuming().answers("NodeWatch", lambda: request, reply=pb.NodeWatchResponse)
        async with aclosing(answers):
            async for answer in answers:
                for seen in answer.data:
                    yield seen

    def follow_logs(
        self, job_id: str, *, attempt: int = 0, offset: int = 0
    ) -> AsyncGenerator[pb.JobLogsResponse, None]:
        """The output of a run as it is written, until the run has ended.

        From an attempt on (0 = the newest), and from a byte of it on. `attempt` of a piece says whose it is,
        `complete` that it is the last of that attempt.
        """
        return followed(self.resuming(), pb.JobLogsRequest(id=job_id, attempt=attempt, offset=offset))

    async def wait(self, job_id: str, *, timeout: Span | None = None) -> pb.Job:
        """The run once it has ended, however that is. Raises StillRunning after `timeout` (ms, or `10m`)."""
        resuming = self.resuming()
        if timeout is None:
            return await ended_job(resuming, job_id, self.job_detail)
        span = span_of("timeout", timeout)
        try:
            async with deadline(resuming.clock, span):
                return await ended_job(resuming, job_id, self.job_detail)
        except TimeoutError:
            raise StillRunning(f"job {job_id} has not ended within {format_duration(span)}") from None
