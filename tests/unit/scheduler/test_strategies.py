"""The strategies one by one, with loaded dice."""

from collections import Counter
from collections.abc import Sequence

import pytest

from jobpool.kit.effects.dice import Dice
from jobpool.model.errors import InvalidArgument
from jobpool.scheduler.strategies import Look, Room, check_strategy, random_node, weighted_average


class LoadedDice:
    """Throws what it is told; in range, or the test is wrong."""

    def __init__(self, *throws: int) -> None:
        self._throws = list(throws)

    def below(self, limit: int) -> int:
        throw = self._throws.pop(0)
        assert 0 <= throw < limit
        return throw


def looking_at(*rooms: Room) -> tuple[Sequence[str], Look]:
    by_name = {room.node_id: room for room in rooms}

    def look(node_id: str) -> Room | None:
        room = by_name[node_id]
        return room if room.load < room.capacity else None

    return sorted(by_name), look


def test_the_node_of_which_less_is_in_use() -> None:
    nodes, look = looking_at(Room("a", 10, 100), Room("b", 2, 4), Room("c", 0, 1))
    assert weighted_average(nodes, look, LoadedDice(0, 0)) == Room("a", 10, 100)
    assert weighted_average(nodes, look, LoadedDice(1, 0)) == Room("a", 10, 100)
    assert weighted_average(nodes, look, LoadedDice(1, 1)) == Room("c", 0, 1)


def test_of_equals_the_one_with_more_room() -> None:
    nodes, look = looking_at(Room("a", 0, 1), Room("b", 0, 256))
    assert weighted_average(nodes, look, LoadedDice(0, 0)) == Room("b", 0, 256)
    assert weighted_average(nodes, look, LoadedDice(1, 0)) == Room("b", 0, 256)


def test_a_full_candidate_leaves_it_to_the_other() -> None:
    nodes, look = looking_at(Room("a", 1, 1), Room("b", 3, 4), Room("c", 0, 4))
    assert weighted_average(nodes, look, LoadedDice(0, 0)) == Room("b", 3, 4)


def test_two_full_candidates_send_it_around() -> None:
    nodes, look = looking_at(Room("a", 1, 1), Room("b", 1, 1), Room("c", 3, 4), Room("d", 1, 4), Room("e", 0, 4))
    assert weighted_average(nodes, look, LoadedDice(0, 0, 1)) == Room("d", 1, 4)
    assert weighted_average(nodes, look, LoadedDice(0, 0, 4)) == Room("e", 0, 4)


def test_no_room_is_none() -> None:
    nodes, look = looking_at(Room("a", 1, 1), Room("b", 1, 1))
    assert weighted_average(nodes, look, Dice(1)) is None
    assert random_node(nodes, look, Dice(1)) is None


def test_one_node() -> None:
    nodes, look = looking_at(Room("a", 0, 1))
    assert weighted_average(nodes, look, LoadedDice(0)) == Room("a", 0, 1)
    assert random_node(nodes, look, LoadedDice(0)) == Room("a", 0, 1)


@pytest.mark.invariant("S-3")
def test_the_same_seed_chooses_the_same_and_others_spread() -> None:
    nodes, look = looking_at(*(Room(f"n{at:03}", 0, 256) for at in range(1000)))
    for strategy in (weighted_average, random_node):
        chosen = [room.node_id for seed in range(16) if (room := strategy(nodes, look, Dice(seed))) is not None]
        again = [room.node_id for seed in range(16) if (room := strategy(nodes, look, Dice(seed))) is not None]
        assert chosen == again
        assert len(set(chosen)) >= 14


def test_two_choices_keep_the_loads_level() -> None:
    dice, loads = Dice(3), Counter[str]()
    nodes = [f"n{at}" for at in range(50)]

    def look(node_id: str) -> Room | None:
        return Room(node_id, loads[node_id], 256)

    for _ in range(5000):
        room = weighted_average(nodes, look, dice)
        assert room is not None
        loads[room.node_id] += 1
    assert max(loads.values()) - min(loads.values()) < 20


def test_names() -> None:
    for name in ("", "weighted-average", "random"):
        check_strategy(name)
    with pytest.raises(InvalidArgument, match=r"^strategy: wanted one of random, weighted-average, found 'best'$"):
        check_strategy("best")
