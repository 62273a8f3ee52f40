"""The one port: telling protocols apart, TLS, bounds on connections, and ending without cutting calls."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from contextlib import suppress

import aiohttp
import pytest
from grpclib.client import Channel
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.protocol import Buffer, Connection, EventsProcessor, H2Protocol
from grpclib.server import Handler
from h2.connection import H2Connection
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from jobpool.api.connections import Connections
from jobpool.api.http1 import MAX_HEAD, Http1, http_config
from jobpool.api.listener import PREFACE, Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.service import Service
from jobpool.api.tls import server_tls
from jobpool.model.errors import InvalidArgument, Unavailable
from jobpool.wire import jobpool_pb2 as pb

pytestmark = pytest.mark.timeout(60)
GET = b"GET /v3/schedule/jobs/exist HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def _ends(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the server closes, whichever way it does."""
    received = b""
    with suppress(ConnectionResetError):
        while part := await reader.read(65536):
            received += part
    return received


async def test_both_protocols_at_once_on_one_port(server, channel):
    exist = server.rpc(channel, "JobExist")
    rest = [server.ask("GET", "/v3/schedule/jobs/exist") for _ in range(50)]
    grpc = [exist(pb.ScheduleJobExistRequest()) for _ in range(50)]
    answers = await asyncio.gather(*rest, *grpc)
    assert {answer.json["count"] for answer in answers[:50]} == {7}
    assert {answer.count for answer in answers[50:]} == {7}


@pytest.mark.parametrize("greeting", [GET, PREFACE + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"], ids=["http/1", "http/2"])
async def test_bytes_one_at_a_time(server, greeting):
    async with server.raw() as (reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(greeting)):
            writer.write(greeting[at : at + 1])
            await writer.drain()
        first = await reader.readexactly(9)
    assert first == b"HTTP/1.1 " if greeting is GET else first[3] == 4  # an HTTP/2 SETTINGS frame


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 100,
        b"PRI * HTTP/1.1\r\n\r\n",
        b"hello\r\n\r\n",
        b"\r\n",
    ],
)
async def test_garbage_is_turned_away(serve, garbage):
    async with serve(head_timeout=500) as server:
        async with server.raw() as (reader, writer):
            writer.write(garbage)
            answer = await _ends(reader)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
        assert (await server.ask("GET", "/v3/schedule/jobs/exist")).status == 200


@pytest.mark.parametrize("beginning", [b"", b"PRI * HT", b"GET / HT", GET[:-2]])
async def test_a_silent_connection_is_closed(serve, beginning):
    async with serve(head_timeout=50) as server:
        async with server.raw() as (reader, writer):
            writer.write(beginning)
            assert await _ends(reader) == b""
        assert server.listener.open_connections == 0


async def test_the_head_of_a_later_request_is_timed_too(serve):
    async with serve(head_timeout=500) as server, server.raw() as (reader, writer):
        writer.write(GET.replace(b"Connection: close\r\n", b""))
        await reader.readuntil(b'{"count":7}')
        writer.write(b"GET / HT")
        assert await _ends(reader) == b""


async def test_an_endless_head_is_refused(server):
    async with server.raw() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        with suppress(ConnectionError):
            for number in range(100):
                writer.write(b"X-%d: " % number + b"x" * (MAX_HEAD // 20) + b"\r\n")
                await writer.drain()
        answer = await _ends(reader)
    assert answer.startswith(b"HTTP/1.1 400 ") or answer == b""
    assert (await server.ask("GET", "/v3/schedule/jobs/exist")).status == 200


async def test_connections_are_bounded(serve):
    async with serve(max_connections=2) as server:
        async with server.raw() as (first, one), server.raw() as (second, two):
            for writer, reader in ((one, first), (two, second)):
                writer.write(GET.replace(b"Connection: close\r\n", b""))
                await reader.readuntil(b'{"count":7}')
            async with server.raw() as (third, writer):
                writer.write(GET)
                assert await _ends(third) == b""
            one.close()
            await one.wait_closed()
            two.write(GET)
            assert b'{"count":7}' in await _ends(second)
        assert (await server.ask("GET", "/v3/schedule/jobs/exist")).status == 200


async def test_a_client_that_does_not_read_is_not_answered_further(server):
    """Each answer is 1 MB: a server that wrote on regardless would hold 200 MB."""
    async with server.raw() as (_, writer):
        writer.transport.pause_reading()
        writer.write(b"GET /v3/schedule/namespaces/big HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
        for _ in range(300):
            assert (await server.ask("GET", "/v3/schedule/jobs/exist")).status == 200
        big = [request for request, _ in server.toy.seen if isinstance(request, pb.ScheduleNameSpaceDetailRequest)]
        assert 0 < len(big) < 50


async def test_a_client_that_takes_nothing_of_its_answer_is_cut(serve):
    async with serve(take_timeout=200) as server, server.raw() as (_, writer):
        writer.transport.pause_reading()
        writer.write(b"GET /v3/schedule/namespaces/big HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500_000)
        async with asyncio.timeout(20):
            with pytest.raises(ConnectionError):  # it could not write all before, as nobody reads there either
                await writer.drain()
        assert server.listener.open_connections == 0


class Breaking(asyncio.Transport):
    """As uvloop's transports: once it is broken a write raises, while the protocol is told only later."""

    broken = False

    def write(self, data):
        if self.broken:
            raise RuntimeError("the handler is closed")

    def is_closing(self):
        return self.broken

    def close(self):
        self.broken = True


@pytest.mark.parametrize("waiting", [False, True], ids=["between two pieces", "while one waits for room"])
async def test_a_connection_that_breaks_during_an_answer_is_no_failure(caplog, waiting):
    answered = asyncio.Event()
    transport = Breaking()

    def breaks():
        transport.broken = True
        protocol.resume_writing()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if waiting:
            protocol.pause_writing()
            asyncio.get_running_loop().call_soon(breaks)
        else:
            breaks()
        await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        answered.set()

    protocol = Http1(http_config(app), Connections(1), head_timeout=1000, take_timeout=1000)
    protocol.connection_made(transport)
    protocol.data_received(GET)
    async with asyncio.timeout(10):
        await answered.wait()
        await asyncio.gather(*protocol.running())
    protocol.connection_lost(None)
    assert caplog.text == ""


async def test_closing_waits_for_calls_in_progress(serve):
    async with serve() as server:
        channel = Channel(server.host, server.port)
        async with asyncio.TaskGroup() as group:
            rest = group.create_task(server.ask("POST", "/v3/schedule/evals/dequeue", text="{}"))
            await server.toy.held.wait()
            server.toy.held.clear()
            grpc = group.create_task(server.rpc(channel, "EvalDequeue")(pb.ScheduleEvalDequeueRequest()))
            await server.toy.held.wait()
            async with server.raw() as (idle, _):
                closing = group.create_task(server.listener.close(30_000))
                assert await _ends(idle) == b""
            with pytest.raises(OSError):
                await asyncio.open_connection(server.host, server.port)
            with pytest.raises((StreamTerminatedError, GRPCError)):
                await server.rpc(channel, "JobExist")(pb.ScheduleJobExistRequest())
            server.toy.release.set()
            await closing
        assert rest.result().json == {"token": "released"}
        assert grpc.result().token == "released"
        assert server.listener.open_connections == 0
        channel.close()


async def test_closing_cuts_what_outlasts_its_grace(serve, caplog):
    async with serve() as server:
        channel = Channel(server.host, server.port)
        calls = [
            server.ask("POST", "/v3/schedule/evals/dequeue", text="{}"),
            server.rpc(channel, "EvalDequeue")(pb.ScheduleEvalDequeueRequest()),
        ]
        async with asyncio.TaskGroup() as group:
            cut = group.create_task(asyncio.wait([asyncio.ensure_future(c) for c in calls]))  # noqa: TID251
            while len(server.toy.seen) < 2:
                await server.toy.held.wait()
                server.toy.held.clear()
            await server.listener.close(20)
        ended, _ = cut.result()
        assert all(call.exception() is not None for call in ended)
        assert server.toy.cancelled.is_set()
        assert server.listener.open_connections == 0
        assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []
        channel.close()


async def test_several_urls_and_ipv6(serve):
    urls = ["http://127.0.0.1:0", "http://localhost:0"]
    if socket.has_ipv6 and _can_bind("::1"):
        urls.append("http://[::1]:0")
    async with serve(urls=tuple(urls)) as server:
        assert len(server.listener.addresses) >= len(urls)
        for host, port in server.listener.addresses:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(GET)
            assert b'{"count":7}' in await _ends(reader)
            writer.close()


def _can_bind(host: str) -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _listener(*urls: str) -> Listener:
    service = Service({})
    return Listener(service, Gateway(service), ListenerConfig(urls=urls))


async def test_a_port_in_use_is_told_and_nothing_is_kept(server):
    free = _listener("http://127.0.0.1:0", server.base)
    with pytest.raises(Unavailable, match=f"cannot listen on {server.base}: .*in use"):
        await free.start()
    assert free.addresses == ()


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:2379",
        "http://",
        "http://127.0.0.1",
        "ftp://127.0.0.1:1",
        "http://x:99999",
        "http://x:1/path",
        "https://x:1",
        "",
    ],
)
async def test_urls_that_are_none(url):
    with pytest.raises(InvalidArgument, match="listen-client-urls"):
        _listener(url)


async def test_an_address_that_is_not_ours():
    with pytest.raises(Unavailable, match=r"http://192\.0\.2\.1:9"):
        await _listener("http://192.0.2.1:9").start()


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """A CA, a server's and a client's certificate of it, and a stranger's."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing: TLS stays untested")
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for ca in ("ca", "stranger"):
        openssl("req", "-x509", *curve, "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-subj", f"/CN={ca}", "-days", "9")
    for name in ("server", "client"):
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", f"{name}.pem", "-days", "9", "-extfile", "san"),
        )
    return folder


def _client_tls(pki, name: str | None, *alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pki / "ca.pem"))
    if name:
        context.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _mutual(pki) -> ssl.SSLContext:
    files = (str(pki / "server.pem"), str(pki / "server.key"))
    return server_tls(*files, trusted_ca_file=str(pki / "ca.pem"), client_cert_auth=True)


async def test_mutual_tls_for_both_protocols(serve, pki):
    async with serve(tls=_mutual(pki)) as server:
        url = f"https://localhost:{server.port}/v3/schedule/jobs/exist"
        async with aiohttp.ClientSession() as http, http.get(url, ssl=_client_tls(pki, "client")) as response:
            assert await response.json() == {"count": 7}
        channel = Channel("localhost", server.port, ssl=_client_tls(pki, "client", "h2"))
        exist = server.rpc(channel, "JobExist")
        answers = await asyncio.gather(*(exist(pb.ScheduleJobExistRequest()) for _ in range(20)))
        assert {answer.count for answer in answers} == {7}
        await server.rpc(channel, "PlanAdd")(pb.SchedulePlanAddRequest(parameters="x" * 1_000_000))
        channel.close()


async def test_browsers_are_given_http1_over_tls(serve, pki):
    tls = server_tls(str(pki / "server.pem"), str(pki / "server.key"))
    async with serve(tls=tls) as server:
        for offered, agreed in ((("h2", "http/1.1"), "http/1.1"), (("h2",), "h2"), ((), None)):
            context = _client_tls(pki, None, *offered)
            _, writer = await asyncio.open_connection("localhost", server.port, ssl=context)
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == agreed
            writer.close()


@pytest.mark.parametrize("name", [None, "stranger"])
async def test_clients_without_our_certificate_get_nothing(serve, pki, name):
    async with serve(tls=_mutual(pki)) as server:
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await _first_byte(server.port, _client_tls(pki, name))
        assert server.toy.seen == []


async def _first_byte(port: int, context: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    try:
        writer.write(GET)
        return await reader.readexactly(1)
    finally:
        writer.close()


async def test_clear_text_on_a_tls_port_is_turned_away(serve, pki):
    async with serve(tls=_mutual(pki)) as server, server.raw() as (reader, writer):
        writer.write(GET)
        assert b"HTTP/1.1" not in await _ends(reader)


def test_certificates_that_do_not_fit(pki, tmp_path):
    good = (str(pki / "server.pem"), str(pki / "server.key"))
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for arguments, options, field in (
        ((str(tmp_path / "none"), good[1]), {}, "cert-file"),
        ((good[0], str(tmp_path / "none")), {}, "key-file"),
        ((good[0], str(pki / "client.key")), {}, "cert-file"),
        ((str(empty), good[1]), {}, "cert-file"),
        (good, {"trusted_ca_file": str(empty)}, "trusted-ca-file"),
        (good, {"trusted_ca_file": str(tmp_path / "none")}, "trusted-ca-file"),
        (good, {"client_cert_auth": True}, "trusted-ca-file"),
    ):
        with pytest.raises(InvalidArgument) as raised:
            server_tls(*arguments, **options)
        assert raised.value.field == field


def test_the_names_we_lean_on_are_still_there():
    """Parts of grpclib, h2 and uvicorn that are public by habit only; a new version that moves them fails here."""
    for owner, names in (
        (Buffer, ("read", "add", "eof")),
        (Connection, ("ack", "flush", "close", "is_closing")),
        (EventsProcessor, ("process", "close", "process_stream_reset")),
        (H2Protocol, ("connection_made", "data_received", "connection_lost")),
        (Handler, ("accept", "cancel", "close")),
        (HttpToolsProtocol, ("on_message_begin", "on_headers_complete", "send_400_response", "shutdown")),
        (HttpToolsProtocol, ("pause_writing", "resume_writing")),
        (RequestResponseCycle, ("send",)),
    ):
        assert [name for name in names if not callable(getattr(owner, name, None))] == []
    assert {"mapping", "codec", "status_details_codec", "dispatch"} <= set(Handler.__init__.__annotations__)
    assert len(H2Connection().incoming_buffer._data) == 0
    assert ServerState().tasks == set()
