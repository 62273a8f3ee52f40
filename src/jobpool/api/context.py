"""What the nouns share: the replica, the writer, history, the clock, and the answer's header."""

from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeVar, overload

from msgspec import Struct

from jobpool.api.service import Call
from jobpool.history.queries import (
    AllocationPage,
    BarPage,
    End,
    EvaluationPage,
    GetJob,
    GetPart,
    JobExists,
    JobPage,
    ListAllocations,
    ListBars,
    ListEnds,
    ListEvaluations,
    ListJobs,
    ListTicks,
    TickPage,
)
from jobpool.kit.effects.clock import Clock, deadline
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import DeadlineExceeded, JobpoolError, ResourceExhausted
from jobpool.model.queued import Delivery
from jobpool.model.run import Run
from jobpool.ports import Liveness
from jobpool.replica.replica import Replica
from jobpool.replica.state import State
from jobpool.store.change import Command, Turn
from jobpool.wire import jobpool_pb2 as pb

R = TypeVar("R")
T = TypeVar("T")

MAX_WAITING_WRITES = 50_000
_LONGEST_WRITE: Millis = 30 * SECOND
_LONGEST_READ: Millis = 10 * SECOND


class History(Protocol):
    """Finished runs. A query is sent when it is called and sees exactly what was folded before that."""

    @overload
    def query(self, query: ListJobs) -> Awaitable[JobPage]: ...
    @overload
    def query(self, query: ListEvaluations) -> Awaitable[EvaluationPage]: ...
    @overload
    def query(self, query: ListAllocations) -> Awaitable[AllocationPage]: ...
    @overload
    def query(self, query: ListTicks) -> Awaitable[TickPage]: ...
    @overload
    def query(self, query: ListEnds) -> Awaitable[tuple[tuple[End, ...], ...]]: ...
    @overload
    def query(self, query: ListBars) -> Awaitable[BarPage]: ...
    @overload
    def query(self, query: JobExists) -> Awaitable[bool]: ...
    @overload
    def query(self, query: GetJob | GetPart) -> Awaitable[Run | None]: ...


class Deliveries(Protocol):
    """The leader's queue of evaluations, for callers that work as evaluators do. Times out, or raises Unavailable."""

    async def dequeue(self, types: Sequence[str], limit: int, *, timeout: Millis) -> Sequence[Delivery]: ...

    def outstanding(self, job_id: str, number: int) -> str | None: ...

    def acknowledge(self, job_id: str, number: int, *, token: str) -> None: ...

    def give_back(self, job_id: str, number: int, *, token: str) -> None: ...

    async def place(self, command: Command[R], job_id: str, number: int, *, token: str) -> R: ...


class Leader(Protocol):
    """The way to the leader, which is this server or another. Raises Unavailable while there is none."""

    async def submit(self, command: Command[R]) -> R:
        """Returns once this server has folded the commit: what was written can be read here."""
        ...

    async def submit_all(
        self, commands: Sequence[Command[R]], *, turn: Turn = Turn.CARRY_ON
    ) -> Sequence[R | JobpoolError]: ...

    @property
    def waiting(self) -> int: ...

    @property
    def deliveries(self) -> Deliveries: ...

    @property
    def liveness(self) -> Liveness: ...

    def queue_depths(self) -> pb.QueueDetail: ...


class Identity(Struct, frozen=True):
    cluster_id: int
    member_id: int
    name: str


class Context(Struct, frozen=True):
    """`default_time_zone` holds where neither plan nor namespace names one. `url` is where this server is reached.

    `require_callback_token`: how a run ended is only taken from who has its token.
    """

    replica: Replica
    leader: Leader
    history: History
    clock: Clock
    dice: Dice
    identity: Identity
    default_time_zone: str
    url: str = ""
    require_callback_token: bool = False

    @property
    def state(self) -> State:
        return self.replica.state

    def header(self) -> pb.ResponseHeader:
        fence = self.state.fence
        return pb.ResponseHeader(
            cluster_id=self.state.cluster.id if self.state.cluster is not None else self.identity.cluster_id,
            member_id=self.identity.member_id,
            revision=fence.n,
            raft_term=fence.term,
        )

    async def write(self, command: Command[R], call: Call) -> R:
        """Commit, within the caller's patience.

        Raises ResourceExhausted while too many changes wait, and DeadlineExceeded when the outcome did not come in
        time: then it is not known.
        """
        self._admit(call)
        return await self._within(self.leader.submit(command), call, _LONGEST_WRITE)

    async def write_all(self, commands: Sequence[Command[R]], call: Call) -> Sequence[R]:
        """As `write`. Raises the first failure; what was not refused is committed all the same."""
        self._admit(call)
        answers: list[R] = []
        for outcome in await self._within(self.leader.submit_all(commands), call, _LONGEST_WRITE):
            if isinstance(outcome, JobpoolError):
                raise outcome
            answers.append(outcome)
        return answers

    def _admit(self, call: Call) -> None:
        waiting = self.leader.waiting
        if waiting > MAX_WAITING_WRITES:
            raise ResourceExhausted(f"{waiting} changes are waiting to be committed; try again")
        if call.timeout is not None and call.timeout <= 0:
            raise DeadlineExceeded("the caller's time was over before anything was done")

    async def read(self, work: Awaitable[T], call: Call) -> T:
        """What was asked of history, within the caller's patience. Raises DeadlineExceeded."""
        return await self._within(work, call, _LONGEST_READ)

    async def _within(self, work: Awaitable[T], call: Call, longest: Millis) -> T:
        patience = min(longest, call.timeout) if call.timeout is not None else longest
        try:
            async with deadline(self.clock, patience):
                return await work
        except TimeoutError:
            raise DeadlineExceeded(f"no answer within {patience / 1000:g} s; what became of it is not known") from None
