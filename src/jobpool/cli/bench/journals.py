"""What agents have started, and when, as their own synced journals have it: no server is asked."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from jobpool.kit.pure.durations import Millis

_JOURNAL = "journal.db"
_STARTS = (
    "SELECT plan_id, scheduled_time, started_at, allocation_id FROM allocations"
    " WHERE scheduled_time >= ? AND started_at IS NOT NULL"
)
Starts = Mapping[tuple[str, Millis], Mapping[str, Millis]]
"""Per plan and tick: when each of its attempts started, by allocation."""


def read_starts(directories: Sequence[Path], since: Millis) -> Starts:
    """The ticks due at `since` and later that any of the agents has started."""
    found: dict[tuple[str, Millis], dict[str, Millis]] = {}
    for directory in directories:
        with closing(sqlite3.connect(f"file:{directory / _JOURNAL}?mode=ro", uri=True)) as journal:
            for plan, due, started, allocation in journal.execute(_STARTS, (since,)):
                found.setdefault((plan, due), {})[allocation] = started
    return found
