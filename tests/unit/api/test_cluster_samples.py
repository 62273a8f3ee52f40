"""The last minutes in numbers: what is counted, how long it is kept, how two servers' go together."""

from jobpool.api.cluster_samples import KEPT, PERIOD, RECENT, Depths, Meter, Sample, Samples, merged
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import millis_of

DEPTHS = Depths(ready=1, unacked=2, blocked=3, waiting=4, commands=5)


def sample(at: int, *, depths: Depths | None = None, latency: int | None = None) -> Sample:
    meter = Meter()
    if latency is not None:
        meter.committed(latency)
    return meter.read(at=at, span=PERIOD, live=6, depths=depths)


def times(samples: list[pb.ClusterSample]) -> list[int]:
    return [millis_of("time", one.time) for one in samples]


def test_a_meter_begins_anew_when_it_was_read() -> None:
    meter = Meter()
    for latency in (3, 9, 4):
        meter.committed(latency)
    first = meter.read(at=PERIOD, span=PERIOD, live=6, depths=DEPTHS).message
    assert first.commit == pb.ClusterLatency(count=3, p50=4, p99=9, longest=9)
    assert (first.ready, first.unacked, first.blocked, first.waiting, first.commands) == (1, 2, 3, 4, 5)
    assert (first.of_leader, first.live, first.span_ms) == (True, 6, PERIOD)
    second = meter.read(at=2 * PERIOD, span=PERIOD, live=6, depths=None).message
    assert (second.commit.count, second.of_leader) == (0, False)


def test_ten_minutes_are_kept_and_five_summed_up() -> None:
    samples = Samples()
    for number in range(1, 1000):
        samples.add(sample(number * PERIOD, latency=number))
    now = 999 * PERIOD
    assert len(samples.since(0)) == KEPT // PERIOD
    assert times(list(samples.since(now - PERIOD))) == [now]
    commit, lateness = samples.recent(now)
    assert (commit.count, commit.longest, lateness.count) == (RECENT // PERIOD, 999, 0)


def test_what_a_clock_counted_before_it_was_set_back_is_dropped() -> None:
    samples = Samples()
    for at in (10, 12, 14, 11):
        samples.add(sample(at * 1000))
    assert times(list(samples.since(0))) == [10_000, 11_000]


def test_the_leaders_samples_go_before_those_of_others() -> None:
    ours = [sample(at * PERIOD).message for at in (1, 2, 3)]
    theirs = [sample(at * PERIOD, depths=DEPTHS).message for at in (2, 4)]
    for both in (merged(ours, theirs), merged(theirs, ours)):
        assert [(at // PERIOD, one.of_leader) for at, one in zip(times(both), both, strict=True)] == [
            (1, False),
            (2, True),
            (3, False),
            (4, True),
        ]
    late = [sample(KEPT + 2 * PERIOD).message]
    assert times(merged(ours, late)) == [3 * PERIOD, KEPT + 2 * PERIOD]
