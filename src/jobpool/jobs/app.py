"""An app: jobs of one or several modules that are deployed together, and what they have in common."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TypeVar, Unpack, overload

from jobpool.jobs.options import Fields, Options, check_names, plan_fields
from jobpool.jobs.registry import Function, Job, jobs_of, noted
from jobpool.jobs.values import plan_id
from jobpool.model.errors import InvalidArgument

F = TypeVar("F", bound=Function)

_OWN = ("id", "name", "description", "args", "kwargs", "schedule")
"""What only one job can say."""


class App:
    """`name` is the owner of its plans: deploying it again takes away those that are no longer in it.

    `defaults` hold for each of its jobs that does not say otherwise. Raises InvalidArgument.
    """

    def __init__(self, name: str, /, **defaults: Unpack[Options]) -> None:
        self.name = plan_id("name", name)
        check_names(defaults, [option for option in Options.__annotations__ if option not in _OWN])
        self.defaults = defaults
        plan_fields(defaults, id_=name)
        self._jobs: dict[str, Job] = {}

    @property
    def jobs(self) -> Mapping[str, Job]:
        """By entry, `module:function`, in the order in which they came."""
        return self._jobs

    @overload
    def job(self, function: F, /) -> F: ...
    @overload
    def job(self, function: None = None, /, **options: Unpack[Options]) -> Callable[[F], F]: ...
    def job(self, function: F | None = None, /, **options: Unpack[Options]) -> F | Callable[[F], F]:
        """As `jobpool.job`, for a job of this app, wherever it stands."""

        def decorate(decorated: F) -> F:
            self._add(noted(decorated, options, under=self.defaults))
            return decorated

        return decorate if function is None else decorate(function)

    def include(self, *modules: ModuleType) -> None:
        """Take in what these modules have under `@jobpool.job`. Raises InvalidArgument for one that has nothing."""
        for module in modules:
            found = jobs_of(module)
            if not found:
                raise InvalidArgument("modules", f"there is no @jobpool.job in {module.__name__}")
            for job in found.values():
                self._add(noted(job.function, job.options, under=self.defaults))

    def documents(self, over: Callable[[Job], Options] | None = None) -> list[Fields]:
        """The plans, as in a plan file, in the namespace `default` where none is named; `over` has the last word.

        Raises InvalidArgument when two have one id.
        """
        documents: dict[tuple[object, object], tuple[Job, Fields]] = {}
        for job in self._jobs.values():
            fields = job.fields(self.defaults, over(job) if over is not None else None)
            document = {"id": job.id, "namespace": "default", "name": job.id, **fields}
            key = (document["namespace"], job.id)
            if key in documents:
                raise InvalidArgument("id", f"{documents[key][0].entry} and {job.entry} are both {job.id!r}")
            documents[key] = (job, document)
        return [document for _, document in documents.values()]

    def _add(self, job: Job) -> None:
        self._jobs[job.entry] = job
