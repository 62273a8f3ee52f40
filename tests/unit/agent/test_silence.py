"""A server that says nothing any more is left, and an agent that was itself held up blames nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from jobpool.agent.book import Book
from jobpool.agent.executor import Registry
from jobpool.agent.identity import Belonging, DataDir
from jobpool.agent.journal import Journal
from jobpool.agent.lease import Lease
from jobpool.agent.runner import Runner
from jobpool.agent.session import Mailbag, Session, SessionEnded
from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.testing.clock import FakeClock, settle
from jobpool.wire import jobpool_pb2 as pb

BEAT = 500


class Wire:
    """The server's end of a stream."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[pb.ServerMessage | None] = asyncio.Queue()

    async def send_message(self, message: pb.AgentMessage) -> None:
        """Nobody minds."""

    async def recv_message(self) -> pb.ServerMessage | None:
        return await self._said.get()

    async def end(self) -> None:
        """Nobody leaves here."""
        raise AssertionError

    def beat(self) -> None:
        self._said.put_nowait(pb.ServerMessage(beat=pb.ServerBeat()))


class Talk:
    """A session that has been welcomed."""

    def __init__(self, clock: FakeClock, wire: Wire, task: "asyncio.Task[None]") -> None:
        self.clock = clock
        self.wire = wire
        self._task = task

    @property
    def ended(self) -> str:
        """Why; empty while it goes on."""
        if not self._task.done():
            return ""
        failures = self._task.exception()
        assert isinstance(failures, BaseExceptionGroup)
        assert isinstance(failures.exceptions[0], SessionEnded)
        return str(failures.exceptions[0])

    async def hear(self, span: int) -> None:
        """The server keeps its promise for so long."""
        for _ in range(span // BEAT):
            await self.clock.advance(BEAT)
            self.wire.beat()
            await settle()


@asynccontextmanager
async def talk(tmp_path: Path, *, server_beat: int = BEAT) -> AsyncIterator[Talk]:
    clock, wire, mailbag = FakeClock(), Wire(), Mailbag()
    journal = Journal(tmp_path / "journal.db", clock)
    registry = Registry(("noop",))
    runner = Runner(
        Book(capacity=1),
        mailbag.outbox,
        journal=journal,
        registry=registry,
        lease=Lease(tmp_path / "lease"),
        runs=tmp_path / "runs",
        clock=clock,
        changed=mailbag.changed.set,
    )
    session = Session(
        wire,
        pb.AgentHello(),
        belonging=Belonging(DataDir(tmp_path / "data")),
        runner=runner,
        mailbag=mailbag,
        runs=tmp_path / "runs",
        clock=clock,
    )
    welcome = pb.ServerWelcome(heartbeat_ttl=30 * MINUTE, server_beat=server_beat)
    task = asyncio.get_running_loop().create_task(session.run(welcome))
    await settle()
    try:
        yield Talk(clock, wire, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        journal.close()
        await registry.close()


async def test_a_server_that_beats_is_stayed_with_and_a_silent_one_is_left_in_time(tmp_path: Path) -> None:
    async with talk(tmp_path) as it:
        await it.hear(MINUTE)
        assert not it.ended
        await it.clock.advance(3 * BEAT - 1)
        assert not it.ended
        await it.clock.advance(101)
        assert "said nothing for 15" in it.ended


async def test_a_server_that_never_speaks_after_its_welcome_is_left(tmp_path: Path) -> None:
    async with talk(tmp_path) as it:
        await it.clock.advance(3 * BEAT + 100)
        assert it.ended


async def test_an_old_server_has_promised_nothing(tmp_path: Path) -> None:
    async with talk(tmp_path, server_beat=0) as it:
        await it.clock.advance(10 * MINUTE)
        assert not it.ended


async def test_an_agent_that_was_stopped_reads_what_came_meanwhile(tmp_path: Path) -> None:
    async with talk(tmp_path) as it:
        await it.hear(SECOND)
        it.clock.pause(MINUTE)
        await it.clock.advance(0)  # the alarm rings before anything is read
        it.wire.beat()
        await it.hear(10 * SECOND)
        assert not it.ended


async def test_an_agent_that_is_stopped_again_before_it_could_read_blames_nobody(tmp_path: Path) -> None:
    async with talk(tmp_path) as it:
        await it.hear(SECOND)
        for _ in range(3):
            it.clock.pause(MINUTE)
            await it.clock.advance(0)
        assert not it.ended
        it.wire.beat()
        await it.hear(10 * SECOND)
        assert not it.ended


async def test_an_agent_that_was_stopped_finds_that_its_server_is_gone(tmp_path: Path) -> None:
    async with talk(tmp_path) as it:
        await it.hear(SECOND)
        it.clock.pause(MINUTE)
        await it.clock.advance(200)
        assert it.ended
