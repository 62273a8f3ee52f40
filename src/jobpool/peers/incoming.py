"""One admitted stream of another server: its beats and news go up, its questions are answered."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from jobpool.kit.effects.clock import Clock, deadline
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND, Millis, format_duration
from jobpool.model.beat import Beat
from jobpool.model.errors import JobpoolError, ResourceExhausted, TooLarge, Unavailable
from jobpool.peers.conversation import MAX_OPEN, MAX_WORD
from jobpool.peers.frames import encode, read_question, unpack
from jobpool.peers.outbox import Outbox
from jobpool.peers.stream import FrameStream, StreamBroken
from jobpool.peers.tasks import ungrouped
from jobpool.peers.words import (
    AgentsHeard,
    Answered,
    Asked,
    BeatTold,
    Called,
    Join,
    NodesSeen,
    Question,
    Refused,
    Seen,
    Withdrawn,
    Word,
)

SILENT: Millis = 3 * SECOND
"""A stream without a frame for so long has lost its other end; the dialer says something every second."""
TAKEN_WITHIN: Millis = 10 * SECOND
_CROWDED = 16 * 1024 * 1024
"""Bytes of answers that wait; beyond, no more is read until the other end takes some."""
_NOTHING = msgspec.Raw(encode(None))


class Answerer(Protocol):
    """Who answers other servers' questions."""

    @property
    def n(self) -> int:
        """How far this server has folded the log. Read after each answer, and told with it."""
        ...

    async def answer(self, question: Question, server_id: str) -> object:
        """The answer, of the type that the question's docstring names. Raises JobpoolError.

        Questions of one stream are begun in the order in which they were asked. Cancelled when nobody waits any more.
        """
        ...


class Ears(Protocol):
    """Who hears what is said without a question. Nothing here waits."""

    def beat(self, server_id: str, beat: Beat) -> None: ...

    def called(self, server_id: str) -> None:
        """The leader, `server_id`, leaves: take over."""
        ...

    def agents_heard(self, server_id: str, agents: Sequence[tuple[str, int, Millis]]) -> None: ...

    def nodes_seen(self, server_id: str, nodes: Sequence[Seen]) -> None: ...

    def gone(self, server_id: str) -> None:
        """A stream of it has ended: answers that were on their way are lost. A newer one may be there already."""
        ...

    def linked(self, server_id: str) -> None:
        """Our stream to it is there (again): what it was told before may be lost."""
        ...


class Incoming:
    """Lasts until `run` ends, by the stream's end, by silence, or by `end`.

    `known`: whether the server belongs to the cluster; one that does not may beat and ask to join, no more.
    """

    def __init__(
        self,
        server_id: str,
        stream: FrameStream,
        *,
        clock: Clock,
        answerer: Answerer,
        ears: Ears,
        known: Callable[[str], bool],
    ) -> None:
        self._server_id = server_id
        self._stream = stream
        self._clock = clock
        self._answerer = answerer
        self._ears = ears
        self._known = known
        self._outbox = Outbox(crowded=_CROWDED)
        self._asked: dict[int, asyncio.Task[None]] = {}
        self._heard = False
        self._end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._log = get_logger("peers").bind(server=server_id)

    async def run(self) -> None:
        """Raises JobpoolError that says why it ended, if the other end did not end it."""
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                works = [group.create_task(work) for work in (self._write(), self._listen(), self._until_ended())]
                await self._read(group)
                for task in (*works, *self._asked.values()):
                    task.cancel()

    def end(self, reason: str) -> None:
        if not self._end.done():
            self._end.set_result(reason)

    async def _until_ended(self) -> None:
        raise Unavailable(await self._end)

    async def _write(self) -> None:
        while True:
            frame = await self._outbox.next_frame()
            try:
                async with deadline(self._clock, TAKEN_WITHIN):
                    await self._stream.send(frame)
            except TimeoutError:
                raise StreamBroken(f"answers were not taken within {format_duration(TAKEN_WITHIN)}") from None

    async def _listen(self) -> None:
        """Two halves of silence: after a pause of our own, the first has not yet read what came meanwhile."""
        missed = 0
        while missed < 2:
            self._heard = False
            await self._clock.sleep(SILENT // 2)
            missed = 0 if self._heard else missed + 1
        raise StreamBroken(f"nothing was heard for {format_duration(SILENT)}")

    async def _read(self, group: asyncio.TaskGroup) -> None:
        while (frame := await self._stream.recv()) is not None:
            self._heard = True
            for word in unpack(frame):
                self._take(word, group)
            await self._outbox.has_room()

    def _take(self, word: Word, group: asyncio.TaskGroup) -> None:
        match word:
            case BeatTold():
                self._ears.beat(self._server_id, word.beat)
            case Asked():
                self._begin(word, group)
            case Withdrawn():
                if (task := self._asked.get(word.number)) is not None:
                    task.cancel()
            case Called() if self._known(self._server_id):
                self._ears.called(self._server_id)
            case AgentsHeard() if self._known(self._server_id):
                self._ears.agents_heard(self._server_id, word.agents)
            case NodesSeen() if self._known(self._server_id):
                self._ears.nodes_seen(self._server_id, word.nodes)
            case _:
                self._log.debug("a word that does not belong here", event_name="peer_word", word=type(word).__name__)

    def _begin(self, asked: Asked, group: asyncio.TaskGroup) -> None:
        if len(self._asked) >= MAX_OPEN:
            self._refuse(asked.number, ResourceExhausted(f"{MAX_OPEN} questions of one server are open already"))
            return
        task = group.create_task(self._answer(asked))
        self._asked[asked.number] = task
        task.add_done_callback(lambda _: self._asked.pop(asked.number, None))

    async def _answer(self, asked: Asked) -> None:
        try:
            value = encode(await self._answerer.answer(self._read_question(asked), self._server_id))
            if len(value) > MAX_WORD:
                raise TooLarge(f"wanted an answer of at most {MAX_WORD} bytes, found {len(value)}")
        except JobpoolError as error:
            self._refuse(asked.number, error)
        except Exception as error:  # noqa: BLE001 — the edge: the other server gets an answer, the log the traceback
            self._log.error("a question failed", event_name="peer_question_failed", exc_info=error)
            self._refuse(asked.number, JobpoolError("internal error; the log of the server that was asked says more"))
        else:
            self._outbox.put(Answered(asked.number, self._answerer.n, None, msgspec.Raw(value)))

    def _read_question(self, asked: Asked) -> Question:
        question = read_question(asked.question)
        if not (isinstance(question, Join) or self._known(self._server_id)):
            raise Unavailable(f"server {self._server_id} is not known here (yet) to belong to the cluster")
        return question

    def _refuse(self, number: int, error: JobpoolError) -> None:
        retry_after = error.retry_after if isinstance(error, ResourceExhausted) else 0
        refused = Refused(int(error.code), error.reason, error.field, error.engine_code, retry_after, error.terms)
        self._outbox.put(Answered(number, self._answerer.n, refused, _NOTHING))
