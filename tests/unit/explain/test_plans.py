"""Why a plan fires or does not: each cause, alone, by the state that makes it."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from jobpool.explain import Code, Explanation, Remedy, Verdict, explain_plan
from jobpool.kit.pure.durations import DAY, HOUR, MINUTE, SECOND
from jobpool.model.namespace import WhenFull
from jobpool.model.node import Drain, Node
from jobpool.model.pause import Pause
from jobpool.model.reasons import LedgerReason
from jobpool.model.restored import Restored
from jobpool.model.schedule import CatchUp, CatchUpMode, LedgerRange, Overlap
from jobpool.model.statuses import NodeStatus, PlanStatus
from jobpool.replica.state import State
from jobpool.store.commands import PausePlan, PeriodicPatch, ResumePlan, StartRun, SwitchPlan
from tests.unit.store.commands.bench import NOON, Bench


def explained(bench: Bench, *, leader: bool = True, **fields: Any) -> Explanation:
    return explain_plan(bench.state, bench.present(), now=bench.now, leader=leader, **fields)


def codes(found: Explanation) -> list[Code]:
    return [finding.code for finding in found.findings]


def blocks(found: Explanation) -> list[Code]:
    return [finding.code for finding in found.findings if finding.blocks]


def ready(**plan: Any) -> Bench:
    bench = Bench()
    bench.node()
    bench.plan(**plan)
    return bench


def test_a_plan_that_nothing_hinders_fires() -> None:
    bench = ready(periodic=PeriodicPatch(spec="* * * * *", time_zone="Europe/Berlin"))
    found = explained(bench)
    assert (found.verdict, codes(found)) == (Verdict.FIRES, [Code.DUE])
    [due] = found.findings
    assert due.until == NOON + MINUTE
    assert due.text == "its next tick is due at 2025-10-09 14:01:00+02:00", "in the plan's zone, with the offset"


@pytest.mark.parametrize(
    ("make", "code", "remedy"),
    [
        (lambda: ready(status=PlanStatus.PENDING), Code.PLAN_PENDING, Remedy.PLAN_ONLINE),
        (lambda: offline(), Code.PLAN_DEAD, Remedy.PLAN_ONLINE),
        (lambda: ready(stop=True), Code.PLAN_STOPPED, Remedy.PLAN_UPDATE),
        (lambda: ready(periodic=None), Code.NO_SCHEDULE, Remedy.PLAN_RUN),
        (lambda: ready(periodic=of_berlin(enabled=False)), Code.PLAN_DISABLED, Remedy.PLAN_UPDATE),
        (lambda: ready(periodic=of_berlin(start_time=NOON + HOUR)), Code.BEFORE_START, Remedy.WAIT),
        (lambda: at(HOUR, ready(periodic=of_berlin(end_time=NOON + MINUTE))), Code.AFTER_END, Remedy.PLAN_UPDATE),
        (lambda: last_tick(), Code.NEVER_AGAIN, Remedy.PLAN_UPDATE),
        (lambda: paused(), Code.PAUSED, Remedy.PLAN_RESUME),
    ],
)
def test_a_plan_that_is_off_says_why(make: Callable[[], Bench], code: Code, remedy: Remedy) -> None:
    found = explained(make())
    assert (found.verdict, blocks(found)) == (Verdict.OFF, [code])
    assert found.findings[0].remedy is remedy
    assert found.findings[0].remedy_text


def of_berlin(**fields: Any) -> PeriodicPatch:
    return PeriodicPatch(**{"spec": "* * * * *", "time_zone": "Europe/Berlin", **fields})


def at(span: int, bench: Bench) -> Bench:
    bench.now += span
    return bench


def offline() -> Bench:
    bench = ready()
    bench.do(SwitchPlan("default", "p", False))
    return bench


def last_tick() -> Bench:
    """Its only tick before the end has been decided."""
    bench = ready(periodic=of_berlin(end_time=NOON + MINUTE + SECOND))
    bench.now += MINUTE
    bench.tick()
    return bench


def paused(**fields: Any) -> Bench:
    bench = ready(periodic=of_berlin())
    bench.do(PausePlan("default", "p", by="ann", note="the warehouse moves", **fields))
    return bench


def test_a_pause_says_who_why_and_until_when() -> None:
    [finding] = explained(paused(until=NOON + DAY)).findings
    assert (finding.since, finding.until) == (NOON, NOON + DAY)
    assert dict(finding.facts) == {"by": "ann", "note": "the warehouse moves"}
    assert finding.text == (
        "ann has paused the plan at 2025-10-09 14:00:00+02:00, until 2025-10-10 14:00:00+02:00: the warehouse moves"
    )
    assert "until somebody resumes it" in explained(paused()).findings[0].text


def test_a_live_run_holds_a_plan_that_forbids_overlap() -> None:
    bench = ready(overlap=Overlap.SKIP)
    bench.do(StartRun("default", "p", "r1"))
    found = explained(bench)
    assert (found.verdict, codes(found)) == (Verdict.HELD, [Code.OVERLAP, Code.DUE])
    overlap = found.findings[0]
    assert dict(overlap.facts)["job"] == "r1"
    assert "job r1 of the plan is live" in overlap.text
    bench.update(overlap=Overlap.ALLOW)
    assert explained(bench).verdict is Verdict.FIRES


@pytest.mark.parametrize(("when_full", "then"), [(WhenFull.FAIL, "failed job"), (WhenFull.WAIT, "waits for one")])
def test_a_full_namespace_holds_it(when_full: WhenFull, then: str) -> None:
    bench = Bench(slots=1, when_full=when_full)
    bench.node()
    bench.plan()
    bench.do(StartRun("default", "p", "r1"))
    found = explained(bench)
    assert (found.verdict, blocks(found)) == (Verdict.HELD, [Code.NAMESPACE_FULL])
    assert then in found.findings[0].text
    told = dict(found.findings[0].facts)
    assert (told["used"], told["limit"], told["waiting"], told["when_full"]) == ("1", "1", "0", when_full)


def nodes(*given: Node) -> Bench:
    bench = Bench()
    bench.plan()
    bench.state.nodes.update((node.id, node) for node in given)
    return bench


def node(node_id: str = "a", **fields: Any) -> Node:
    return replace(Node(node_id, node_id, "0", NodeStatus.READY, NOON, NOON, executors=("noop",)), **fields)


@pytest.mark.parametrize(
    ("given", "code", "remedy"),
    [
        ((), Code.NO_EXECUTOR, Remedy.START_AGENT),
        ((node(executors=("rest",)),), Code.NO_EXECUTOR, Remedy.START_AGENT),
        ((node(status=NodeStatus.DOWN),), Code.ALL_DOWN, Remedy.START_AGENT),
        ((node(status=NodeStatus.DISCONNECTED),), Code.ALL_DOWN, Remedy.START_AGENT),
        ((node(status=NodeStatus.INITIALIZING),), Code.ALL_STARTING, Remedy.WAIT),
        ((node(eligible=False), node("b", eligible=False)), Code.ALL_INELIGIBLE, Remedy.NODE_ELIGIBILITY),
        ((node(eligible=False, drain=Drain(NOON)),), Code.ALL_DRAINING, Remedy.NODE_DRAIN),
        ((node(draining=True),), Code.ALL_DRAINING, Remedy.NODE_DRAIN),
        ((node(polling=True),), Code.NOT_PORTABLE, Remedy.START_AGENT),
        ((node(capacity=0),), Code.ALL_FULL, Remedy.WAIT),
        ((node(capacity=0), node("b", status=NodeStatus.DOWN)), Code.NO_NODE, Remedy.START_AGENT),
    ],
)
def test_no_node_could_take_it(given: tuple[Node, ...], code: Code, remedy: Remedy) -> None:
    found = explained(nodes(*given))
    assert (found.verdict, blocks(found)) == (Verdict.HELD, [code])
    assert found.findings[0].remedy is remedy


def test_one_node_with_room_is_enough() -> None:
    bench = nodes(node(capacity=0), node("b", status=NodeStatus.DOWN), node("c"))
    assert explained(bench).verdict is Verdict.FIRES


def test_nodes_are_counted_by_what_keeps_them() -> None:
    bench = nodes(node(capacity=0), node("b", status=NodeStatus.DOWN), node("c", status=NodeStatus.DOWN))
    [finding] = [one for one in explained(bench).findings if one.blocks]
    assert finding.text == "none of the 3 nodes that offer executor noop can take it: 2 down, 1 full"
    assert dict(finding.facts) == {"executor": "noop", "nodes": "3", "down": "2", "full": "1"}


def test_the_cluster_stands_in_the_way() -> None:
    bench = ready()
    bench.state.pause = Pause(NOON, "bob", "the database moves")
    found = explained(bench, leader=False)
    assert (found.verdict, blocks(found)) == (Verdict.HELD, [Code.NO_LEADER, Code.QUEUE_PAUSED])
    assert (
        found.findings[1].text == "bob has paused the placing of runs at 2025-10-09 12:00:00+00:00: the database moves"
    )


def test_ticks_that_are_due_are_being_decided() -> None:
    bench = at(HOUR, ready())
    found = explained(bench)
    assert (found.verdict, codes(found)) == (Verdict.FIRES, [Code.CATCHING_UP])
    assert found.findings[0].since == NOON + MINUTE


def test_after_a_restore_some_ticks_are_not_fired() -> None:
    bench = ready()
    bench.state.fence = replace(bench.state.fence, incarnation=2)
    bench.state.restored = Restored(NOON, NOON - HOUR, 1, 1, 5, until=NOON + HOUR)
    found = explained(bench)
    assert (found.verdict, codes(found)) == (Verdict.FIRES, [Code.RESTORED, Code.DUE])
    assert found.findings[0].until == NOON + HOUR


def test_ticks_that_did_not_run_are_told_until_the_next_one_ran() -> None:
    bench = ready(catch_up=CatchUp(CatchUpMode.NONE))
    bench.now += HOUR
    bench.tick_all()
    [_, missed] = explained(bench).findings
    assert missed.code is Code.TICKS_MISSED
    assert (missed.since, missed.until, dict(missed.facts)) == (NOON + MINUTE, NOON + HOUR, {"count": "60"})
    bench.now += MINUTE
    bench.tick()
    assert codes(explained(bench)) == [Code.DUE]


def test_ticks_of_a_pause_are_told() -> None:
    bench = paused()
    bench.now += 90 * SECOND
    bench.do(ResumePlan("default", "p"))
    [due, passed] = explained(bench).findings
    assert (due.code, passed.code) == (Code.DUE, Code.TICKS_PAUSED)
    assert passed.text == "1 tick at 2025-10-09 14:01:00+02:00 did not run: the plan was paused"


@pytest.mark.parametrize(
    ("reason", "code", "why"),
    [
        (LedgerReason.COALESCED, Code.TICKS_COALESCED, "ran a later one for them"),
        (LedgerReason.SUPERSEDED_BY_EDIT, Code.TICKS_SUPERSEDED, "a change of the plan"),
    ],
)
def test_ticks_of_the_ledger_are_told_for_a_day(reason: LedgerReason, code: Code, why: str) -> None:
    bench = ready()
    unrun = LedgerRange(reason, NOON - HOUR, NOON - MINUTE, None)
    told = explained(bench, unrun=unrun).findings[-1]
    assert (told.code, told.since, told.until, told.facts) == (code, NOON - HOUR, NOON - MINUTE, ())
    assert why in told.text
    assert told.text.startswith("ticks from 2025-10-09 11:00:00+00:00 to 2025-10-09 11:59:00+00:00 did not run")
    bench.now += DAY
    assert code not in codes(explained(bench, unrun=unrun))


def test_its_last_job_is_told() -> None:
    bench = ready(overlap=Overlap.SKIP)
    bench.do(StartRun("default", "p", "r1"))
    bench.now += MINUTE
    bench.tick()
    [skipped] = bench.ended
    [finding] = [one for one in explained(bench, last=skipped).findings if one.code is Code.LAST_JOB]
    assert dict(finding.facts) == {"job": skipped.id, "status": "skipped", "reason": "overlap", "trigger": "schedule"}
    assert finding.text.startswith(f"its last job is {skipped.id} of 2025-10-09 12:01:00+00:00, skipped (overlap)")


def test_what_blocks_comes_first() -> None:
    bench = Bench(slots=1)
    bench.plan(overlap=Overlap.SKIP)
    bench.do(StartRun("default", "p", "r1"))
    found = explained(bench, last=bench.live("r1"))
    assert codes(found) == [Code.OVERLAP, Code.NAMESPACE_FULL, Code.NO_EXECUTOR, Code.DUE, Code.LAST_JOB]


def test_the_state_is_not_touched() -> None:
    bench = ready(overlap=Overlap.SKIP)
    bench.do(StartRun("default", "p", "r1"))
    before = vars(bench.state).copy()
    explained(bench)
    assert vars(bench.state) == before
    assert isinstance(bench.state, State)
