"""The fold keeps its promises for any history: replayed, restored or overlaid, the cluster is the same (P-2)."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND
from jobpool.model.errors import JobpoolError
from jobpool.model.namespace import WhenFull
from jobpool.model.run import Run
from jobpool.model.schedule import Overlap
from jobpool.model.statuses import AllocationStatus, NodeStatus
from jobpool.replica.overlay import Overlay
from jobpool.replica.state import State
from jobpool.store.change import Change, Command
from jobpool.store.commands import (
    CancelRun,
    DecideTicks,
    GrantSlot,
    Mark,
    PlaceRun,
    PlanPatch,
    ReportAttempt,
    RetryPatch,
    SetNodeStatus,
    StartRun,
    UpdatePlan,
)
from jobpool.store.port import Fence
from jobpool.testing.audit import same_state
from tests.unit.store.commands.bench import Bench

T = TypeVar("T")


def one_of(dice: Dice, items: Sequence[T]) -> T:
    return items[dice.below(len(items))]


def world() -> Bench:
    bench = Bench(slots=6, when_full=WhenFull.WAIT)
    for node_id in ("a", "b"):
        bench.node(node_id, capacity=3)
    bench.plan("p", spec="* * * * * *", retry=RetryPatch(attempts=2))
    bench.plan("q", spec="*/2 * * * * *", overlap=Overlap.SKIP)
    return bench


def some_command(dice: Dice, overlay: Overlay, number: int) -> Command[Any]:
    """A command about something that is there, as the overlay shows it."""
    plan_id = one_of(dice, "pq")
    job_ids = sorted({*overlay.live_runs("default", "p"), *overlay.live_runs("default", "q")})
    job_id = one_of(dice, job_ids) if job_ids else "nobody"
    run = overlay.run(job_id)
    makers: list[Callable[[], Command[Any]]] = [
        lambda: DecideTicks("default", plan_id),
        lambda: StartRun("default", plan_id, f"r{number}", mark=one_of(dice, (None, Mark("m", "digest")))),
        lambda: CancelRun(job_id),
        lambda: GrantSlot(job_id),
        lambda: UpdatePlan("default", plan_id, PlanPatch(description=str(number)), "UTC"),
        lambda: SetNodeStatus(one_of(dice, "ab"), one_of(dice, (NodeStatus.READY, NodeStatus.INITIALIZING))),
    ]
    if run is not None:
        makers += [lambda: PlaceRun(job_id, len(run.evaluations), one_of(dice, "ab"))] * 4
        if run.attempts:
            last = run.attempts[-1]
            said = (AllocationStatus.RUNNING, AllocationStatus.COMPLETE, AllocationStatus.FAILED)
            makers += [lambda: ReportAttempt(job_id, last.number, last.node_id, last.fence, one_of(dice, said))] * 4
    return one_of(dice, makers)()


def looks(view: State | Overlay) -> dict[str, object]:
    """Every indexed read that a decision may use."""
    seen: dict[str, object] = {"slots": view.slots_used("default"), "runs": view.runs_in("default")}
    for plan_id in "pq":
        seen[plan_id] = (sorted(view.live_runs("default", plan_id)), view.live_count("default", plan_id))
        seen[plan_id + "-cursor"] = view.cursor("default", plan_id)
    for node_id in "ab":
        seen[node_id] = (sorted(view.node_runs(node_id)), view.node_load(node_id), view.node(node_id))
    seen["ready"] = list(view.ready_nodes("noop"))
    seen["plans"] = view.plans_in("default")
    return seen


@pytest.mark.invariant("P-2")
@given(seed=st.integers(0, 1 << 32))
@settings(max_examples=60, deadline=None)
def test_an_overlay_shows_what_the_commit_will(seed: int) -> None:
    dice, bench, changes = Dice(seed), world(), list[tuple[Fence, list[Change]]]()
    replayed = world().state
    for batch in range(25):
        bench.now += one_of(dice, (0, 0, SECOND, 3 * SECOND))
        overlay, final, ended = Overlay(bench.state), dict[Any, Change](), list[Run]()
        for at in range(1 + dice.below(7)):
            try:
                decided = some_command(dice, overlay, batch * 10 + at).decide(overlay, bench.now)
            except JobpoolError:
                continue
            overlay.apply(decided.changes, decided.ended)
            final.update({(change.table, change.record): change for change in decided.changes})
            ended += decided.ended
            assert overlay.slots_used("default") <= 6
            assert all(overlay.node_load(node_id) <= 3 for node_id in "ab")
        n = bench.state.next_n
        promised = looks(overlay)
        bench.state.fold(Fence(1, 1, n, str(n)), final.values())
        assert looks(bench.state) == promised
        changes.append((bench.state.fence, list(final.values())))
    for fence, step in changes:
        replayed.fold(fence, reversed(step))
    same_state(replayed, bench.state)
