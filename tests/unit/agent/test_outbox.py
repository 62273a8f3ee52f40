"""The outbox loses no end, whatever breaks, and repeats what it is not sure of."""

from hypothesis import given
from hypothesis import strategies as st

from jobpool.agent.outbox import Outbox
from jobpool.agent.task import Outcome, Report, Status, ended, running

names = st.sampled_from("abcd")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("run"), names),
        st.tuples(st.just("end"), names),
        st.tuples(st.just("take"), st.just("")),
        st.tuples(st.just("acknowledge"), st.integers(0, 6).map(str)),
        st.tuples(st.just("rewind"), st.just("")),
        st.tuples(st.just("discard"), names),
    ),
    max_size=60,
)


def _end(name: str) -> Report:
    return ended((name, 1), Outcome(Status.COMPLETE), started_at=1, now=2)


@given(steps)
def test_every_end_is_delivered_unless_it_is_given_up(script: list[tuple[str, str]]) -> None:
    outbox = Outbox(batch_size=2)
    wanted: set[str] = set()
    finished: set[str] = set()
    acknowledged: list[Report] = []
    sequences: list[int] = []
    for verb, argument in script:
        if verb == "run" and argument not in finished:
            outbox.put(running((argument, 1), 1))
        elif verb == "end":
            finished.add(argument)
            wanted.add(argument)
            outbox.put(_end(argument))
        elif verb == "take" and (batch := outbox.take()) is not None:
            sequences.append(batch.sequence)
            assert 0 < len(batch.reports) <= 2
        elif verb == "acknowledge":
            acknowledged += outbox.acknowledge(int(argument))
        elif verb == "rewind":
            outbox.rewind()
        elif verb == "discard":
            outbox.discard((argument, 1))
            wanted.discard(argument)
    outbox.rewind()
    while (batch := outbox.take()) is not None:
        acknowledged += outbox.acknowledge(batch.sequence)
    assert len(outbox) == 0
    assert sequences == sorted(set(sequences))
    assert wanted <= {report.allocation_id for report in acknowledged if report.final}


def test_the_window_bounds_what_is_in_flight() -> None:
    outbox = Outbox(window=2, batch_size=1)
    for name in "abc":
        outbox.put(_end(name))
    first, second = outbox.take(), outbox.take()
    assert first is not None
    assert second is not None
    assert (outbox.take(), outbox.ready) == (None, False)
    assert outbox.acknowledge(first.sequence) == [_end("a")]
    assert outbox.acknowledge(first.sequence) == []
    third = outbox.take()
    assert third is not None
    assert third.reports == [_end("c")]


def test_an_end_replaces_the_running_that_waits_and_is_not_replaced_by_it() -> None:
    outbox = Outbox()
    outbox.put(running(("a", 1), 1))
    outbox.put(_end("a"))
    outbox.put(running(("a", 1), 1))
    batch = outbox.take()
    assert batch is not None
    assert batch.reports == [_end("a")]


def test_after_a_rewind_what_was_in_flight_goes_first_with_the_same_content() -> None:
    outbox = Outbox()
    outbox.put(_end("a"))
    outbox.take()
    outbox.put(_end("b"))
    outbox.rewind()
    batch = outbox.take()
    assert batch is not None
    assert (batch.sequence, batch.reports) == (2, [_end("a"), _end("b")])
