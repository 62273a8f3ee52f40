"""The seam between the agent and what does the work; plug-ins implement `Executor`."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from jobpool.agent.lease import Lease
from jobpool.agent.task import Outcome, Task
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument

GROUP = "jobpool.executors"

# As pyproject.toml lists them, so that a source tree that is not installed has them too.
BUILT_IN = tuple(
    EntryPoint(name, f"jobpool.agent.executors.{name}:{name.capitalize()}Executor", GROUP)
    for name in ("noop", "python", "rest", "shell")
)


class Context(Struct, frozen=True):
    """What a run is given besides its task. `directory` is the run's own; it may not exist yet.

    `lease` is the agent's: what outlives the agent ends when it is not renewed any more.
    """

    directory: Path
    started_at: Millis
    lease: Lease


class Executor(Protocol):
    """Does the work of one kind of task. One instance serves all runs of an agent.

    `detached` says whose the work is. Not detached: it lives in the agent; the agent cancels the task that awaits
    `run` at its deadline, when the run is stopped and when the agent ends. Detached: it outlives the agent, enforces
    its deadline and the agent's lease itself, and ends by `stop`; a cancelled `run` only stops watching.

    `calls_back`: it can tell a callee that a tick was skipped or found no slot (a task with a `desired_status`).
    """

    name: str
    detached: bool
    calls_back: bool

    def check(self, task: Task) -> None:
        """Raise InvalidArgument when the task cannot be run as it stands."""
        ...

    def run_at_once(self, task: Task) -> Outcome | None:
        """The outcome when the task needs no waiting, so that it costs no asyncio task; else None."""
        ...

    async def run(self, task: Task, context: Context) -> Outcome:
        """Do the work. Whatever it raises fails the run with reason `executor_error`."""
        ...

    async def recover(self, task: Task, context: Context) -> Outcome | None:
        """After a restart, for a detached executor: how the run ended, once it has; None = nobody knows."""
        ...

    def stop(self, task: Task, context: Context) -> None:
        """Make a detached run end soon, also one whose `run` is still preparing; `run` returns its outcome."""
        ...

    async def close(self) -> None:
        """The agent ends; leave detached work alone."""
        ...


class Registry:
    """The executors that this agent offers, by name. Raises InvalidArgument for a name that is not installed."""

    def __init__(self, names: Sequence[str]) -> None:
        known = {point.name: point for point in (*BUILT_IN, *entry_points(group=GROUP))}
        self._executors: dict[str, Executor] = {}
        for name in names:
            if name not in known:
                found = ", ".join(sorted(known)) or "none"
                raise InvalidArgument("executors", f"there is no executor {name!r}; installed are: {found}")
            self._load(known[name])

    def __getitem__(self, name: str) -> Executor:
        return self._executors[name]

    def __contains__(self, name: object) -> bool:
        return name in self._executors

    @property
    def names(self) -> list[str]:
        return sorted(self._executors)

    def add(self, executor: Executor) -> None:
        self._executors[executor.name] = executor

    async def close(self) -> None:
        for executor in self._executors.values():
            await executor.close()

    def _load(self, point: EntryPoint) -> None:
        """One broken plug-in does not keep the others from working."""
        try:
            self._executors[point.name] = point.load()()
        except Exception as error:  # noqa: BLE001 — code of others; reported by name
            get_logger("executors").error(
                "an executor cannot be loaded; the agent goes on without it",
                event_name="executor_broken",
                executor=point.name,
                source=point.value,
                error=repr(error),
            )
