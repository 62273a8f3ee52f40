"""The streams between this server and all others: a link to each, and what they dialed to us."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TypeVar

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import Millis
from jobpool.model.beat import Beat
from jobpool.model.server import Cluster, ServerRecord
from jobpool.peers.acceptor import Acceptor
from jobpool.peers.conversation import LinkDown, Told
from jobpool.peers.incoming import Answerer, Ears
from jobpool.peers.link import Link
from jobpool.peers.stream import Dial, FrameStream
from jobpool.peers.words import AgentsHeard, BeatTold, Called, NodesSeen, Question, Seen

A = TypeVar("A")


class Mesh:
    """A service. Without a cluster nobody is dialed and nobody admitted."""

    name = "mesh"

    def __init__(self, me: str, dial: Dial, *, clock: Clock, dice: Dice, answerer: Answerer, ears: Ears) -> None:
        """`me` is the id of this server."""
        self._me = me
        self._dial = dial
        self._clock = clock
        self._dice = dice
        self._ears = ears
        self._acceptor = Acceptor(me, clock=clock, answerer=answerer, ears=ears, admitted=self._hurry)
        self._secret: bytes | None = None
        self._links: dict[str, Link] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for link in self._links.values():
                    self._start(link)
                await asyncio.get_running_loop().create_future()
        finally:
            self._group = None
            self.close()

    def close(self) -> None:
        """End the streams of others, and admit nobody any more. Our own links stay until `run` ends."""
        self._acceptor.close()

    def set_servers(self, records: Iterable[ServerRecord], cluster: Cluster | None) -> None:
        """Those that belong to the cluster, this one included or not. Links follow ids and addresses."""
        secret = None if cluster is None else cluster.secret or None
        wanted = {record.id: record for record in records}
        self._acceptor.trust(secret, wanted)
        wanted.pop(self._me, None)
        for server_id, link in tuple(self._links.items()):
            record = wanted.get(server_id)
            if secret != self._secret or record is None or record.url != link.to.url:
                self._stop(server_id)
        self._secret = secret
        if secret is not None:
            for record in wanted.values():
                if record.id not in self._links:
                    self._add(record, secret)

    def connected(self, server_id: str) -> bool:
        """Whether there is a link to it, as far as is known."""
        link = self._links.get(server_id)
        return link is not None and link.connected

    def send_beat(self, beat: Beat) -> None:
        """To every server that there is a link to."""
        word = BeatTold(beat)
        for link in self._links.values():
            link.tell_first(word)

    def call(self, server_id: str) -> bool:
        """Tell a server to take over. False when there is no link to it."""
        link = self._links.get(server_id)
        return link is not None and link.tell_first(Called())

    def tell_heard(self, server_id: str, agents: Sequence[tuple[str, int, Millis]]) -> bool:
        """False when there is no link to it. True promises nothing: `Ears.linked` tells when it may be lost."""
        link = self._links.get(server_id)
        return link is not None and link.tell(AgentsHeard(list(agents)))

    def tell_seen(self, server_id: str, nodes: Sequence[Seen]) -> bool:
        """The same: False when there is no link to it."""
        link = self._links.get(server_id)
        return link is not None and link.tell(NodesSeen(list(nodes)))

    async def ask(self, server_id: str, question: Question, reply: type[A], *, timeout: Millis) -> Told[A]:
        """The answer of another server, within `timeout` ms.

        Raises what that server raised, LinkDown when there is no link or it breaks, DeadlineExceeded, TooLarge for a
        question of more than 8 MiB, ResourceExhausted when too many wait already. Cancelling tells the other server.
        """
        link = self._links.get(server_id)
        if link is None:
            raise LinkDown(server_id, "it is not a server of this cluster", sent=False)
        return await link.ask(question, reply, timeout=timeout)

    async def accept(self, stream: FrameStream) -> None:
        """Serve a stream that another server dialed, to its end. Raises JobpoolError that says why we ended it."""
        await self._acceptor.serve(stream)

    def _hurry(self, server_id: str) -> None:
        """It speaks to us, so it may answer now."""
        link = self._links.get(server_id)
        if link is not None:
            link.hurry()

    def _add(self, record: ServerRecord, secret: bytes) -> None:
        link = self._links[record.id] = Link(
            self._me,
            record,
            secret=secret,
            dial=self._dial,
            clock=self._clock,
            dice=self._dice,
            linked=self._ears.linked,
        )
        self._start(link)

    def _start(self, link: Link) -> None:
        if self._group is not None:
            self._running[link.to.id] = self._group.create_task(link.run(), name=link.name)

    def _stop(self, server_id: str) -> None:
        self._links.pop(server_id).stop()
        task = self._running.pop(server_id, None)
        if task is not None:
            task.cancel()
