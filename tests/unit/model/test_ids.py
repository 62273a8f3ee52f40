"""Ids: made from what they name, split back into it, and refused where they are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobpool.kit.pure.durations import format_duration, parse_duration
from jobpool.kit.pure.ids import ulid, ulid_time
from jobpool.model.run import allocation_id, evaluation_id, split_id, tick_job_id

TICKS = st.integers(0, (1 << 48) - 1)


@given(st.text("ABCxyz019._-", min_size=1, max_size=40), st.integers(1, 999_999))
def test_evaluations_and_allocations_split_into_what_they_were_joined_from(job_id: str, number: int) -> None:
    assert split_id(evaluation_id(job_id, number)) == (job_id, "e", number)
    assert split_id(allocation_id(job_id, number)) == (job_id, "a", number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "r1",
        "r1-",
        "r1-a",
        "r1-x1",
        "r1-a0",
        "r1-a01",
        "r1-a-1",
        "r1-a1 ",
        "r1-a1x",
        "r1-e12345678",
        "r1-a¹",
        "r1-a٣",
    ],
)
def test_what_is_neither_is_refused(text: str) -> None:
    assert split_id(text) is None


@given(TICKS, st.integers(0, (1 << 80) - 1))
def test_a_ulid_holds_its_time_and_sorts_by_it(at: int, bits: int) -> None:
    text = ulid(at, bits)
    assert len(text) == 26
    assert ulid_time(text) == at
    if at:
        assert ulid(at - 1, (1 << 80) - 1) < text


@pytest.mark.parametrize(("at", "bits"), [(-1, 0), (1 << 48, 0), (0, -1), (0, 1 << 80)])
def test_a_ulid_refuses_what_does_not_fit(at: int, bits: int) -> None:
    with pytest.raises(ValueError, match="ULID"):
        ulid(at, bits)


@pytest.mark.invariant("C-3")
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["p", "p1"]), st.integers(1, 12), TICKS), unique=True))
def test_ticks_of_different_plans_incarnations_or_instants_have_different_runs(
    named: list[tuple[str, str, int, int]],
) -> None:
    ids = [tick_job_id(*each) for each in named]
    assert len(set(ids)) == len(named)
    assert ids == [tick_job_id(*each) for each in named]


def test_where_one_part_of_a_name_ends_and_the_next_begins_matters() -> None:
    assert tick_job_id("a", "bc", 1, 5) != tick_job_id("ab", "c", 1, 5)
    assert tick_job_id("a", "b", 11, 5) != tick_job_id("a", "b1", 1, 5)


# ---- durations


@given(st.integers(0, 10**15))
def test_a_duration_is_read_as_it_is_written(span: int) -> None:
    assert parse_duration(format_duration(span)) == span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0", 0),
        ("90s", 90_000),
        ("1h30m", 5_400_000),
        ("2d", 172_800_000),
        ("1.5s", 1500),
        ("250ms", 250),
        ("1m1ms", 60_001),
    ],
)
def test_durations(text: str, span: int) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 s", "1s ", "1.0001s", "1e3s", "0.1ms", "1w", "٣s", "1s\n"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)
