"""What the scheduler can say of a run: this node, none yet, or nothing to do."""

from typing import TypeAlias

from msgspec import Struct

from jobpool.model.reasons import Reason


class Place(Struct, frozen=True, gc=False):
    """The run should go to this node."""

    node_id: str


class Wait(Struct, frozen=True, gc=False):
    """No node can take the run now. Of `examined` nodes, `filtered` could not take it at all and `full` had no room."""

    reason: Reason
    examined: int
    filtered: int
    full: int


class Nothing(Struct, frozen=True, gc=False):
    """The run ended, is cancelled, or has its node already."""


Decision: TypeAlias = Place | Wait | Nothing

NOTHING = Nothing()
