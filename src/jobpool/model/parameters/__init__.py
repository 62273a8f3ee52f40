"""What the built-in executors take: the JSON of a plan's `parameters`, read the same way by server and agent.

The server checks before it stores; the agent decodes with the same code, so what was accepted can be run. An executor
that is not built in checks its own parameters on the agent; here it only has to be a JSON object.
"""

from collections.abc import Callable
from typing import TypeAlias

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument
from jobpool.model.parameters.noop import NoopParameters, noop_parameters
from jobpool.model.parameters.python import PythonParameters, python_parameters
from jobpool.model.parameters.reading import json_object
from jobpool.model.parameters.rest import BODILESS, RestParameters, is_portable, rest_parameters
from jobpool.model.parameters.shell import ShellParameters, shell_parameters
from jobpool.model.parameters.template import filled

__all__ = [
    "BODILESS",
    "NoopParameters",
    "PythonParameters",
    "RestParameters",
    "ShellParameters",
    "check_parameters",
    "filled",
    "is_portable",
    "noop_parameters",
    "python_parameters",
    "rest_parameters",
    "shell_parameters",
    "stopping_time",
]

_Stopped: TypeAlias = Callable[[str], ShellParameters | PythonParameters]

_READERS: dict[str, Callable[[str], object]] = {
    "rest": rest_parameters,
    "shell": shell_parameters,
    "python": python_parameters,
    "noop": noop_parameters,
}
_PROCESSES: dict[str, _Stopped] = {"shell": shell_parameters, "python": python_parameters}


def check_parameters(executor: str, parameters: str) -> None:
    """Raise InvalidArgument, naming the field as `parameters.<field>`, when the executor could not run with this."""
    check = _READERS.get(executor)
    if check is not None:
        check(parameters)
    elif parameters:
        json_object(parameters)


def stopping_time(executor: str, parameters: str) -> Millis:
    """How long what an agent runs may go on once it is asked to stop."""
    reader = _PROCESSES.get(executor)
    if reader is None:
        return 0
    try:
        return reader(parameters).kill_after
    except InvalidArgument:
        return 0  # no agent can run it either
