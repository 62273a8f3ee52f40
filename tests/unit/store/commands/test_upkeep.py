"""What nobody needs any more goes, and nothing else."""

import pytest

from jobpool.kit.pure.durations import DAY, HOUR, MINUTE
from jobpool.model.schedule import CatchUpMode
from jobpool.replica.overlay import Overlay
from jobpool.store.change import KeyRange
from jobpool.store.commands import CatchUpPatch, DropHistory, DropLedger, DropMarks, DropVersions, Mark, StartRun
from jobpool.store.keyspace import number
from tests.unit.store.commands.bench import NOON, Bench


@pytest.mark.invariant("G-1")
def test_history_goes_up_to_and_including_a_commit() -> None:
    decided = DropHistory(41).decide(Overlay(Bench().state), NOON)
    assert decided.ranges == (KeyRange("hist/", "hist/" + number(42)),)
    assert "hist/" + number(41) < decided.ranges[0].last <= "hist/" + number(42)


@pytest.mark.invariant("G-1")
def test_a_version_goes_only_when_no_live_run_needs_it() -> None:
    bench = Bench()
    old = bench.plan(parameters='{"result": "1"}')
    bench.do(StartRun("default", "p", "r1"))
    unused = bench.update(parameters='{"result": "2"}')
    bench.update(parameters='{"result": "3"}')
    bench.do(DropVersions((("default", "p", old.version), ("default", "p", unused.version))))
    assert set(bench.state.versions) == {("default", "p", old.version)}


@pytest.mark.invariant("G-1")
def test_a_mark_goes_only_after_its_time_even_if_it_was_listed_before_it_was_set_anew() -> None:
    bench = Bench()
    bench.plan()
    bench.do(StartRun("default", "p", "r1", mark=Mark("key", "digest")))
    bench.do(DropMarks(("key",)))
    assert "key" in bench.state.marks
    bench.now += DAY
    bench.do(StartRun("default", "p", "r2", mark=Mark("key", "digest")))
    bench.do(DropMarks(("key",)))
    assert bench.state.marks["key"].made == "r2"
    bench.now += DAY
    bench.do(DropMarks(("key",)))
    assert not bench.state.marks


def test_the_ledger_keeps_the_range_that_may_still_grow() -> None:
    bench = Bench()
    bench.plan(spec="0 0 * * * *", catch_up=CatchUpPatch(mode=CatchUpMode.NONE))
    bench.now = NOON + 3 * HOUR + 2 * MINUTE
    bench.tick_all()
    decided = DropLedger((("default", "p", NOON + DAY), ("default", "gone", NOON + DAY))).decide(
        Overlay(bench.state), bench.now
    )
    assert decided.ranges == (
        KeyRange("ledger/default/p/", "ledger/default/p/" + number(NOON + HOUR)),
        KeyRange("ledger/default/gone/", "ledger/default/gone/" + number(NOON + DAY)),
    )
