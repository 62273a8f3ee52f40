"""The output of a run as it is written, from server to server, until the run has ended."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from jobpool.client.resume import Resuming
from jobpool.wire import jobpool_pb2 as pb


async def followed(resuming: Resuming, request: pb.JobLogsRequest) -> AsyncGenerator[pb.JobLogsResponse, None]:
    """Every piece once; `attempt` says whose it is, `complete` that nothing follows of that attempt.

    Raises what the servers refuse with, and why none answers any more.
    """
    reached = pb.JobLogsRequest()
    reached.CopyFrom(request)

    def asked() -> pb.JobLogsRequest:
        again = pb.JobLogsRequest()
        again.CopyFrom(reached)
        return again

    async with aclosing(resuming.answers("JobLogsFollow", asked, reply=pb.JobLogsResponse)) as answers:
        async for answer in answers:
            reached.attempt, reached.offset = answer.attempt, answer.next_offset
            if answer.complete:
                reached.attempt, reached.offset = answer.attempt + 1, 0
            if answer.data or answer.complete:
                yield answer
