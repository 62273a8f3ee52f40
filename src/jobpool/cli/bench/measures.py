"""What a row of the bench says, and how much of everything it is measured with."""

from collections.abc import Sequence

from msgspec import Struct


class Row(Struct, frozen=True):
    """One figure. `floor` and `goal` as texts with their unit; `detail` is what else was seen, `samples` each one.

    `trouble`: what was promised and not kept, such as a run that was lost.
    """

    name: str
    value: float
    unit: str
    floor: str
    goal: str
    detail: str = ""
    samples: tuple[float, ...] = ()
    trouble: str = ""


class Scale(Struct, frozen=True):
    """How much of everything. `rate`: runs due each second."""

    seconds: int
    rate: int
    due_at_once: int
    registered: int
    finished: int
    decisions: int


FULL = Scale(seconds=20, rate=6000, due_at_once=10_000, registered=100_000, finished=1_000_000, decisions=200_000)
CLUSTER = Scale(seconds=20, rate=2500, due_at_once=10_000, registered=100_000, finished=1_000_000, decisions=200_000)
QUICK = Scale(seconds=4, rate=500, due_at_once=500, registered=2000, finished=10_000, decisions=10_000)


def part(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of them is: 0.99 for p99."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
