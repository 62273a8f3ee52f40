"""The python executor with real interpreters: what a function is given, what is kept of it, how it ends."""

import ast
import asyncio
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from jobpool.agent.executor import Context
from jobpool.agent.executors import python_runner
from jobpool.agent.executors.python import PythonExecutor
from jobpool.agent.lease import Lease
from jobpool.agent.rundirs import read_output
from jobpool.agent.task import RESULT_LIMIT, Outcome, Status, Task

SHOP = """
import asyncio, atexit, os, signal, sys, threading, time
from pathlib import Path

value = 5

def add(a, b=2, *, c=0):
    print("adding")
    return {"sum": a + b + c}

async def later(text):
    await asyncio.sleep(0.01)
    return [text, None, 1.5]

class Daily:
    @staticmethod
    def run():
        return sys.argv

def about():
    return {name: value for name, value in os.environ.items() if name.startswith(("JOBPOOL_", "COLOR", "VIRTUAL"))}

def where():
    return [os.getcwd(), sys.executable, sys.prefix, sys.path[:2], os.environ["PATH"].split(":")[0]]

def nothing():
    print("done", file=sys.stderr)

def fail():
    raise KeyError("no such\\nshop")

def text(size):
    return "x" * size

def odd(what):
    return {"set": {1}, "nan": float("nan"), "key": {(1, 2): 3}, "surrogate": "\\ud800", "circle": circle}[what]

circle = []
circle.append(circle)

def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value

def long(size):
    raise ValueError("x" * size)

def pipe():
    os.mkfifo("../result.json")
    os._exit(0)

def leave(code):
    sys.exit(code)

def vanish(code):
    os._exit(code)

def trip():
    atexit.register(os._exit, 7)
    return "done"

def wait(mark, go=None):
    with open(mark, "a") as file:
        file.write(f"{os.getpid()}\\n")
    while go is None or not os.path.exists(go):
        time.sleep(0.02)
    return "waited"
"""


class Python:
    """One executor, the directories of its runs, and a module `shop` to call."""

    def __init__(self, folder: Path) -> None:
        self.runs = folder / "runs"
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "shop.py").write_text(SHOP)
        (self.code / "broken.py").write_text("import nowhere_to_be_found\n")
        self.lease = Lease(folder / "lease")
        self.executor = PythonExecutor()

    def task(self, entry: str, *args: object, name: str = "j1", timeout: int = 0, **more: object) -> Task:
        parameters = json.dumps({"entry": entry, "args": args, "path": [str(self.code)], **more})
        return Task(f"{name}-a1", 7, name, "nightly", "default", "N", 2, "python", parameters, True, timeout, 1500)

    def context(self, task: Task) -> Context:
        return Context(self.runs / task.allocation_id, 0, self.lease)

    async def run(self, task: Task) -> Outcome:
        self.executor.check(task)
        async with asyncio.timeout(30):
            return await self.executor.run(task, self.context(task))

    async def call(self, entry: str, *args: object, **more: object) -> Outcome:
        return await self.run(self.task(entry, *args, **more))  # type: ignore[arg-type]

    async def result(self, entry: str, *args: object, **more: object) -> Any:
        outcome = await self.call(entry, *args, **more)
        assert (outcome.status, outcome.exit_code, outcome.description) == (Status.COMPLETE, 0, "")
        return json.loads(outcome.result)

    def output(self) -> str:
        return read_output(self.runs, "j1-a1", offset=0, limit=0, ended=True).data.decode()


@pytest.fixture
async def python(tmp_path: Path) -> AsyncIterator[Python]:
    python = Python(tmp_path)
    yield python
    await python.executor.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 — other processes
            await asyncio.sleep(0.02)


def answer_of(interpreter: str, code: str) -> str | None:
    """What a Python prints; None when it fails."""
    asked = subprocess.run([interpreter, "-c", code], capture_output=True, cwd="/", text=True)
    return asked.stdout.strip() if asked.returncode == 0 else None


# ---- what a function is given, and what is kept of it


async def test_a_result_of_any_depth_is_kept_or_refused(python: Python) -> None:
    """The interpreter may write what its agent cannot read."""
    ends = {(await python.call("shop:nested", depth, name=f"j{depth}")).reason for depth in (900, 960, 980, 990, 5_000)}
    assert ends == {"", "executor_error"}


async def test_a_pipe_for_a_result_holds_up_nothing(python: Python) -> None:
    outcome = await python.call("shop:pipe")
    assert (outcome.status, outcome.reason) == (Status.FAILED, "executor_error")


async def test_of_a_long_error_the_beginning_is_told(python: Python) -> None:
    outcome = await python.call("shop:long", 3 << 20)
    assert (outcome.reason, outcome.description[:20], len(outcome.description)) == (
        "exit_nonzero",
        "ValueError: xxxxxxxx",
        4096,
    )


async def test_arguments_and_result_are_json_and_what_it_prints_is_the_output(python: Python) -> None:
    assert await python.result("shop:add", 1, kwargs={"c": 5}) == {"sum": 8}
    assert python.output() == "adding\n"


async def test_an_async_function_is_run_to_its_end(python: Python) -> None:
    assert await python.result("shop:later", "ü") == ["ü", None, 1.5]


async def test_a_function_may_belong_to_a_class_and_sees_no_arguments_of_the_runner(python: Python) -> None:
    assert await python.result("shop:Daily.run") == ["shop:Daily.run"]


async def test_a_function_that_returns_nothing_has_no_result(python: Python) -> None:
    outcome = await python.call("shop:nothing")
    assert (outcome.status, outcome.result) == (Status.COMPLETE, "")
    assert python.output() == "done\n"


async def test_the_environment_names_the_run(python: Python, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOR_OF_THE_AGENT", "x")
    assert await python.result("shop:about", env={"COLOR": "a b"}) == {
        "COLOR": "a b",
        "JOBPOOL_JOB_ID": "j1",
        "JOBPOOL_PLAN_ID": "nightly",
        "JOBPOOL_NAMESPACE": "default",
        "JOBPOOL_ATTEMPT": "2",
        "JOBPOOL_FENCE": "7",
        "JOBPOOL_SCHEDULED_TIME": "1970-01-01T00:00:01.500Z",
    }


async def test_by_default_the_agents_interpreter_runs_it_in_a_directory_of_its_own(python: Python) -> None:
    cwd, executable, _, path, _ = await python.result("shop:where", path=[str(python.code), "/nowhere"])
    assert cwd == str(python.runs / "j1-a1" / "work")
    assert (executable, path) == (sys.executable, [str(python.code), "/nowhere"])


async def test_a_virtual_environment_is_entered_and_needs_no_jobpool(python: Python, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    venv.create(place, symlinks=True, with_pip=False)
    _, executable, prefix, _, first = await python.result("shop:where", venv=str(place), cwd=str(tmp_path))
    assert (executable, prefix, first) == (str(place / "bin" / "python"), str(place), str(place / "bin"))
    assert (await python.result("shop:about", venv=str(place), name="j2"))["VIRTUAL_ENV"] == str(place)
    assert answer_of(str(place / "bin" / "python"), "import jobpool") is None


async def test_an_interpreter_is_taken_as_named(python: Python, tmp_path: Path) -> None:
    link = tmp_path / "mine"
    link.write_text(f'#!/bin/sh\nCHOSEN=1 exec {sys.executable} "$@"\n')
    link.chmod(0o755)
    (python.code / "chosen.py").write_text("import os\ndef told(): return os.environ['CHOSEN']\n")
    assert await python.result("chosen:told", interpreter=str(link)) == "1"


def test_the_runner_is_of_python_3_8_and_the_standard_library() -> None:
    tree = ast.parse(Path(python_runner.__file__).read_text(), feature_version=(3, 8))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names <= sys.stdlib_module_names


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13"])
async def test_other_pythons_that_are_here_run_it(python: Python, version: str) -> None:
    found = shutil.which(f"python{version}")
    interpreter = answer_of(found, "import sys; print(sys.executable)") if found else None
    if interpreter is None:
        pytest.skip(f"there is no Python {version} here")
    assert await python.result("shop:later", 1, interpreter=interpreter) == [1, None, 1.5]


# ---- failures


@pytest.mark.parametrize(
    ("entry", "args", "reason", "words"),
    [
        ("shop:fail", [], "exit_nonzero", "KeyError: 'no such\\nshop'"),
        ("shop:leave", [3], "exit_nonzero", "SystemExit: 3"),
        ("shop:leave", ["no stock"], "exit_nonzero", "SystemExit: no stock"),
        ("shop:vanish", [4], "exit_nonzero", "exit code 4 without a word of the function"),
        ("shop:vanish", [0], "executor_error", "exit code 0 before the function had returned"),
        ("shop:trip", [], "exit_nonzero", "exit code 7 after the function had returned"),
        ("shop:ad", [], "bad_parameters", "shop has no 'ad'; did you mean 'add'?"),
        ("shop:Daily.walk", [], "bad_parameters", "shop.Daily has no 'walk'"),
        ("shop:value", [], "bad_parameters", "shop:value is no function but a value of type int"),
        ("shop:add", [], "bad_parameters", "shop:add(a, b=2, *, c=0) does not take these args and kwargs: missing"),
        ("shap:add", [], "bad_parameters", "there is no module 'shap' for"),
        ("shop.sub:add", [], "bad_parameters", "there is no module 'shop.sub' for"),
        ("broken:add", [], "bad_parameters", "ModuleNotFoundError: No module named 'nowhere_to_be_found'; install"),
        ("shop:text", [RESULT_LIMIT - 1], "executor_error", f"has {RESULT_LIMIT + 1} bytes as JSON and at most"),
        ("shop:odd", ["set"], "executor_error", "not JSON (Object of type set is not JSON serializable); return"),
        ("shop:odd", ["nan"], "executor_error", "not JSON"),
        ("shop:odd", ["key"], "executor_error", "not JSON (keys must be"),
        ("shop:odd", ["surrogate"], "executor_error", "not JSON"),
        ("shop:odd", ["circle"], "executor_error", "not JSON (Circular"),
    ],
)  # fmt: skip
async def test_a_failure_says_what_happened_and_what_to_do(
    python: Python, entry: str, args: list[object], reason: str, words: str
) -> None:
    outcome = await python.call(entry, *args)
    assert (outcome.status, outcome.reason, outcome.result) == (Status.FAILED, reason, "")
    assert words in outcome.description


async def test_a_result_of_just_the_limit_is_kept(python: Python) -> None:
    assert await python.result("shop:text", RESULT_LIMIT - 2) == "x" * (RESULT_LIMIT - 2)


async def test_leaving_with_0_is_a_success(python: Python) -> None:
    outcome = await python.call("shop:leave", 0)
    assert (outcome.status, outcome.result, outcome.exit_code) == (Status.COMPLETE, "", 0)


async def test_the_traceback_is_in_the_output_from_the_users_code_on(python: Python) -> None:
    await python.call("shop:fail")
    lines = python.output().splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "shop.py" in lines[1]
    assert lines[-1] == "KeyError: 'no such\\nshop'"
    assert "python_runner" not in python.output()


async def test_an_import_that_fails_shows_where(python: Python) -> None:
    await python.call("broken:add")
    assert f'File "{python.code / "broken.py"}", line 1' in python.output()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"interpreter": "/nowhere/python"}, "interpreter: /nowhere/python is not on this node: install it"),
        ({"interpreter": "/etc/passwd"}, "interpreter: /etc/passwd is no program that this agent may run"),
        ({"venv": "/nowhere"}, "venv: /nowhere/bin/python is not on this node: make the environment there with"),
        ({"cwd": "/nowhere"}, "cannot change to the directory /nowhere"),
    ],
)
async def test_what_the_node_lacks_is_named(python: Python, more: dict[str, object], words: str) -> None:
    outcome = await python.call("shop:add", 1, **more)
    assert (outcome.status, outcome.reason) == (Status.FAILED, "bad_parameters")
    assert outcome.description.startswith(words)


async def test_what_is_no_python_is_no_success(python: Python) -> None:
    outcome = await python.call("shop:add", 1, interpreter=shutil.which("true"))
    assert (outcome.status, outcome.reason) == (Status.FAILED, "executor_error")


# ---- its end, and the agent's


async def test_the_deadline_ends_it(python: Python, tmp_path: Path) -> None:
    outcome = await python.call("shop:wait", str(tmp_path / "mark"), timeout=800)
    assert (outcome.status, outcome.reason) == (Status.EXPIRED, "timeout")


async def test_stop_cancels_it(python: Python, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    task = python.task("shop:wait", str(mark))
    running = asyncio.ensure_future(python.run(task))  # noqa: TID251
    await until(lambda: mark.exists() and mark.read_text().endswith("\n"))
    python.executor.stop(task, python.context(task))
    assert (await running).status is Status.CANCELLED
    await until(lambda: not Path(f"/proc/{mark.read_text().strip()}").exists())


@pytest.mark.invariant("H-7")
async def test_another_agent_takes_up_a_call_and_learns_its_result(python: Python, tmp_path: Path) -> None:
    mark, go = tmp_path / "mark", tmp_path / "go"
    task = python.task("shop:wait", str(mark), str(go))
    running = asyncio.ensure_future(python.run(task))  # noqa: TID251
    await until(mark.exists)
    running.cancel()
    async with asyncio.TaskGroup() as group:
        taken_up = group.create_task(PythonExecutor().recover(task, python.context(task)))
        go.touch()
    outcome = taken_up.result()
    assert outcome is not None
    assert (outcome.status, outcome.result) == (Status.COMPLETE, '"waited"')
    assert await PythonExecutor().recover(task, python.context(task)) == outcome
    assert len(mark.read_text().splitlines()) == 1


@pytest.mark.invariant("H-7")
async def test_a_call_that_never_got_to_its_shim_is_made_now_and_only_once(python: Python, tmp_path: Path) -> None:
    mark, go = tmp_path / "mark", tmp_path / "go"
    go.touch()
    task = python.task("shop:wait", str(mark), str(go))
    outcome = await PythonExecutor().recover(task, python.context(task))
    assert outcome is not None
    assert outcome.status is Status.COMPLETE
    assert await python.run(task) == outcome
    assert len(mark.read_text().splitlines()) == 1


async def test_what_a_run_is_called_with_is_for_the_agents_user_only(python: Python) -> None:
    await python.result("shop:add", 1)
    assert (python.runs / "j1-a1").stat().st_mode & 0o077 == 0
