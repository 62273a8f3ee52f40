"""The read model as a process of its own: started, fed, asked, killed, fed again."""

import asyncio
import os
import select
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from structlog.testing import capture_logs

from jobpool.history.process import HistoryProcess
from jobpool.history.queries import (
    AllocationFilter,
    EvaluationFilter,
    GetJob,
    JobExists,
    JobFilter,
    ListAllocations,
    ListEvaluations,
    ListJobs,
    RetentionCut,
)
from jobpool.history.source import segments_in
from jobpool.kit.effects.clock import SystemClock
from jobpool.model.errors import StoreFailed, Unavailable
from jobpool.store.keyspace import Table, key_of, number
from jobpool.store.port import Put
from jobpool.testing.clock import FakeClock
from jobpool.testing.store import MemoryStore, write
from tests.unit.history.samples import NOW, finished_run, stored

T = TypeVar("T")
COUNT = ListJobs(limit=0)


class Kept:
    """The segments a store would hold, and a fold that hands them on as it would."""

    def __init__(self, path: Path, *, clock: SystemClock | FakeClock | None = None) -> None:
        self.segments: dict[int, bytes] = {}
        self.failures = 0
        self.asked: list[int] = []
        self.history = HistoryProcess(path, self.read, clock=clock or SystemClock())

    async def read(self, after: int, until: int) -> list[tuple[int, bytes]]:
        self.asked.append(after)
        if self.failures:
            self.failures -= 1
            raise StoreFailed("the disk is on fire")
        return [(n, value) for n, value in sorted(self.segments.items()) if after < n <= until][:7]

    def fold(self, n: int, value: bytes | None = None) -> None:
        self.segments[n] = stored(finished_run(f"r{n}", at=NOW + n)) if value is None else value
        self.history.ingest(1, n, self.segments[n])


@asynccontextmanager
async def running(history: HistoryProcess) -> AsyncIterator[HistoryProcess]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(history.run())
        yield history
        task.cancel()


async def persist(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer; a query that died with the child is asked again, as a caller would."""
    for _ in range(5):
        try:
            return await ask()
        except Unavailable:
            continue
    return await ask()


async def total(history: HistoryProcess) -> int:
    return (await history.query(COUNT)).total


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "history.db")


async def test_every_kind_of_query_is_answered(kept: Kept) -> None:
    run = finished_run("a", nodes=("node-1", "node-2"))
    kept.history.stand_at(1, 4)
    async with running(kept.history) as history:
        kept.fold(5, stored(run))
        jobs = await history.query(ListJobs())
        evaluations = await history.query(ListEvaluations(EvaluationFilter(namespace="default")))
        allocations = await history.query(ListAllocations(AllocationFilter(job_id=run.id)))
        assert (jobs.total, jobs.runs) == (1, (run,))
        assert (evaluations.total, evaluations.items) == (2, tuple((run, e) for e in reversed(run.evaluations)))
        assert (allocations.total, allocations.items) == (2, tuple((run, a) for a in reversed(run.attempts)))
        assert await history.query(GetJob(run.id)) == run
        assert await history.query(GetJob("nobody")) is None
        assert await history.query(JobExists(JobFilter(plan_id="backup"))) is True
        assert await history.query(RetentionCut(NOW + 1, 100)) == 5
        assert await history.retention_cut(older_than=NOW, keep_runs=1) is None
        assert history.last_n() == (1, 5)


async def test_a_query_sees_exactly_the_segments_ingested_before_it(kept: Kept) -> None:
    kept.history.stand_at(1, 0)
    async with running(kept.history) as history:
        await total(history)
        asked = []
        for n in range(1, 51):
            kept.fold(n)
            asked.append(history.query(COUNT))
        assert [(await answer).total for answer in asked] == list(range(1, 51))


async def test_queries_asked_before_the_start_keep_their_place_among_the_segments(kept: Kept) -> None:
    for n in range(1, 21):
        kept.segments[n] = stored(finished_run(f"r{n}"))
    kept.history.stand_at(1, 20)
    asked = [kept.history.query(COUNT)]
    for n in range(21, 31):
        kept.fold(n)
        asked.append(kept.history.query(COUNT))
    async with running(kept.history) as history:
        assert [(await answer).total for answer in asked] == list(range(20, 31))
        assert history.backlog_bytes == 0
        await history.drained()


async def test_a_killed_child_is_fed_again_and_has_each_run_once(kept: Kept) -> None:
    kept.history.stand_at(1, 0)
    async with running(kept.history) as history:
        await total(history)
        owed = []
        for n in range(1, 301):
            kept.fold(n)
            if n == 150:
                assert history.pid is not None
                owed = [history.query(COUNT) for _ in range(3)]
                os.kill(history.pid, signal.SIGKILL)
        answers = await asyncio.gather(*owed, return_exceptions=True)
        assert all(isinstance(answer, Unavailable) or answer.total == 150 for answer in answers)  # type: ignore[union-attr]
        page = await persist(lambda: history.query(ListJobs(limit=1_000)))
        assert [run.id for run in page.runs] == [finished_run(f"r{n}", at=NOW + n).id for n in range(300, 0, -1)]


async def test_a_new_process_reads_only_what_it_lacks(kept: Kept, tmp_path: Path) -> None:
    kept.history.stand_at(1, 0)
    async with running(kept.history) as history:
        for n in range(1, 11):
            kept.fold(n)
        assert await total(history) == 10
    later = Kept(tmp_path / "history.db")
    later.segments = {**kept.segments, 11: stored(finished_run("r11"))}
    later.history.stand_at(1, 11)
    async with running(later.history) as history:
        assert await total(history) == 11
    assert later.asked[0] == 10


@pytest.mark.parametrize("standing", [(2, 8), (1, 5)], ids=["another incarnation", "a file that is ahead"])
async def test_a_file_of_another_past_is_built_anew(kept: Kept, tmp_path: Path, standing: tuple[int, int]) -> None:
    """Of the same incarnation, it shows that the store has lost commits."""
    kept.history.stand_at(1, 0)
    async with running(kept.history) as history:
        for n in range(1, 11):
            kept.fold(n)
        assert await total(history) == 10
    later = Kept(tmp_path / "history.db")
    later.segments = {n: stored(finished_run(f"other{n}")) for n in (2, 4)}
    later.history.stand_at(*standing)
    with capture_logs() as logs:
        async with running(later.history) as history:
            assert await total(history) == 2
            assert await history.query(GetJob(finished_run("other4").id)) is not None
    told = [(entry["store_n"], entry["history_n"]) for entry in logs if entry.get("event_name") == "store_went_back"]
    assert told == ([(5, 10)] if standing[0] == 1 else [])


async def test_a_restore_while_running_starts_over(kept: Kept) -> None:
    kept.history.stand_at(1, 0)
    async with running(kept.history) as history:
        for n in range(1, 6):
            kept.fold(n)
        assert await total(history) == 5
        kept.segments = {3: stored(finished_run("r3"))}
        history.stand_at(2, 3)
        assert await total(history) == 1
        kept.segments[4] = stored(finished_run("r4"))
        history.ingest(3, 4, kept.segments[4])
        assert await total(history) == 2
        assert history.last_n() == (3, 4)


async def test_a_damaged_file_is_built_anew(kept: Kept, tmp_path: Path) -> None:
    kept.history.stand_at(1, 0)
    async with running(kept.history) as history:
        for n in range(1, 401):
            kept.fold(n)
        assert await total(history) == 400
    path = tmp_path / "history.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    later = Kept(path)
    later.segments = kept.segments
    later.history.stand_at(1, 400)
    async with running(later.history) as history:
        page = await persist(lambda: history.query(ListJobs(limit=1_000)))
        assert page.total == len({run.id for run in page.runs}) == 400


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE runs SET record = CAST(replace(CAST(record AS TEXT), 'nightly', 'nightlx') AS BLOB) WHERE row = 17",
        "UPDATE runs SET record = substr(record, 1, 40) WHERE row = 17",
        "UPDATE words SET text = CAST(x'ff61' AS TEXT)",
        "UPDATE words SET kind = 9",
        "INSERT INTO evaluations SELECT created_at, 'x', namespace, status, 9999 FROM evaluations LIMIT 1",
        "DELETE FROM meta",
    ],
)
async def test_what_is_damaged_within_a_sound_file_is_built_anew(kept: Kept, tmp_path: Path, spoil: str) -> None:
    for n in range(1, 41):
        kept.fold(n)
    async with running(kept.history) as history:
        assert await total(history) == 40
    with sqlite3.connect(tmp_path / "history.db") as database:
        database.execute(spoil)
    database.close()
    later = Kept(tmp_path / "history.db")
    later.segments = kept.segments
    later.history.stand_at(1, 40)
    async with running(later.history) as history:
        evaluations = await persist(lambda: history.query(ListEvaluations(limit=1_000)))
        page = await persist(lambda: history.query(ListJobs(limit=1_000)))
    assert evaluations.total == len(evaluations.items) == 40
    assert sorted(page.runs, key=lambda run: run.id) == [finished_run(f"r{n}", at=NOW + n) for n in range(1, 41)]


async def test_deletes_reach_the_child_whenever_it_comes(kept: Kept) -> None:
    for n in range(1, 11):
        kept.segments[n] = stored(finished_run(f"r{n}"))
    kept.history.stand_at(1, 10)
    kept.history.delete_before(6)
    async with running(kept.history) as history:
        while await total(history) != 5:
            """Chores run between frames."""
        history.delete_before(9)
        while await total(history) != 2:
            """Chores run between frames."""
        assert await history.retention_cut(older_than=NOW + 1, keep_runs=0) == 10


async def test_signals_to_the_whole_group_leave_the_child_alone(kept: Kept) -> None:
    kept.history.stand_at(1, 0)
    async with running(kept.history) as history:
        assert await total(history) == 0
        pid = history.pid
        assert pid is not None
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        assert await total(history) == 0
        assert history.pid == pid


async def test_a_child_that_stands_still_costs_bounded_memory_and_catches_up(kept: Kept) -> None:
    kept.history.stand_at(1, 0)
    big = [stored(msgspec.structs.replace(finished_run(f"r{n}"), result="x" * 2**20)) for n in range(1, 41)]
    async with running(kept.history) as history:
        await total(history)
        assert history.pid is not None
        os.kill(history.pid, signal.SIGSTOP)
        try:
            for n, value in enumerate(big, 1):
                kept.fold(n, value)
            backlog = history.backlog_bytes
            asked = history.query(COUNT)
        finally:
            os.kill(history.pid, signal.SIGCONT)
        assert 2**25 - 2**21 < backlog < 2**25 + 2**21
        assert (await asked).total == 40
        assert await total(history) == 40


async def test_the_child_ends_with_the_service(kept: Kept) -> None:
    kept.history.stand_at(1, 0)
    async with running(kept.history) as history:
        await total(history)
        assert history.pid is not None
        child = os.pidfd_open(history.pid)
    assert select.select([child], [], [], 0)[0]
    os.close(child)
    assert kept.history.pid is None


async def test_the_child_ends_with_a_killed_server(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from pathlib import Path
from jobpool.history.process import HistoryProcess
from jobpool.history.queries import ListJobs
from jobpool.kit.effects.clock import SystemClock
async def nothing(after, until): return []
async def main():
    history = HistoryProcess(Path(sys.argv[1]), nothing, clock=SystemClock())
    history.stand_at(1, 0)
    async with asyncio.TaskGroup() as group:
        group.create_task(history.run())
        await history.query(ListJobs())
        print(history.pid, flush=True)
asyncio.run(main())
"""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path / "h.db"), stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "src"},
    )  # fmt: skip
    assert server.stdout is not None
    child = os.pidfd_open(int(await server.stdout.readline()))
    server.kill()
    await server.communicate()
    ended, _, _ = await asyncio.to_thread(select.select, [child], [], [], 30)
    os.close(child)
    assert ended


async def test_without_a_state_there_is_no_answer(kept: Kept) -> None:
    with pytest.raises(Unavailable, match="not loaded"):
        kept.history.query(COUNT)


async def test_a_query_waits_five_seconds_for_a_child(tmp_path: Path) -> None:
    clock = FakeClock()
    history = Kept(tmp_path / "h.db", clock=clock).history
    history.stand_at(1, 0)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(outcome(history.query(COUNT)))
        await clock.advance(4_999)
        assert not asked.done()
        await clock.advance(1)
        assert "not ready within 5 s" in await asked


async def test_too_many_queries_for_a_child_that_is_away_are_refused_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    history = Kept(tmp_path / "h.db", clock=clock).history
    history.stand_at(1, 0)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(outcome(history.query(COUNT))) for _ in range(1_001)]
        assert "1000 queries wait" in await asked[-1]
        assert not asked[0].done()
        await clock.advance(5_000)


async def outcome(answer: Awaitable[object]) -> str:
    try:
        return str(await answer)
    except Unavailable as error:
        return error.message


async def test_a_store_that_fails_is_asked_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "h.db")
    kept.failures = 2
    kept.segments[3] = stored(finished_run("a"))
    kept.history.stand_at(1, 3)
    async with running(kept.history) as history:
        assert await total(history) == 1
    assert kept.asked[:3] == [0, 0, 0]


class RepairingClock(SystemClock):
    """The pause before the next try is when somebody makes the missing folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pauses: list[int] = []

    async def sleep(self, span: int) -> None:
        self.pauses.append(span)
        if len(self.pauses) == 2:
            self.folder.mkdir()


async def test_a_child_that_ends_at_once_is_reported_and_tried_again(tmp_path: Path) -> None:
    clock = RepairingClock(tmp_path / "missing")
    kept = Kept(clock.folder / "h.db", clock=clock)
    kept.history.stand_at(1, 0)
    with capture_logs() as logs:
        async with running(kept.history) as history:
            assert (await history.query(COUNT)).total == 0
    assert clock.pauses == [100, 200]
    reported = " ".join(str(line.get("text", "")) for line in logs)
    assert reported.count("Traceback") == 2
    assert "unable to open database file" in reported


async def test_segments_are_read_from_a_store_by_range() -> None:
    store = MemoryStore()
    await store.campaign("server-1")
    puts = tuple(Put(key_of(Table.SEGMENT, (number(n),)), b"s%d" % n) for n in (1, 9, 10, 300))
    await write(store, *puts, Put("plans/default/a", b"p"))
    source = segments_in(store)
    assert await source(0, 1_000) == [(1, b"s1"), (9, b"s9"), (10, b"s10"), (300, b"s300")]
    assert await source(1, 10) == [(9, b"s9"), (10, b"s10")]
    assert await source(300, 10**9) == []
    await store.close()
