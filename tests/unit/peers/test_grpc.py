"""Meshes over real gRPC on the loopback, in clear and by TLS."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from grpclib.client import Channel
from grpclib.const import Cardinality
from grpclib.exceptions import GRPCError
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.service import Service
from jobpool.api.tls import server_tls
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.model.beat import Beat
from jobpool.model.errors import InvalidArgument, JobpoolError, ResourceExhausted, Unauthenticated, Unavailable
from jobpool.model.server import Cluster, ServerRecord
from jobpool.peers.dial import PATH, GrpcDial
from jobpool.peers.frames import encode, pack
from jobpool.peers.mesh import Mesh
from jobpool.peers.stream import FrameStream
from jobpool.peers.words import Forward, Hello, Question
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.peers.conftest import CLUSTER, record

SOON = 10_000
ENOUGH = 20.0


class Peer:
    """A server with a real listener: it answers Forward with its request, reversed."""

    def __init__(self, server_id: str, tls: ssl.SSLContext | None, trust: ssl.SSLContext | None) -> None:
        self.id = server_id
        self.n = 5
        self.beats: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.links: asyncio.Queue[str] = asyncio.Queue()
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.mesh = Mesh(server_id, GrpcDial(trust), clock=SystemClock(), dice=Dice(), answerer=self, ears=self)
        service = Service({})
        scheme = "https" if tls else "http"
        self.listener = Listener(
            service,
            Gateway(service),
            ListenerConfig(urls=(f"{scheme}://127.0.0.1:0",)),
            tls=tls,
            peers=self.mesh.accept,
        )
        self.scheme = scheme

    @property
    def record(self) -> ServerRecord:
        return record(self.id, f"{self.scheme}://127.0.0.1:{self.listener.addresses[0][1]}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Peer"]:
        async with self.listener:
            task = asyncio.get_running_loop().create_task(self.mesh.run())
            try:
                yield self
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def answer(self, question: Question, server_id: str) -> object:
        assert isinstance(question, Forward)
        if not question.request:
            raise ResourceExhausted("not now", retry_after=7)
        return question.request[::-1]

    def beat(self, server_id: str, beat: Beat) -> None:
        self.beats.put_nowait((server_id, beat.term))

    def called(self, server_id: str) -> None:
        raise AssertionError

    def agents_heard(self, server_id: str, agents: object) -> None:
        raise AssertionError

    def nodes_seen(self, server_id: str, nodes: object) -> None:
        raise AssertionError

    def gone(self, server_id: str) -> None:
        self.ended.put_nowait(server_id)

    def linked(self, server_id: str) -> None:
        self.links.put_nowait(server_id)


def forward(request: bytes) -> Forward:
    return Forward("X", request, {}, "grpc", "", "", None)


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's, which demands a certificate of its clients, and one that has it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("TLS is not tested: there is no openssl to make certificates with")
    folder: Path = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=jobpool test", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    context = ssl.create_default_context(cafile=str(cert))
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(cert, key)
    return server_tls(str(cert), str(key), trusted_ca_file=str(cert), client_cert_auth=True), context


@asynccontextmanager
async def pair(
    tls: ssl.SSLContext | None = None, trust: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Peer, Peer]]:
    async with AsyncExitStack() as stack:
        a, b = [await stack.enter_async_context(Peer(name, tls, trust).running()) for name in "ab"]
        for peer in (a, b):
            peer.mesh.set_servers([a.record, b.record], CLUSTER)
        assert [await a.links.get(), await b.links.get()] == ["b", "a"]
        yield a, b


async def converse(a: Peer, b: Peer) -> None:
    a.mesh.send_beat(Beat(3, 1, leads=True))
    assert await b.beats.get() == ("a", 3)
    asked = [a.mesh.ask("b", forward(b"%d!" % i), bytes, timeout=SOON) for i in range(300)]
    told = await asyncio.gather(*asked)
    assert [answer.value for answer in told] == [(b"%d!" % i)[::-1] for i in range(300)]
    assert {answer.n for answer in told} == {5}
    with pytest.raises(ResourceExhausted, match="not now") as raised:
        await b.mesh.ask("a", forward(b""), bytes, timeout=SOON)
    assert raised.value.retry_after == 7


async def test_servers_converse_in_clear() -> None:
    async with asyncio.timeout(ENOUGH), pair() as (a, b):
        await converse(a, b)


async def test_servers_converse_by_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async with asyncio.timeout(ENOUGH), pair(*contexts) as (a, b):
        await converse(a, b)


async def test_a_server_that_is_not_trusted_is_not_spoken_to(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    stranger = GrpcDial()  # trusts what the system trusts
    async with asyncio.timeout(ENOUGH), Peer("b", contexts[0], contexts[1]).running() as b:
        with pytest.raises(Unavailable, match="its certificate is not trusted"):
            async with stranger(b.record):
                pass


async def test_a_server_that_does_not_want_to_know_us_says_so_and_what_to_look_at(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    nobody = ssl.create_default_context()
    nobody.check_hostname, nobody.verify_mode = False, ssl.CERT_NONE
    nobody.set_alpn_protocols(["h2"])
    async with asyncio.timeout(ENOUGH), Peer("b", contexts[0], contexts[1]).running() as b:
        with pytest.raises(Unavailable, match=r"wants a certificate of us.*client-cert-file .* here"):
            async with GrpcDial(nobody)(b.record) as stream:
                await stream.recv()


async def test_questions_and_answers_of_four_mebibytes() -> None:
    large = bytes(range(256)) * 16384
    async with asyncio.timeout(ENOUGH), pair() as (a, b):
        told = await asyncio.gather(
            *(a.mesh.ask("b", forward(large), bytes, timeout=SOON) for _ in range(4)),
            b.mesh.ask("a", forward(large), bytes, timeout=SOON),
        )
        assert all(answer.value == large[::-1] for answer in told)


async def test_a_server_that_stops_is_missed_at_once_and_found_again() -> None:
    async with asyncio.timeout(ENOUGH), AsyncExitStack() as stack:
        a = await stack.enter_async_context(Peer("a", None, None).running())
        async with Peer("b", None, None).running() as b:
            a.mesh.set_servers([a.record, b.record], CLUSTER)
            b.mesh.set_servers([a.record, b.record], CLUSTER)
            assert [await a.links.get(), await b.links.get()] == ["b", "a"]
        assert await a.ended.get() == "b"
        again = await stack.enter_async_context(Peer("b", None, None).running())
        for peer in (a, again):
            peer.mesh.set_servers([a.record, again.record], CLUSTER)
        assert [await a.links.get(), await again.links.get()] == ["b", "a"]
        await converse(a, again)


@asynccontextmanager
async def dialed(peer: Peer) -> AsyncIterator[FrameStream]:
    async with GrpcDial()(peer.record) as stream:
        yield stream


async def test_a_wrong_secret_is_refused_by_its_status() -> None:
    async with asyncio.timeout(ENOUGH), Peer("b", None, None).running() as b:
        b.mesh.set_servers([b.record], CLUSTER)
        other = Peer("a", None, None)
        async with other.running():
            other.mesh.set_servers([other.record, b.record], Cluster(7, b"another secret"))
            async with dialed(b) as stream:
                await stream.send(pack([encode(Hello(other.record, b"n" * 32))]))
                await stream.recv()
                await stream.send(pack([encode(["proof", b"p" * 32])]))
                with pytest.raises(Unauthenticated, match="does not know the secret"):
                    await stream.recv()
            assert not other.mesh.connected("b")


async def test_a_large_greeting_is_refused_before_it_is_in_memory() -> None:
    async with asyncio.timeout(ENOUGH), Peer("b", None, None).running() as b:
        b.mesh.set_servers([b.record], CLUSTER)
        async with dialed(b) as stream:
            await stream.send(bytes(20_000))
            with pytest.raises(ResourceExhausted, match="wanted a message of at most 4112 bytes"):
                await stream.recv()


async def test_nobody_is_admitted_without_a_cluster() -> None:
    async with asyncio.timeout(ENOUGH), Peer("b", None, None).running() as b, dialed(b) as stream:
        with pytest.raises(Unavailable, match="takes no streams"):
            await stream.recv()


async def test_bytes_that_are_no_frame_are_refused() -> None:
    async with asyncio.timeout(ENOUGH), Peer("b", None, None).running() as b:
        b.mesh.set_servers([b.record], CLUSTER)
        with pytest.raises(GRPCError, match=r"frame: wanted a list of words"):
            await say_something_else(b)


async def say_something_else(b: Peer) -> None:
    channel = Channel("127.0.0.1", b.listener.addresses[0][1])
    try:
        async with channel.request(PATH, Cardinality.STREAM_STREAM, pb.Plan, pb.PeerFrame) as stream:
            await stream.send_message(pb.Plan(id="\x00a"))
            await stream.recv_message()
    finally:
        channel.close()


Header = tuple[str, str]
GRPC: list[Header] = [(":status", "200"), ("content-type", "application/grpc+proto")]


@asynccontextmanager
async def somebody(headers: list[Header], body: bytes) -> AsyncIterator[ServerRecord]:
    """Speaks HTTP/2 at the address of server b, and answers every request so."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        config = H2Configuration(client_side=False, validate_outbound_headers=False)
        connection = H2Connection(config)
        connection.initiate_connection()
        while data := await reader.read(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    assert event.stream_id is not None
                    connection.send_headers(event.stream_id, headers)
                    connection.send_data(event.stream_id, body)
            writer.write(connection.data_to_send())
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield record("b", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await gone.wait()


@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        ([("server", "nobody")], b"", "does not speak gRPC"),
        ([(":status", "418")], b"", "418"),
        ([(":status", "200"), ("content-type", "text/html")], b"", "content-type"),
        ([*GRPC, ("grpc-status", "many")], b"", "grpc-status"),
        (GRPC, b"\1\0\0\0\3abc", "compressed frames are not taken"),
        (GRPC, b"\0\0\0\0\3abc", "no PeerFrame"),
        (GRPC, b"\0\xff\xff\xff\xff", "4294967295"),
    ],
)
async def test_whoever_answers_at_a_servers_address_is_no_danger(
    headers: list[Header], body: bytes, error: str
) -> None:
    async with asyncio.timeout(ENOUGH), somebody(headers, body) as b, GrpcDial()(b) as stream:
        await stream.send(b"hello")
        with pytest.raises(JobpoolError, match=error):
            await stream.recv()


async def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(InvalidArgument, match="url: wanted http"):
        async with GrpcDial()(record("x", "ftp://x")):
            pass


async def test_where_nobody_listens() -> None:
    async with Peer("b", None, None).running() as b:
        gone = b.record
    with pytest.raises(Unavailable, match="connection refused"):
        async with GrpcDial()(gone):
            pass


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's timeout for unacknowledged bytes is Linux's")
async def test_a_machine_that_is_gone_is_noticed_within_three_seconds() -> None:
    async with asyncio.timeout(ENOUGH), Peer("b", None, None).running() as b:
        channel = GrpcDial()._channel(b.record.url)
        protocol = await channel.__connect__()
        connected: socket.socket = protocol.connection._transport.get_extra_info("socket")
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 3000
        channel.close()
