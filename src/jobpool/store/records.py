"""Records that exist only in the store: segments of history and idempotency marks."""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.run import Run


class Segment(Struct, frozen=True, array_like=True):
    """The runs that ended in one commit, in the order they ended; `at` is the commit's time."""

    at: Millis
    runs: tuple[Run, ...]


class IdempotencyMark(Struct, frozen=True, array_like=True):
    """A key that was used: the run it stands for, and until when it is remembered."""

    job_id: str
    until: Millis
