"""A machine that runs jobs: its journal, and the work itself, which outlives the agent's process but not the machine.

It is also the witness: `starts` says what was really started, when, under which fence, and how long it went on.
"""

from collections.abc import Callable
from zlib import crc32

from msgspec import Struct

from jobpool.agent.task import Key, Outcome, Report, Status, Task, ended, running
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.reasons import Reason
from jobpool.testing.simulation.world import World

_LOST = Outcome(Status.LOST, "agent_restarted", "the machine went down")
_CANCELLED = Outcome(Status.CANCELLED, Reason.CANCELLED.value, "stopped")
_STOPPING: Millis = 200


class Start(Struct):
    """A start as it was. Times in ms since the story began; `ended` None = it goes on."""

    machine: str
    task: Task
    at: Millis
    ended: Millis | None = None


class Entry:
    """One allocation in the journal. `start` is None until it runs, `report` until it has ended."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.start: Start | None = None
        self.report: Report | None = None
        self.dropped = False

    @property
    def key(self) -> Key:
        return self.task.key

    @property
    def runs(self) -> bool:
        return self.start is not None and self.report is None


class Machine:
    """`told` is called with what is to be reported; nobody is there to be told while the agent is dead.

    `started` is called with every start, `acknowledged` with every end that a server has taken, at their instants.

    `remembered` are the last words on allocations whose end was acknowledged.
    """

    def __init__(self, world: World, name: str, *, capacity: int, longest: Millis) -> None:
        self.world = world
        self.name = name
        self.capacity = capacity
        self.journal: dict[Key, Entry] = {}
        self.remembered: dict[str, Report] = {}
        self.starts: list[Start] = []
        self.told: Callable[[Report], None] = lambda report: None
        self.started: Callable[[Start], None] = lambda start: None
        self.acknowledged: Callable[[Report], None] = lambda report: None
        self._longest = longest

    @property
    def running(self) -> int:
        return sum(entry.runs for entry in self.journal.values())

    def reports(self) -> list[Report]:
        """What an agent that comes up has to say of what its journal holds."""
        entries = self.journal.values()
        return [entry.report or running(entry.key, self.world.now) for entry in entries if entry.start or entry.report]

    def receive(self, task: Task) -> None:
        """A new one waits for room; of a known one is said again what there is to say."""
        held = self.journal.get(task.key)
        if held is not None:
            self._repeat(held)
        elif task.allocation_id in self.remembered:
            self.told(self.remembered[task.allocation_id])
        else:
            self.journal[task.key] = Entry(task)

    def _repeat(self, entry: Entry) -> None:
        if entry.report is not None:
            self.told(entry.report)
        elif entry.start is not None:
            self.told(running(entry.key, self.world.now))

    def admit(self) -> None:
        """Start what there is room for."""
        for entry in list(self.journal.values()):
            if self.running >= self.capacity:
                return
            if entry.start is None and entry.report is None:
                self._start(entry)

    def _start(self, entry: Entry) -> None:
        start = entry.start = Start(self.name, entry.task, self.world.elapsed)
        self.starts.append(start)
        self.started(start)
        throw = crc32(entry.task.allocation_id.encode())
        failed = throw % 10 == 0
        outcome = Outcome(Status.FAILED, Reason.EXIT_NONZERO.value) if failed else Outcome(Status.COMPLETE)
        self.world.later(1 + throw % self._longest, lambda: self._end(entry, outcome))
        self.told(running(entry.key, self.world.now))

    def stop(self, key: Key) -> None:
        entry = self.journal.get(key)
        if entry is None or entry.report is not None:
            return
        if entry.start is None:
            self._end(entry, _CANCELLED)
        else:
            self.world.later(_STOPPING, lambda: self._end(entry, _CANCELLED))

    def drop(self, key: Key) -> None:
        entry = self.journal.get(key)
        if entry is None:
            return
        entry.dropped = True
        if entry.report is not None:
            self.forget(key)
        else:
            self.stop(key)

    def forget(self, key: Key) -> None:
        """Its end is acknowledged."""
        entry = self.journal.pop(key, None)
        if entry is not None and entry.report is not None:
            self.remembered[key[0]] = entry.report

    def go_down(self) -> None:
        """Everything that runs ends here and now."""
        for entry in list(self.journal.values()):
            if entry.runs:
                self._end(entry, _LOST)

    def _end(self, entry: Entry, outcome: Outcome) -> None:
        if entry.report is not None:
            return
        started_at = 0
        if entry.start is not None:
            entry.start.ended = self.world.elapsed
            started_at = self.world.now - (self.world.elapsed - entry.start.at)
        entry.report = ended(entry.key, outcome, started_at=started_at, now=self.world.now)
        if entry.dropped:
            self.forget(entry.key)
        else:
            self.told(entry.report)


LONGEST: Millis = 4 * SECOND
"""How long the longest run takes, unless a story wants it otherwise."""
