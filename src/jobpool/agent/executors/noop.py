"""`noop`: does nothing, or waits, or fails on demand; for tries, tests and benchmarks."""

import asyncio

from jobpool.agent.executor import Context
from jobpool.agent.task import Outcome, Status, Task
from jobpool.model.parameters import NoopParameters, noop_parameters

_DONE = Outcome(Status.COMPLETE)


class NoopExecutor:
    """Without `sleep` a run ends in the moment it starts."""

    name = "noop"
    detached = False
    calls_back = False

    def check(self, task: Task) -> None:
        noop_parameters(task.parameters)

    def run_at_once(self, task: Task) -> Outcome | None:
        if task.parameters in ("", "{}"):
            return _DONE
        parameters = noop_parameters(task.parameters)
        return None if parameters.sleep else _outcome(parameters)

    async def run(self, task: Task, context: Context) -> Outcome:
        parameters = noop_parameters(task.parameters)
        await asyncio.sleep(parameters.sleep / 1000)
        return _outcome(parameters)

    async def recover(self, task: Task, context: Context) -> Outcome | None:
        return None

    def stop(self, task: Task, context: Context) -> None:
        return None

    async def close(self) -> None:
        return None


def _outcome(parameters: NoopParameters) -> Outcome:
    if parameters.fail is False:
        return Outcome(Status.COMPLETE, result=parameters.result)
    reason = parameters.fail if isinstance(parameters.fail, str) else "executor_error"
    return Outcome(Status.FAILED, reason, "the parameters ask to fail", result=parameters.result)
