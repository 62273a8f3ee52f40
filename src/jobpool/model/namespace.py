"""A namespace: a share of parallelism with its own limit."""

from enum import StrEnum

from msgspec import Struct

from jobpool.kit.pure.durations import Millis


class WhenFull(StrEnum):
    """What a tick does when its namespace has no free slot."""

    FAIL = "fail"
    WAIT = "wait"


class Namespace(Struct, frozen=True, array_like=True):
    """`job_parallelism_limit` 0 = the server's default. `default_time_zone` empty = the server's default."""

    name: str
    created_at: Millis
    job_parallelism_limit: int = 0
    when_full: WhenFull = WhenFull.FAIL
    default_time_zone: str = ""
    description: str = ""
