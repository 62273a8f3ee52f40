"""One run of a plan: the job, its evaluations and its attempts in one record.

Status, slot, evaluations and attempts change together in one commit, so no crash can leave a slot without its run or
an allocation without its job.
"""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.kit.pure.ids import hashed_bits, ulid
from jobpool.model.reasons import Reason
from jobpool.model.schedule import Delivery
from jobpool.model.statuses import (
    BY_HAND,
    TERMINAL_ALLOCATION,
    TERMINAL_EVALUATION,
    TERMINAL_JOB,
    AllocationStatus,
    DesiredStatus,
    EvaluationStatus,
    EvaluationTrigger,
    JobStatus,
    Trigger,
)


class Evaluation(Struct, frozen=True, array_like=True, gc=False):
    """ "Look at this run again." `number` counts from 1 within the run; `not_before` 0 = at once."""

    number: int
    trigger: EvaluationTrigger
    status: EvaluationStatus
    created_at: Millis
    updated_at: Millis
    not_before: Millis = 0
    node_id: str = ""
    description: str = ""


class Attempt(Struct, frozen=True, array_like=True, gc=False):
    """One allocation: the run on one node. `fence` grows with every attempt of any run."""

    number: int
    evaluation: int
    node_id: str
    fence: int
    status: AllocationStatus
    created_at: Millis
    updated_at: Millis
    desired: DesiredStatus = DesiredStatus.RUN
    description: str = ""
    started_at: Millis | None = None
    finished_at: Millis | None = None
    exit_code: int | None = None

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL_ALLOCATION


class Alias(Struct, frozen=True, array_like=True, gc=False):
    """The id that a caller has given to an evaluation (`part` "e") or an allocation ("a") of a run."""

    id: str
    part: str
    number: int


class Run(Struct, frozen=True, array_like=True, gc=False):
    """`scheduled_at` is the tick; of a manual run, when it was asked for.

    `holds_slot` is false for a run that waits for a slot of its namespace and for one that has ended.
    A run whose status is terminal stays in the live keys only while its skip or no-slot callback is under way.
    `parameters` None = those of the plan version. `accepted`: an asynchronous callee took it; only a report, a
    cancel or the timeout ends it now. `era` is the incarnation of the store that it was made in; `vouched`: it comes
    from a snapshot, and its agent has said since the restore that it has it. `aliases` are ids that callers brought.
    `rerun_of` is the id of the run that this one repeats.
    """

    id: str
    namespace: str
    plan_id: str
    name: str
    type: str
    incarnation: int
    plan_version: int
    trigger: Trigger
    scheduled_at: Millis
    created_at: Millis
    updated_at: Millis
    priority: int
    executor: str
    synchronous: bool
    timeout: Millis
    delivery: Delivery
    status: JobStatus
    holds_slot: bool
    evaluations: tuple[Evaluation, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    reason: Reason = Reason.NONE
    info: str = ""
    parameters: str | None = None
    created_by: str = ""
    losses: int = 0
    retries: int = 0
    accepted: bool = False
    cancel_requested: bool = False
    started_at: Millis | None = None
    finished_at: Millis | None = None
    exit_code: int | None = None
    result: str = ""
    strategy: str = ""
    era: int = 1
    vouched: bool = False
    aliases: tuple[Alias, ...] = ()
    rerun_of: str = ""

    @property
    def plan_key(self) -> tuple[str, str]:
        return (self.namespace, self.plan_id)

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL_JOB

    def predates(self, era: int) -> bool:
        """Whether it comes from a snapshot that the store was restored from: nobody knows what became of it since."""
        return self.era < era

    @property
    def owes_callback(self) -> bool:
        """Whether the run has ended but its asynchronous callee is still to be told that it did not run."""
        last = self.evaluations[-1] if self.evaluations else None
        return self.ended and last is not None and last.status not in TERMINAL_EVALUATION

    @property
    def evaluation(self) -> Evaluation | None:
        """The newest evaluation."""
        return self.evaluations[-1] if self.evaluations else None

    @property
    def attempt(self) -> Attempt | None:
        """The newest attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def open_attempt(self) -> Attempt | None:
        """The newest attempt when its node still has it; an accepted run is with its callee, not with the node."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and not last.ended and not self.accepted else None

    @property
    def derived_plan_id(self) -> str:
        if self.trigger in BY_HAND:
            return f"{self.plan_id}/manual-{self.id}"
        return f"{self.plan_id}/periodic-{self.scheduled_at // 1000}"

    @property
    def lateness(self) -> Millis | None:
        """Milliseconds from due to the start of the first attempt; None before it. Retries do not make a run late."""
        first = self.attempts[0].started_at if self.attempts else None
        return None if first is None else max(0, first - self.scheduled_at)


def tick_job_id(namespace: str, plan_id: str, incarnation: int, tick: Millis) -> str:
    """The id of the one run a tick can have: deciding it twice names the same run."""
    return ulid(tick, hashed_bits(namespace, plan_id, str(incarnation), str(tick)))


def evaluation_id(job_id: str, number: int) -> str:
    return f"{job_id}-e{number}"


def allocation_id(job_id: str, number: int) -> str:
    return f"{job_id}-a{number}"


def evaluation_name(run: Run, number: int) -> str:
    """The id that the evaluation is shown under: its caller's, else ours."""
    return _alias(run, "e", number) or evaluation_id(run.id, number)


def allocation_name(run: Run, number: int) -> str:
    return _alias(run, "a", number) or allocation_id(run.id, number)


def _alias(run: Run, part: str, number: int) -> str:
    return next((alias.id for alias in run.aliases if alias.part == part and alias.number == number), "")


def split_id(text: str) -> tuple[str, str, int] | None:
    """`<job id>-e2` → (job id, "e", 2); None when the text is neither an evaluation's nor an allocation's id."""
    job_id, dash, tail = text.rpartition("-")
    if not dash or tail[:1] not in ("a", "e") or not tail[1:].isascii() or not tail[1:].isdigit():
        return None
    number = int(tail[1:]) if len(tail) < 8 else 0
    return (job_id, tail[0], number) if number > 0 and str(number) == tail[1:] else None
