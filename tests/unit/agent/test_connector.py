"""Finding a server again: how long to wait, what to say, whom to trust."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from grpclib.const import Status

from jobpool.agent import connector
from jobpool.agent.config import AgentConfig, TlsConfig
from jobpool.agent.connector import LONGEST_WAIT, REFUSED_WAIT, Connector, NewConversation
from jobpool.agent.journal import Journal
from jobpool.agent.session import SessionEnded, Stream
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.model.errors import InvalidArgument
from jobpool.testing.agent_server import AgentServer, RunAgent
from jobpool.wire import jobpool_pb2 as pb


class Enough(BaseException):
    """The test has seen as many waits as it wants."""


class Impatient(SystemClock):
    """A clock whose sleeps are noted and take no time."""

    def __init__(self, waits: int) -> None:
        self.spans: list[int] = []
        self._waits = waits

    async def sleep(self, span: int) -> None:
        self.spans.append(span)
        if len(self.spans) == self._waits:
            raise Enough


async def _waits(tmp_path: Path, *urls_and_count: str | int) -> list[int]:
    """The first waits of a connector that knows these servers only, up to so many."""
    *urls, count = urls_and_count
    assert isinstance(count, int)
    return await _run(tmp_path, [str(url) for url in urls], HelloOnly, Impatient(count))


async def _run(tmp_path: Path, urls: list[str], converse: NewConversation, clock: Impatient) -> list[int]:
    journal = Journal(tmp_path / "journal.db", clock)
    config = AgentConfig(name="test", data_dir=tmp_path, server_urls=tuple(urls))
    try:
        with pytest.raises(Enough):
            await Connector(config, converse, journal=journal, clock=clock, dice=Dice(1)).run()
    finally:
        journal.close()
    return clock.spans


class HelloOnly:
    """A conversation that ends with the first answer."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def open(self) -> pb.ServerWelcome:
        await self._stream.send_message(pb.AgentMessage(hello=pb.AgentHello(node_id="n1")))
        await self._stream.recv_message()
        raise SessionEnded("that was all")

    async def run(self, welcome: pb.ServerWelcome) -> None:
        raise AssertionError


async def test_waits_grow_with_full_jitter_to_a_limit(tmp_path: Path) -> None:
    async with AgentServer() as gone:
        url = gone.url
    spans = await _waits(tmp_path, url, 40)
    assert spans[0] < 200
    assert max(spans) < LONGEST_WAIT
    assert max(spans) > LONGEST_WAIT // 2
    assert min(spans[8:]) < LONGEST_WAIT // 4


@pytest.mark.parametrize("status", [Status.UNAUTHENTICATED, Status.PERMISSION_DENIED, Status.INVALID_ARGUMENT])
async def test_a_refusal_is_said_aloud_and_tried_slowly(
    tmp_path: Path, server: AgentServer, status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refuse = status
    [wait] = await _waits(tmp_path, server.url, 1)
    assert REFUSED_WAIT - 5_000 < wait <= REFUSED_WAIT
    said = capsys.readouterr()
    assert "session_refused" in said.out + said.err


async def test_an_error_of_the_server_is_told_in_its_words(
    tmp_path: Path, server: AgentServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refuse = Status.UNAVAILABLE
    await _waits(tmp_path, server.url, 1)
    said = "".join(capsys.readouterr())
    assert "session_lost" in said
    assert "refused by the test" in said
    assert "Status." not in said


@asynccontextmanager
async def _three(refuse: Status | None = Status.UNAVAILABLE) -> AsyncIterator[list[AgentServer]]:
    async with AgentServer() as one, AgentServer() as two, AgentServer() as three:
        servers = [one, two, three]
        for server in servers:
            server.refuse = refuse
        yield servers


async def test_every_server_is_tried_before_the_first_wait(tmp_path: Path) -> None:
    async with _three() as servers:
        [wait] = await _waits(tmp_path, *(server.url for server in servers), 1)
        assert [len(server.hellos) for server in servers] == [1, 1, 1]
        assert wait < 200


async def test_who_refuses_this_agent_is_left_alone_and_the_others_are_not(tmp_path: Path) -> None:
    async with _three() as servers:
        servers[1].refuse = Status.PERMISSION_DENIED
        waits = await _waits(tmp_path, *(server.url for server in servers), 4)
        assert [len(server.hellos) for server in servers] == [4, 1, 4]
        assert max(waits) < LONGEST_WAIT


class Passing(Impatient):
    """Time passes when a conversation says so."""

    def __init__(self, waits: int) -> None:
        super().__init__(waits)
        self.passed = 0

    def monotonic(self) -> int:
        return super().monotonic() + self.passed


async def test_after_a_good_session_the_others_are_tried_at_once_and_the_lost_server_last(tmp_path: Path) -> None:
    clock = Passing(1)
    order: list[int] = []

    class Good(HelloOnly):
        """The first session is a good one; the servers refuse all others."""

        async def open(self) -> pb.ServerWelcome:
            await self._stream.send_message(pb.AgentMessage(hello=pb.AgentHello(node_id="n1")))
            first = await self._stream.recv_message()
            order.append(next(at for at, server in enumerate(servers) if len(server.hellos) > order.count(at)))
            if len(order) > 1:
                raise SessionEnded("not today")
            assert first is not None
            return first.welcome

        async def run(self, welcome: pb.ServerWelcome) -> None:
            clock.passed += 60_000
            raise SessionEnded("the server stopped")

    async with _three(refuse=None) as servers:
        spans = await _run(tmp_path, [server.url for server in servers], Good, clock)
    assert len(order) == 3
    assert len(set(order)) == 3
    assert spans[0] < 200


async def test_an_attempt_that_hangs_is_no_good_session(tmp_path: Path) -> None:
    """It took long, and nothing came of it: the waits must grow."""
    clock = Passing(12)

    class Hanging(HelloOnly):
        async def open(self) -> pb.ServerWelcome:
            clock.passed += 10_000
            raise TimeoutError

    async with AgentServer() as server:
        spans = await _run(tmp_path, [server.url], Hanging, clock)
    assert max(spans) > 1_000


async def test_an_agent_that_ends_as_its_session_breaks_tries_no_other_server(
    tmp_path: Path, server: AgentServer
) -> None:
    """A task group forgets a cancellation that comes with a failure: the agent would go on for ever."""
    talking = asyncio.Event()

    class BreaksAsItEnds(HelloOnly):
        async def open(self) -> pb.ServerWelcome:
            return pb.ServerWelcome()

        async def run(self, welcome: pb.ServerWelcome) -> None:
            talking.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise SessionEnded("the stream broke") from None

    clock = SystemClock()
    journal = Journal(tmp_path / "journal.db", clock)
    config = AgentConfig(name="test", data_dir=tmp_path, server_urls=(server.url,))
    try:
        connecting = Connector(config, BreaksAsItEnds, journal=journal, clock=clock, dice=Dice(1)).run()
        task = asyncio.get_running_loop().create_task(connecting)
        await talking.wait()
        task.cancel()
        await asyncio.wait((task,), timeout=5)
        assert task.cancelled()
    finally:
        task.cancel()
        journal.close()


def test_dead_peers_are_pinged() -> None:
    """The settings are private names of grpclib; were they renamed, the module would not import."""
    config = connector._KEEPALIVE.__for_client__()
    assert config._keepalive_time == 10
    assert config._keepalive_permit_without_calls


def _server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    context.set_alpn_protocols(["h2"])
    return context


async def test_a_trusted_server_is_joined_over_tls(certificate: tuple[Path, Path], agent: RunAgent) -> None:
    trust = TlsConfig(trusted_ca_file=str(certificate[0]))
    async with AgentServer(tls=_server_tls(certificate)) as server, agent(server_urls=(server.url,), tls=trust):
        await server.until(lambda: bool(server.inventories))


async def test_a_server_that_nobody_vouches_for_is_not_told_the_secret(
    certificate: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AgentServer(tls=_server_tls(certificate)) as server:
        await _waits(tmp_path, server.url, 2)
        assert server.hellos == []
    said = capsys.readouterr()
    assert "session_tls_failed" in said.out + said.err


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"trusted-ca-file: cannot use .*gone\.pem"):
        connector.client_tls(TlsConfig(trusted_ca_file=str(tmp_path / "gone.pem")))
    with pytest.raises(InvalidArgument, match=r"cert-file: cannot use .*gone\.pem"):
        connector.client_tls(TlsConfig(cert_file=str(tmp_path / "gone.pem"), key_file=str(tmp_path / "gone.key")))
