"""The executor `sqlite`: runs one SQL statement on a file of the agent's machine.

Parameters: `{"database": "/absolute/path.db", "sql": "delete from events where day < date('now', '-30 day')"}`. The
result of the run is the number of rows that were changed.
"""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from jobpool.agent.executor import Context
from jobpool.agent.task import Outcome, Status, Task
from jobpool.model.errors import InvalidArgument
from jobpool.model.reasons import Reason


class SqliteExecutor:
    """Not detached: the work lives in the agent's process, so a restarted agent cannot know how it ended."""

    name = "sqlite"
    detached = False
    calls_back = False

    def check(self, task: Task) -> None:
        """Called before `run`; what it raises ends the run as `failed`, reason `bad_parameters`."""
        _parameters(task)

    def run_at_once(self, task: Task) -> Outcome | None:
        return None  # every run waits for the disk

    async def run(self, task: Task, context: Context) -> Outcome:
        """The agent cancels this at the run's timeout and when the run is stopped."""
        database, sql = _parameters(task)
        try:
            changed = await asyncio.to_thread(_execute, database, sql)
        except sqlite3.Error as error:
            return Outcome(Status.FAILED, Reason.EXECUTOR_ERROR, str(error))
        return Outcome(Status.COMPLETE, result=str(changed))

    async def recover(self, task: Task, context: Context) -> Outcome | None:
        return None  # nobody knows: the run is tried again, unless its plan says at-most-once

    def stop(self, task: Task, context: Context) -> None:
        return None  # only for detached executors

    async def close(self) -> None:
        return None


def _parameters(task: Task) -> tuple[str, str]:
    """Raises InvalidArgument. That the text is a JSON object was checked by the server."""
    given = json.loads(task.parameters)
    for field in ("database", "sql"):
        if not isinstance(given.get(field), str) or not given[field]:
            raise InvalidArgument(f"parameters.{field}", "wanted a text")
    if not Path(given["database"]).is_absolute():
        raise InvalidArgument("parameters.database", "wanted an absolute path")
    return given["database"], given["sql"]


def _execute(database: str, sql: str) -> int:
    with closing(sqlite3.connect(database)) as connection, connection:
        return connection.execute(sql).rowcount
