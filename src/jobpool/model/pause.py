"""That an operator has paused the placing of runs."""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis


class Pause(Struct, frozen=True, array_like=True):
    """Since then evaluations wait. `by` and `note` are the operator's own words."""

    since: Millis
    by: str
    note: str = ""
