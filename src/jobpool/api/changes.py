"""What changed lately, commit by commit, for those who watch: a ring of what the replica has folded.

A commit is kept as the fold has handed it out. Nothing of it is looked at, copied or encoded before somebody watches,
and then once for all who do. A watcher has no queue: it knows how far it is, and takes the next when it is ready. Who
falls behind the oldest that is kept has to begin anew.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from jobpool.api.change_items import Filter, Item, items_of, message_of
from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded
from jobpool.wire import jobpool_pb2 as pb

CHANGES = 16_384
"""Changes that are kept; the commit that brings more than all of them is kept alone."""
TEXT = 16 * 1024 * 1024
"""Characters of the parameters and results among them."""
_PREPARED = 16_384
"""Changes of commits that were looked at and stay sorted."""
_BUILT = 16 * 1024 * 1024
"""Bytes of the messages that were built and stay for the next watcher."""
_POSITION = re.compile(r"(?:([0-9]{1,18})\.)?([0-9]{1,18})(?:\.([0-9]{1,9}))?", re.ASCII)


class Position(Struct, frozen=True):
    """Everything up to commit `n` was said, and `told` changes of the one after it. The same on every server.

    `era` is the incarnation of the store: one that was restored goes on from an older n.
    """

    era: int
    n: int
    told: int = 0

    def __str__(self) -> str:
        return f"{self.era}.{self.n}.{self.told}" if self.told else f"{self.era}.{self.n}"


def parse_position(text: str, *, era: int) -> Position:
    """`2.317`, `2.317.4`, or `317` of the present era. Raises InvalidArgument, which names `after`."""
    form = _POSITION.fullmatch(text)
    if form is None or (form[3] and not form[1]):
        raise InvalidArgument("after", f"wanted the position or the revision of an answer, found {text[:40]!r}")
    return Position(int(form[1]) if form[1] else era, int(form[2]), int(form[3] or 0))


class Commit(Struct, frozen=True):
    """What one commit changed. The indexes hold places in `items`."""

    n: int
    items: Sequence[Item]
    by_id: dict[str, list[int]]
    by_plan: dict[str, list[int]]

    def matching(self, wanted: Filter, *, told: int = 0) -> list[int]:
        """The places of the items that are wanted, but for the first `told` of all."""
        places: Sequence[int] = range(len(self.items))
        if wanted.id:
            places = self.by_id.get(wanted.id, ())
        elif wanted.plan_id:
            places = self.by_plan.get(wanted.plan_id, ())
        return [at for at in places if at >= told and wanted.matches(self.items[at])]


class _Kept(Struct, frozen=True):
    folded: Folded
    changes: int
    text: int


class Changes:
    """The ring. It keeps at most `most` changes, and `most_text` characters of what they hold."""

    def __init__(self, replica: Replica, *, most: int = CHANGES, most_text: int = TEXT) -> None:
        self._replica = replica
        self._most = most
        self._most_text = most_text
        self._ring: deque[_Kept] = deque()
        self._changes = 0
        self._text = 0
        self._prepared: dict[int, Commit] = {}
        self._prepared_items = 0
        self._built: dict[tuple[int, int, bool], pb.ScheduleChange] = {}
        self._built_bytes = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._newest = self._here()
        replica.listen(self._observe)
        replica.on_restore(self._begin)

    @property
    def newest(self) -> Position:
        return self._newest

    def holds(self, position: Position) -> bool:
        """Whether all that comes after it can still be said, or is still to come."""
        newest = self._newest
        return position.era == newest.era and newest.n - len(self._ring) <= position.n <= newest.n

    def after(self, position: Position) -> Commit | None:
        """The commit after a position that is held; None when there is none yet."""
        behind = self._newest.n - position.n
        if behind <= 0:
            return None
        return self._prepared.get(position.n + 1) or self._prepare(self._ring[-behind].folded)

    def told(self, commit: Commit, at: int, *, brief: bool = False) -> pb.ScheduleChange:
        """The item at this place as a message, which is not to be changed. `brief`: without long texts."""
        found = self._built.get((commit.n, at, brief))
        if found is not None:
            return found
        made = message_of(commit.items[at], commit.n, self._replica.state, brief=brief)
        made.position = str(Position(self._newest.era, commit.n - 1, at + 1))
        self._built_bytes += made.ByteSize()
        if self._built_bytes > _BUILT:
            self._built.clear()
            self._built_bytes = 0
        self._built[commit.n, at, brief] = made
        return made

    async def moved(self, position: Position, clock: Clock, *, within: Millis) -> None:
        """Return once there is more than this position, when `wake` is called, or after `within` ms."""
        if self._newest.n > position.n or self._newest.era != position.era:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = clock.call_later(within, lambda: _resolve(waiter))
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiting.discard(waiter)

    def wake(self) -> None:
        """All who wait look again."""
        waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            _resolve(waiter)

    def _here(self) -> Position:
        fence = self._replica.state.fence
        return Position(fence.incarnation, fence.n)

    def _observe(self, folded: Folded) -> None:
        kept = _Kept(folded, _count(folded), _text_of(folded))
        self._ring.append(kept)
        self._changes += kept.changes
        self._text += kept.text
        while (self._changes > self._most or self._text > self._most_text) and len(self._ring) > 1:
            oldest = self._ring.popleft()
            self._changes -= oldest.changes
            self._text -= oldest.text
        self._newest = self._here()
        if self._waiting:
            self.wake()

    def _begin(self) -> None:
        """The state was replaced: what led to it is not known."""
        self._ring.clear()
        self._prepared.clear()
        self._built.clear()
        self._changes = self._text = self._prepared_items = self._built_bytes = 0
        self._newest = self._here()
        self.wake()

    def _prepare(self, folded: Folded) -> Commit:
        items = items_of(folded, self._replica.state)
        by_id: dict[str, list[int]] = {}
        by_plan: dict[str, list[int]] = {}
        for at, item in enumerate(items):
            by_id.setdefault(item.id, []).append(at)
            if item.plan_id:
                by_plan.setdefault(item.plan_id, []).append(at)
        commit = Commit(folded.n, items, by_id, by_plan)
        self._prepared[folded.n] = commit
        self._prepared_items += len(items)
        while self._prepared_items > _PREPARED and len(self._prepared) > 1:
            oldest = next(iter(self._prepared))
            self._prepared_items -= len(self._prepared.pop(oldest).items)
        return commit


def _resolve(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def _count(folded: Folded) -> int:
    """At least one: a commit of nothing that is watched takes its place in the ring too."""
    rare = len(folded.plans) + len(folded.nodes) + len(folded.namespaces) + len(folded.servers)
    return 1 + len(folded.runs) + len(folded.cursors) + rare


def _text_of(folded: Folded) -> int:
    """What is kept from being forgotten: definitions, and what ended runs were given and gave back."""
    text = 0
    if folded.plans:
        text = sum(len(new.parameters) for _, new in folded.plans if new is not None)
    if folded.segment is not None:
        text += sum(len(run.result) + len(run.parameters or "") for run in folded.segment.runs)
    return text
