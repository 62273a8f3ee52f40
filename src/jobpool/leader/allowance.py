"""How much clients may still add to the store before it is too full for what nobody has asked for: the next ticks.

What a client adds is refused from `FULL_AT` of the quota on, before anything is stored. Ticks, reports, deletions and
whatever takes no more than it gives back are never asked about. Between two looks at the database every commit counts.
"""

from collections.abc import Callable

from jobpool.model.errors import ResourceExhausted
from jobpool.store.operations import FULL_AT, Space

_PAGES = 2
"""Bytes that a database takes for one that is written: its pages are half full at the least (measured: 1.0 to 1.9)."""
_SOON = 0.02
"""Of the quota: so much written since the last look is worth another one."""
_NEXT_TO_NOTHING = 0.01
_RETRY_SOON, _RETRY_LATER = 5, 60
"""Seconds."""


class Allowance:
    """Of one server, for its whole life; only a leader's matters. As long as nobody has looked it refuses nothing.

    `wake` is called when the figures are too old to go by.
    """

    def __init__(self) -> None:
        self._space = Space(0, 0)
        self._written = self._marked = self._counted = 0
        self._woken = False
        self.wake: Callable[[], None] = lambda: None

    @property
    def space(self) -> Space:
        """As it was when somebody looked last."""
        return self._space

    @property
    def full(self) -> bool:
        """Whether the last look left nothing to be added, or next to nothing."""
        return bool(self._space.quota) and self._space.in_use >= self._limit - _NEXT_TO_NOTHING * self._space.quota

    def mark(self) -> None:
        """Somebody is about to look: what is written from now on may not be in the figures."""
        self._marked = self._written

    def looked(self, space: Space) -> None:
        """The database, after whatever can be dropped was; quota 0 = not known: then nothing is refused."""
        self._space = space
        self._counted = self._marked
        self._woken = False

    def renew(self) -> None:
        """This server leads from now on: the figures do not have what others have written."""
        self.wake()

    def wrote(self, size: int) -> None:
        """A commit of so many bytes is durable."""
        self._written += _PAGES * size
        since = self._written - self._counted
        if self._woken or since < _SOON * self._space.quota or not self._space.quota:
            return
        if self._space.in_use + since >= (FULL_AT - 2 * _SOON) * self._space.quota:
            self._woken = True
            self.wake()

    def check(self, size: int, pending: int) -> None:
        """May so many bytes be added, when `pending` ones are decided and not written yet? Raises ResourceExhausted."""
        if not self._space.quota:
            return
        alone = self._space.in_use + _PAGES * size
        expected = alone + _PAGES * pending + self._written - self._counted
        if expected <= self._limit:
            return
        used = f"{_mb(expected)} of {_mb(self._space.quota)} (quota-backend-bytes)"
        if alone <= self._limit:
            raise ResourceExhausted(
                f"the store may be full: with what was written in the last seconds up to {used} are in use; "
                "room is being looked for, try again in a moment",
                retry_after=_RETRY_SOON,
            )
        raise ResourceExhausted(
            f"the store is full: with this {used} would be in use, and from {FULL_AT:.0%} on the rest is kept for what "
            "plans are due to do. Delete plans, or give etcd a larger quota-backend-bytes, one server after the other",
            retry_after=_RETRY_LATER,
        )

    @property
    def _limit(self) -> int:
        return int(FULL_AT * self._space.quota)


def _mb(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
