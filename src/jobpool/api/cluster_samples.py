"""The last minutes in numbers: what one server counted in each two seconds of them."""

from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct

from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.kit.pure.spread import Spread
from jobpool.model.run import Run
from jobpool.model.statuses import JobStatus, Trigger
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import millis_of, timestamp

PERIOD: Millis = 2 * SECOND
"""Of one sample; they end at whole multiples of it, so that those of several servers go together."""
KEPT: Millis = 10 * MINUTE
RECENT: Millis = 5 * MINUTE
_FAILED = (JobStatus.FAILED, JobStatus.EXPIRED)


class Depths(Struct, frozen=True):
    """What waits at the leader: evaluations by state, and changes."""

    ready: int
    unacked: int
    blocked: int
    waiting: int
    commands: int


class Meter:
    """Counts until it is read."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._commit, self._lateness = Spread(), Spread()
        self._ended = self._failed = 0

    def runs_ended(self, runs: Iterable[Run]) -> None:
        for run in runs:
            self._ended += 1
            self._failed += run.status in _FAILED
            if (late := run.lateness) is not None and run.trigger is not Trigger.CATCH_UP:
                self._lateness.add(late)

    def committed(self, latency: Millis) -> None:
        self._commit.add(latency)

    def read(self, *, at: Millis, span: Millis, live: int, depths: Depths | None) -> "Sample":
        """What was counted since the last time, `span` ms until `at`. `depths` are the leader's to tell."""
        message = pb.ClusterSample(
            time=timestamp(at),
            span_ms=span,
            of_leader=depths is not None,
            ended=self._ended,
            failed=self._failed,
            live=live,
            commit=latency_message(self._commit),
            lateness=latency_message(self._lateness),
        )
        if depths is not None:
            message.ready, message.unacked = depths.ready, depths.unacked
            message.blocked, message.waiting = depths.blocked, depths.waiting
            message.commands = depths.commands
        sample = Sample(at, message, self._commit, self._lateness)
        self._clear()
        return sample


class Sample(Struct, frozen=True):
    at: Millis
    message: pb.ClusterSample
    commit: Spread
    lateness: Spread


class Samples:
    """Those of the last `KEPT` ms."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()

    def add(self, sample: Sample) -> None:
        """The newest. A clock that was set back makes what seems to come later worthless."""
        while self._samples and self._samples[-1].at >= sample.at:
            self._samples.pop()
        self._samples.append(sample)
        while self._samples[0].at <= sample.at - KEPT:
            self._samples.popleft()

    def since(self, at: Millis) -> Sequence[pb.ClusterSample]:
        """Those that end after that moment."""
        return [sample.message for sample in self._samples if sample.at > at]

    def recent(self, now: Millis) -> tuple[pb.ClusterLatency, pb.ClusterLatency]:
        """Of commits, and of starts, in the last `RECENT` ms."""
        newest = [sample for sample in self._samples if sample.at > now - RECENT]
        commit, lateness = (sample.commit for sample in newest), (sample.lateness for sample in newest)
        return latency_message(Spread.of(commit)), latency_message(Spread.of(lateness))


def latency_message(spread: Spread) -> pb.ClusterLatency:
    return pb.ClusterLatency(
        count=spread.count, p50=spread.quantile(0.5), p99=spread.quantile(0.99), longest=spread.longest
    )


def merged(known: Iterable[pb.ClusterSample], told: Iterable[pb.ClusterSample]) -> list[pb.ClusterSample]:
    """Two servers' as one list, by time: a leader's before others'; at most `KEPT` ms of them. Pure."""
    found: dict[int, pb.ClusterSample] = {}
    for sample in (*known, *told):
        at = millis_of("time", sample.time)
        if at not in found or sample.of_leader >= found[at].of_leader:
            found[at] = sample
    oldest = max(found, default=0) - KEPT
    return [found[at] for at in sorted(found) if at > oldest]
