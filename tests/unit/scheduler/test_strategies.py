"""The strategies one by one, with loaded dice."""

from collections import Counter
from collections.abc import Sequence

import pytest

from jobpool.kit.effects.dice import Dice
from jobpool.model.errors import InvalidArgument
from jobpool.scheduler.strategies import (
    DRAWS,
    STRATEGIES,
    Look,
    Room,
    Strategy,
    binpack,
    check_strategy,
    random_node,
    spread,
    weighted_average,
)


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
    for strategy in STRATEGIES.values():
        assert strategy(nodes, look, Dice(1)) is None


def test_one_node() -> None:
    nodes, look = looking_at(Room("a", 0, 1))
    assert weighted_average(nodes, look, LoadedDice(0)) == Room("a", 0, 1)
    assert random_node(nodes, look, LoadedDice(0)) == Room("a", 0, 1)


@pytest.mark.invariant("S-3")
def test_the_same_seed_chooses_the_same_and_others_spread() -> None:
    nodes, look = looking_at(*(Room(f"n{at:03}", 0, 256) for at in range(1000)))
    for strategy in STRATEGIES.values():
        chosen = [room.node_id for seed in range(16) if (room := strategy(nodes, look, Dice(seed))) is not None]
        again = [room.node_id for seed in range(16) if (room := strategy(nodes, look, Dice(seed))) is not None]
        assert chosen == again
        assert len(set(chosen)) >= 14


@pytest.mark.invariant("S-1")
def test_binpack_takes_the_fullest_that_has_room() -> None:
    nodes, look = looking_at(Room("a", 10, 100), Room("b", 2, 4), Room("c", 0, 1), Room("d", 4, 4))
    for start in range(4):
        assert binpack(nodes, look, LoadedDice(start)) == Room("b", 2, 4)


def test_binpack_prefers_of_equals_the_smaller() -> None:
    nodes, look = looking_at(Room("a", 0, 256), Room("b", 0, 1), Room("c", 0, 2))
    for start in range(3):
        assert binpack(nodes, look, LoadedDice(start)) == Room("b", 0, 1)


@pytest.mark.invariant("S-1")
def test_spread_takes_the_node_with_the_fewest_of_the_plan_then_the_lightest() -> None:
    nodes, look = looking_at(Room("a", 0, 9, 2), Room("b", 8, 9, 1), Room("c", 3, 9, 1), Room("d", 9, 9, 0))
    for start in range(4):
        assert spread(nodes, look, LoadedDice(start)) == Room("c", 3, 9, 1)


@pytest.mark.parametrize("strategy", [binpack, spread])
def test_of_many_nodes_a_few_are_looked_at(strategy: Strategy) -> None:
    seen: list[str] = []

    def look(node_id: str) -> Room | None:
        seen.append(node_id)
        return Room(node_id, 1, 2)

    assert strategy([f"n{at:04}" for at in range(1000)], look, Dice(5)) is not None
    assert len(seen) <= DRAWS


@pytest.mark.parametrize("strategy", [binpack, spread])
def test_the_only_room_among_many_is_found(strategy: Strategy) -> None:
    nodes, look = looking_at(*(Room(f"n{at:04}", 1 if at != 7 else 0, 1) for at in range(1000)))
    assert strategy(nodes, look, Dice(5)) == Room("n0007", 0, 1)


def loads_after(strategy: Strategy, runs: int, *, nodes: int, capacity: int) -> Counter[str]:
    """Runs of one plan, one after the other."""
    dice, loads = Dice(3), Counter({f"n{at:03}": 0 for at in range(nodes)})

    def look(node_id: str) -> Room | None:
        load = loads[node_id]
        return Room(node_id, load, capacity, load) if load < capacity else None

    for _ in range(runs):
        room = strategy(sorted(loads), look, dice)
        assert room is not None
        loads[room.node_id] += 1
    return loads


@pytest.mark.invariant("S-1")
def test_binpack_fills_and_spread_levels() -> None:
    few = loads_after(binpack, 45, nodes=8, capacity=10)
    assert sorted(few.values()) == [0, 0, 0, 5, 10, 10, 10, 10]
    assert set(loads_after(spread, 45, nodes=8, capacity=10).values()) == {5, 6}
    many = loads_after(binpack, 500, nodes=100, capacity=10)
    assert sum(load > 0 for load in many.values()) < 70  # of 100; 50 is the least
    assert sum(load > 0 for load in loads_after(weighted_average, 500, nodes=100, capacity=10).values()) == 100
    assert set(loads_after(spread, 500, nodes=100, capacity=10).values()) <= {4, 5, 6}


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
    for name in ("", "weighted-average", "random", "binpack", "spread"):
        check_strategy(name)
    with pytest.raises(
        InvalidArgument, match=r"^strategy: wanted one of binpack, random, spread, weighted-average, found 'best'$"
    ):
        check_strategy("best")
