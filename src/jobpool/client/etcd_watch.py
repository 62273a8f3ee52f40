"""A watch of etcd's that goes on over lost connections and servers: each event once, in order, none left out."""

import logging
from collections.abc import AsyncGenerator

from jobpool.client.etcd import Conversation, Etcd
from jobpool.kit.effects.clock import Clock, SystemClock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import Unavailable
from jobpool.wire import etcd_pb2 as pb

AGAIN: Millis = SECOND
"""Between two tries to go on."""

log = logging.getLogger(__name__)


class Watch:
    """One watch, as `create` asks for it."""

    def __init__(self, etcd: Etcd, create: pb.WatchCreateRequest, *, clock: Clock | None = None) -> None:
        self._etcd = etcd
        self._create = create
        self._clock = clock or SystemClock()
        self._next = create.start_revision
        self._began = False
        self._talk: Conversation[pb.WatchRequest, pb.WatchResponse] | None = None

    async def ask_progress(self) -> None:
        """Have the server tell how far it is, among the answers. Nothing while there is no connection."""
        if self._talk is not None:
            await self._talk.send(pb.WatchRequest(progress_request=pb.WatchProgressRequest()))

    async def answers(self) -> AsyncGenerator[pb.WatchResponse, None]:
        """What the server says, but for its word that the watch was made; one that is `canceled` is the last.

        Raises what the first connection fails with; later ones are made again until they succeed.
        """
        while True:
            try:
                async for answer in self._once():
                    yield answer
                    if answer.canceled:
                        return
                raise Unavailable("the server ended the watch")
            except Unavailable as error:
                if not self._began:
                    raise
                log.debug("the watch goes on from revision %d: %s", self._next, error)
            finally:
                self._talk = None
            await self._clock.sleep(AGAIN)

    async def _once(self) -> AsyncGenerator[pb.WatchResponse, None]:
        create = pb.WatchCreateRequest()
        create.CopyFrom(self._create)
        create.start_revision = self._next
        async with self._etcd.conversation("Watch", pb.WatchRequest, pb.WatchResponse, needs_leader=True) as talk:
            await talk.send(pb.WatchRequest(create_request=create))
            while (answer := await talk.receive()) is not None:
                if answer.created and not answer.canceled:
                    self._began, self._talk = True, talk
                    self._next = self._next or answer.header.revision + 1
                    continue
                if answer.events:
                    self._next = answer.events[-1].kv.mod_revision + 1
                yield answer


def is_progress(answer: pb.WatchResponse) -> bool:
    """Whether it only tells how far the server is."""
    return not (answer.events or answer.canceled or answer.created or answer.compact_revision)
