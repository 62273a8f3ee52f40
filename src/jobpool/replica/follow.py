"""Follow: folds the store's log into the replica, on every server, for as long as it runs.

The leader folds its own commits as well, so one step may come by two ways and in either order: whoever comes second
skips it. What the log no longer shows, or shows so that it cannot be folded, is loaded anew. This server's term, if it
has one, ends before that, because its duties hold on to the state that is thrown away.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import StoreFailed
from jobpool.replica.replica import Replica, place
from jobpool.store.codec import CorruptRecord
from jobpool.store.keyspace import FOLDERS, Table
from jobpool.store.port import Compacted, DeleteRange, Fence, Step, Store

_FIRST_REST: Millis = 50
_LONGEST_REST: Millis = 400
_TURN = 32
"""Steps folded in a row before others get the loop."""


class StepMissing(StoreFailed):
    """The log shows a step that does not follow what was folded."""

    def __init__(self, held: Fence, shown: Fence) -> None:
        super().__init__(
            f"wanted the step after {held.incarnation}.{held.n}, found {shown.incarnation}.{shown.n} ({shown.batch})"
        )


class Follower:
    """A service. `give_up` ends this server's term, if it has one, and returns once it has.

    `dropped` is told when another server's commit has deleted the segments of history below some n.
    """

    name = "follower"

    def __init__(
        self,
        store: Store,
        replica: Replica,
        *,
        clock: Clock,
        give_up: Callable[[], Awaitable[None]],
        dropped: Callable[[int], None] = lambda before: None,
    ) -> None:
        self._store = store
        self._replica = replica
        self._clock = clock
        self._give_up = give_up
        self._dropped = dropped
        self._log = get_logger("follower")
        self._behind: Millis | None = clock.monotonic()
        self._seen = replica.state.fence
        self._void = False
        self._loaded_at: Millis | None = None
        self._told = False
        self._failures = 0
        self._failed_at: Millis = 0

    @property
    def lag(self) -> Millis:
        """How long the replica has not been known to be as new as the store; 0 while the log is followed."""
        return 0 if self._behind is None else self._clock.monotonic() - self._behind

    async def run(self) -> None:
        self._behind = self._clock.monotonic()
        self._void = self._replica.state.fence.incarnation == 0  # nobody has loaded it
        while True:
            try:
                if self._void:
                    await self._reload()
                await self._follow()
            except (Compacted, CorruptRecord, StepMissing) as reason:
                self._fall_behind(reason)
                # What the log lost may have been folded by the committer meanwhile: then there is nothing to load.
                self._void = self._seen == self._replica.state.fence
                if self._void and not self._has_just_loaded():
                    continue
            except StoreFailed as failure:
                self._fall_behind(failure)
            await self._rest()

    async def _reload(self) -> None:
        await self._give_up()
        await self._replica.restore(self._store)
        self._void, self._loaded_at = False, self._clock.monotonic()
        self._log.info("this server has loaded the state", event_name="reloaded", n=self._replica.n)
        for key in self._replica.broken:
            self._log.error("a stored record cannot be read and is left out", event_name="record_broken", key=key)

    def _has_just_loaded(self) -> bool:
        return self._loaded_at is not None and self._clock.monotonic() - self._loaded_at < _LONGEST_REST

    async def _follow(self) -> None:
        newest = await self._store.fence()
        self._seen = self._replica.state.fence
        self._note_progress(newest)
        steps = self._store.watch(self._seen)
        folded = 0
        try:
            async for step in steps:
                self._fold(step)
                self._note_progress(newest)
                self._failures = 0
                folded += 1
                if folded % _TURN == 0:
                    await asyncio.sleep(0)
        finally:
            if isinstance(steps, AsyncGenerator):
                await steps.aclose()
        raise StoreFailed("the watch of the log has ended")

    def _fold(self, step: Step) -> None:
        held = self._replica.state.fence
        if place(step.fence) > place(held):
            if step.fence.incarnation != held.incarnation or step.fence.n != held.n + 1:
                raise StepMissing(held, step.fence)
            self._replica.apply(step.fence, self._replica.changes_of(step))
            for op in step.ops:
                if isinstance(op, DeleteRange) and (before := _segments_before(op)):
                    self._dropped(before)
        self._seen = step.fence

    def _note_progress(self, newest: Fence) -> None:
        if self._behind is None or place(self._replica.state.fence) < place(newest):
            return
        if self._told:
            self._told = False
            self._log.info("the log is followed again", event_name="followed", behind_ms=self.lag)
        self._behind = None

    def _fall_behind(self, reason: StoreFailed) -> None:
        now = self._clock.monotonic()
        if now - self._failed_at > 2 * _LONGEST_REST:
            self._failures = 0
        self._failures += 1
        self._failed_at = now
        if self._behind is None:
            self._behind = now
        if not self._told:
            self._told = True
            self._log.warning("the log cannot be followed; trying again", event_name="follow_failed", error=str(reason))

    async def _rest(self) -> None:
        """The first time at once, then longer and longer while no step comes."""
        if self._failures > 1:
            await self._clock.sleep(exponential(self._failures - 1, base=_FIRST_REST, limit=_LONGEST_REST))


def _segments_before(op: DeleteRange) -> int:
    """The n below which it deletes every segment of history; 0 when it deletes something else."""
    folder = FOLDERS[Table.SEGMENT]
    last = op.last.removeprefix(folder)
    return int(last) if op.first.startswith(folder) and op.last.startswith(folder) and last.isdecimal() else 0
