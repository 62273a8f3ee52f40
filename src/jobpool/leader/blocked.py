"""Decides which runs are looked at again when there is room: evaluations that no node could take wait here.

**Liveness** (K-8): never is a run parked here while a node has room for it and nobody is on the way who will use that
room or pass it on. Every unit of room is owed to one evaluation of each executor that could use it: when a commit
frees room, that many are woken, and what nobody parked claims is remembered with the commit's number for an evaluation
that looked at an older state and is parked later. What is woken has its `modify_index` raised, so it is decided on a
state that has the room: it takes it, or is parked again because others took it. For this the owner keeps three rules:

1. `freed` for every commit that makes room: attempts that ended, a node that became ready (its free capacity).
2. `unused` whenever an evaluation leaves the broker without a placement and without being parked: its run had ended,
   was cancelled, was placed by an earlier delivery, or was given up, be it seen at the ack or by `Broker.forget`. The
   room it was woken for, or that its proposal took from others in its batch, goes to the next.
3. What is woken goes to `Broker.wake`, not `enqueue`: it may still be in the hands of the evaluator that parked it.

Waking one evaluation for one unit, not all for any, keeps a full cluster calm: the work is in proportion to the room.
"""

from collections import deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from msgspec import Struct

from jobpool.model.queued import QueuedEvaluation

_REMEMBERED_COMMITS = 1024
"""About five seconds of commits under load; an evaluation that looked at an older state is simply repeated."""


class BlockedStats(Struct, frozen=True):
    """How many evaluations are parked, in all and per executor; `duplicates` are to be canceled."""

    blocked: int
    duplicates: int
    by_executor: dict[str, int]


class _Parked:
    __slots__ = ("evaluation", "group", "live", "snapshot_n")

    def __init__(self, evaluation: QueuedEvaluation, group: "_Group", snapshot_n: int) -> None:
        self.evaluation = evaluation
        self.group = group
        self.snapshot_n = snapshot_n
        self.live = True

    @property
    def age(self) -> int:
        return max(self.evaluation.create_index, self.snapshot_n)


class _Room(Struct, frozen=True):
    """Room that decisions on a state `below` may have missed; the state `n` shows it."""

    n: int
    below: int


class _Group:
    """The parked evaluations of one executor, best first, and the room nobody has claimed, oldest first.

    How much room there was before commit `since_n` is not known: whoever may have missed it looks again.
    """

    __slots__ = ("_arrivals", "_heap", "_since_n", "_unclaimed", "count")

    def __init__(self, since_n: int) -> None:
        self._heap: list[tuple[int, int, int, _Parked]] = []
        self._unclaimed: deque[tuple[_Room, int]] = deque()
        self._since_n = since_n
        self._arrivals = 0
        self.count = 0

    def push(self, parked: _Parked) -> None:
        self._arrivals += 1
        self.count += 1
        evaluation = parked.evaluation
        heappush(self._heap, (-evaluation.priority, evaluation.create_index, self._arrivals, parked))

    def drop(self, parked: _Parked) -> None:
        parked.live = False
        self.count -= 1
        if len(self._heap) > 64 and len(self._heap) > 2 * self.count:
            self._heap = [item for item in self._heap if item[3].live]
            heapify(self._heap)

    def _best(self) -> _Parked | None:
        while self._heap and not self._heap[0][3].live:
            heappop(self._heap)
        return self._heap[0][3] if self._heap else None

    def free(self, room: _Room, units: int) -> list[_Parked]:
        """Up to `units` parked evaluations to wake; what they leave is remembered."""
        woken: list[_Parked] = []
        while len(woken) < units and (parked := self._best()) is not None:
            self.drop(parked)
            woken.append(parked)
        if len(woken) < units:
            self.leave(room, units - len(woken))
        return woken

    def leave(self, room: _Room, units: int) -> None:
        """Remember room that nobody parked claims."""
        if self._unclaimed and self._unclaimed[-1][0] == room:
            self._unclaimed[-1] = (room, self._unclaimed[-1][1] + units)
        else:
            self._unclaimed.append((room, units))
            if len(self._unclaimed) > _REMEMBERED_COMMITS:
                self._since_n = self._unclaimed.popleft()[0].below

    def claim(self, snapshot_n: int) -> _Room | None:
        """Claim a unit that the state `snapshot_n` did not show."""
        if self._unclaimed and snapshot_n < self._unclaimed[-1][0].below:
            room, units = self._unclaimed.pop()
            if units > 1:
                self._unclaimed.append((room, units - 1))
            return room
        return _Room(self._since_n, below=self._since_n) if snapshot_n < self._since_n else None


class Blocked:
    """The parked evaluations of a term: at most one of a run."""

    def __init__(self) -> None:
        self._enabled = False
        self._clear(0)

    def _clear(self, n: int) -> None:
        self._parked: dict[str, _Parked] = {}
        self._groups: dict[str, _Group] = {}
        self._duplicates: dict[tuple[str, int], QueuedEvaluation] = {}
        # What the first evaluation of another executor may have missed: `unused` reaches those not yet met, too.
        self._since_n = n
        self._came_to_nothing = 0

    def __len__(self) -> int:
        return len(self._parked)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._parked

    def enable(self, n: int) -> None:
        """Start a term at commit `n`, empty. What was decided on a state before `n` is looked at again, not parked."""
        self._enabled = True
        self._clear(n)

    def disable(self) -> None:
        """End the term: everything is forgotten. Harmless when disabled already."""
        self._enabled = False
        self._clear(0)

    def block(self, evaluation: QueuedEvaluation, executor: str, *, snapshot_n: int) -> QueuedEvaluation | None:
        """Park an evaluation that found no node in the state `snapshot_n`. Ignored while disabled.

        Returns it when room was freed that this state did not show: it is to be queued again at once. Of two
        evaluations of a run the one with the newer state stays, the other becomes a duplicate.
        """
        if not self._enabled:
            return None
        group = self._group(executor)
        parked = _Parked(evaluation, group, snapshot_n)
        if not self._supersede(parked):
            return None
        room = group.claim(snapshot_n)
        if room is not None:
            return evaluation.seeing(room.n)
        self._parked[evaluation.job_id] = parked
        group.push(parked)
        return None

    def freed(self, executors: Iterable[str], n: int, *, count: int = 1) -> list[QueuedEvaluation]:
        """Commit `n` made room for `count` runs, each of any of these executors. Returns what is to be queued.

        Up to `count` evaluations of each executor, the highest priority first, then the oldest.
        """
        if not self._enabled or count <= 0:
            return []
        return self._wake([self._group(executor) for executor in executors], _Room(n, below=n), count)

    def unused(self, n: int, *, count: int = 1) -> list[QueuedEvaluation]:
        """Room that was claimed and not taken, seen when `n` was the newest commit. Returns what is to be queued.

        A decision on the state `n` itself may have missed it, because a proposal that came to nothing held it.
        """
        if not self._enabled or count <= 0:
            return []
        self._came_to_nothing = count + (self._came_to_nothing if self._since_n == n else 0)
        self._since_n = n
        return self._wake(list(self._groups.values()), _Room(n, below=n + 1), count)

    def untrack(self, job_id: str) -> None:
        """The run ended or is placed: it waits for nothing."""
        parked = self._parked.pop(job_id, None)
        if parked is not None:
            parked.group.drop(parked)

    def duplicates(self, limit: int) -> list[QueuedEvaluation]:
        """Take up to `limit` superseded evaluations, which are to be canceled in the store. Each is given once."""
        keys = [key for key, _ in zip(self._duplicates, range(limit), strict=False)]
        return [self._duplicates.pop(key) for key in keys]

    def stats(self) -> BlockedStats:
        by_executor = {executor: group.count for executor, group in self._groups.items()}
        return BlockedStats(len(self._parked), len(self._duplicates), by_executor)

    def _wake(self, groups: list[_Group], room: _Room, units: int) -> list[QueuedEvaluation]:
        woken = [parked.evaluation for group in groups for parked in group.free(room, units)]
        for evaluation in woken:
            del self._parked[evaluation.job_id]
        return [evaluation.seeing(room.n) for evaluation in woken]

    def _group(self, executor: str) -> _Group:
        group = self._groups.get(executor)
        if group is None:
            group = self._groups[executor] = _Group(self._since_n)
            if self._came_to_nothing:
                group.leave(_Room(self._since_n, below=self._since_n + 1), self._came_to_nothing)
        return group

    def _supersede(self, parked: _Parked) -> bool:
        """Whether the evaluation is the run's newest; then the one parked before makes way."""
        evaluation = parked.evaluation
        before = self._parked.get(evaluation.job_id)
        if before is None:
            return True
        other = before.evaluation
        if other.number == evaluation.number:
            self.untrack(evaluation.job_id)
            return True
        if parked.age <= before.age:
            self._duplicates[(evaluation.job_id, evaluation.number)] = evaluation
            return False
        self.untrack(evaluation.job_id)
        self._duplicates[(other.job_id, other.number)] = other
        return True
