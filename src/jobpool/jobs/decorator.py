"""`@jobpool.job`: says when a function runs, and leaves the function as it is."""

from collections.abc import Callable
from typing import TypeVar, Unpack, overload

from jobpool.jobs.options import Options
from jobpool.jobs.registry import Function, note, noted

F = TypeVar("F", bound=Function)


@overload
def job(function: F, /) -> F: ...
@overload
def job(function: None = None, /, **options: Unpack[Options]) -> Callable[[F], F]: ...
def job(function: F | None = None, /, **options: Unpack[Options]) -> F | Callable[[F], F]:
    """Make a function at the top of a module a job, to be deployed with the module by `jobpool deploy`.

    It stays as it was and can be called directly; it may be `async`. What it returns is the run's result, as JSON.
    Without `schedule` it runs only by hand. Raises InvalidArgument, naming the option, for what no plan could hold.
    """

    def decorate(decorated: F) -> F:
        note(noted(decorated, options, under=Options()))
        return decorated

    return decorate if function is None else decorate(function)
