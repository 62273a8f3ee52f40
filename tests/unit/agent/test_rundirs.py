"""Output by offset, and what is swept away when."""

import os
from pathlib import Path

import pytest

from jobpool.agent.rundirs import CHUNK_LIMIT, Retention, read_output, sweep
from jobpool.kit.pure.durations import DAY, HOUR
from jobpool.model.errors import InvalidArgument
from jobpool.testing.agent_server import AgentServer, RunAgent, assignment


def _run(runs: Path, name: str, *, size: int = 10, changed: int = 0) -> None:
    (runs / name / "work").mkdir(parents=True)
    (runs / name / "output").write_bytes(b"x" * size)
    os.utime(runs / name, ns=(changed * 1_000_000, changed * 1_000_000))


def test_a_chunk_is_bounded_and_says_where_to_go_on(tmp_path: Path) -> None:
    _run(tmp_path, "a", size=CHUNK_LIMIT + 5)
    first = read_output(tmp_path, "a", offset=0, limit=1 << 30, ended=True)
    assert (len(first.data), first.next_offset, first.complete) == (CHUNK_LIMIT, CHUNK_LIMIT, False)
    last = read_output(tmp_path, "a", offset=first.next_offset, limit=1 << 30, ended=True)
    assert (last.data, last.complete) == (b"xxxxx", True)


def test_beyond_the_end_there_is_nothing(tmp_path: Path) -> None:
    _run(tmp_path, "a", size=3)
    chunk = read_output(tmp_path, "a", offset=50, limit=10, ended=False)
    assert (chunk.data, chunk.next_offset, chunk.size, chunk.complete) == (b"", 3, 3, False)


def test_a_run_without_output_is_empty(tmp_path: Path) -> None:
    assert read_output(tmp_path, "gone", offset=0, limit=0, ended=True).complete


@pytest.mark.parametrize("name", ["", "..", "../a", "/etc", "a/b", "a\0b", "x" * 300])
def test_names_cannot_leave_the_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgument):
        read_output(tmp_path, name, offset=0, limit=0, ended=True)


def test_old_directories_go_unless_their_run_is_live(tmp_path: Path) -> None:
    now = 10 * DAY
    _run(tmp_path, "old", changed=now - DAY - HOUR)
    _run(tmp_path, "held", changed=now - DAY - HOUR)
    _run(tmp_path, "new", changed=now - HOUR)
    assert sweep(tmp_path, Retention(), now=now, live=lambda name: name == "held") == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["held", "new"]


def test_too_much_goes_oldest_first(tmp_path: Path) -> None:
    for number in range(4):
        _run(tmp_path, f"r{number}", size=8192, changed=1000 + number)
    assert sweep(tmp_path, Retention(size=20_000), now=2000, live=lambda _: False) == 2
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["r2", "r3"]


def test_a_sweep_is_bounded(tmp_path: Path) -> None:
    for number in range(4):
        _run(tmp_path, f"r{number}", changed=1)
    assert sweep(tmp_path, Retention(removals=3), now=5 * DAY, live=lambda _: False) == 3


async def test_a_server_reads_output_over_the_stream(server: AgentServer, agent: RunAgent, tmp_path: Path) -> None:
    async with agent():
        await server.assign(assignment("j1"))
        await server.ended("j1-a1")
        _run(tmp_path / "data" / "runs", "j1-a1", size=5)
        chunk = await server.log("j1-a1", offset=1, limit=2)
        assert (chunk.data, chunk.next_offset, chunk.size, chunk.complete, chunk.error) == (b"xx", 3, 5, False, "")
        assert (await server.log("j1-a1", offset=3)).complete
        assert "does not know this run" in (await server.log("j9-a1")).error
        assert "offset" in (await server.log("j1-a1", offset=-1)).error
