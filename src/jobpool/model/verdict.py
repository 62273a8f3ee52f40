"""What an evaluator says of an evaluation, and what the leader made of it."""

from enum import StrEnum

from msgspec import Struct


class VerdictKind(StrEnum):
    PLACE = "place"
    NO_NODE = "no-node"
    NOTHING = "nothing"
    """There is nothing left to do for the run."""
    GIVE_BACK = "give-back"
    """The evaluator could not deal with it; somebody else shall, after a while."""
    UNTOUCHED = "untouched"
    """The evaluator's server is behind, so it was not looked at; somebody else shall, at once."""
    ABANDONED = "abandoned"
    """The evaluator is gone with it; said by the leader in its place."""


class Verdict(Struct, frozen=True, gc=False):
    """`n` is the newest commit the evaluator had seen. `token` names the delivery.

    `executor` of a run that no node can take names the kind of room that it waits for (`scheduler.room_kind`).
    """

    job_id: str
    number: int
    token: str
    kind: VerdictKind
    n: int
    node_id: str = ""
    executor: str = ""
    description: str = ""


class Settled(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    """The placement does not hold any more: the evaluation is still in the evaluator's hands, to be decided anew."""
    LOST = "lost"
    """The delivery's token is not in force any more: somebody else has the evaluation."""
