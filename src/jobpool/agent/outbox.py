"""What is on its way to the server: reports that wait, and those sent but not acknowledged."""

from collections.abc import Sequence

from msgspec import Struct

from jobpool.agent.task import Key, Report


class Batch(Struct, frozen=True):
    """One AgentReports message."""

    sequence: int
    reports: Sequence[Report]


class Outbox:
    """The newest report of each allocation wins; a final one is never replaced by a later `running`.

    Nothing leaves before its sequence is acknowledged: `rewind` puts what a broken session left unacknowledged back
    in front, with the same content.
    """

    def __init__(self, *, window: int = 2, batch_size: int = 200) -> None:
        self._window = window
        self._batch_size = batch_size
        self._waiting: dict[Key, Report] = {}
        self._in_flight: dict[int, list[Report]] = {}
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._waiting) + sum(len(batch) for batch in self._in_flight.values())

    @property
    def ready(self) -> bool:
        """There is something to send and the window is open."""
        return bool(self._waiting) and len(self._in_flight) < self._window

    def put(self, report: Report) -> None:
        before = self._waiting.get(report.key)
        if before is None or report.final or not before.final:
            self._waiting[report.key] = report

    def take(self) -> Batch | None:
        """The next batch to send, now in flight; None when there is nothing or the window is full."""
        if not self.ready:
            return None
        keys = list(self._waiting)[: self._batch_size] if len(self._waiting) > self._batch_size else list(self._waiting)
        reports = [self._waiting.pop(key) for key in keys]
        self._sequence += 1
        self._in_flight[self._sequence] = reports
        return Batch(self._sequence, reports)

    def acknowledge(self, sequence: int) -> list[Report]:
        """The reports that the server now has; empty for a sequence that is not in flight."""
        return self._in_flight.pop(sequence, [])

    def rewind(self) -> None:
        """The session broke: everything in flight is to be sent again, before what waits."""
        unsure = {report.key: report for batch in self._in_flight.values() for report in batch}
        self._in_flight.clear()
        newer, self._waiting = self._waiting, unsure
        for report in newer.values():
            self.put(report)

    def discard(self, key: Key) -> None:
        """The server has given the allocation up: nothing of it is sent any more."""
        self._waiting.pop(key, None)
        for sequence, batch in self._in_flight.items():
            self._in_flight[sequence] = [report for report in batch if report.key != key]
