"""Pausing one plan: its ticks are held back, and every one of them is decided when the pause ends."""

import pytest

from jobpool.kit.pure.durations import DAY, HOUR, MINUTE, SECOND
from jobpool.model.errors import InvalidArgument, NotFound, RevisionMismatch
from jobpool.model.plan import Paused
from jobpool.model.reasons import LedgerReason
from jobpool.model.schedule import CatchUpMode, LedgerRange
from jobpool.model.statuses import PlanStatus
from jobpool.store.commands import (
    CatchUpPatch,
    DeletePlan,
    ExpirePlan,
    LiftPause,
    PausePlan,
    PeriodicPatch,
    ResumePlan,
    StartRun,
    StillCatchingUp,
    SwitchPlan,
    UpdatePlan,
)
from jobpool.store.commands.plan_rules import PlanPatch
from tests.unit.store.commands.bench import NOON, Bench


def pause(bench: Bench, **fields: object) -> None:
    bench.do(PausePlan("default", "p", "ann", **fields))  # type: ignore[arg-type]


def resume(bench: Bench, *, catch_up: bool = False) -> None:
    bench.do(ResumePlan("default", "p", catch_up))


def lift(bench: Bench) -> None:
    bench.do(LiftPause("default", "p"))


def paused_range(first: int, last: int) -> LedgerRange:
    """Every minute from `first` to `last`, in minutes after noon."""
    return LedgerRange(LedgerReason.PAUSED, NOON + first * MINUTE, NOON + last * MINUTE, last - first + 1)


def scheduled(bench: Bench) -> list[int]:
    """When the runs were due, in minutes after noon."""
    return [(run.scheduled_at - NOON) // MINUTE for run in bench.runs]


# ---- pausing


def test_a_paused_plan_keeps_its_status_and_fires_nothing() -> None:
    bench = Bench()
    before = bench.plan()
    bench.now += 10 * SECOND
    pause(bench, note="moving house", until=NOON + DAY)
    plan = bench.present()
    assert plan.paused == Paused(NOON + 10 * SECOND, "ann", "moving house", NOON + DAY)
    assert (plan.status, plan.active, plan.fires) == (PlanStatus.RUNNING, True, False)
    assert plan.version > before.version
    assert bench.state.plan_version("default", "p", before.version) == before
    bench.now = NOON + 5 * MINUTE
    bench.tick_all()
    assert bench.runs == []


def test_what_is_due_when_it_is_paused_is_decided_first() -> None:
    bench = Bench()
    bench.plan()
    bench.now = NOON + MINUTE
    pause(bench)
    assert scheduled(bench) == [1]
    assert bench.cursor().next_due == NOON + 2 * MINUTE


def test_paused_again_it_takes_the_newer_words_and_the_older_time() -> None:
    bench = Bench()
    bench.plan()
    pause(bench, note="first", until=NOON + HOUR)
    bench.now += MINUTE
    bench.do(PausePlan("default", "p", "bob", "second"))
    assert bench.present().paused == Paused(NOON, "bob", "second", None)
    n = bench.state.fence.n
    bench.do(PausePlan("default", "p", "bob", "second"))
    assert bench.state.fence.n == n


def test_a_pause_that_ends_before_it_begins_is_refused() -> None:
    bench = Bench()
    bench.plan()
    with pytest.raises(InvalidArgument) as refused:
        pause(bench, until=NOON - SECOND)
    assert refused.value.field == "until"
    assert refused.value.reason == (
        "wanted a time after now, 2025-10-09T12:00:00.000+00:00, found 2025-10-09T11:59:59.000+00:00"
    )
    assert bench.present().paused is None


def test_only_what_is_there_can_be_paused() -> None:
    bench = Bench()
    with pytest.raises(NotFound):
        pause(bench)
    with pytest.raises(NotFound):
        resume(bench)
    lift(bench)


def test_a_paused_plan_runs_by_hand() -> None:
    bench = Bench()
    bench.plan()
    pause(bench)
    assert bench.do(StartRun("default", "p", "by-hand")) == "by-hand"


# ---- resuming


def test_resumed_it_does_not_fire_the_past_and_writes_it_down() -> None:
    bench = Bench()
    bench.plan(catch_up=CatchUpPatch(mode=CatchUpMode.ALL))
    pause(bench)
    bench.now = NOON + 10 * MINUTE
    resume(bench)
    assert bench.present().paused is None
    assert bench.ranges() == [paused_range(1, 10)]
    assert bench.cursor().next_due == NOON + 11 * MINUTE
    bench.now = NOON + 11 * MINUTE
    bench.tick_all()
    assert scheduled(bench) == [11]


@pytest.mark.parametrize(
    ("mode", "runs", "ledger"),
    [
        (CatchUpMode.NONE, [], [LedgerReason.MISSED_WINDOW]),
        (CatchUpMode.LATEST, [4], [LedgerReason.MISSED_WINDOW]),
        (CatchUpMode.ALL, [2, 3, 4], [LedgerReason.MISSED_WINDOW]),
    ],
)
def test_asked_to_catch_up_the_policy_of_the_plan_decides(
    mode: CatchUpMode, runs: list[int], ledger: list[LedgerReason]
) -> None:
    bench = Bench()
    window = None if mode is CatchUpMode.LATEST else 2 * MINUTE
    bench.plan(catch_up=CatchUpPatch(mode=mode, window=window))
    pause(bench)
    bench.now = NOON + 4 * MINUTE
    resume(bench, catch_up=True)
    assert bench.ranges() == []
    bench.tick_all()
    assert scheduled(bench) == runs
    assert [entry.reason for entry in bench.ranges()] == ledger


def test_resuming_what_is_not_paused_writes_nothing() -> None:
    bench = Bench()
    bench.plan()
    n = bench.state.fence.n
    resume(bench)
    assert bench.state.fence.n == n


def test_a_pause_in_which_nothing_was_due_leaves_nothing_in_the_ledger() -> None:
    bench = Bench()
    bench.plan(spec="0 0 * * *")
    pause(bench)
    bench.now += HOUR
    resume(bench)
    assert bench.ranges() == []
    assert bench.cursor().next_due == NOON + 12 * HOUR


def test_neighbouring_pauses_are_one_range_unless_a_tick_ran_between() -> None:
    bench = Bench()
    bench.plan()
    for minute in (2, 4):
        pause(bench)
        bench.now = NOON + minute * MINUTE + SECOND
        resume(bench)
    assert bench.ranges() == [paused_range(1, 4)]
    bench.now = NOON + 5 * MINUTE
    bench.tick_all()
    pause(bench)
    bench.now = NOON + 6 * MINUTE
    resume(bench)
    assert bench.ranges() == [paused_range(1, 4), paused_range(6, 6)]


def test_a_plan_whose_last_tick_passed_meanwhile_ends_when_it_is_resumed() -> None:
    bench = Bench()
    bench.plan(spec="@at 2025-10-09T12:05:00Z")
    pause(bench)
    bench.now = NOON + HOUR
    resume(bench)
    plan = bench.present()
    assert (plan.status, plan.status_reason, plan.paused) == (
        PlanStatus.DEAD,
        "the schedule has no further tick",
        None,
    )
    assert bench.ranges() == [paused_range(5, 5)]


def test_a_plan_whose_end_passed_meanwhile_stays_paused_and_expires_when_it_is_resumed() -> None:
    bench = Bench()
    bench.plan(periodic=PeriodicPatch(spec="* * * * *", time_zone="UTC", end_time=NOON + 3 * MINUTE))
    pause(bench)
    bench.now = NOON + HOUR
    bench.do(ExpirePlan("default", "p"))
    assert bench.present().status is PlanStatus.RUNNING
    resume(bench)
    assert (bench.ranges(), bench.cursor().next_due) == ([paused_range(1, 3)], None)
    bench.do(ExpirePlan("default", "p"))
    assert bench.present().status is PlanStatus.DEAD


# ---- until


def test_a_pause_that_has_run_out_is_lifted_and_what_was_due_since_is_late() -> None:
    bench = Bench()
    bench.plan(catch_up=CatchUpPatch(mode=CatchUpMode.ALL, window=HOUR))
    pause(bench, until=NOON + 5 * MINUTE)
    bench.now = NOON + 5 * MINUTE - 1
    lift(bench)
    assert bench.present().paused is not None
    bench.now = NOON + 7 * MINUTE
    lift(bench)
    assert bench.present().paused is None
    assert bench.ranges() == [paused_range(1, 4)]
    bench.tick_all()
    assert scheduled(bench) == [5, 6, 7]


def test_resumed_by_hand_after_it_ran_out_it_is_the_same() -> None:
    bench = Bench()
    bench.plan(catch_up=CatchUpPatch(mode=CatchUpMode.ALL, window=HOUR))
    pause(bench, until=NOON + 5 * MINUTE)
    bench.now = NOON + 7 * MINUTE
    resume(bench)
    bench.tick_all()
    assert (bench.ranges(), scheduled(bench)) == ([paused_range(1, 4)], [5, 6, 7])


def test_nothing_is_changed_under_a_pause_that_has_run_out_and_is_not_lifted() -> None:
    bench = Bench()
    bench.plan()
    pause(bench, until=NOON + MINUTE)
    bench.now = NOON + MINUTE
    for command in (
        PausePlan("default", "p", "bob"),
        UpdatePlan("default", "p", PlanPatch(description="new"), "UTC"),
        SwitchPlan("default", "p", online=False),
    ):
        with pytest.raises(StillCatchingUp):
            bench.do(command)
    lift(bench)
    bench.do(SwitchPlan("default", "p", online=False))
    assert scheduled(bench) == [1]


# ---- changes under the pause


def test_an_edit_under_the_pause_writes_down_what_the_old_schedule_held_back() -> None:
    bench = Bench()
    bench.plan()
    pause(bench)
    bench.now = NOON + 3 * MINUTE + SECOND
    bench.update(periodic=PeriodicPatch(spec="*/10 * * * *"))
    assert bench.ranges() == [paused_range(1, 3)]
    assert bench.cursor().next_due == NOON + 10 * MINUTE
    bench.now = NOON + 25 * MINUTE
    resume(bench)
    assert bench.ranges()[1:] == [LedgerRange(LedgerReason.PAUSED, NOON + 10 * MINUTE, NOON + 20 * MINUTE, 2)]


def test_the_pause_outlasts_offline_and_online() -> None:
    bench = Bench()
    bench.plan()
    pause(bench)
    bench.now = NOON + 2 * MINUTE
    bench.do(SwitchPlan("default", "p", online=False))
    assert bench.ranges() == [paused_range(1, 2)]
    bench.now = NOON + HOUR
    bench.do(SwitchPlan("default", "p", online=True))
    bench.now += 2 * MINUTE
    bench.tick_all()
    assert bench.runs == []
    resume(bench)
    assert bench.ranges() == [paused_range(1, 2), paused_range(61, 62)]


def test_an_offline_plan_is_paused_and_resumed_without_a_word_in_the_ledger() -> None:
    bench = Bench()
    bench.plan()
    bench.do(SwitchPlan("default", "p", online=False))
    pause(bench)
    bench.now = NOON + HOUR
    resume(bench)
    assert (bench.ranges(), bench.present().status) == ([], PlanStatus.DEAD)


# ---- revisions


def test_a_change_that_expects_another_revision_is_refused_and_changes_nothing() -> None:
    bench = Bench()
    old = bench.plan().version
    plan = bench.update(description="meanwhile")
    for command in (
        UpdatePlan("default", "p", PlanPatch(description="mine"), "UTC", old),
        SwitchPlan("default", "p", online=False, revision=old),
        DeletePlan("default", "p", old),
        PausePlan("default", "p", "ann", revision=old),
        ResumePlan("default", "p", revision=old),
    ):
        with pytest.raises(RevisionMismatch) as refused:
            bench.do(command)
        assert str(refused.value) == (
            f"revision: plan 'default/p' was changed meanwhile: wanted revision {old}, found {plan.version}; "
            "read it again"
        )
        assert bench.present() == plan


def test_a_change_that_expects_the_newest_revision_is_made() -> None:
    bench = Bench()
    version = bench.plan().version
    for command in (
        lambda revision: UpdatePlan("default", "p", PlanPatch(description="mine"), "UTC", revision),
        lambda revision: PausePlan("default", "p", "ann", revision=revision),
        lambda revision: ResumePlan("default", "p", revision=revision),
        lambda revision: SwitchPlan("default", "p", online=False, revision=revision),
    ):
        version = bench.do(command(version)).version
    bench.do(DeletePlan("default", "p", version))
    assert bench.state.plan("default", "p") is None


def test_of_two_who_saw_the_same_revision_the_second_is_refused_in_the_same_batch() -> None:
    bench = Bench()
    seen = bench.plan().version
    mine, yours = (UpdatePlan("default", "p", PlanPatch(description=text), "UTC", seen) for text in ("mine", "yours"))
    with pytest.raises(RevisionMismatch):
        bench.batch(mine, yours)
