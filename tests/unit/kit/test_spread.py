"""How values are spread: quantiles beside those of the values themselves."""

from hypothesis import given
from hypothesis import strategies as st

from jobpool.kit.pure.spread import Spread

VALUES = st.lists(st.integers(0, 10**9), min_size=1, max_size=200)


def spread_of(values: list[int]) -> Spread:
    spread = Spread()
    for value in values:
        spread.add(value)
    return spread


def test_nothing_has_no_spread() -> None:
    assert (Spread().count, Spread().longest, Spread().quantile(0.99)) == (0, 0, 0)


@given(VALUES, st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_never_too_low_and_a_sixteenth_too_high_at_most(values: list[int], part: float) -> None:
    told = spread_of(values).quantile(part)
    within = sum(value <= told for value in values)
    assert within >= part * len(values)
    true = min(value for value in values if sum(one <= value for one in values) >= part * len(values))
    assert true <= told <= true + true / 16


@given(VALUES, VALUES)
def test_two_spreads_are_that_of_all_their_values(some: list[int], others: list[int]) -> None:
    whole, both = spread_of([*some, *others]), Spread.of([spread_of(some), spread_of(others)])
    assert (both.count, both.longest) == (whole.count, whole.longest)
    assert [both.quantile(part / 10) for part in range(11)] == [whole.quantile(part / 10) for part in range(11)]
