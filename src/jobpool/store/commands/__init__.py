"""Every change of scheduling state: frozen values with `decide(view, now)`. Pure.

Admits what decides on the leader, in order. A command names what is wanted, never what to write; it refuses by raising
a JobpoolError, and decides at most 64 operations.
"""

from jobpool.store.commands.drains import (
    CancelDrain,
    FinishDrain,
    MoveAttempt,
    SetEligibility,
    StartDrain,
    is_asked_to_stop,
)
from jobpool.store.commands.lifecycle import waits_for_agent
from jobpool.store.commands.marks import IDEMPOTENCY_SPAN, Mark
from jobpool.store.commands.namespaces import (
    AddNamespace,
    DeleteNamespace,
    NamespaceSettings,
    RenameNamespace,
    UpdateNamespace,
)
from jobpool.store.commands.nodes import DrainNode, EndStream, RegisterNode, RemoveNode, SetNodeStatus
from jobpool.store.commands.pauses import PauseScheduling, ResumeScheduling
from jobpool.store.commands.placement import BlockEvaluation, FailEvaluation, GrantSlot, Placed, PlaceRun
from jobpool.store.commands.plan_pauses import LiftPause, PausePlan, ResumePlan
from jobpool.store.commands.plan_rules import (
    CatchUpPatch,
    DstPatch,
    LabelsPatch,
    PeriodicPatch,
    PlanPatch,
    RetryPatch,
)
from jobpool.store.commands.plans import AddPlan, DeletePlan, StillCatchingUp, SwitchPlan, UpdatePlan
from jobpool.store.commands.reports import LoseAttempt, ReportAttempt, Reported
from jobpool.store.commands.restored import EndSurvivor, MarkRestored, VouchAttempt, is_lost, vouchers
from jobpool.store.commands.runs import CancelRun, ReportRun, RerunJob, StartRun, TimeOutRun
from jobpool.store.commands.servers import FoundCluster, JoinServer, RemoveServer
from jobpool.store.commands.ticks import DecideTicks, ExpirePlan
from jobpool.store.commands.unreachable import ReleaseAttempt, releases
from jobpool.store.commands.upkeep import DropHistory, DropLedger, DropMarks, DropVersions

__all__ = [
    "IDEMPOTENCY_SPAN",
    "AddNamespace",
    "AddPlan",
    "BlockEvaluation",
    "CancelDrain",
    "CancelRun",
    "CatchUpPatch",
    "DecideTicks",
    "DeleteNamespace",
    "DeletePlan",
    "DrainNode",
    "DropHistory",
    "DropLedger",
    "DropMarks",
    "DropVersions",
    "DstPatch",
    "EndStream",
    "EndSurvivor",
    "ExpirePlan",
    "FailEvaluation",
    "FinishDrain",
    "FoundCluster",
    "GrantSlot",
    "JoinServer",
    "LabelsPatch",
    "LiftPause",
    "LoseAttempt",
    "Mark",
    "MarkRestored",
    "MoveAttempt",
    "NamespaceSettings",
    "PausePlan",
    "PauseScheduling",
    "PeriodicPatch",
    "PlaceRun",
    "Placed",
    "PlanPatch",
    "RegisterNode",
    "ReleaseAttempt",
    "RemoveNode",
    "RemoveServer",
    "RenameNamespace",
    "ReportAttempt",
    "ReportRun",
    "Reported",
    "RerunJob",
    "ResumePlan",
    "ResumeScheduling",
    "RetryPatch",
    "SetEligibility",
    "SetNodeStatus",
    "StartDrain",
    "StartRun",
    "StillCatchingUp",
    "SwitchPlan",
    "TimeOutRun",
    "UpdateNamespace",
    "UpdatePlan",
    "VouchAttempt",
    "is_asked_to_stop",
    "is_lost",
    "releases",
    "vouchers",
    "waits_for_agent",
]
