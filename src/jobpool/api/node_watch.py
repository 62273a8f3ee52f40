"""Watching what nodes tell beside what is stored: a change each time a node is heard, told together every 2 s.

Only who asks for it pays for it: `Watch` says nothing of heartbeats.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from jobpool.api.checks import check_id
from jobpool.api.context import Context
from jobpool.api.open_streams import OpenStreams
from jobpool.api.service import Call
from jobpool.api.sightings import Sightings
from jobpool.api.watch import BEAT
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument
from jobpool.wire import jobpool_pb2 as pb

PERIOD: Millis = 2 * SECOND
MOST_NAMED = 100
_PIECE = 200
"""Nodes of one answer."""


class NodeWatch:
    def __init__(self, context: Context, sightings: Sightings, streams: OpenStreams) -> None:
        self._context = context
        self._sightings = sightings
        self._streams = streams

    async def serve(self, request: pb.NodeWatchRequest, call: Call) -> AsyncGenerator[pb.NodeWatchResponse, None]:
        """Until the caller goes. Raises Unavailable when the server stops."""
        wanted, clock = _check_wanted(request), self._context.clock
        with self._streams.one_more():
            told, spoke = 0, clock.monotonic() - BEAT  # the first answer comes at once, with nothing in it too
            while True:
                news = self._since(told, wanted)
                told = self._sightings.number
                if news or clock.monotonic() - spoke >= BEAT:
                    for at in range(0, max(1, len(news)), _PIECE):
                        yield pb.NodeWatchResponse(
                            header=self._context.header(), data=self._seen(news[at : at + _PIECE])
                        )
                        await asyncio.sleep(0)  # the answers of a large fleet hold nobody else up
                    spoke = clock.monotonic()
                await self._streams.unless_closed(clock.sleep(PERIOD))

    def _since(self, number: int, wanted: frozenset[str]) -> Sequence[str]:
        return [node_id for node_id, _ in self._sightings.since(number) if not wanted or node_id in wanted]

    def _seen(self, node_ids: Sequence[str]) -> list[pb.NodeSeen]:
        """As it is when it is sent; what has gone meanwhile is left out."""
        return [seen for node_id in node_ids if (seen := self._sightings.message(node_id)) is not None]


def _check_wanted(request: pb.NodeWatchRequest) -> frozenset[str]:
    """Raises InvalidArgument."""
    if len(request.id) > MOST_NAMED:
        raise InvalidArgument("id", f"names at most {MOST_NAMED} nodes, found {len(request.id)}; leave it out for all")
    return frozenset(check_id("id", node_id) for node_id in request.id)
