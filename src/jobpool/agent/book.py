"""What the agent holds: every allocation received whose end the server has not acknowledged.

Decides only; `Runner` acts. An entry's life:

    RECEIVED ──journaled──► WAITING ──room──► STARTING ──journaled──► RUNNING ──► ENDED ──acknowledged──► gone
        └── room at once ────────────────────────┘
    stopped or dropped before RUNNING: straight to ENDED, never started.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum, auto

from jobpool.agent.task import Key, Report, Task
from jobpool.kit.pure.durations import Millis


class State(Enum):
    RECEIVED = auto()
    WAITING = auto()
    STARTING = auto()
    RUNNING = auto()
    ENDED = auto()


class Entry:
    """One allocation held. `told`: its end is journaled and in the outbox; `dropped`: its end shall not be told."""

    __slots__ = ("dropped", "key", "report", "started_at", "state", "stopping", "task", "told")

    def __init__(self, key: Key, task: Task | None, state: State) -> None:
        self.key = key
        self.task = task
        self.state = state
        self.started_at: Millis = 0
        self.report: Report | None = None
        self.stopping = False
        self.dropped = False
        self.told = False


class Book:
    """Entries by key, a first-in-first-out queue of those that wait, and the count of those that take up room."""

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._entries: dict[Key, Entry] = {}
        self._fences: dict[str, int] = {}
        self._waiting: deque[Entry] = deque()
        self.occupied = 0
        self.open = True

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Entry | None:
        return self._entries.get(key)

    def fence_of(self, allocation_id: str) -> int | None:
        """The fence under which the allocation is held."""
        return self._fences.get(allocation_id)

    def inventory(self) -> list[Key]:
        return [key for key, entry in self._entries.items() if not entry.dropped]

    def receive(self, task: Task, now: Millis) -> Entry:
        """Hold a new task; it is STARTING at once when there is room and nobody waits before it."""
        entry = self._add(Entry(task.key, task, State.RECEIVED))
        if self.open and not self._waiting and self.occupied < self._capacity:
            self._take_room(entry, now)
        return entry

    def restore(self, task: Task, started_at: Millis | None) -> Entry:
        """Take back what the journal kept of a task that has not ended; started ones take up room at once."""
        entry = self._add(Entry(task.key, task, State.RECEIVED))
        if started_at is None:
            self.journaled(entry)
        else:
            self._take_room(entry, started_at)
            entry.state = State.RUNNING
        return entry

    def restore_ended(self, report: Report) -> Entry:
        entry = self._add(Entry(report.key, None, State.ENDED))
        entry.started_at = report.started_at
        entry.report = report
        entry.told = True
        return entry

    def journaled(self, entry: Entry) -> None:
        """The receipt is safe: the entry may wait for room."""
        if entry.state is State.RECEIVED:
            entry.state = State.WAITING
            self._waiting.append(entry)

    def admit(self, now: Millis) -> list[Entry]:
        """Those of the waiting that there is room for now; their start is to be journaled."""
        admitted: list[Entry] = []
        while self.open and self._waiting and self.occupied < self._capacity:
            entry = self._waiting.popleft()
            if entry.state is State.WAITING:
                self._take_room(entry, now)
                admitted.append(entry)
        return admitted

    def end(self, entry: Entry, report: Report) -> None:
        """It ended, or was given up before its start. Frees its room."""
        if entry.state in (State.STARTING, State.RUNNING):
            self.occupied -= 1
        entry.state = State.ENDED
        entry.report = report
        entry.task = None

    def forget(self, keys: Iterable[Key]) -> None:
        """The server has acknowledged the end, and the journal knows."""
        for key in keys:
            if self._entries.pop(key, None) is not None:
                self._fences.pop(key[0], None)

    def _add(self, entry: Entry) -> Entry:
        self._entries[entry.key] = entry
        self._fences[entry.key[0]] = entry.key[1]
        return entry

    def _take_room(self, entry: Entry, now: Millis) -> None:
        entry.state = State.STARTING
        entry.started_at = now
        self.occupied += 1
