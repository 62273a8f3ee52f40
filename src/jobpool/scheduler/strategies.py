"""How a node is chosen among those with room, by name.

A strategy looks at a few nodes, drawn by chance, not at all: evaluators that decide at once on the same state must not
all mean the same node, and a decision costs the same with ten nodes and with a thousand. Only when the draws find no
room does it walk on, from a random place and once around, until it has what it needs. So `binpack` and `spread` are
exact while there are no more nodes than they draw, and a tendency beyond.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from jobpool.model.errors import InvalidArgument
from jobpool.scheduler.view import Dice

DEFAULT_STRATEGY = "weighted-average"
DRAWS = 8
"""How many nodes `binpack` and `spread` look at."""


class Room(Struct, frozen=True, gc=False):
    """A node with room for one more; `load` counts what runs there, is placed there and is proposed.

    `own` is the part of it that belongs to the run's own plan; only `spread` is told.
    """

    node_id: str
    load: int
    capacity: int
    own: int = 0

    def lighter_than(self, other: "Room") -> bool:
        """Whether a smaller part of this node is in use; of equals, the one with more room."""
        mine, theirs = self.load * other.capacity, other.load * self.capacity
        return mine < theirs or (mine == theirs and self.capacity > other.capacity)

    def fuller_than(self, other: "Room") -> bool:
        """Whether a greater part of this node is in use; of equals, the one that will be full sooner."""
        return other.lighter_than(self)

    def rarer_than(self, other: "Room") -> bool:
        """Whether the plan has fewer runs on this node; of equals, the lighter one."""
        return self.own < other.own or (self.own == other.own and self.lighter_than(other))


Look = Callable[[str], Room | None]
"""A node's room; None when it has none, or cannot take the run."""
Strategy = Callable[[Sequence[str], Look, Dice], Room | None]
"""The choice among the nodes, of which there is at least one; None when not one of them has room."""


def weighted_average(nodes: Sequence[str], look: Look, dice: Dice) -> Room | None:
    """Of two nodes with room the one of which the smaller part is in use."""
    first, second = _draw_two(len(nodes), dice)
    one = look(nodes[first])
    other = look(nodes[second]) if second != first else None
    if one is None and other is None:
        found = _lap(nodes, look, dice)
        one, other = next(found, None), next(found, None)
    if one is None or (other is not None and other.lighter_than(one)):
        return other
    return one


def random_node(nodes: Sequence[str], look: Look, dice: Dice) -> Room | None:
    """Any node with room."""
    return next(_lap(nodes, look, dice), None)


def binpack(nodes: Sequence[str], look: Look, dice: Dice) -> Room | None:
    """Of a few nodes the one of which the greatest part is in use and that still has room: the others stay empty."""
    return _best_of_few(nodes, look, dice, better=Room.fuller_than)


def spread(nodes: Sequence[str], look: Look, dice: Dice) -> Room | None:
    """Of a few nodes the one with the fewest runs of the same plan; of those the one of which less is in use."""
    return _best_of_few(nodes, look, dice, better=Room.rarer_than)


STRATEGIES: dict[str, Strategy] = {
    DEFAULT_STRATEGY: weighted_average,
    "random": random_node,
    "binpack": binpack,
    "spread": spread,
}


def check_strategy(name: str) -> None:
    """Empty = the default. Raises InvalidArgument when no strategy has the name."""
    if name and name not in STRATEGIES:
        known = ", ".join(sorted(STRATEGIES))
        raise InvalidArgument("strategy", f"wanted one of {known}, found {name[:40]!r}")


def _draw_two(count: int, dice: Dice) -> tuple[int, int]:
    """Two different places, each pair as likely as any other; of one node, twice the same."""
    first = dice.below(count)
    if count == 1:
        return first, first
    second = dice.below(count - 1)
    return first, second + (second >= first)


def _best_of_few(nodes: Sequence[str], look: Look, dice: Dice, *, better: Callable[[Room, Room], bool]) -> Room | None:
    best: Room | None = None
    for at in _draw_few(len(nodes), dice):
        room = look(nodes[at])
        if room is not None and (best is None or better(room, best)):
            best = room
    return best or next(_lap(nodes, look, dice), None)


def _draw_few(count: int, dice: Dice) -> Iterable[int]:
    """Different places in a random order; every one when they are few."""
    if count > DRAWS:
        return {dice.below(count): None for _ in range(DRAWS)}
    start = dice.below(count)
    return ((start + step) % count for step in range(count))


def _lap(nodes: Sequence[str], look: Look, dice: Dice) -> Iterator[Room]:
    """The nodes with room, once around from a random place."""
    count = len(nodes)
    start = dice.below(count)
    for step in range(count):
        room = look(nodes[(start + step) % count])
        if room is not None:
            yield room
