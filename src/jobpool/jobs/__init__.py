"""Python functions as plans: the decorator, what it keeps, and the plan documents that come of it.

    @jobpool.job(schedule="0 2 * * *", tz="Europe/Berlin")
    def nightly(day: str = "yesterday") -> None: ...

Admits what can be said of a function without a server. Decorating does no work: it checks what was written and notes
it in the function's module; `jobpool deploy` (in `cli`) reads that and talks to the servers.
"""

from jobpool.jobs.app import App
from jobpool.jobs.decorator import job
from jobpool.jobs.registry import Job, jobs_of

__all__ = ["App", "Job", "job", "jobs_of"]
