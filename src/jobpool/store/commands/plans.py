"""Commands about plans.

Each first decides the plan's ticks ≤ now by the definition that was in force, so that no edit can lose or invent one;
only a changed timetable moves the cursor, and never into the past.
"""

from msgspec import UNSET, Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import (
    AlreadyExists,
    BadSchedule,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    RevisionMismatch,
    Unavailable,
)
from jobpool.model.plan import DEFAULT_PRIORITY, Plan
from jobpool.model.reasons import LedgerReason
from jobpool.model.schedule import Cursor, LedgerRange
from jobpool.model.statuses import PlanStatus
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided, KeyRange
from jobpool.store.commands.marks import Mark
from jobpool.store.commands.plan_rules import PeriodicPatch, PlanPatch, blank_plan, check_plan
from jobpool.store.commands.ticks import TicksDecided, decide_ticks, fresh_version, pass_over_pause, timetable_of
from jobpool.store.keyspace import Table, key_of, number
from jobpool.timetable import first_tick


class StillCatchingUp(Unavailable):
    """The plan's pause has just run out, or more of its ticks are due than one command decides.

    Lift the pause and decide the ticks first, then ask again.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(f"plan {plan.namespace}/{plan.id} is catching up on due ticks; try again")


class AddPlan(Struct, frozen=True):
    """`default_time_zone` holds where neither plan nor namespace names one.

    A request that is repeated under its `mark` adds nothing; the answer is the plan as it stands.
    """

    namespace: str
    plan_id: str
    patch: PlanPatch
    default_time_zone: str
    mark: Mark | None = None

    def decide(self, view: ClusterView, now: Millis) -> Decided[Plan]:
        if view.namespace(self.namespace) is None:
            raise NotFound("namespace", self.namespace, field="namespace")
        made = self.mark.made(view, now) if self.mark is not None else None
        if made is not None:
            return Decided(existing(view, self.namespace, made)[0])
        if view.plan(self.namespace, self.plan_id) is not None:
            raise AlreadyExists("plan", f"{self.namespace}/{self.plan_id}", field="id")
        version = fresh_version(self.namespace, self.plan_id, view)
        plan = self.patch.on(blank_plan(self.namespace, self.plan_id, version=version, now=now))
        plan = settled(plan, view, self.default_time_zone)
        check_plan(plan)
        cursor = Cursor(plan.incarnation, _first_due(plan, now), era=view.era)
        changes = [_put(plan), Change(Table.CURSOR, plan.key, cursor)]
        if self.mark is not None:
            changes.append(self.mark.remember(plan.id, now))
        return Decided(plan, tuple(changes), grows=True)


class UpdatePlan(Struct, frozen=True):
    """`online` and `offline` are updates too: they set the status.

    The version before stays for a while, so that every update leaves something behind; but versions go when space is
    short. What counts as growing is a longer text.
    """

    namespace: str
    plan_id: str
    patch: PlanPatch
    default_time_zone: str
    revision: int | None = None

    def outcome(self, view: ClusterView, now: Millis) -> Plan:
        """The plan as this would leave it, under its present version. Raises what `decide` raises of the request."""
        plan, _ = existing(view, self.namespace, self.plan_id, revision=self.revision)
        updated = self._on(plan, view)
        if _timing(updated) != _timing(plan):
            _first_due(updated, now)
        return updated

    def decide(self, view: ClusterView, now: Millis) -> Decided[Plan]:
        plan, cursor = existing(view, self.namespace, self.plan_id, revision=self.revision)
        updated = self._on(plan, view)
        if updated == plan:
            return Decided(plan)
        updated = replace(updated, version=fresh_version(*plan.key, view), updated_at=now)
        decided = decided_so_far(plan, cursor, view, now)
        moved = decided.cursor
        if _timing(updated) != _timing(plan):
            moved = replace(moved, next_due=_first_due(updated, now), open_range=None, era=view.era)
        changes = (*decided.changes, *changed(plan, updated, moved))
        return Decided(updated, changes, decided.ended, grows=_words(updated) > _words(plan))

    def _on(self, plan: Plan, view: ClusterView) -> Plan:
        updated = self.patch.on(plan)
        if self.patch.status is PlanStatus.DEAD:
            updated = _enabled(replace(updated, stop=True), False)
        elif isinstance(self.patch.status, PlanStatus) and updated.status is not plan.status:
            updated = self._revived(updated)
        updated = settled(updated, view, self.default_time_zone)
        check_plan(updated)
        return updated

    def _revived(self, plan: Plan) -> Plan:
        """A new status lifts what stopped the plan, but for what the same request says itself."""
        if self.patch.stop is UNSET:
            plan = replace(plan, stop=False)
        said = isinstance(self.patch.periodic, PeriodicPatch) and self.patch.periodic.enabled is not UNSET
        return replace(plan if said else _enabled(plan, True), status_reason="")


class SwitchPlan(Struct, frozen=True):
    """Online: it fires. Offline: it does not. What runs goes on."""

    namespace: str
    plan_id: str
    online: bool
    description: str = ""
    revision: int | None = None

    def decide(self, view: ClusterView, now: Millis) -> Decided[Plan]:
        plan, _ = existing(view, self.namespace, self.plan_id, revision=self.revision)
        status = PlanStatus.RUNNING if self.online else PlanStatus.DEAD
        if plan.status is status:
            word = "online" if self.online else "offline"
            terms = (f"{'bring' if self.online else 'take'} plan {word}", plan.id, word)
            raise FailedPrecondition(f"plan {plan.namespace}/{plan.id} is already {word}", field="id", terms=terms)
        patch = PlanPatch(status=status)
        if self.description:
            patch = replace(patch, description=self.description)
        zone = plan.periodic.time_zone if plan.periodic is not None else ""
        switched = UpdatePlan(self.namespace, self.plan_id, patch, zone).decide(view, now)
        return replace(switched, grows=False)  # going offline is the way to being deleted


class DeletePlan(Struct, frozen=True):
    """Only a plan that is not running can be deleted. Its live runs end as they would have."""

    namespace: str
    plan_id: str
    revision: int | None = None

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        plan, _ = existing(view, self.namespace, self.plan_id, revision=self.revision)
        if plan.status is PlanStatus.RUNNING:
            raise FailedPrecondition(
                f"plan {plan.namespace}/{plan.id} is running; take it offline before deleting it",
                field="id",
                terms=("delete plan", plan.id, "online"),
            )
        ledger = key_of(Table.LEDGER, plan.key) + "/"
        changes = (
            Change(Table.PLAN, plan.key, None),
            Change(Table.CURSOR, plan.key, None),
            Change(Table.VERSION, (*plan.key, str(plan.version)), plan),
        )
        return Decided(None, changes, ranges=(KeyRange(ledger, ledger[:-1] + "0"),))


def existing(view: ClusterView, namespace: str, plan_id: str, *, revision: int | None = None) -> tuple[Plan, Cursor]:
    """The plan and its cursor. Raises NotFound naming what is missing, and RevisionMismatch.

    `revision` is the version of the plan that the caller has seen; None = whatever it is.
    """
    if view.namespace(namespace) is None:
        raise NotFound("namespace", namespace, field="namespace")
    plan, cursor = view.plan(namespace, plan_id), view.cursor(namespace, plan_id)
    if plan is None or cursor is None:
        raise NotFound("plan", f"{namespace}/{plan_id}", field="id")
    if revision is not None and revision != plan.version:
        raise RevisionMismatch("plan", f"{namespace}/{plan_id}", wanted=revision, found=plan.version)
    return plan, cursor


def changed(old: Plan, new: Plan, cursor: Cursor) -> tuple[Change, ...]:
    """The changes that put `new` in the place of `old`, whose version stays for the runs that started with it."""
    return (
        _put(new),
        Change(Table.CURSOR, old.key, cursor),
        Change(Table.VERSION, (*old.key, str(old.version)), old),
    )


def decided_so_far(plan: Plan, cursor: Cursor, view: ClusterView, now: Millis) -> TicksDecided:
    """The plan's ticks ≤ now, decided by its present definition. Raises StillCatchingUp.

    A definition that cannot be read any more (written by another version) must not keep a better one out: what would
    have been due under it is one range, not enumerated.
    """
    if not plan.active:
        return TicksDecided((), (), cursor, more=False)
    if plan.paused is not None and plan.paused.is_over(now):
        raise StillCatchingUp(plan)
    try:
        if plan.paused is not None:
            return pass_over_pause(plan, cursor, until=now)
        decided = decide_ticks(plan, cursor, view, now)
    except BadSchedule:
        due = cursor.next_due
        if due is None or due > now:
            return TicksDecided((), (), cursor, more=False)
        lost = LedgerRange(LedgerReason.SUPERSEDED_BY_EDIT, due, now, None)
        change = Change(Table.LEDGER, (*plan.key, number(due)), lost)
        return TicksDecided((change,), (), replace(cursor, open_range=lost), more=False)
    if decided.more:
        raise StillCatchingUp(plan)
    return decided


def settled(plan: Plan, view: ClusterView, default_time_zone: str) -> Plan:
    """The plan with the defaults in force written into it."""
    if plan.priority == 0:
        plan = replace(plan, priority=DEFAULT_PRIORITY)
    if plan.periodic is None or plan.periodic.time_zone:
        return plan
    namespace = view.namespace(plan.namespace)
    zone = (namespace.default_time_zone if namespace is not None else "") or default_time_zone
    return replace(plan, periodic=replace(plan.periodic, time_zone=zone))


def _enabled(plan: Plan, enabled: bool) -> Plan:
    if plan.periodic is None or plan.periodic.enabled is enabled:
        return plan
    return replace(plan, periodic=replace(plan.periodic, enabled=enabled))


def _words(plan: Plan) -> int:
    labels = (text for label in plan.labels for text in label)
    texts = (plan.parameters, plan.description, plan.name, plan.owner, *labels)
    return sum(len(text.encode()) for text in texts)


def _timing(plan: Plan) -> tuple[object, ...]:
    """All that decides when the plan is due."""
    return (plan.active, plan.periodic, plan.dst, plan.match)


def _first_due(plan: Plan, now: Millis) -> Millis | None:
    """The first tick after now. Raises InvalidArgument for an active plan that never will be due."""
    if not plan.active or plan.periodic is None:
        return None
    periodic = plan.periodic
    timetable = timetable_of(plan, periodic)
    due = first_tick(timetable, after=now, start=periodic.start_time, end=periodic.end_time)
    if due is None:
        field, why = "periodic.spec", "has no tick in the future"
        if periodic.end_time is not None:
            field, why = "periodic.end_time", "leaves no tick in the future"
        raise InvalidArgument(field, why)
    return due


def _put(plan: Plan) -> Change:
    return Change(Table.PLAN, plan.key, plan)
