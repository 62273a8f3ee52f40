"""A decorated function, and the module's own list of them."""

import inspect
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import TypeAlias

from msgspec import Struct

from jobpool.jobs.options import Fields, Options, check_parameters, merged, plan_fields
from jobpool.jobs.values import plan_id
from jobpool.model.errors import InvalidArgument

Function: TypeAlias = Callable[..., object]

_NOTED = "__jobpool_jobs__"
"""The name in a module under which its jobs are noted."""


class Job(Struct, frozen=True):
    """A function at the top of `module`, and what was said of it."""

    function: Function
    module: str
    name: str
    options: Options

    @property
    def id(self) -> str:
        """Of its plan: the function's name when none was given."""
        return self.options.get("id", self.name)

    @property
    def entry(self) -> str:
        """What the `python` executor calls."""
        return f"{self.module}:{self.name}"

    def fields(self, under: Options, over: Options | None = None) -> Fields:
        """Its plan's, with `under` for what it leaves open and `over` instead of what it says.

        Without status, so that a plan that an operator has taken offline stays so. Raises InvalidArgument.
        """
        said = merged(merged(under, self.options), over or Options())
        told = inspect.getdoc(self.function) or ""
        fields = {
            "id": plan_id("id", self.id),
            "executor": "python",
            "description": told.split("\n\n")[0].replace("\n", " "),
        }
        own = plan_fields(said, id_=self.id)
        given = own.pop("parameters", {})
        assert isinstance(given, dict)
        parameters: Fields = {"entry": self.entry, **given}
        check_parameters(parameters)
        return {**fields, **own, "parameters": parameters}


def noted(function: Function, options: Options, *, under: Options) -> Job:
    """The job that is `function`, when an agent could call it by its module and name and with these arguments.

    Raises InvalidArgument.
    """
    if not isinstance(function, FunctionType):
        raise InvalidArgument(
            "function", f"wanted a function, found {function!r}; write @jobpool.job next to the function itself"
        )
    name = function.__qualname__
    if not name.isidentifier():
        raise InvalidArgument("function", f"{name} is not at the top of its module: an agent could not find it there")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidArgument("function", f"{name} yields; a run has one result, which is returned")
    found = Job(function, function.__module__, name, options)
    found.fields(under)
    _check_call(function, options)
    return found


def _check_call(function: FunctionType, options: Options) -> None:
    args, kwargs = options.get("args", ()), options.get("kwargs", {})
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidArgument(
            "kwargs" if kwargs or not args else "args", f"{function.__name__}() cannot be called so: {error}"
        ) from error


def note(found: Job) -> None:
    """Write it into its module's list; a function that is defined again takes its place."""
    assert isinstance(found.function, FunctionType)
    jobs: dict[str, Job] = found.function.__globals__.setdefault(_NOTED, {})
    jobs[found.name] = found


def jobs_of(module: ModuleType) -> Mapping[str, Job]:
    """The module's jobs by function name, in the order in which they stand there."""
    jobs: Mapping[str, Job] = vars(module).get(_NOTED, {})
    return jobs
