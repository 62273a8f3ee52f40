"""What another member's answer, or the lack of one, is taken for; and how it is called by TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from jobpool.etcd.config import PeerTls
from jobpool.etcd.ports import HOST, free_ports
from jobpool.etcd.roll import Listed, ask_roll, caller_tls
from jobpool.model.errors import InvalidArgument, Unavailable

WITHIN = 10_000
ONE = b'[{"id":10501334649042878790,"peerURLs":["http://10.0.0.1:2380"],"name":"a","clientURLs":["http://h:1"]},{"id":7}]\n'
LISTED = (Listed(10501334649042878790, "a", ("http://10.0.0.1:2380",), ("http://h:1",)), Listed(7))
Answering = Callable[[bytes | None], Awaitable[str]]


@pytest.fixture
async def answering() -> AsyncIterator[Answering]:
    """The URL of a port on which every request gets this answer, and no end of it; None: no answer ever."""
    async with AsyncExitStack() as stack:

        async def start(answer: bytes | None) -> str:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer or b"")
                await reader.read()
                writer.close()

            server = await asyncio.start_server(serve, HOST, 0)
            stack.callback(server.close)
            return f"http://{HOST}:{server.sockets[0].getsockname()[1]}"

        yield start


@pytest.mark.parametrize("length", [b"", b"Content-Length: %d\r\n" % len(ONE), b"content-length:%d\r\n" % len(ONE)])
async def test_a_list_ends_with_its_length_or_its_line(answering: Answering, length: bytes) -> None:
    url = await answering(b"HTTP/1.0 200 OK\r\nX-Etcd-Cluster-Id: e9\r\n" + length + b"\r\n" + ONE)
    assert await ask_roll([url], tls=None, within=WITHIN) == LISTED


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.0 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n", r"no member's \(HTTP status 404\)"),
        (b"220 mail.example ESMTP\r\n\r\n\n", r"no member's \(HTTP status 0\)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html/>", "no member's: b'<html/>'"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n[{"id":"x"}]', "no member's"),
    ],
)
async def test_another_answer_is_told(answering: Answering, answer: bytes, told: str) -> None:
    with pytest.raises(Unavailable, match=told):
        await ask_roll([await answering(answer)], tls=None, within=WITHIN)


async def test_no_answer_and_nobody_there_are_told_with_their_urls(answering: Answering) -> None:
    silent, nobody = await answering(None), f"http://{HOST}:{free_ports(1)[0]}"
    with pytest.raises(Unavailable, match=rf"{silent}: no answer within 20 ms; {nobody}: .*onnect"):
        await ask_roll([silent, nobody], tls=None, within=20)


async def test_the_next_url_is_asked_when_the_first_does_not_answer(answering: Answering) -> None:
    there = await answering(b"HTTP/1.0 200 OK\r\n\r\n" + ONE)
    assert await ask_roll([f"http://{HOST}:{free_ports(1)[0]}", there], tls=None, within=WITHIN) == LISTED


def test_certificates_that_do_not_do_are_refused_by_their_key(tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("nothing")
    with pytest.raises(InvalidArgument, match=r"peer-transport-security\.trusted-ca-file: .*/text\.pem does not do"):
        caller_tls(PeerTls(trusted_ca_file=str(text)))
    with pytest.raises(InvalidArgument, match=r"peer-transport-security\.cert-file: .*/text\.pem does not do"):
        caller_tls(PeerTls(cert_file=str(text), key_file=str(text)))
    with pytest.raises(InvalidArgument, match=r"peer-transport-security\.client-cert-file: .*/text\.pem does not do"):
        caller_tls(PeerTls(client_cert_file=str(text), client_key_file=str(text)))


def test_certificates_that_etcd_makes_itself_prove_nothing() -> None:
    assert caller_tls(PeerTls(auto_tls=True)).verify_mode is ssl.CERT_NONE
    assert caller_tls(PeerTls()).verify_mode is ssl.CERT_REQUIRED
