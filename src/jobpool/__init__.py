"""jobpool: a highly available job scheduling engine.

Read `docs/architecture.md` for the picture and the six files to start with.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["App", "__version__", "job"]

if TYPE_CHECKING:
    from jobpool.jobs import App, job
else:

    def __getattr__(name: str) -> object:
        """The decorator and the app are imported when they are first asked for: commands start without them."""
        if name not in ("App", "job"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from jobpool import jobs

        return getattr(jobs, name)
