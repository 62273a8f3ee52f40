"""`shell`: runs a command, under a shim that outlives the agent."""

from jobpool.agent.executor import Context
from jobpool.agent.shim import Command, Shims
from jobpool.agent.task import Outcome, Task
from jobpool.model.parameters import shell_parameters


class ShellExecutor:
    """Linux only, as shims are."""

    name = "shell"
    detached = True
    calls_back = False

    def __init__(self) -> None:
        self._shims = Shims()

    def check(self, task: Task) -> None:
        shell_parameters(task.parameters)

    def run_at_once(self, task: Task) -> Outcome | None:
        return None

    async def run(self, task: Task, context: Context) -> Outcome:
        return await self._shims.run(task, _command(task), context)

    async def recover(self, task: Task, context: Context) -> Outcome | None:
        return await self._shims.recover(task, _command(task), context)

    def stop(self, task: Task, context: Context) -> None:
        self._shims.stop(task, context)

    async def close(self) -> None:
        return None


def _command(task: Task) -> Command:
    parameters = shell_parameters(task.parameters)
    return Command(
        words=parameters.command,
        env=parameters.env,
        cwd=parameters.cwd,
        kill_after=parameters.kill_after,
        output_limit=parameters.output_limit,
    )
