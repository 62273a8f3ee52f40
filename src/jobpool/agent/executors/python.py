"""`python`: calls a function in a process of a chosen interpreter, under a shim that outlives the agent.

The runner that the interpreter is given needs the standard library only: the environment may not have jobpool.
"""

import json
import os
import stat
import sys
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec.structs import replace

from jobpool.agent.executor import Context
from jobpool.agent.executors.python_runner import CALL, RESULT
from jobpool.agent.shim import Command, Copy, Shims, data_of, inherited
from jobpool.agent.task import RESULT_LIMIT, Outcome, Status, Task
from jobpool.model.parameters import PythonParameters, python_parameters
from jobpool.model.reasons import Reason

_RECORD_LIMIT = 1 << 20
_FAILURES = {"entry": Reason.BAD_PARAMETERS, "raised": Reason.EXIT_NONZERO, "result": Reason.EXECUTOR_ERROR}


class _Record(msgspec.Struct, frozen=True):
    """What the runner leaves: either a result (empty: the function returned None) or a failure and its text."""

    result: msgspec.Raw = msgspec.Raw(b"")
    failure: str = ""
    text: str = ""


class PythonExecutor:
    """Linux only, as shims are."""

    name = "python"
    detached = True
    calls_back = False

    def __init__(self) -> None:
        self._shims = Shims()
        runner = files("jobpool.agent.executors") / "python_runner.py"
        self._runner = Copy("python_runner.py", runner.read_text(encoding="utf-8"))

    def check(self, task: Task) -> None:
        python_parameters(task.parameters)

    def run_at_once(self, task: Task) -> Outcome | None:
        return None

    async def run(self, task: Task, context: Context) -> Outcome:
        call = _Call(python_parameters(task.parameters), context, self._runner)
        return _told(await self._shims.run(task, call.command(), context, prepare=call.prepare), context)

    async def recover(self, task: Task, context: Context) -> Outcome | None:
        call = _Call(python_parameters(task.parameters), context, self._runner)
        return _told(await self._shims.recover(task, call.command(), context, prepare=call.prepare), context)

    def stop(self, task: Task, context: Context) -> None:
        self._shims.stop(task, context)

    async def close(self) -> None:
        return None


class _Call(msgspec.Struct, frozen=True):
    parameters: PythonParameters
    context: Context
    runner: Copy

    def command(self) -> Command:
        runner = self.runner.path(data_of(self.context))
        return Command(
            words=(self._interpreter, "-u", str(runner.absolute()), str(self.context.directory.absolute())),
            env=self._environment,
            cwd=self.parameters.cwd,
            kill_after=self.parameters.kill_after,
            output_limit=self.parameters.output_limit,
        )

    def prepare(self) -> Outcome | None:
        """Leave the runner what it needs. Raises OSError."""
        missing = self._missing()
        if missing:
            return Outcome(Status.FAILED, Reason.BAD_PARAMETERS, missing)
        self.runner.put(data_of(self.context))
        parameters, directory = self.parameters, self.context.directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        call = {
            "entry": parameters.entry,
            "args": parameters.args,
            "kwargs": parameters.kwargs,
            "path": parameters.path,
            "limit": RESULT_LIMIT,
        }
        (directory / CALL).write_text(json.dumps(call))
        return None

    @property
    def _interpreter(self) -> str:
        if self.parameters.venv:
            return str(Path(self.parameters.venv, "bin", "python"))
        return self.parameters.interpreter or sys.executable

    @property
    def _environment(self) -> dict[str, str]:
        """A virtual environment is entered as by its `activate`."""
        venv = self.parameters.venv
        if not venv:
            return dict(self.parameters.env)
        path = f"{venv}/bin:{inherited().get('PATH', os.defpath)}"
        return {"VIRTUAL_ENV": venv, "PATH": path, **self.parameters.env}

    def _missing(self) -> str:
        """What this machine lacks, and what to do; empty when all is there."""
        interpreter = self._interpreter
        if os.path.isfile(interpreter) and os.access(interpreter, os.X_OK):
            return ""
        found = "is no program that this agent may run" if os.path.exists(interpreter) else "is not on this node"
        if self.parameters.venv:
            return (
                f"venv: {interpreter} {found}: make the environment there with python3 -m venv {self.parameters.venv}"
            )
        return f"interpreter: {interpreter} {found}: install it there, or name another in the plan"


def _told(outcome: Outcome, context: Context) -> Outcome:
    """The outcome with what the runner says of it."""
    if outcome.status is Status.COMPLETE:
        record = _record(context.directory)
        if record is None or record.failure:
            text = record.text if record else "the process ended with exit code 0 before the function had returned"
            return replace(outcome, status=Status.FAILED, reason=Reason.EXECUTOR_ERROR, description=text)
        return replace(outcome, result=bytes(record.result).decode(errors="replace"))
    if outcome.reason != Reason.EXIT_NONZERO:
        return outcome
    record = _record(context.directory)
    if record is None:
        text = f"{outcome.description} without a word of the function (Python 3.8 or newer is wanted); see the output"
        return replace(outcome, description=text)
    if record.failure not in _FAILURES:
        return replace(outcome, description=f"{outcome.description} after the function had returned")
    return replace(outcome, reason=_FAILURES[record.failure], description=record.text)


def _record(directory: Path) -> _Record | None:
    """None when the runner left none."""
    try:
        return msgspec.json.decode(_kept(directory / RESULT), type=_Record)
    except (OSError, msgspec.MsgspecError):
        return None
    except RecursionError:
        return _Record(failure="result", text="the result is nested too deeply; return a flatter one, or a text")


def _kept(path: Path) -> bytes:
    """Raises OSError. Whatever a function has put in its place, nobody waits for it."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no file")
        return file.read(_RECORD_LIMIT)
