"""The output of runs, read by offset from the agent that has it, once or as it is written."""

from collections.abc import AsyncGenerator
from typing import Protocol

from msgspec import Struct

from jobpool.api.agent_session import NoOutput
from jobpool.api.checks import check_id
from jobpool.api.context import Context
from jobpool.api.jobs import find_run
from jobpool.api.open_streams import OpenStreams
from jobpool.api.run_waits import RunWaits
from jobpool.api.service import Call
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument, ResourceExhausted, Unavailable
from jobpool.model.run import Run, allocation_id
from jobpool.model.statuses import AllocationStatus
from jobpool.wire import jobpool_pb2 as pb

_MAX_LIMIT = 256 * 1024
_DEFAULT_LIMIT = 64 * 1024
BEAT: Millis = 15 * SECOND
"""The longest silence of a stream, and the longest that an agent is to wait for output."""
_AT_ONCE: Millis = SECOND
"""An agent that says sooner that there is nothing has not waited; then we do."""


class Outputs(Protocol):
    """Where the output of allocations is read."""

    async def read_log(
        self, node_id: str, allocation: str, *, offset: int, limit: int, wait: Millis = 0
    ) -> pb.AgentLogChunk:
        """Waits up to `wait` ms until there is something at `offset`, or the run has ended.

        Raises Unavailable when the agent cannot be asked or is silent, NoOutput when it has none to give.
        """
        ...


class _Place(Struct, frozen=True):
    """What to read next."""

    attempt: int
    offset: int
    limit: int


class Logs:
    """`read` answers once, `follow` until the job has ended."""

    def __init__(self, context: Context, outputs: Outputs, streams: OpenStreams, waits: RunWaits) -> None:
        self._context = context
        self._outputs = outputs
        self._streams = streams
        self._waits = waits

    async def read(self, request: pb.JobLogsRequest, call: Call) -> pb.JobLogsResponse:
        if request.follow:
            raise InvalidArgument("follow", "this call answers once; JobLogsFollow is the one that goes on")
        limit = _check(request)
        run = await find_run(self._context, check_id("id", request.id), call)
        if not run.attempts:
            raise NoOutput(f"job {run.id} has no output: it was not started", field="id")
        number = request.attempt or len(run.attempts)
        if number > len(run.attempts):
            raise InvalidArgument("attempt", f"must be 1 to {len(run.attempts)}, found {request.attempt}")
        return await self._read(run, _Place(number, request.offset, limit), wait=0)

    async def follow(self, request: pb.JobLogsRequest, call: Call) -> AsyncGenerator[pb.JobLogsResponse, None]:
        """From an attempt on, as it is written, with the attempts after it, until the job has ended.

        Raises what `read` raises, and Unavailable when the server stops: then it goes on elsewhere.
        """
        limit = _check(request)
        with self._streams.one_more():
            run = await find_run(self._context, check_id("id", request.id), call)
            number = request.attempt or max(1, len(run.attempts))
            if run.ended and not run.attempts:
                raise NoOutput(f"job {run.id} has no output: it was not started", field="id")
            place, spoke = _Place(number, request.offset, limit), self._context.clock.monotonic()
            if not run.ended:
                yield self._beat(place)  # the caller knows that it is heard, however long nothing is written
            while True:
                async for beat in self._until_begun(run, place, spoke):
                    yield beat
                run = await find_run(self._context, run.id, call)
                if len(run.attempts) < place.attempt:
                    return
                async for answer in self._until_complete(run, place, call):
                    yield answer
                place, spoke = _Place(place.attempt + 1, 0, limit), self._context.clock.monotonic()

    async def _until_begun(self, run: Run, place: _Place, spoke: Millis) -> AsyncGenerator[pb.JobLogsResponse, None]:
        """Until there is such an attempt, or the run has ended; what is said meanwhile says only that we are there."""
        clock = self._context.clock
        while True:
            live = self._context.state.run(run.id)
            if live is None or live.ended or len(live.attempts) >= place.attempt:
                return
            self._streams.check()
            if clock.monotonic() - spoke >= BEAT:
                yield self._beat(place)
                spoke = clock.monotonic()
                continue
            waiting = self._waits.changed(run.id, clock, within=spoke + BEAT - clock.monotonic())
            await self._streams.unless_closed(waiting)

    def _beat(self, place: _Place) -> pb.JobLogsResponse:
        return pb.JobLogsResponse(header=self._context.header(), attempt=place.attempt, next_offset=place.offset)

    async def _until_complete(self, run: Run, place: _Place, call: Call) -> AsyncGenerator[pb.JobLogsResponse, None]:
        """The rest of one attempt's output. What an agent took with it is passed over when there is more to come."""
        while True:
            asked = self._context.clock.monotonic()
            try:
                answer = await self._streams.unless_closed(self._read_on(run, place))
            except (NoOutput, Unavailable):
                self._streams.check()
                if await self._is_passed_over(run.id, place.attempt, call):
                    return
                raise
            yield answer
            if answer.complete:
                return
            place = _Place(place.attempt, answer.next_offset, place.limit)
            if not answer.data and self._context.clock.monotonic() - asked < _AT_ONCE:
                await self._streams.unless_closed(self._waits.changed(run.id, self._context.clock, within=_AT_ONCE))

    async def _read_on(self, run: Run, place: _Place) -> pb.JobLogsResponse:
        """What comes next. Where too many wait at the agent already, what is there now, be it nothing."""
        for wait in (BEAT, 0):
            try:
                return await self._read(run, place, wait=wait)
            except ResourceExhausted:
                continue
        return self._beat(place)

    async def _is_passed_over(self, job_id: str, number: int, call: Call) -> bool:
        """Whether the attempt has ended and another one follows, or may follow, it."""
        run = await find_run(self._context, job_id, call)
        if len(run.attempts) > number:
            return True
        return not run.ended and run.attempts[number - 1].ended

    async def _read(self, run: Run, place: _Place, *, wait: Millis) -> pb.JobLogsResponse:
        attempt = run.attempts[place.attempt - 1]
        node = self._context.state.node(attempt.node_id)
        if node is not None and node.polling:
            raise NoOutput(f"node {node.id} has an agent of the original, which keeps no output", field="id")
        is_to_come = self._is_to_come(run.id, place.attempt)
        try:
            chunk = await self._outputs.read_log(
                attempt.node_id,
                allocation_id(run.id, place.attempt),
                offset=place.offset,
                limit=place.limit,
                wait=wait,
            )
        except NoOutput:
            if not is_to_come:
                raise
            return self._beat(place)
        return pb.JobLogsResponse(
            header=self._context.header(),
            data=chunk.data,
            next_offset=chunk.next_offset,
            size=chunk.size,
            complete=chunk.complete,
            truncated=chunk.truncated,
            attempt=place.attempt,
        )

    def _is_to_come(self, job_id: str, number: int) -> bool:
        """Whether the attempt has not begun as far as we know: its agent may not have heard of it yet."""
        run = self._context.state.run(job_id)
        return run is not None and run.attempts[number - 1].status is AllocationStatus.PENDING


def _check(request: pb.JobLogsRequest) -> int:
    """How many bytes an answer may have. Raises InvalidArgument."""
    if request.offset < 0:
        raise InvalidArgument("offset", f"must not be negative, found {request.offset}")
    if not 0 <= request.limit <= _MAX_LIMIT:
        raise InvalidArgument("limit", f"must be 1 to {_MAX_LIMIT} (0 = {_DEFAULT_LIMIT}), found {request.limit}")
    if request.attempt < 0:
        raise InvalidArgument("attempt", f"must be 1 or more (0 = the newest), found {request.attempt}")
    return request.limit or _DEFAULT_LIMIT
