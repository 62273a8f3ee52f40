"""What a command decides: changes of records, ends of runs, and an answer for the caller."""

from enum import Enum, auto
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.run import Run
from jobpool.ports import ClusterView
from jobpool.store.codec import Record
from jobpool.store.keyspace import RecordId, Table
from jobpool.store.records import Forgotten

R_co = TypeVar("R_co", covariant=True)


class Change(Struct, frozen=True, gc=False):
    """A record's new value; None = it is gone."""

    table: Table
    record: RecordId
    value: Record | None


class KeyRange(Struct, frozen=True):
    """Keys [first, last) of a table that nobody holds in memory, to be deleted."""

    first: str
    last: str


class Decided(Struct, Generic[R_co], frozen=True):
    """`ended` are runs that leave the live keys and join the commit's segment of history, `forgotten` leave history.

    `grows`: a client's wish that leaves more behind than it found, so that it is refused when the store is full.
    """

    result: R_co
    changes: tuple[Change, ...] = ()
    ended: tuple[Run, ...] = ()
    ranges: tuple[KeyRange, ...] = ()
    grows: bool = False
    forgotten: tuple[Forgotten, ...] = ()


class Command(Protocol[R_co]):
    """A frozen value that says what is wanted.

    `decide` is pure and raises a JobpoolError to refuse; a refusal leaves nothing behind. No command decides more than
    64 operations.
    """

    def decide(self, view: ClusterView, now: Millis) -> Decided[R_co]: ...


class Turn(Enum):
    """Whose turn a command is while more waits than one commit holds."""

    CARRY_ON = auto()
    """Carries work on, or was asked for by somebody who waits: first."""
    BEGIN = auto()
    """Begins work: gives way to what carries it on, and is never shut out by it."""
    END = auto()
    """Says what became of work: last while what begins work is a burst of less than three seconds, else first."""


def put_run(run: Run) -> Change:
    return Change(Table.RUN, (run.namespace, run.id), run)
