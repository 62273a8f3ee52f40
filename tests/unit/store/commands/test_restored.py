"""After a restore: nothing that was due since the snapshot fires, and nothing of the snapshot is run again."""

from typing import Any

import pytest

from jobpool.kit.pure.durations import DAY, HOUR, MINUTE, SECOND, Millis
from jobpool.model.namespace import WhenFull
from jobpool.model.reasons import LedgerReason, Reason
from jobpool.model.restored import Restored
from jobpool.model.run import Run, allocation_id
from jobpool.model.schedule import CatchUpMode, LedgerRange
from jobpool.model.statuses import AllocationStatus, JobStatus, PlanStatus
from jobpool.store.change import Change
from jobpool.store.commands import (
    CancelRun,
    CatchUpPatch,
    EndSurvivor,
    GrantSlot,
    LoseAttempt,
    MarkRestored,
    Placed,
    PlaceRun,
    Reported,
    ReportRun,
    RetryPatch,
    StartRun,
    SwitchPlan,
    TimeOutRun,
    VouchAttempt,
    vouchers,
)
from jobpool.store.commands.reports import FATE_UNKNOWN
from jobpool.store.keyspace import RESTORED, Table
from jobpool.store.port import Fence
from tests.unit.store.commands.bench import NOON, REST, Bench


class Restorable(Bench):
    """A bench whose store can be restored: then its incarnation is another."""

    def restore(self, *, away: Millis = 0, until: Millis | None = None) -> None:
        """The store as it is, restored from a snapshot of now, `away` ms later."""
        taken_at, n = self.now, self.state.fence.n
        self.now += away
        record = Restored(self.now, taken_at, 1, 1, n, until)
        self.incarnation = 2
        self.state.fold(Fence(2, 1001, n + 1, "restore/2"), [Change(Table.META, RESTORED, record)])


def lose(run: Run) -> LoseAttempt:
    attempt = run.attempts[-1]
    return LoseAttempt(run.id, attempt.number, attempt.node_id, attempt.fence, "its node stopped answering")


def vouch(run: Run) -> VouchAttempt:
    attempt = run.attempts[-1]
    return VouchAttempt(run.id, attempt.number, attempt.node_id, attempt.fence)


# ---- ticks


@pytest.mark.parametrize("mode", list(CatchUpMode))
@pytest.mark.parametrize("marked", [True, False])
def test_what_was_due_since_the_snapshot_is_one_range(mode: CatchUpMode, marked: bool) -> None:
    bench = Restorable()
    bench.plan(catch_up=CatchUpPatch(mode=mode, window=DAY))
    bench.restore(away=HOUR + SECOND)
    if marked:
        bench.do(MarkRestored())
    bench.tick_all()
    assert bench.runs == bench.ended == []
    missed = LedgerRange(LedgerReason.MISSED_WINDOW, NOON + MINUTE, NOON + HOUR, 60)
    assert bench.ranges() == [missed]
    assert bench.cursor().next_due == NOON + HOUR + MINUTE
    bench.now = NOON + HOUR + MINUTE
    bench.tick_all()
    assert [run.scheduled_at for run in bench.runs] == [NOON + HOUR + MINUTE]


def test_even_ticks_of_this_minute_do_not_fire() -> None:
    bench = Restorable()
    bench.plan(spec="* * * * * *")
    bench.restore(away=5 * SECOND)
    bench.tick_all()
    assert bench.runs == []
    assert [entry.count for entry in bench.ranges()] == [5]


def test_what_is_due_after_the_first_leader_came_fires_though_decided_late() -> None:
    bench = Restorable()
    bench.plan()
    bench.restore(away=MINUTE)
    bench.do(MarkRestored())
    bench.now += 30 * SECOND
    bench.do(MarkRestored())
    assert bench.state.restored is not None
    assert bench.state.restored.until == NOON + MINUTE
    bench.now += 31 * SECOND
    bench.tick_all()
    assert [run.scheduled_at for run in bench.runs] == [NOON + 2 * MINUTE]
    assert [(entry.first, entry.last) for entry in bench.ranges()] == [(NOON + MINUTE, NOON + MINUTE)]


def test_an_edit_fires_nothing_either() -> None:
    bench = Restorable()
    bench.plan()
    bench.restore(away=10 * MINUTE)
    bench.update(priority=3)
    bench.do(SwitchPlan("default", "p", online=False))
    assert bench.runs == []
    assert [entry.count for entry in bench.ranges()] == [10]


def test_a_plan_that_was_offline_and_a_new_one_are_as_ever() -> None:
    bench = Restorable()
    bench.plan("off", status=PlanStatus.PENDING)
    bench.restore(away=HOUR)
    bench.do(MarkRestored())
    bench.plan("new")
    bench.do(SwitchPlan("default", "off", online=True))
    bench.now += MINUTE
    for plan_id in ("off", "new"):
        bench.tick_all(plan_id)
    assert len(bench.runs) == 2
    assert bench.ledger == {}


def test_a_single_instant_that_passed_retires_its_plan() -> None:
    bench = Restorable()
    bench.plan(spec="@at 2025-10-09T12:30:00Z")
    bench.restore(away=HOUR)
    bench.tick_all()
    assert bench.present().status is PlanStatus.DEAD
    assert bench.runs == []
    assert [entry.count for entry in bench.ranges()] == [1]


def test_a_clock_that_was_ahead_at_the_first_start_silences_no_new_plan() -> None:
    bench = Restorable()
    bench.plan("old")
    bench.restore(away=DAY)
    bench.do(MarkRestored())
    bench.tick_all("old")
    bench.now = NOON + HOUR
    bench.plan("new")
    bench.now += MINUTE
    bench.tick_all("new")
    assert [run.plan_id for run in bench.runs] == ["new"]


def test_a_clock_that_is_behind_the_snapshot_repeats_nothing() -> None:
    bench = Restorable()
    bench.plan(spec="* * * * *")
    bench.restore(away=-HOUR)
    bench.do(MarkRestored())
    assert bench.state.restored is not None
    assert bench.state.restored.until == NOON
    bench.now = NOON + MINUTE
    bench.tick_all()
    assert [run.scheduled_at for run in bench.runs] == [NOON + MINUTE]


def test_a_run_by_hand_moves_no_tick() -> None:
    bench = Restorable()
    bench.plan()
    bench.restore(away=HOUR)
    bench.do(StartRun("default", "p", "manual"))
    bench.tick_all()
    assert [run.id for run in bench.runs] == ["manual"]
    assert [entry.count for entry in bench.ranges()] == [60]


def test_a_store_that_was_never_restored_is_not_marked() -> None:
    bench = Bench()
    n = bench.state.fence.n
    bench.do(MarkRestored())
    assert bench.state.fence.n == n


# ---- runs


def placed(bench: Restorable, **fields: Any) -> Run:
    bench.node()
    bench.plan(spec="0 0 1 1 *", **fields)
    bench.do(StartRun("default", "p", "r"))
    return bench.place(bench.live("r"))


def test_a_run_that_no_agent_has_is_not_placed_and_ends_at_once() -> None:
    bench = Restorable()
    bench.node()
    bench.plan(spec="0 0 1 1 *")
    bench.do(StartRun("default", "p", "r"))
    bench.restore()
    assert bench.do(PlaceRun("r", 1, "a")) is Placed.OBSOLETE
    assert bench.do(EndSurvivor("r", waited=False)) is True
    (run,) = bench.ended
    assert (run.status, run.reason, run.info) == (JobStatus.FAILED, Reason.NODE_LOST, FATE_UNKNOWN)
    assert bench.state.slots_used("default") == 0
    assert bench.do(EndSurvivor("r", waited=False)) is False


def test_a_run_that_waits_for_a_slot_gets_none() -> None:
    bench = Restorable(slots=1, when_full=WhenFull.WAIT)
    bench.plan(spec="0 0 1 1 *")
    for job_id in ("one", "two"):
        bench.do(StartRun("default", "p", job_id))
    bench.restore()
    bench.do(EndSurvivor("one", waited=False))
    assert bench.do(GrantSlot("two")) is False
    bench.do(EndSurvivor("two", waited=False))
    assert [run.reason for run in bench.ended] == [Reason.NODE_LOST] * 2


def test_a_placed_run_is_waited_for_and_then_ends() -> None:
    bench = Restorable()
    placed(bench)
    bench.restore()
    assert bench.do(EndSurvivor("r", waited=False)) is False
    assert bench.do(EndSurvivor("r", waited=True)) is True
    (run,) = bench.ended
    assert (run.status, run.reason, run.info) == (JobStatus.FAILED, Reason.NODE_LOST, FATE_UNKNOWN)
    assert run.attempts[-1].status is AllocationStatus.FAILED


def test_what_its_agent_reports_counts() -> None:
    bench = Restorable()
    run = placed(bench)
    bench.restore()
    assert bench.report(run, AllocationStatus.COMPLETE) is Reported.ACCEPTED
    assert [run.status for run in bench.ended] == [JobStatus.COMPLETE]


def test_a_result_of_a_later_attempt_is_stale() -> None:
    bench = Restorable()
    bench.node()
    bench.plan(spec="0 0 1 1 *")
    bench.do(StartRun("default", "p", "r"))
    before = bench.live("r")
    placed_since = bench.place(before)
    bench.restore()
    bench.state.fold(Fence(2, 1002, bench.state.next_n, "back"), [Change(Table.RUN, ("default", "r"), before)])
    assert bench.report(placed_since, AllocationStatus.COMPLETE) is Reported.STALE
    assert bench.ended == []


def test_a_failure_is_not_tried_again() -> None:
    bench = Restorable()
    run = placed(bench, retry=RetryPatch(attempts=5, backoff=SECOND))
    bench.restore()
    bench.report(run, AllocationStatus.FAILED, reason=Reason.EXIT_NONZERO)
    assert [(run.status, run.reason) for run in bench.ended] == [(JobStatus.FAILED, Reason.EXIT_NONZERO)]


def test_a_run_whose_agent_vouches_for_it_goes_on_but_is_never_run_again() -> None:
    bench = Restorable()
    run = placed(bench)
    bench.restore()
    held = {allocation_id("r", 1): run.attempts[-1].fence}
    assert vouchers(bench.state, "a", held) == [vouch(run)]
    assert vouchers(bench.state, "b", held) == []
    assert vouchers(bench.state, "a", {allocation_id("r", 1): 1}) == []
    assert bench.do(vouch(run)) is Reported.ACCEPTED
    assert bench.do(vouch(run)) is Reported.REPEATED
    assert vouchers(bench.state, "a", held) == []
    assert bench.do(EndSurvivor("r", waited=True)) is False
    bench.do(lose(bench.live("r")))
    (ended,) = bench.ended
    assert (ended.status, ended.reason) == (JobStatus.FAILED, Reason.NODE_LOST)
    assert ended.info == f"its node stopped answering; {FATE_UNKNOWN}"
    assert bench.do(vouch(run)) is Reported.STALE


def test_nobody_need_vouch_for_a_run_of_this_incarnation() -> None:
    bench = Restorable()
    bench.restore()
    run = placed(bench)
    assert run.era == 2
    assert bench.do(vouch(run)) is Reported.REPEATED
    assert vouchers(bench.state, "a", {allocation_id("r", 1): run.attempts[-1].fence}) == []
    assert bench.do(EndSurvivor("r", waited=True)) is False
    bench.do(lose(run))
    assert bench.live("r").losses == 1


def test_a_run_that_its_callee_accepted_waits_for_its_callee() -> None:
    bench = Restorable()
    run = placed(bench, synchronous=False, **REST)
    bench.report(run, AllocationStatus.RUNNING, accepted=True)
    bench.restore()
    assert bench.do(EndSurvivor("r", waited=True)) is False
    bench.do(ReportRun("r", JobStatus.COMPLETE))
    assert [run.status for run in bench.ended] == [JobStatus.COMPLETE]


def test_a_run_whose_cancel_was_under_way_is_cancelled() -> None:
    bench = Restorable()
    placed(bench)
    bench.do(CancelRun("r"))
    bench.restore()
    bench.do(EndSurvivor("r", waited=True))
    assert [(run.status, run.reason) for run in bench.ended] == [(JobStatus.CANCELLED, Reason.CANCELLED)]


@pytest.mark.parametrize("is_placed", [True, False])
def test_a_callee_is_not_told_again_that_its_tick_did_not_run(is_placed: bool) -> None:
    bench = Restorable(slots=1)
    bench.node()
    bench.plan(synchronous=False, **REST)
    bench.do(StartRun("default", "p", "first"))
    bench.now += MINUTE
    bench.tick()
    (skipped,) = [run for run in bench.runs if run.owes_callback]
    if is_placed:
        skipped = bench.place(skipped)
    bench.restore()
    bench.do(lose(skipped) if is_placed else EndSurvivor(skipped.id, waited=False))
    assert [(run.id, run.reason) for run in bench.ended] == [(skipped.id, skipped.reason)]


def test_a_timeout_ends_it_as_ever() -> None:
    bench = Restorable()
    run = placed(bench)
    bench.report(run, AllocationStatus.RUNNING)
    bench.restore()
    bench.do(TimeOutRun("r", bench.live("r").started_at))
    assert [run.status for run in bench.ended] == [JobStatus.EXPIRED]
