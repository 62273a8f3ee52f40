"""The latest steps in memory, from which every watch of an engine without a log of its own is served.

A watcher holds nothing but its place: any number of them cost a commit one wake-up, and one that falls behind the
oldest step kept is told so (`Compacted`) instead of holding memory.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from msgspec import Struct

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.rules import payload
from jobpool.store.port import Compacted, Fence, Step


class RingLimits(Struct, frozen=True):
    """How much is kept for watchers: at most so many steps and bytes of keys and values."""

    steps: int = 10_000
    bytes: int = 64 * 1024 * 1024


class StepRing:
    """Steps without a gap, after the fence `base`."""

    def __init__(self, base: Fence, limits: RingLimits) -> None:
        self._limits = limits
        self._base = base
        self._steps: deque[tuple[Step, int]] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def last(self) -> Fence:
        return self._steps[-1][0].fence if self._steps else self._base

    def append(self, expects: Fence, step: Step) -> None:
        """Add the step that followed `expects`. A step that is the last one already is not added again."""
        if step.fence == self.last:
            return
        if expects != self.last:
            self._restart(expects)
        size = payload(step.ops)
        self._steps.append((step, size))
        self._bytes += size
        while len(self._steps) > self._limits.steps or self._bytes > self._limits.bytes:
            self._drop_oldest()
        self._wake()

    def drop_before(self, n: int) -> None:
        """Forget the steps with a smaller n."""
        while self._steps and self._steps[0][0].fence.n < n:
            self._drop_oldest()

    def reset(self, base: Fence) -> None:
        """Start again, empty, after `base`."""
        self._restart(base)
        self._wake()

    def close(self) -> None:
        """Every watch ends with StoreFailed."""
        self._closed = True
        self._wake()

    async def follow(self, after: Fence) -> AsyncIterator[Step]:
        """The steps after that fence, for ever. Raises Compacted, and StoreFailed once closed."""
        while True:
            changed = self._changed
            step = self._following(after)
            if step is None:
                await changed.wait()
            else:
                after = step.fence
                yield step

    def _following(self, after: Fence) -> Step | None:
        if self._closed:
            raise StoreFailed("the store is closed")
        index = after.n - self._base.n
        if after.incarnation != self._base.incarnation or index < 0:
            raise Compacted(f"steps are kept after {_name(self._base)}, wanted those after {_name(after)}")
        if index > len(self._steps):
            return None
        known = self._steps[index - 1][0].fence if index else self._base
        if known != after:
            raise Compacted(f"the step {_name(after)} is not the one that happened")
        return self._steps[index][0] if index < len(self._steps) else None

    def _drop_oldest(self) -> None:
        step, size = self._steps.popleft()
        self._base = step.fence
        self._bytes -= size

    def _restart(self, base: Fence) -> None:
        self._steps.clear()
        self._bytes = 0
        self._base = base

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _name(fence: Fence) -> str:
    return f"{fence.incarnation}.{fence.n}"
