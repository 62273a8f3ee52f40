"""The journal: what survives, what is remembered, what is pruned, and what happens when the disk says no."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from jobpool.agent.journal import Journal, JournalBroken
from jobpool.agent.task import Outcome, Report, Status, Task, ended
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.pure.durations import DAY


class Told(SystemClock):
    """A clock that stands until it is told; a sleep lets others run once."""

    def __init__(self) -> None:
        self.time = 1_000_000
        self.slept = 0

    def now(self) -> int:
        return self.time

    async def sleep(self, span: int) -> None:
        self.slept += span
        await asyncio.sleep(0)


def _task(name: str, fence: int = 7) -> Task:
    return Task(f"{name}-a1", fence, name, "p", "default", "P", 1, "noop", '{"secret":"geheim"}', True, 0, 0)


def _end(name: str) -> Report:
    return ended(
        (f"{name}-a1", 7), Outcome(Status.FAILED, "exit_nonzero", "exit code 3", 3, "out"), started_at=5, now=9
    )


def _nothing() -> None:
    pass


async def test_a_life_survives_being_closed_at_every_stage(tmp_path: Path) -> None:
    clock, path = Told(), tmp_path / "j.db"
    journal = Journal(path, clock)
    for name in ("received", "started", "ended", "acknowledged"):
        journal.received(_task(name), 4, started_at=None, then=_nothing)
        if name != "received":
            journal.started(_task(name).key, 5, _nothing)
        if name in ("ended", "acknowledged"):
            journal.ended(_end(name), _nothing)
    journal.acknowledged([_task("acknowledged").key], 10, _nothing)
    await journal.flush()
    journal.close()
    journal = Journal(path, clock)
    rows = journal.load()
    assert [(row.task and row.task.job_id, row.started_at) for row in rows] == [
        ("received", None),
        ("started", 5),
        (None, None),
    ]
    assert rows[0].task == _task("received")
    assert rows[2].report == _end("ended")
    assert journal.remembered(["acknowledged-a1", "started-a1", "gone-a1"]) == {
        "acknowledged-a1": _end("acknowledged"),
        "started-a1": 7,
    }
    journal.close()


async def test_nothing_depends_on_a_write_before_its_commit(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db", Told())
    seen: list[object] = []
    journal.received(_task("a"), 1, started_at=None, then=lambda: seen.append(journal.remembered(["a-a1"])))
    assert (seen, journal.remembered(["a-a1"])) == ([], {})
    await journal.flush()
    assert seen == [{"a-a1": 7}]
    journal.close()


async def test_parameters_are_not_kept_beyond_the_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db", Told())
    journal.received(_task("a"), 1, started_at=2, then=_nothing)
    journal.ended(_end("a"), _nothing)
    await journal.flush()
    journal.close()
    with sqlite3.connect(tmp_path / "j.db") as file:
        assert file.execute("SELECT task FROM allocations").fetchall() == [(None,)]
    file.close()


async def test_acknowledged_rows_go_by_age(tmp_path: Path) -> None:
    clock = Told()
    journal = Journal(tmp_path / "j.db", clock)
    for name in ("old", "open"):
        journal.received(_task(name), 1, started_at=2, then=_nothing)
    journal.acknowledged([_task("old").key], clock.now(), _nothing)
    await journal.flush()
    clock.time += DAY + 1
    journal.received(_task("new"), 1, started_at=2, then=_nothing)
    journal.acknowledged([_task("new").key], clock.now(), _nothing)
    await journal.flush()
    assert set(journal.remembered(["old-a1", "open-a1", "new-a1"])) == {"open-a1", "new-a1"}
    journal.close()


async def test_acknowledged_rows_go_by_number_and_open_ones_stay(tmp_path: Path) -> None:
    clock = Told()
    journal = Journal(tmp_path / "j.db", clock, keep_rows=10)
    journal.received(_task("open"), 1, started_at=2, then=_nothing)
    for number in range(50):
        journal.received(_task(f"j{number}"), 1, started_at=2, then=_nothing)
        journal.acknowledged([_task(f"j{number}").key], clock.now(), _nothing)
        await journal.flush()
    left = journal.remembered([f"j{number}-a1" for number in range(50)])
    assert set(left) == {f"j{number}-a1" for number in range(40, 50)}
    assert [row.task and row.task.job_id for row in journal.load()] == ["open"]
    journal.close()


async def test_a_disk_that_refuses_is_tried_until_it_accepts(tmp_path: Path) -> None:
    """Another writer's lock stands for a full disk: the commit fails, then works."""
    clock, path = Told(), tmp_path / "j.db"
    journal = Journal(path, clock)
    journal._writer.execute("PRAGMA busy_timeout = 0")
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    done: list[bool] = []
    journal.received(_task("a"), 1, started_at=None, then=lambda: done.append(True))
    flushing = asyncio.ensure_future(journal.flush())  # noqa: TID251
    await journal.broken.wait()
    assert (done, journal.healthy.is_set()) == ([], False)
    blocker.execute("ROLLBACK")
    await flushing
    assert (done, journal.healthy.is_set(), journal.broken.is_set()) == ([True], True, False)
    assert journal.remembered(["a-a1"]) == {"a-a1": 7}
    blocker.close()
    journal.close()


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "j.db").write_text("not a database, but long enough to be taken for one" * 50)
    with pytest.raises(JournalBroken, match=r"cannot open the journal .*j\.db"):
        Journal(tmp_path / "j.db", Told())


def test_a_journal_of_a_later_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "j.db") as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(JournalBroken, match="version 99"):
        Journal(tmp_path / "j.db", Told())


async def test_a_damaged_task_is_named(tmp_path: Path) -> None:
    clock = Told()
    journal = Journal(tmp_path / "j.db", clock)
    journal.received(_task("a"), 1, started_at=None, then=_nothing)
    await journal.flush()
    journal.close()
    with sqlite3.connect(tmp_path / "j.db") as file:
        (task,) = file.execute("SELECT task FROM allocations").fetchone()
        file.execute("UPDATE allocations SET task = ?", (task.replace(b"a-a1", b"\xff\xfea1"),))
    file.close()
    journal = Journal(tmp_path / "j.db", clock)
    with pytest.raises(JournalBroken, match="cannot read the journal"):
        journal.load()
    journal.close()
