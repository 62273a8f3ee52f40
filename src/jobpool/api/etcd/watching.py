"""What a stream of watches may ask and is told: no event of our keys, and nothing that would let it miss others.

An answer whose events were all ours is left out, not sent empty: an answer without events is a progress notification,
and its revision, in a batch that catches up, lies behind events that are still to come. Pure.
"""

from collections import deque

from jobpool.api.etcd.guard import Guard
from jobpool.model.errors import PermissionDenied, ResourceExhausted
from jobpool.wire.etcd_pb2 import ResponseHeader, WatchRequest, WatchResponse

_REFUSED_ID = -1
_MAX_WAITING = 1_000
"""Watches on one stream that were asked for and not answered."""


class WatchFilter:
    """Of one stream."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._asked: deque[str | None] = deque()
        """Watches without answer, in order: None = etcd's to answer, else why we refuse it, once it is its turn."""
        self._header = ResponseHeader()
        """The last there was: etcd's client in Go ends with a panic when an answer has none."""
        self._parts: dict[int, WatchResponse] = {}
        """Of answers in parts, the last one with events: sent when it is known whether it is the last."""

    def asked(self, request: WatchRequest) -> tuple[WatchRequest | None, list[WatchResponse]]:
        """What is to be sent on, and what is to be answered at once. Raises ResourceExhausted."""
        if request.WhichOneof("request_union") != "create_request":
            return request, []
        if len(self._asked) >= _MAX_WAITING:
            raise ResourceExhausted(f"wanted at most {_MAX_WAITING} watches without answer on a stream, found more")
        create = request.create_request
        try:
            self._guard.watched(create.key, create.range_end)
        except PermissionDenied as refusal:
            self._asked.append(refusal.message)
            return None, self._due()
        self._asked.append(None)
        return request, []

    def told(self, response: WatchResponse) -> list[WatchResponse]:
        """What is to be told of it."""
        self._header = response.header
        if response.created:
            if self._asked:
                self._asked.popleft()
            return [response, *self._due()]
        had_events = bool(response.events)
        if had_events:
            self._strip(response)
        if response.fragment or response.watch_id in self._parts:
            return self._part(response)
        says_nothing = had_events and not response.events
        return [] if says_nothing and not response.canceled and not response.compact_revision else [response]

    def _strip(self, response: WatchResponse) -> None:
        ours = self._guard.reserved
        if any(event.kv.key in ours for event in response.events):
            kept = [event for event in response.events if event.kv.key not in ours]
            del response.events[:]
            response.events.extend(kept)

    def _part(self, response: WatchResponse) -> list[WatchResponse]:
        held = self._parts.pop(response.watch_id, None)
        before = [] if held is None else [held]
        if response.fragment and response.events:
            self._parts[response.watch_id] = response
            return before
        if response.fragment:
            self._parts.update({one.watch_id: one for one in before})
            return []
        if held is None or response.events or response.canceled or response.compact_revision:
            return [*before, response]
        held.fragment = False
        return before

    def _due(self) -> list[WatchResponse]:
        due: list[WatchResponse] = []
        while self._asked and (refusal := self._asked[0]) is not None:
            due.append(self._refusal(refusal))
            self._asked.popleft()
        return due

    def _refusal(self, reason: str) -> WatchResponse:
        told = WatchResponse(watch_id=_REFUSED_ID, created=True, canceled=True, cancel_reason=reason)
        told.header.CopyFrom(self._header)
        return told
