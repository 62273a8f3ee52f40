"""What happened to the cluster lately, for people: a bounded list, made of the commits and of what a server notices.

What commits tell has the same id on every server, so that the lists of several can be put together.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.node import Node
from jobpool.model.pause import Pause
from jobpool.model.server import ServerRecord
from jobpool.model.statuses import NodeStatus
from jobpool.replica.state import Folded
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp

MOST = 200
TOGETHER: Millis = 5 * SECOND
"""Nodes come and go in crowds: what follows the same within so long is counted, not listed."""
_NEAR = 8
"""Events, counted from the newest, among which its like is looked for."""
_WARNINGS = frozenset({"leaderless", "server_gone", "node_lost", "alarm", "store_full"})
_LOST = (NodeStatus.DOWN, NodeStatus.DISCONNECTED)


class Event(Struct, frozen=True, kw_only=True):
    """`kind` is one of those that the API names. `count` of them came together; `subject` is the newest."""

    id: str
    at: Millis
    kind: str
    subject: str = ""
    subject_id: str = ""
    text: str = ""
    count: int = 1

    @property
    def message(self) -> pb.ClusterEvent:
        return pb.ClusterEvent(
            id=self.id,
            time=timestamp(self.at),
            kind=self.kind,
            level="warning" if self.kind in _WARNINGS else "info",
            subject=self.subject,
            subject_id=self.subject_id,
            text=self.text,
            count=self.count,
        )


class Events:
    """The newest ones, the oldest first."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._events: dict[str, Event] = {}

    def note(self, event: Event) -> None:
        """One that was just noticed. Of nodes, it may be one more of what there is."""
        like = self._like(event) if event.kind.startswith("node_") else None
        if like is not None:
            del self._events[like.id]
            event = replace(event, id=like.id, count=like.count + event.count)
        self._events[event.id] = event
        while len(self._events) > self._most:
            del self._events[next(iter(self._events))]

    def _like(self, event: Event) -> Event | None:
        newest = list(self._events.values())[-_NEAR:]
        return next((one for one in reversed(newest) if one.kind == event.kind and event.at - one.at <= TOGETHER), None)

    def since(self, at: Millis) -> Sequence[pb.ClusterEvent]:
        """Those that are newer than that moment."""
        return [event.message for event in self._events.values() if event.at > at]


def merged(known: Iterable[pb.ClusterEvent], told: Iterable[pb.ClusterEvent]) -> list[pb.ClusterEvent]:
    """Two lists as one, at most `MOST`, by time. Of two with one id, the one that counts more. Pure."""
    found: dict[str, pb.ClusterEvent] = {}
    for event in (*known, *told):
        if event.id not in found or event.count > found[event.id].count:
            found[event.id] = event
    return sorted(found.values(), key=lambda event: (event.time.seconds, event.time.nanos, event.id))[-MOST:]


def of_commit(folded: Folded, at: Millis) -> Iterator[Event]:
    """What one commit tells. Pure."""
    for number, (old, new) in enumerate(folded.servers):
        if (event := _of_server(old, new)) is not None:
            yield replace(event, id=f"{folded.n}-s{number}", at=at)
    for number, (was, node) in enumerate(folded.nodes):
        if (event := _of_node(was, node)) is not None:
            yield replace(event, id=f"{folded.n}-n{number}", at=at)


def of_pause(before: Pause | None, now: Pause | None, *, n: int, at: Millis) -> Event | None:
    """What an operator did to all queues. Pure."""
    if before == now:
        return None
    if now is None:
        return Event(id=f"{n}-p", at=at, kind="queue_resumed")
    return Event(id=f"{n}-p", at=at, kind="queue_paused", subject=now.by, text=now.note)


def _of_server(old: ServerRecord | None, new: ServerRecord | None) -> Event | None:
    known = new or old
    if known is None:
        return None
    if old is None or new is None:
        return _about_server("server_joined" if old is None else "server_removed", known)
    if (old.name, old.url, old.version) == (new.name, new.url, new.version):
        return None
    changed = [f"{a} → {b}" for a, b in zip(_shown(old), _shown(new), strict=True) if a != b]
    return _about_server("server_changed", new, text=", ".join(changed))


def _shown(server: ServerRecord) -> tuple[str, str, str]:
    return (server.name, server.url, server.version)


def _about_server(kind: str, server: ServerRecord, text: str = "") -> Event:
    return Event(id="", at=0, kind=kind, subject=server.name or server.id, subject_id=server.id, text=text)


def _of_node(old: Node | None, new: Node | None) -> Event | None:
    known = new or old
    if known is None:
        return None
    kind, text = _change_of(old, new)
    return (
        Event(id="", at=0, kind=kind, subject=known.name or known.id, subject_id=known.id, text=text) if kind else None
    )


def _change_of(old: Node | None, new: Node | None) -> tuple[str, str]:
    """The kind, empty when it is nothing to tell, and what is said of it."""
    if old is None or new is None:
        return ("node_joined" if old is None else "node_removed", "")
    was_lost, lost = old.status in _LOST, new.status in _LOST
    if was_lost != lost:
        return ("node_lost", new.status_description) if lost else ("node_back", "")
    if (old.drain is None) != (new.drain is None):
        return ("node_drained", "") if new.drain is None else ("node_drain", "")
    if old.eligible != new.eligible:
        return ("node_eligible" if new.eligible else "node_ineligible", new.eligibility_description)
    return ("", "")
