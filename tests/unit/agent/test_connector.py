"""Finding a server again: how long to wait, what to say, whom to trust."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from grpclib.const import Status

from jobpool.agent import connector
from jobpool.agent.config import AgentConfig, TlsConfig
from jobpool.agent.connector import FIRST_WELCOME, LONGEST_WAIT, REFUSED_WAIT, Connector, NewConversation
from jobpool.agent.journal import Journal
from jobpool.agent.session import WELCOME_WITHIN, SessionEnded, Stream
from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.service import Service
from jobpool.api.tls import server_tls
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.model.errors import InvalidArgument
from jobpool.testing.agent_server import AgentServer, RunAgent
from jobpool.testing.clock import FakeClock
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


async def _waits(tmp_path: Path, *urls_and_count: str | int, tls: TlsConfig | None = None) -> list[int]:
    """The first waits of a connector that knows these servers only, up to so many."""
    *urls, count = urls_and_count
    assert isinstance(count, int)
    return await _run(tmp_path, [str(url) for url in urls], HelloOnly, Impatient(count), tls=tls)


async def _run(
    tmp_path: Path, urls: list[str], converse: NewConversation, clock: Impatient, *, tls: TlsConfig | None = None
) -> list[int]:
    journal = Journal(tmp_path / "journal.db", clock)
    config = AgentConfig(name="test", data_dir=tmp_path, server_urls=tuple(urls), tls=tls or TlsConfig())
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


class Still:
    """A server that stands still: the kernel takes connections for it, and it says nothing."""

    def __init__(self) -> None:
        self.called: asyncio.Queue[None] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        self.called.put_nowait(None)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()


@asynccontextmanager
async def _still(count: int) -> AsyncIterator[tuple[Still, list[str]]]:
    still, urls = Still(), []
    async with AsyncExitStack() as stack:
        for _ in range(count):
            server = await stack.enter_async_context(await asyncio.start_server(still.serve, "127.0.0.1", 0))
            urls.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield still, urls


@asynccontextmanager
async def _connecting(tmp_path: Path, urls: list[str], clock: FakeClock) -> AsyncIterator[None]:
    journal = Journal(tmp_path / "journal.db", clock)
    config = AgentConfig(name="test", data_dir=tmp_path, server_urls=tuple(urls))
    connector = Connector(config, HelloOnly, journal=journal, clock=clock, dice=Dice(1))
    task = asyncio.get_running_loop().create_task(connector.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        journal.close()


async def test_a_server_that_stands_still_is_left_for_another_after_two_seconds(tmp_path: Path) -> None:
    clock = FakeClock()
    async with asyncio.timeout(20), _still(2) as (still, urls), _connecting(tmp_path, urls, clock):
        await still.called.get()
        await clock.advance(FIRST_WELCOME - 1)
        assert still.called.empty()
        await clock.advance(1)
        await still.called.get()


async def test_when_all_are_slow_they_are_given_longer(tmp_path: Path) -> None:
    clock = FakeClock()
    async with asyncio.timeout(20), _still(2) as (still, urls), _connecting(tmp_path, urls, clock):
        for _ in urls:
            await still.called.get()
            await clock.advance(FIRST_WELCOME)
        await clock.advance(200)  # the wait before the second round
        await still.called.get()
        await clock.advance(2 * FIRST_WELCOME - 201)
        assert still.called.empty()
        await clock.advance(201)
        await still.called.get()


async def test_the_only_server_is_given_its_time(tmp_path: Path) -> None:
    clock = FakeClock()
    async with asyncio.timeout(20), _still(1) as (still, urls), _connecting(tmp_path, urls, clock):
        await still.called.get()
        await clock.advance(WELCOME_WITHIN - 1)
        assert still.called.empty()
        await clock.advance(1 + 200)
        await still.called.get()


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


async def test_an_agent_that_a_server_does_not_want_to_know_says_so_once(
    certificate: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By TLS 1.3 the refusal comes after the handshake, as the connection breaks."""
    service = Service({})
    tls = server_tls(*map(str, certificate), trusted_ca_file=str(certificate[0]), client_cert_auth=True)
    async with Listener(service, Gateway(service), ListenerConfig(urls=("https://127.0.0.1:0",)), tls=tls) as listener:
        url = f"https://127.0.0.1:{listener.addresses[0][1]}"
        await _waits(tmp_path, url, 3, tls=TlsConfig(trusted_ca_file=str(certificate[0])))
    said = capsys.readouterr().out
    [told] = [line for line in said.splitlines() if "session_lost" in line]
    assert "it wants a certificate of us, and is shown none" in told
    assert "cert-file and key-file of this agent" in told
    assert url in told
    [refused] = [line for line in said.splitlines() if "tls_refused" in line]
    assert "it shows no certificate, and one is wanted here" in refused
    assert "peer=127.0.0.1" in refused


async def test_a_server_that_nobody_vouches_for_is_not_told_the_secret(
    certificate: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AgentServer(tls=_server_tls(certificate)) as server:
        await _waits(tmp_path, server.url, 2)
        assert server.hellos == []
    said = capsys.readouterr()
    assert "certificate verify failed" in said.out
    assert said.out.count("session_lost") == 1


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"trusted-ca-file: cannot use .*gone\.pem"):
        connector.client_tls(TlsConfig(trusted_ca_file=str(tmp_path / "gone.pem")))
    with pytest.raises(InvalidArgument, match=r"cert-file: cannot use .*gone\.pem"):
        connector.client_tls(TlsConfig(cert_file=str(tmp_path / "gone.pem"), key_file=str(tmp_path / "gone.key")))
