"""What an explanation consists of. The codes are held by docs/api.md."""

from enum import StrEnum

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.timetable.zones import Zone, find_zone


class Code(StrEnum):
    """What was found, one spelling each: first of plans, then of both, then of jobs."""

    PLAN_PENDING = "plan_pending"
    PLAN_DEAD = "plan_dead"
    PLAN_STOPPED = "plan_stopped"
    PLAN_DISABLED = "plan_disabled"
    PAUSED = "paused"
    NO_SCHEDULE = "no_schedule"
    BEFORE_START = "before_start"
    AFTER_END = "after_end"
    NEVER_AGAIN = "never_again"
    OVERLAP = "overlap"
    NAMESPACE_FULL = "namespace_full"
    CATCHING_UP = "catching_up"
    DUE = "due"
    LAST_JOB = "last_job"
    TICKS_COALESCED = "ticks_coalesced"
    TICKS_MISSED = "ticks_missed"
    TICKS_SUPERSEDED = "ticks_superseded"
    TICKS_PAUSED = "ticks_paused"

    NO_LEADER = "no_leader"
    QUEUE_PAUSED = "queue_paused"
    NO_EXECUTOR = "no_executor"
    NOT_PORTABLE = "not_portable"
    ALL_FULL = "all_full"
    ALL_DOWN = "all_down"
    ALL_STARTING = "all_starting"
    ALL_INELIGIBLE = "all_ineligible"
    ALL_DRAINING = "all_draining"
    NO_NODE = "no_node"
    RESTORED = "restored"

    BY_SCHEDULE = "by_schedule"
    BY_CATCH_UP = "by_catch_up"
    BY_HAND = "by_hand"
    BY_RERUN = "by_rerun"
    SLOT_WAIT = "slot_wait"
    RETRY_WAIT = "retry_wait"
    CATCH_UP_RATE = "catch_up_rate"
    FOLLOW_UP_WAIT = "follow_up_wait"
    NO_EVALUATION = "no_evaluation"
    QUEUED = "queued"
    SENT = "sent"
    RUNNING = "running"
    ACCEPTED_BY_CALLEE = "accepted_by_callee"
    NODE_SILENT = "node_silent"
    CANCEL_REQUESTED = "cancel_requested"
    ATTEMPT_ENDED = "attempt_ended"
    LATE = "late"
    SKIPPED_OVERLAP = "skipped_overlap"
    NO_SLOT = "no_slot"
    DELIVERY_LIMIT = "delivery_limit"
    ENDED = "ended"
    CALLBACK_OWED = "callback_owed"


class Remedy(StrEnum):
    """What removes a cause."""

    NONE = ""
    WAIT = "wait"
    PLAN_ONLINE = "plan_online"
    PLAN_UPDATE = "plan_update"
    PLAN_RESUME = "plan_resume"
    PLAN_RUN = "plan_run"
    JOB_CANCEL = "job_cancel"
    JOB_RERUN = "job_rerun"
    JOB_LOGS = "job_logs"
    JOB_UPDATE = "job_update"
    EVAL_ADD = "eval_add"
    NAMESPACE_UPDATE = "namespace_update"
    QUEUE_RESUME = "queue_resume"
    START_AGENT = "start_agent"
    NODE_ELIGIBILITY = "node_eligibility"
    NODE_DRAIN = "node_drain"
    NODE_DELETE = "node_delete"
    SERVERS = "servers"


class Verdict(StrEnum):
    """All findings in a word: the first three of plans, the others of jobs."""

    FIRES = "fires"
    """As things are, the next tick starts when it is due."""
    HELD = "held"
    """Ticks come due, but as things are the next one would not start then."""
    OFF = "off"
    """No tick comes due."""
    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    UNKNOWN = "unknown"
    """Its node does not answer."""
    ENDED = "ended"


class Finding(Struct, frozen=True, kw_only=True):
    """`blocks`: it stands in the way. `since` and `until` are when it began and when it ends by itself, where known.

    `facts` are what the text names, for programs. `remedy_text` is a sentence, mostly with a command.
    """

    code: Code
    text: str
    blocks: bool = False
    since: Millis | None = None
    until: Millis | None = None
    facts: tuple[tuple[str, str], ...] = ()
    remedy: Remedy = Remedy.NONE
    remedy_text: str = ""


class Explanation(Struct, frozen=True):
    """What stands in the way comes first."""

    verdict: Verdict
    findings: tuple[Finding, ...]


def explained(verdict: Verdict, findings: list[Finding]) -> Explanation:
    return Explanation(verdict, tuple(sorted(findings, key=lambda finding: not finding.blocks)))


def facts(**given: object) -> tuple[tuple[str, str], ...]:
    """Those that say something, by name."""
    return tuple((name, str(value)) for name, value in given.items() if value not in (None, ""))


class Wall(Struct, frozen=True):
    """Instants for people, in the zone of a plan: `2026-01-31 09:00:00+01:00`."""

    zone: Zone

    def at(self, instant: Millis) -> str:
        return self.zone.local(instant - instant % 1000).isoformat(sep=" ", timespec="seconds")


def wall_of(time_zone: str) -> Wall:
    """UTC where there is no such zone."""
    return Wall(find_zone(time_zone) or Zone("UTC"))
