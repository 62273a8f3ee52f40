"""Finding executors, and containing what they do."""

import asyncio
import threading
from importlib.metadata import EntryPoint

import pytest

from jobpool.agent.executor import GROUP, Context, Registry
from jobpool.agent.rundirs import Retention
from jobpool.agent.task import Outcome, Status, Task, plain_text
from jobpool.testing.agent_server import AgentServer, RunAgent, assignment


class Wild:
    """A plug-in that breaks in the way its parameters name."""

    name = "wild"
    detached = False
    calls_back = False

    def check(self, task: Task) -> None:
        if task.parameters == "check":
            raise RuntimeError("broken before")

    def run_at_once(self, task: Task) -> Outcome | None:
        if task.parameters == "at once":
            raise RuntimeError("broken at once")
        return None

    async def run(self, task: Task, context: Context) -> Outcome:
        if task.parameters == "time":
            raise TimeoutError("its own")
        raise RuntimeError("broken later")

    async def recover(self, task: Task, context: Context) -> Outcome | None:
        return None

    def stop(self, task: Task, context: Context) -> None:
        return None

    async def close(self) -> None:
        return None


def test_an_executor_that_cannot_be_loaded_is_named_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = EntryPoint("broken", "jobpool.no_such_module:Thing", GROUP)
    monkeypatch.setattr("jobpool.agent.executor.entry_points", lambda group: [broken])
    registry = Registry(["noop", "broken"])
    assert registry.names == ["noop"]
    said = capsys.readouterr()
    assert "jobpool.no_such_module:Thing" in said.out + said.err


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("check", "RuntimeError: broken before"),
        ("at once", "RuntimeError: broken at once"),
        ("later", "RuntimeError: broken later"),
        ("time", "TimeoutError: its own"),
    ],
)
async def test_whatever_an_executor_raises_fails_its_own_run_only(
    server: AgentServer, agent: RunAgent, monkeypatch: pytest.MonkeyPatch, *, parameters: str, words: str
) -> None:
    wild = EntryPoint("wild", f"{__name__}:Wild", GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: Wild)
    monkeypatch.setattr("jobpool.agent.executor.entry_points", lambda group: [wild])
    async with agent(executors=("wild",)):
        await server.assign(assignment("j1", "wild", parameters=parameters))
        end = await server.ended("j1-a1")
        await server.assign(assignment("j2", "wild", parameters=parameters))
        await server.ended("j2-a1")
    assert (end.status, end.reason, end.description) == (Status.FAILED, "executor_error", words)


class Deaf(Wild):
    """A detached plug-in that ends when it is told to stop, and breaks over it."""

    name = "deaf"
    detached = True

    def __init__(self) -> None:
        self._told = asyncio.Event()

    async def run(self, task: Task, context: Context) -> Outcome:
        await self._told.wait()
        return Outcome(Status.CANCELLED)

    def stop(self, task: Task, context: Context) -> None:
        self._told.set()
        raise RuntimeError("broken while it stops")


async def test_an_executor_that_breaks_while_it_stops_a_run_breaks_nothing_else(
    server: AgentServer, agent: RunAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = EntryPoint("deaf", f"{__name__}:Deaf", GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: Deaf)
    monkeypatch.setattr("jobpool.agent.executor.entry_points", lambda group: [deaf])
    async with agent(executors=("deaf",)):
        run = assignment("j1", "deaf")
        await server.assign(run)
        await server.until(lambda: any(report.status == "running" for report in server.reports))
        await server.stop(run)
        assert (await server.ended("j1-a1")).status == Status.CANCELLED
    assert len(server.hellos) == 1


async def test_run_directories_that_cannot_be_swept_do_not_end_the_agent(
    server: AgentServer, agent: RunAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> int:
        raise OSError("the disk refuses")

    monkeypatch.setattr("jobpool.agent.service.sweep", refused)
    async with agent(executors=("noop",)):
        await server.assign(assignment("j1"))
        assert (await server.ended("j1-a1")).status == Status.COMPLETE


async def test_run_directories_are_swept_until_none_is_left_that_should_go(
    agent: RunAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many runs a second leave one: a bound for each sweep must not become one for all."""
    left = [Retention().removals, Retention().removals, 1]
    swept = threading.Event()

    def sweep(*_: object, **__: object) -> int:
        removed = left.pop(0)
        if not left:
            swept.set()
        return removed

    monkeypatch.setattr("jobpool.agent.service.sweep", sweep)
    async with agent():
        assert await asyncio.to_thread(swept.wait, 20)


@pytest.mark.parametrize(
    ("text", "limit", "plain"),
    [
        ("abc", 100, "abc"),
        ("abc", 2, "ab"),
        ("üü", 3, "ü"),
        ("a\0b", 100, "a\ufffdb"),
        ("a\ud800b", 100, "a?b"),
    ],
)
def test_texts_are_cut_to_what_can_be_sent(text: str, limit: int, plain: str) -> None:
    assert plain_text(text, limit) == plain
