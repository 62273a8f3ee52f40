"""Commands without a committer: each is decided on a state and folded into it, as a batch of its own would be."""

from typing import Any, TypeVar, cast

from jobpool.kit.pure.durations import Millis
from jobpool.model.namespace import WhenFull
from jobpool.model.node import Node
from jobpool.model.plan import Plan
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.schedule import Cursor, LedgerRange
from jobpool.model.statuses import AllocationStatus, NodeStatus, PlanStatus
from jobpool.replica.overlay import Overlay
from jobpool.replica.state import State
from jobpool.store.change import Change, Command
from jobpool.store.commands import (
    AddNamespace,
    AddPlan,
    DecideTicks,
    NamespaceSettings,
    PeriodicPatch,
    PlaceRun,
    PlanPatch,
    RegisterNode,
    ReportAttempt,
    Reported,
    SetNodeStatus,
    UpdatePlan,
)
from jobpool.store.keyspace import RecordId, Table
from jobpool.store.port import Fence
from jobpool.store.records import Segment

R = TypeVar("R")
NOON: Millis = 1_760_011_200_000
"""2025-10-09T12:00:00Z."""
MOST_OPS = 64
REST: dict[str, Any] = {"executor": "rest", "parameters": '{"url": "http://127.0.0.1:1/", "method": "get"}'}


class Bench:
    """A state at `now`; `ended` collects the runs that left the live keys, `ledger` is what the store would hold."""

    def __init__(self, *, slots: int = 100, when_full: WhenFull = WhenFull.FAIL) -> None:
        self.now = NOON
        self.incarnation = 1
        self.state = State(default_slots=100)
        self.ended: list[Run] = []
        self.ledger: dict[RecordId, LedgerRange] = {}
        self.do(AddNamespace("default", NamespaceSettings(job_parallelism_limit=slots, when_full=when_full)))

    def do(self, command: Command[R]) -> R:
        return self.batch(command)[0]

    def batch(self, *commands: Command[R]) -> list[R]:
        """Decided in order over what the ones before decided, and folded as one commit. Raises what refuses."""
        overlay, changes = Overlay(self.state), dict[tuple[Table, RecordId], Change]()
        ended, results = list[Run](), list[R]()
        for command in commands:
            decided = command.decide(overlay, self.now)
            assert len(decided.changes) + len(decided.ranges) + bool(decided.ended) <= MOST_OPS
            overlay.apply(decided.changes, decided.ended)
            changes.update({(change.table, change.record): change for change in decided.changes})
            ended += decided.ended
            results.append(decided.result)
        if not changes and not ended:
            return results
        n = self.state.next_n
        if ended:
            changes[Table.SEGMENT, (str(n),)] = Change(Table.SEGMENT, (str(n),), Segment(self.now, tuple(ended)))
        for (table, record), change in changes.items():
            if table is Table.LEDGER:
                self.ledger[record] = cast("LedgerRange", change.value)
        self.state.fold(Fence(self.incarnation, 1, n, f"b{n}"), changes.values())
        self.ended += ended
        return results

    # ---- what tests start from

    def node(self, node_id: str = "a", *, capacity: int = 256, executors: tuple[str, ...] = ("noop", "rest")) -> None:
        node = Node(
            node_id, node_id, "0", NodeStatus.INITIALIZING, self.now, self.now, capacity=capacity, executors=executors
        )
        self.do(RegisterNode(node, "s1"))
        self.do(SetNodeStatus(node_id, NodeStatus.READY))

    def plan(self, plan_id: str = "p", *, spec: str = "* * * * *", **fields: Any) -> Plan:
        """A running noop plan in UTC; `fields` are those of PlanPatch."""
        return self.do(AddPlan("default", plan_id, plan_patch(spec=spec, **fields), "UTC"))

    def update(self, plan_id: str = "p", **fields: Any) -> Plan:
        return self.do(UpdatePlan("default", plan_id, PlanPatch(**fields), "UTC"))

    def tick(self, plan_id: str = "p") -> bool:
        return self.do(DecideTicks("default", plan_id))

    def tick_all(self, plan_id: str = "p") -> None:
        while self.tick(plan_id):
            pass

    def place(self, run: Run, node_id: str = "a") -> Run:
        self.do(PlaceRun(run.id, len(run.evaluations), node_id))
        return self.state.runs[run.id]

    def report(
        self,
        run: Run,
        status: AllocationStatus,
        *,
        reason: Reason = Reason.NONE,
        accepted: bool = False,
        started_at: Millis | None = None,
        finished_at: Millis | None = None,
        description: str = "",
    ) -> Reported:
        attempt = run.attempts[-1]
        return self.do(
            ReportAttempt(
                run.id,
                attempt.number,
                attempt.node_id,
                attempt.fence,
                status,
                reason,
                description,
                accepted=accepted,
                started_at=started_at,
                finished_at=finished_at,
            )
        )

    # ---- what tests look at

    @property
    def runs(self) -> list[Run]:
        """The live keys' runs, oldest tick first."""
        return sorted(self.state.runs.values(), key=lambda run: (run.scheduled_at, run.id))

    def live(self, job_id: str) -> Run:
        return self.state.runs[job_id]

    def cursor(self, plan_id: str = "p") -> Cursor:
        return self.state.cursors["default", plan_id]

    def present(self, plan_id: str = "p") -> Plan:
        return self.state.plans["default", plan_id]

    def ranges(self, plan_id: str = "p") -> list[LedgerRange]:
        return [entry for record, entry in sorted(self.ledger.items()) if record[1] == plan_id]


def plan_patch(*, spec: str = "* * * * *", **fields: Any) -> PlanPatch:
    given: dict[str, Any] = {
        "name": "plan",
        "type": "service",
        "executor": "noop",
        "status": PlanStatus.RUNNING,
        "periodic": PeriodicPatch(spec=spec, time_zone="UTC"),
        **fields,
    }
    return PlanPatch(**given)
