"""The agent as a process: killed, restarted, told to stop; and its command line."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from jobpool import __version__
from jobpool.testing.agent_server import AgentServer, assignment
from jobpool.wire import jobpool_pb2 as pb

ROOT = Path(__file__).parents[2]
WITHIN = 30.0


class Agents:
    """Starts agents as processes on one data directory and ends them all at the end of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._started: list[Process] = []

    async def start(self, server: AgentServer, *more: str) -> Process:
        process = await self.program(
            "agent",
            *("-name=kill-me", f"-data-dir={self.data}", f"-advertise-server-urls={server.url}"),
            *("--executors", "noop,shell", *more),
        )
        seen = len(server.inventories)
        await server.until(lambda: len(server.inventories) > seen, within=WITHIN)
        return process

    async def program(self, *arguments: str, **environment: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", "from jobpool.cli.agent import main; main()", *arguments),
            cwd=self.folder,
            env=dict(os.environ) | {"PYTHONPATH": str(ROOT / "src")} | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._started.append(process)
        return process

    async def answer(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = await self.program(*arguments, **environment)
        async with asyncio.timeout(WITHIN):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def kill(self, process: Process) -> None:
        process.kill()
        await process.communicate()

    def journal(self) -> list[tuple[object, ...]]:
        file = sqlite3.connect(self.data / "journal.db")
        rows = file.execute("SELECT job_id, status, exit_code FROM allocations ORDER BY number").fetchall()
        file.close()
        return rows

    async def close(self) -> None:
        for process in self._started:
            if process.returncode is None:
                await self.kill(process)


@pytest.fixture
async def agents(tmp_path: Path) -> AsyncIterator[Agents]:
    agents = Agents(tmp_path)
    yield agents
    await agents.close()


@pytest.fixture
async def server() -> AsyncIterator[AgentServer]:
    async with AgentServer() as server:
        yield server


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not condition():  # noqa: ASYNC110 — other processes
            await asyncio.sleep(0.02)


def _ended(server: AgentServer, names: Iterable[str], count: int) -> bool:
    return sum(bool(server.ends(name)) for name in names) >= count


def _command(script: str, name: str, **more: object) -> pb.Assignment:
    return assignment(name, "shell", parameters=json.dumps({"command": script}), **more)


@pytest.mark.invariant("H-7")
async def test_a_killed_agent_learns_how_its_run_ended_meanwhile(
    agents: Agents, server: AgentServer, tmp_path: Path
) -> None:
    starts, go = tmp_path / "starts", tmp_path / "go"
    item = _command(f"echo x >>{starts}; while [ ! -e {go} ]; do sleep 0.05; done; echo out; exit 3", "j1")
    first = await agents.start(server)
    await server.assign(item)
    await until(starts.exists)
    await agents.kill(first)
    go.touch()
    await until((agents.data / "runs" / "j1-a1" / "exit").exists)
    await agents.start(server)
    assert [held.allocation_id for held in server.inventories[1].held] == ["j1-a1"]
    await server.assign(item)  # the server makes sure
    end = await server.ended("j1-a1")
    assert (end.status, end.reason, end.exit_code) == ("failed", "exit_nonzero", 3)
    assert end.started_at < end.finished_at
    assert (await server.log("j1-a1")).data == b"out\n"
    assert starts.read_text() == "x\n"
    assert agents.journal() == [("j1", "failed", 3)]


@pytest.mark.invariant("H-7")
async def test_a_killed_agent_learns_what_its_function_returned_meanwhile(
    agents: Agents, server: AgentServer, tmp_path: Path
) -> None:
    starts, go = tmp_path / "starts", tmp_path / "go"
    (tmp_path / "patient.py").write_text(
        "import os, time\n"
        "def wait(starts, go):\n"
        "    with open(starts, 'a') as file: file.write('x')\n"
        "    while not os.path.exists(go): time.sleep(0.02)\n"
        "    return {'went': go}\n"
    )
    call = {"entry": "patient:wait", "args": [str(starts), str(go)], "path": [str(tmp_path)]}
    item = assignment("j1", "python", parameters=json.dumps(call))
    first = await agents.start(server, "--executors", "noop,python")
    await server.assign(item)
    await until(starts.exists)
    await agents.kill(first)
    go.touch()
    await until((agents.data / "runs" / "j1-a1" / "exit").exists)
    await agents.start(server, "--executors", "noop,python")
    await server.assign(item)
    end = await server.ended("j1-a1")
    assert (end.status, json.loads(end.result)) == ("complete", {"went": str(go)})
    assert starts.read_text() == "x"


@pytest.mark.invariant("H-7")
async def test_a_killed_agent_takes_up_the_run_that_goes_on(
    agents: Agents, server: AgentServer, tmp_path: Path
) -> None:
    starts, go = tmp_path / "starts", tmp_path / "go"
    first = await agents.start(server)
    await server.assign(_command(f"echo x >>{starts}; while [ ! -e {go} ]; do sleep 0.05; done", "j1"))
    await until(starts.exists)
    await agents.kill(first)
    await agents.start(server)
    await server.until(lambda: [report.status for report in server.reports][-1:] == ["running"])
    go.touch()
    end = await server.ended("j1-a1")
    assert (end.status, end.exit_code) == ("complete", 0)
    assert starts.read_text() == "x\n"


async def test_the_deadline_holds_while_the_agent_is_dead(agents: Agents, server: AgentServer, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    first = await agents.start(server)
    await server.assign(_command(f"echo $$ >{mark}; exec sleep 600", "j1", timeout=3000))
    await until(lambda: mark.exists() and mark.read_text().endswith("\n"))
    await agents.kill(first)
    await until(lambda: not Path(f"/proc/{mark.read_text().strip()}").exists())
    await agents.start(server)
    end = await server.ended("j1-a1")
    assert (end.status, end.reason, end.exit_code) == ("expired", "timeout", 143)


async def test_a_run_taken_up_again_can_be_stopped(agents: Agents, server: AgentServer, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    item = _command(f"touch {mark}; exec sleep 600", "j1")
    first = await agents.start(server)
    await server.assign(item)
    await until(mark.exists)
    await agents.kill(first)
    await agents.start(server)
    await server.stop(item)
    assert (await server.ended("j1-a1")).status == "cancelled"


async def test_nothing_is_lost_or_started_twice_by_kills_at_any_moment(
    agents: Agents, server: AgentServer, tmp_path: Path
) -> None:
    """Killed while work is coming in; the server assigns again what was not ended, as a real one does."""
    starts = tmp_path / "starts"
    starts.mkdir()
    items = {f"j{number}-a1": _command(f"echo x >>{starts}/j{number}", f"j{number}") for number in range(40)}
    for round_number in range(4):
        process = await agents.start(server)
        open_items = [item for name, item in items.items() if not server.ends(name)]
        await server.assign(*open_items[:30])
        before = sum(bool(server.ends(name)) for name in items)
        await server.until(partial(_ended, server, items, min(40, before + 4 * round_number)), within=WITHIN)
        await agents.kill(process)
    await agents.start(server)
    await server.assign(*[item for name, item in items.items() if not server.ends(name)])
    for name in items:
        await server.ended(name)
    counts = {path.name: path.read_text() for path in starts.iterdir()}
    assert set(counts.values()) <= {"x\n"}
    lost = {name for name in items if server.ends(name)[0].status == "lost"}
    assert {f"j{number}" for number in range(40) if f"j{number}-a1" not in lost} <= set(counts)
    assert {server.ends(name)[0].status for name in items} <= {"complete", "lost"}


async def test_term_drains_and_exits_0(agents: Agents, server: AgentServer) -> None:
    process = await agents.start(server)
    await server.assign(assignment("j1", parameters='{"sleep":"500ms"}'))
    await server.until(lambda: bool(server.reports))
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(WITHIN):
        await process.communicate()
    assert process.returncode == 0
    assert (server.drains, [end.status for end in server.ends("j1-a1")]) == (1, ["complete"])


async def test_a_second_signal_stops_at_once(agents: Agents, server: AgentServer) -> None:
    process = await agents.start(server)
    await server.assign(assignment("j1", parameters='{"sleep":"1h"}'))
    await server.until(lambda: bool(server.reports))
    process.send_signal(signal.SIGTERM)
    await server.until(lambda: server.drains == 1)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(WITHIN):
        await process.communicate()
    assert process.returncode == 1


async def test_a_drained_agent_leaves_its_commands_to_their_shims(
    agents: Agents, server: AgentServer, tmp_path: Path
) -> None:
    starts, go = tmp_path / "starts", tmp_path / "go"
    process = await agents.start(server, "--drain-timeout", "100ms")
    await server.assign(_command(f"echo x >>{starts}; while [ ! -e {go} ]; do sleep 0.05; done; exit 5", "j1"))
    await until(starts.exists)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(WITHIN):
        await process.communicate()
    assert (process.returncode, server.ends("j1-a1")) == (0, [])
    await agents.start(server)
    go.touch()
    assert (await server.ended("j1-a1")).exit_code == 5
    assert starts.read_text() == "x\n"


async def test_the_command_line(agents: Agents, tmp_path: Path) -> None:
    assert (await agents.answer("--version"))[:2] == (0, f"jobpool_agent, version {__version__}\n")
    assert (await agents.answer("-version"))[0] == 0
    code, out, err = await agents.answer()
    assert (code, out) == (2, "")
    assert "Usage: jobpool_agent" in err
    code, _, err = await agents.answer("agent", "--capacity", "none")
    assert (code, "capacity: wanted a whole number from 1 to 32768, found 'none'" in err) == (1, True)
    path = tmp_path / "agent.yaml"
    path.write_text("capasity: 5\n")
    code, _, err = await agents.answer("agent", "-config-file", str(path))
    assert (code, "did you mean 'capacity'?" in err) == (1, True)
    code, _, err = await agents.answer("agent", JOBPOOL_ADVERTISE_SERVER_URLS="localhost:2379")
    assert (code, "'localhost:2379'" in err) == (1, True)


async def test_two_agents_on_one_directory(agents: Agents, server: AgentServer) -> None:
    await agents.start(server)
    code, _, err = await agents.answer("agent", "--data-dir", str(agents.data))
    assert code == 1
    assert "another agent uses the data directory" in err
