"""What is said once in a while, and how often it was not."""

from jobpool.kit.effects.seldom import Seldom
from jobpool.testing.clock import FakeClock


async def test_once_in_a_span_and_counted_in_between() -> None:
    clock = FakeClock()
    seldom = Seldom(clock, span=1000)
    assert [seldom.times("a"), seldom.times("a"), seldom.times("b"), seldom.times("a")] == [1, 0, 1, 0]
    await clock.advance(1000)
    assert [seldom.times("a"), seldom.times("a"), seldom.times("b")] == [3, 0, 1]


def test_what_is_forgotten_is_said_again() -> None:
    seldom = Seldom(FakeClock(), span=1000)
    assert [seldom.allows("a"), seldom.allows("b"), seldom.allows("a")] == [True, True, False]
    seldom.forget("a")
    assert [seldom.allows("a"), seldom.allows("b")] == [True, False]
    seldom.forget_all()
    assert [seldom.allows("a"), seldom.allows("b")] == [True, True]


def test_the_oldest_of_many_keys_is_forgotten_first() -> None:
    seldom = Seldom(FakeClock(), span=1000)
    assert all(seldom.allows(str(key)) for key in range(1001))
    assert not seldom.allows("1000")
    assert not seldom.allows("1")
    assert seldom.allows("0")
