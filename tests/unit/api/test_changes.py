"""The ring of changes: what it keeps, what it forgets, and that a fold costs nothing while nobody watches."""

import asyncio

import pytest
from msgspec.structs import replace

from jobpool.api import changes as ring
from jobpool.api.change_items import Filter, Item, message_of
from jobpool.api.changes import Changes, Position, parse_position
from jobpool.kit.pure.durations import SECOND
from jobpool.model.errors import InvalidArgument
from jobpool.model.namespace import Namespace
from jobpool.model.node import Node
from jobpool.model.run import Run
from jobpool.model.schedule import Cursor
from jobpool.model.server import ServerRecord
from jobpool.model.statuses import JobStatus, NodeStatus
from jobpool.replica.replica import Replica
from jobpool.replica.state import State
from jobpool.store.change import Change, put_run
from jobpool.store.codec import encode
from jobpool.store.keyspace import Table
from jobpool.store.port import Fence, Put
from jobpool.store.records import Forgotten, Segment
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.store import MemoryStore, write
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.history.samples import finished_run
from tests.unit.store.commands.bench import Bench

START = Position(1, 0)


def ringed(**limits: int) -> tuple[Replica, Changes]:
    replica = Replica(default_slots=1)
    replica.state.fence = Fence(1, 1, 0, "")
    return replica, Changes(replica, **limits)


def fold(replica: Replica, *changes: Change) -> None:
    replica.apply(Fence(replica.state.fence.incarnation, 1, replica.n + 1, "b"), changes)


def added(name: str) -> Change:
    return Change(Table.NAMESPACE, (name,), Namespace(name, 0))


def told(changes: Changes, position: Position, wanted: Filter | None = None) -> list[str]:
    """Everything after a position, in words."""
    said = []
    while (commit := changes.after(position)) is not None:
        for at in commit.matching(wanted or Filter(), told=position.told):
            message = changes.told(commit, at)
            said.append(f"{message.n} {message.kind} {message.action} {message.namespace}/{message.id}")
        position = Position(position.era, commit.n)
    return said


def test_a_position_is_told_and_read() -> None:
    for position in (Position(2, 317), Position(2, 316, 4), Position(0, 0)):
        assert parse_position(str(position), era=9) == position
    assert parse_position("317", era=9) == Position(9, 317)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.", "1.2.3.4", ".7", "317.", "1." + "9" * 30, "۳"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse_position(text, era=1)
    assert refused.value.field == "after"


def test_every_kind_is_told_of_in_the_order_of_its_keys() -> None:
    replica, changes = ringed()
    bench = Bench()
    plan = bench.plan("p")
    node = Node("n1", "n1", "0", NodeStatus.READY, 0, 0)
    server = ServerRecord(id="a1", name="one", url="", version="", joined_at=0)
    fold(
        replica,
        Change(Table.SERVER, ("a1",), server),
        added("zeta"),
        added("alpha"),
        Change(Table.NODE, ("n1",), node),
        Change(Table.PLAN, ("default", "p"), plan),
    )
    assert told(changes, START) == [
        "1 namespace set alpha/alpha",
        "1 namespace set zeta/zeta",
        "1 node set /n1",
        "1 plan set default/p",
        "1 server set /a1",
    ]
    fold(replica, Change(Table.SERVER, ("a1",), None), Change(Table.NODE, ("n1",), None))
    fold(replica, Change(Table.NAMESPACE, ("zeta",), None), Change(Table.PLAN, ("default", "p"), None))
    assert told(changes, Position(1, 1)) == [
        "2 node gone /n1",
        "2 server gone /a1",
        "3 namespace gone zeta/zeta",
        "3 plan gone default/p",
    ]


def segment(n: int, *runs: Run, forgotten: tuple[Forgotten, ...] = ()) -> Change:
    return Change(Table.SEGMENT, (str(n),), Segment(0, runs, forgotten))


def test_a_run_is_told_of_until_its_end_and_when_its_record_is_deleted() -> None:
    replica, changes = ringed()
    run, skipped, lost = (finished_run(name, plan=f"of-{name}") for name in ("one", "skipped", "lost"))
    live = replace(run, status=JobStatus.RUNNING)
    fold(replica, put_run(live), put_run(lost))
    fold(replica, Change(Table.RUN, (run.namespace, run.id), None), segment(2, run, skipped))
    fold(replica, Change(Table.RUN, (lost.namespace, lost.id), None))
    fold(replica, segment(4, forgotten=(Forgotten(run.id), Forgotten(skipped.id, "e", 1))))
    of_one = Filter(id=run.id)
    assert told(changes, START, of_one) == [
        f"1 job set default/{run.id}",
        f"2 job set default/{run.id}",
        f"4 job gone /{run.id}",
    ]
    ended = changes.after(Position(1, 1))
    assert ended is not None
    assert [changes.told(ended, at).job.status for at in ended.matching(of_one)] == [run.status]
    assert told(changes, START, Filter(plan_id="of-skipped")) == [f"2 job set default/{skipped.id}"]
    assert told(changes, START, Filter(id=lost.id))[1:] == [f"3 job gone default/{lost.id}"]


def test_a_plan_is_told_of_when_its_next_time_moves() -> None:
    replica, changes = ringed()
    plan = Bench().plan("p")
    fold(replica, Change(Table.PLAN, ("default", "p"), plan))
    cursor = Cursor(1, 60_000)
    fold(replica, Change(Table.CURSOR, ("default", "p"), cursor))
    moved = changes.after(Position(1, 1))
    assert moved is not None
    [at] = moved.matching(Filter(kinds=frozenset({"plan"}), namespace="default"))
    assert changes.told(moved, at).plan.next_time.seconds == 60
    assert moved.matching(Filter(namespace="other")) == []


@pytest.mark.parametrize("limits", [{"most": 9}, {"most_text": 400}])
def test_the_oldest_commits_give_way_and_the_newest_is_always_kept(limits: dict[str, int]) -> None:
    replica, changes = ringed(**limits)
    plan = replace(Bench().plan("p"), parameters="x" * 100)
    for _ in range(20):
        fold(replica, Change(Table.PLAN, ("default", "p"), plan))
    kept = [n for n in range(21) if changes.holds(Position(1, n))]
    assert kept == [16, 17, 18, 19, 20]
    assert len(told(changes, Position(1, 16))) == 4
    fold(replica, *(Change(Table.PLAN, ("default", f"p{at}"), plan) for at in range(50)))
    assert [n for n in range(22) if changes.holds(Position(1, n))] == [20, 21]
    assert len(told(changes, Position(1, 20))) == 50


def test_another_incarnation_is_never_taken_for_this_one() -> None:
    replica, changes = ringed()
    for name in "abc":
        fold(replica, added(name))
    assert changes.holds(Position(1, 2))
    for other in (Position(0, 2), Position(2, 2), Position(1, 4)):
        assert not changes.holds(other)


async def test_a_loaded_state_voids_what_led_to_it() -> None:
    store = MemoryStore()
    replica = Replica(default_slots=1)
    changes = Changes(replica)
    await replica.restore(store)
    before = changes.newest
    fold(replica, added("a"))
    assert changes.holds(before)
    for name in ("a", "b", "c"):
        await write(store, Put(f"namespaces/{name}", encode(Namespace(name, 0))))
    waiter = asyncio.get_running_loop().create_task(changes.moved(changes.newest, FakeClock(), within=SECOND))
    await settle()
    await replica.restore(store)
    await waiter
    assert changes.newest.n == replica.n == 3
    assert not changes.holds(before)
    assert changes.after(changes.newest) is None


async def test_who_waits_is_woken_by_a_commit_by_a_call_and_by_the_clock() -> None:
    replica, changes = ringed()
    clock = FakeClock()

    def waiting() -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(changes.moved(changes.newest, clock, within=SECOND))

    first = waiting()
    await clock.advance(SECOND - 1)
    assert not first.done()
    fold(replica, added("a"))
    await first
    second = waiting()
    await settle()
    changes.wake()
    await second
    third = waiting()
    await clock.advance(SECOND)
    await third
    gone = waiting()
    await settle()
    gone.cancel()
    await settle()
    fold(replica, added("b"))
    await changes.moved(START, clock, within=SECOND)


def test_a_fold_builds_nothing_while_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(ring, "items_of", lambda folded, state: looked.append("sorted"))
    monkeypatch.setattr(ring, "message_of", lambda item, n, state: looked.append("built"))
    replica, changes = ringed()
    runs = [finished_run(str(at)) for at in range(1000)]
    for at, run in enumerate(runs, 1):
        fold(replica, put_run(run), segment(at, run))
    assert looked == []
    assert changes.holds(START)


def test_what_was_built_for_one_serves_the_next_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    def counted(item: Item, n: int, state: State, *, brief: bool) -> pb.ScheduleChange:
        built.append(n)
        return message_of(item, n, state, brief=brief)

    monkeypatch.setattr(ring, "message_of", counted)
    replica, changes = ringed()
    for name in ("a", "b"):
        fold(replica, added(name))
    for _ in range(3):
        assert len(told(changes, START)) == 2
    assert built == [1, 2]
    monkeypatch.setattr(ring, "_BUILT", 1)
    fold(replica, added("c"))
    for _ in range(3):
        told(changes, START)
    assert len(changes._built) == 1


def test_what_was_sorted_is_forgotten_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "_PREPARED", 3)
    replica, changes = ringed()
    for at in range(10):
        fold(replica, added(f"n{at}"))
    assert len(told(changes, START)) == 10
    assert len(changes._prepared) == 3
    assert len(told(changes, START)) == 10
