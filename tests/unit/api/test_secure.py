"""A TLS handshake that fails: what the client is told, and what the server's log says."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.service import Service
from jobpool.api.tls import server_tls
from tests.e2e.certificates import Authority

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Files(NamedTuple):
    ours: Authority
    others: Authority
    shown: dict[str, tuple[Path, Path]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    ours, others = Authority(folder / "ours", "ours"), Authority(folder / "others", "others")
    shown = {
        "good": ours.issue("good"),
        "stranger": others.issue("stranger"),
        "server-only": ours.issue("server-only", usage="serverAuth"),
        "expired": ours.issue("expired", days=-1),
    }
    return Files(ours, others, shown)


@pytest.fixture
async def listener(files: Files) -> AsyncIterator[Listener]:
    service = Service({})
    tls = server_tls(*map(str, files.shown["good"]), trusted_ca_file=str(files.ours.pem), client_cert_auth=True)
    async with Listener(service, Gateway(service), ListenerConfig(urls=("https://127.0.0.1:0",)), tls=tls) as listener:
        yield listener


def trusting(authority: Authority, certificate: tuple[Path, Path] | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.pem))
    context.set_alpn_protocols(["h2"])
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context


async def first_word(listener: Listener, context: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection(*listener.addresses[0], ssl=context)
    try:
        writer.write(PREFACE)
        return await asyncio.wait_for(reader.read(1), 20)
    finally:
        writer.transport.abort()


async def test_who_shows_a_good_certificate_is_served(files: Files, listener: Listener) -> None:
    assert await first_word(listener, trusting(files.ours, files.shown["good"]))


@pytest.mark.parametrize(
    ("shown", "alert", "logged"),
    [
        ("", "CERTIFICATE_REQUIRED", "it shows no certificate, and one is wanted here"),
        ("stranger", "UNKNOWN_CA", "certificate verify failed: unable to get local issuer certificate"),
        ("server-only", "UNSUPPORTED_CERTIFICATE", "certificate verify failed: unsuitable certificate purpose"),
        ("expired", "CERTIFICATE_EXPIRED", "certificate verify failed: certificate has expired"),
    ],
)
async def test_both_sides_learn_why_a_certificate_is_refused(
    files: Files, listener: Listener, capsys: pytest.CaptureFixture[str], *, shown: str, alert: str, logged: str
) -> None:
    context = trusting(files.ours, files.shown.get(shown))
    for _ in range(3):
        with pytest.raises(ssl.SSLError, match=alert):
            await first_word(listener, context)
    [line] = [line for line in capsys.readouterr().out.splitlines() if "tls_refused" in line]
    assert logged in line
    assert "see client-transport-security: trusted-ca-file here" in line
    assert "peer=127.0.0.1" in line


async def test_who_refuses_our_certificate_is_named(
    files: Files, listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a client that sends its alert; asyncio's do not."""

    def call() -> None:
        context = trusting(files.others, files.shown["good"])
        with socket.create_connection(listener.addresses[0]) as plain:
            context.wrap_socket(plain, server_hostname="127.0.0.1")

    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.to_thread(call)
    said = ""
    async with asyncio.timeout(20):
        while "tls_refused" not in said:
            await asyncio.sleep(0)
            said += capsys.readouterr().out
    assert "it refuses our certificate: unknown ca; see client-transport-security: cert-file here" in said


async def test_who_speaks_no_tls_is_told_nothing_and_logged(
    listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = await asyncio.open_connection(*listener.addresses[0])
    writer.write(b"GET /health HTTP/1.1\r\n\r\n")
    await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert "no TLS handshake: it does not speak TLS" in capsys.readouterr().out


async def test_who_goes_away_during_the_handshake_is_not_worth_a_word(
    files: Files, listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    _, writer = await asyncio.open_connection(*listener.addresses[0])
    writer.close()
    assert await first_word(listener, trusting(files.ours, files.shown["good"]))
    assert "tls_refused" not in capsys.readouterr().out


async def test_a_listener_ends_with_handshakes_open(files: Files) -> None:
    service = Service({})
    tls = server_tls(*map(str, files.shown["good"]))
    async with Listener(service, Gateway(service), ListenerConfig(urls=("https://127.0.0.1:0",)), tls=tls) as listener:
        reader, writer = await asyncio.open_connection(*listener.addresses[0])
        writer.write(b"\x16\x03\x01")
        assert await first_word(listener, trusting(files.ours, None))
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()
