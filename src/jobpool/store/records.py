"""Records that exist only in the store: segments of history."""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.run import Run


class Forgotten(Struct, frozen=True, array_like=True):
    """What is no part of history any more: a run, or its evaluation (`part` "e") or allocation ("a") of that number."""

    job_id: str
    part: str = ""
    number: int = 0


class Segment(Struct, frozen=True, array_like=True):
    """The runs that ended in one commit, in the order they ended; `at` is the commit's time.

    `forgotten` are of earlier segments, which stay as they are: whoever reads them in order leaves it out from here on.
    """

    at: Millis
    runs: tuple[Run, ...]
    forgotten: tuple[Forgotten, ...] = ()
