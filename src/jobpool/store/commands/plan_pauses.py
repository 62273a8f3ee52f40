"""Commands about the pause of one plan: while it lasts none of its ticks runs. It outlives leaders and restarts.

The cursor stays at the first tick that the pause holds back. What ends the pause, or changes the plan under it, decides
them all at once: as one ledger range, or by the plan's catch-up policy.
"""

from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument
from jobpool.model.plan import Paused, Plan
from jobpool.model.schedule import Cursor
from jobpool.ports import ClusterView
from jobpool.store.change import Decided
from jobpool.store.commands.plans import StillCatchingUp, changed, decided_so_far, existing
from jobpool.store.commands.ticks import NO_FURTHER_TICK, TicksDecided, fresh_version, pass_over_pause, retired


class PausePlan(Struct, frozen=True):
    """No tick runs until somebody resumes the plan, or until `until`. Runs that there are go on.

    Said again it takes the newer words and the older time.
    """

    namespace: str
    plan_id: str
    by: str
    note: str = ""
    until: Millis | None = None
    revision: int | None = None

    def decide(self, view: ClusterView, now: Millis) -> Decided[Plan]:
        plan, cursor = existing(view, self.namespace, self.plan_id, revision=self.revision)
        if self.until is not None and self.until <= now:
            raise InvalidArgument("until", f"wanted a time after now, {_shown(now)}, found {_shown(self.until)}")
        if plan.paused is not None and plan.paused.is_over(now):
            raise StillCatchingUp(plan)
        paused = Paused(now if plan.paused is None else plan.paused.since, self.by, self.note, self.until)
        if paused == plan.paused:
            return Decided(plan)
        return _put(plan, replace(plan, paused=paused), decided_so_far(plan, cursor, view, now), view=view, now=now)


class ResumePlan(Struct, frozen=True):
    """The next tick runs again. Where nothing is paused it writes nothing.

    What was due meanwhile does not run, unless `catch_up`: then the plan's catch-up policy decides, as after an outage.
    """

    namespace: str
    plan_id: str
    catch_up: bool = False
    revision: int | None = None

    def decide(self, view: ClusterView, now: Millis) -> Decided[Plan]:
        plan, cursor = existing(view, self.namespace, self.plan_id, revision=self.revision)
        if plan.paused is None:
            return Decided(plan)
        return _resumed(plan, plan.paused, cursor, catch_up=self.catch_up, view=view, now=now)


class LiftPause(Struct, frozen=True):
    """The pause has run out. Its ticks end where it ended; what was due since then is late."""

    namespace: str
    plan_id: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[Plan | None]:
        plan, cursor = view.plan(self.namespace, self.plan_id), view.cursor(self.namespace, self.plan_id)
        if plan is None or cursor is None or plan.paused is None or not plan.paused.is_over(now):
            return Decided(plan)
        lifted = _resumed(plan, plan.paused, cursor, catch_up=False, view=view, now=now)
        return Decided(lifted.result, lifted.changes)


def _resumed(
    plan: Plan, paused: Paused, cursor: Cursor, *, catch_up: bool, view: ClusterView, now: Millis
) -> Decided[Plan]:
    decided = TicksDecided((), (), cursor, more=False)
    if plan.active and not catch_up:
        held = now if paused.until is None else min(now, paused.until - 1)
        decided = pass_over_pause(plan, cursor, until=held)
    resumed = replace(plan, paused=None)
    endless = plan.periodic is not None and plan.periodic.end_time is None
    if resumed.active and endless and decided.cursor.next_due is None:
        resumed = retired(resumed, NO_FURTHER_TICK)
    return _put(plan, resumed, decided, view=view, now=now)


def _shown(at: Millis) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).isoformat(timespec="milliseconds")


def _put(plan: Plan, new: Plan, decided: TicksDecided, *, view: ClusterView, now: Millis) -> Decided[Plan]:
    new = replace(new, version=fresh_version(*plan.key, view), updated_at=now)
    return Decided(new, (*decided.changes, *changed(plan, new, decided.cursor)), decided.ended)
