"""What a server notices that no commit tells: servers that are silent, alarms, a store that is full or got smaller."""

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from jobpool.api.cluster_events import Event
from jobpool.kit.pure.durations import SECOND, Millis

_INHERITED: Millis = 15 * SECOND
"""A server that is silent for longer than this was told of by whoever led before."""
_AWAITED: Millis = 5 * SECOND
"""A server that has not been met yet may be on its way."""
_SHRUNK = 0.9
_WORTH_TELLING = 1_000_000


class Look(Struct, frozen=True, kw_only=True):
    """One look around. `servers` are the names of the others by id. `errors` are what the engine complains of; None: it
    does not answer. `size` is that of the own database in bytes, 0 = unknown.
    """

    leads: bool
    servers: Mapping[str, str]
    heard: frozenset[str]
    errors: tuple[str, ...] | None = ()
    full: bool = False
    size: int = 0


class Noticer:
    """Pure. One server notices for all what concerns all: the one that leads."""

    def __init__(self, me: str, name: str) -> None:
        self._me = me
        self._name = name
        self._met: set[str] = set()
        self._silent: dict[str, Millis] = {}
        self._told: set[str] = set()
        self._errors: frozenset[str] = frozenset()
        self._full = False
        self._size = 0
        self._count = 0

    def step(self, look: Look, *, at: Millis, now: Millis) -> list[Event]:
        """What is new. `at` is wall time, `now` monotonic."""
        found = [*self._servers(look, now), *self._alarms(look), *self._space(look)]
        return [self._event(at, *one) for one in found]

    def _event(self, at: Millis, kind: str, subject_id: str, subject: str, text: str) -> Event:
        self._count += 1
        event_id = f"{self._me}-{at}-{self._count}"
        return Event(id=event_id, at=at, kind=kind, subject=subject, subject_id=subject_id, text=text)

    def _servers(self, look: Look, now: Millis) -> Iterator[tuple[str, str, str, str]]:
        for server_id, name in look.servers.items():
            if server_id in look.heard:
                self._met.add(server_id)
                self._silent.pop(server_id, None)
                if server_id in self._told and look.leads:
                    yield "server_back", server_id, name, ""
                self._told.discard(server_id)
                continue
            silent = now - self._silent.setdefault(server_id, now)
            if server_id in self._told or (server_id not in self._met and silent < _AWAITED):
                continue
            if look.leads and silent < _INHERITED:
                yield "server_gone", server_id, name, ""
            if look.leads or silent >= _INHERITED:
                self._told.add(server_id)
        self._forget(look.servers)

    def _forget(self, servers: Collection[str]) -> None:
        self._met.intersection_update(servers)
        self._told.intersection_update(servers)
        self._silent = {server_id: since for server_id, since in self._silent.items() if server_id in servers}

    def _alarms(self, look: Look) -> Iterator[tuple[str, str, str, str]]:
        errors = self._errors if look.errors is None else frozenset(error.strip() for error in look.errors)
        if look.leads:
            for error in sorted(errors - self._errors):
                yield "alarm", "", "", error
            for error in sorted(self._errors - errors):
                yield "alarm_over", "", "", error
            if look.full != self._full:
                yield "store_full" if look.full else "store_has_room", "", "", ""
        self._errors, self._full = errors, look.full

    def _space(self, look: Look) -> Iterator[tuple[str, str, str, str]]:
        before, self._size = self._size, look.size or self._size
        if look.size and look.size < _SHRUNK * before and before - look.size >= _WORTH_TELLING:
            yield "defragmented", self._me, self._name, f"{before} → {look.size}"
