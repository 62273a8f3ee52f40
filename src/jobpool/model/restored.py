"""How a store came to be that was restored from a snapshot."""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis


class Restored(Struct, frozen=True, array_like=True):
    """Restored `at` this time from a snapshot that was `taken_at` that time, of commit (`incarnation`, `term`, `n`).

    `until`: what the snapshot left to decide and was due by then is not fired. None until somebody has led.
    """

    at: Millis
    taken_at: Millis
    incarnation: int
    term: int
    n: int
    until: Millis | None = None
