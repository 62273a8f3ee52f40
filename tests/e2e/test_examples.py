"""Everything in `examples/` runs: as a user would start it, against a real server and a real agent."""

import asyncio
import os
import shlex
import sys
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jobpool.testing.ports import free_port
from tests.e2e.conftest import Site
from tests.e2e.oracle.client import Api, until
from tests.e2e.oracle.ctl import ctl
from tests.e2e.oracle.processes import CTL, ROOT, AgentProgram, Program, ServerProgram, environment

EXAMPLES = ROOT / "examples"
PLANS = EXAMPLES / "plans"
CALLEE = "127.0.0.1:8088"

AWAY = 5 * 60_000
EARLIER = f"""
from jobpool.kit.effects.clock import SystemClock
now = SystemClock.now
SystemClock.now = lambda clock: now(clock) - {AWAY}
"""


class EarlierServer(ServerProgram):
    """A server whose clock is `AWAY` behind: to the next one on its data directory it was away for that long."""

    def command(self) -> list[str]:
        python, flag, program, *rest = super().command()
        return [python, flag, f"{EARLIER}\n{program}", *rest]


class CalleeProgram(Program):
    def __init__(self, directory: Path, server: str, *, work: float) -> None:
        super().__init__("callee", directory)
        self.port = free_port()
        self._options = ["--port", str(self.port), "--server", server, "--work", str(work)]

    def command(self) -> list[str]:
        return [sys.executable, str(EXAMPLES / "callee.py"), *self._options]


class PluginAgent(AgentProgram):
    """An agent beside which the example plug-in is installed."""

    def __init__(self, directory: Path, url: str, *, plugin: list[str]) -> None:
        super().__init__(directory, url, executors="noop,sqlite")
        self._plugin = plugin

    def command(self) -> list[str]:
        python, flag, program, *rest = super().command()
        return [python, flag, f"import sys; sys.path += {self._plugin!r}\n{program}", *rest]


@pytest.fixture
async def worked(site: Site) -> AsyncIterator[tuple[ServerProgram, Api]]:
    """A server with an agent that is ready."""
    server = site.server()
    site.agent(server)
    async with Api(server.url) as api:
        await _ready(api)
        yield server, api


StartCallee = Callable[[float], Awaitable[CalleeProgram]]


@pytest.fixture
def start_callee(site: Site, worked: tuple[ServerProgram, Api]) -> StartCallee:
    """Starts `callee.py`, which works for so many seconds, and returns it once it listens."""
    server, _ = worked

    async def start(work: float) -> CalleeProgram:
        program = CalleeProgram(site.directory, server.url, work=work)
        site.programs.append(program)
        program.start()
        await until(lambda: _text(program), lambda text: f"listens on http://127.0.0.1:{program.port}" in text)
        return program

    return start


async def test_quickstart(worked: tuple[ServerProgram, Api], tmp_path: Path) -> None:
    server, api = worked
    tool = tmp_path / "bin" / "jobpoolctl"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(CTL)} "$@"\n')
    tool.chmod(0o755)
    process = await asyncio.create_subprocess_exec(
        EXAMPLES / "quickstart.sh",
        env=environment()
        | {
            "PATH": f"{tool.parent}:{os.environ['PATH']}",
            "JOBPOOLCTL_ENDPOINTS": server.url.removeprefix("http://"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(120):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    assert "hello, attempt 1\n" in out.decode()
    assert [name["name"] for name in (await api.get("namespaces"))["data"]] == ["default"]


async def test_nightly_shell(worked: tuple[ServerProgram, Api], tmp_path: Path) -> None:
    server, api = worked
    await _add(server, "nightly-shell.yaml", tmp_path)
    night = await ctl(
        server.url, "plan", "preview", "nightly-report", "-n", "1", "--after", "2026-03-28T12:00:00+00:00"
    )
    assert night.startswith("2026-03-29 03:00:00+02:00  Europe/Berlin  DST gap")
    job = await api.ended(await _run(api, "nightly-report"))
    assert (job["status"], job["exit_code"]) == ("complete", 0)
    output = await ctl(server.url, "job", "logs", job["id"])
    assert output.startswith(f"report for the tick {job['scheduled_time']}, attempt 1\n")


async def test_rest_sync(worked: tuple[ServerProgram, Api], start_callee: StartCallee, tmp_path: Path) -> None:
    server, api = worked
    other = await start_callee(0.5)
    await _add(server, "rest-sync.yaml", tmp_path, callee=other)
    job = await api.ended(await _run(api, "refresh-cache"))
    assert (job["status"], job["result"]) == ("complete", '{"refreshed": true}')
    assert f'job {job["id"]}: /refresh with fence {job["fence"]}: {{"table":"orders"}}' in other.text()


async def test_rest_async(worked: tuple[ServerProgram, Api], start_callee: StartCallee, tmp_path: Path) -> None:
    server, api = worked
    other = await start_callee(0.5)
    await _add(server, "rest-async.yaml", tmp_path, callee=other)
    job = await api.ended(await _run(api, "train-model"))
    assert (job["status"], job["result"]) == ("complete", "42 rows")
    assert f"job {job['id']}: taken" in other.text()


async def test_a_callee_is_told_of_a_skipped_tick(
    worked: tuple[ServerProgram, Api], start_callee: StartCallee, tmp_path: Path
) -> None:
    server, api = worked
    other = await start_callee(600)
    await _add(server, "rest-async.yaml", tmp_path, callee=other, online=True, spec=("0 */6 * * *", "@every 1s"))
    skipped = (await until(lambda: _jobs(api, "train-model", "skipped")))[-1]
    assert skipped["reason"] == "overlap"
    told = f"job {skipped['id']}: skipped: same job is running, skipped"
    await until(lambda: _text(other), lambda text: told in text)


async def test_overlap(worked: tuple[ServerProgram, Api], tmp_path: Path) -> None:
    server, api = worked
    await _add(server, "overlap.yaml", tmp_path, online=True)
    complete = await until(lambda: _jobs(api, "one-at-a-time", "complete"))
    skipped = await _jobs(api, "one-at-a-time", "skipped")
    assert complete[-1]["id"] in {job["info"].rpartition(" ")[2] for job in skipped}


async def test_catch_up(site: Site, tmp_path: Path) -> None:
    earlier = EarlierServer(site.directory)
    site.programs.append(earlier)
    earlier.start()
    await _add(earlier, "catch-up.yaml", tmp_path, online=True)
    assert earlier.terminate() == 0
    server = site.server()
    site.agent(server)
    async with Api(server.url) as api:
        jobs = await until(
            lambda: _jobs(api, "ledger-minute", ""),
            lambda jobs: len(jobs) >= AWAY // 60_000 and all(job["status"] == "complete" for job in jobs),
        )
    ticks = sorted(int(datetime.fromisoformat(job["scheduled_time"]).timestamp()) for job in jobs)
    assert ticks == list(range(ticks[0], ticks[-1] + 60, 60))
    late = sorted(int(job["lateness_ms"]) for job in jobs if job["trigger"] == "catch-up")
    assert len(late) >= len(jobs) - 2
    assert all(lateness >= 60_000 for lateness in late[1:])  # the newest follows the mode too, however young


async def test_executor_plugin(site: Site, tmp_path: Path) -> None:
    server = site.server()
    agent = PluginAgent(site.directory, server.url, plugin=_installed(EXAMPLES / "executor_plugin", tmp_path))
    site.programs.append(agent)
    agent.start()
    database = tmp_path / "events.db"
    async with Api(server.url) as api:
        await _ready(api)
        await _add(server, "../executor_plugin/plan.yaml", tmp_path, database=("/var/lib/app/events.db", str(database)))
        failed = await api.ended(await _run(api, "trim-events"))
        assert (failed["status"], failed["reason"]) == ("failed", "executor_error")
        assert failed["info"] == "no such table: events"
        create = f'{{"database": "{database}", "sql": "create table events (day text)"}}'
        assert (await api.ended(await _run(api, "trim-events", parameters=create)))["status"] == "complete"
        insert = create.replace("create table events (day text)", "insert into events values ('2001-01-01')")
        assert (await api.ended(await _run(api, "trim-events", parameters=insert)))["result"] == "1"
        trimmed = await api.ended(await _run(api, "trim-events"))
        assert (trimmed["status"], trimmed["result"]) == ("complete", "1")


def test_no_plan_is_left_out() -> None:
    tested = Path(__file__).read_text()
    assert [path.name for path in PLANS.iterdir() if f'"{path.name}"' not in tested] == []


async def _add(
    server: ServerProgram,
    name: str,
    directory: Path,
    *,
    callee: CalleeProgram | None = None,
    online: bool = False,
    **changes: tuple[str, str],
) -> None:
    """Add the plan of a file, with the callee where it really is; it fires only when it is to be `online`."""
    text = (PLANS / name).read_text()
    for old, new in [*changes.values(), *([(CALLEE, f"127.0.0.1:{callee.port}")] if callee else [])]:
        assert old in text
        text = text.replace(old, new)
    file = directory / Path(name).name
    file.write_text(text)
    said = await ctl(server.url, "plan", "add", "-f", str(file), *([] if online else ["--pending"]))
    assert " added in namespace default" in said


async def _run(api: Api, plan: str, **body: str) -> str:
    """Start a run by hand; its id."""
    job_id: str = (await api.post(f"plans/{plan}/run", namespace="default", **body))["data"]["id"]
    return job_id


async def _ready(api: Api) -> None:
    await until(lambda: api.get("nodes", status="ready"), lambda answer: answer.get("data"))


async def _jobs(api: Api, plan: str, status: str) -> list[dict[str, Any]]:
    """Newest first."""
    found: list[dict[str, Any]] = (await api.get("jobs", plan_id=plan, status=status)).get("data", [])
    return found


async def _text(program: Program) -> str:
    return program.text()


def _installed(project: Path, directory: Path) -> list[str]:
    """What installing the package would put on the path: its modules and its entry points."""
    told = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    meta = directory / "site" / f"{told['name'].replace('-', '_')}-{told['version']}.dist-info"
    meta.mkdir(parents=True)
    (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n")
    groups = told["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{name} = {to}\n" for name, to in points.items()) for group, points in groups]
    (meta / "entry_points.txt").write_text("\n".join(lines))
    return [str(project / "src"), str(directory / "site")]
