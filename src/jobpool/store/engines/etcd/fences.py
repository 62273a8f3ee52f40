"""The fence as etcd keeps it: with the revision that put it there, and the mark of a restore that goes on."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct

from jobpool.model.errors import StoreFailed
from jobpool.store.engines import rules
from jobpool.store.port import Fence

_RESTORING = b"\x00"
"""Before the fence that was in force when a restore began. No transaction expects it, so all writers are held off."""


class Held(Struct, frozen=True):
    """The fence that was in force at some instant, since `revision`. When `restoring`, the keys are not whole."""

    fence: Fence
    revision: int
    restoring: bool = False

    def sound(self) -> Fence:
        """The fence. Raises StoreFailed while the keys are not whole."""
        if self.restoring:
            raise StoreFailed(
                "a restore was begun here and is not finished: nothing may be read or written; restore again"
            )
        return self.fence


def decode_held(value: bytes, revision: int) -> Held:
    """Raises StoreFailed for what is no fence."""
    restoring = value[:1] == _RESTORING
    return Held(rules.decode_fence(value[1:] if restoring else value), revision, restoring)


def encode_restoring(fence: Fence) -> bytes:
    return _RESTORING + rules.encode_fence(fence)


HeldAt: TypeAlias = Callable[[int], Awaitable[Held | None]]
"""The fence in force at a revision; None before the first one, and where it is compacted."""


async def find(n: int, now: Held, held_at: HeldAt) -> Held | None:
    """The fence with this n, searched between the present one and the beginning.

    None when there was none or when it is no longer kept. Without foreign keys n moves with the revision, so the first
    guess is right.
    """
    if n >= now.fence.n:
        return now if n == now.fence.n and not now.restoring else None
    low, high = 1, now.revision - 1
    guess = now.revision - (now.fence.n - n)
    while low <= high:
        probe = guess if low <= guess <= high else (low + high) // 2
        guess = 0
        held = await held_at(probe)
        if held is None or held.fence.n < n:
            low = probe + 1
        elif held.fence.n == n and not held.restoring:
            return held
        else:
            high = held.revision - 1
    return None
