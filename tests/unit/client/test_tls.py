"""TLS to a server: verified, refused when not trusted, with a client certificate when asked."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.service import Service
from jobpool.api.tls import server_tls
from jobpool.cli.ctl_errors import hint
from jobpool.client import Client, TlsConfig, Unreachable
from jobpool.client.tls import client_context
from jobpool.model.errors import InvalidArgument, Unavailable
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb

LIST = pb.SchedulePlanListRequest()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a self-signed certificate for 127.0.0.1 that serves as its own authority."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("TLS is not tested: there is no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("tls")
    subject: list[str | Path] = ["-subj", "/CN=jobpool test", "-addext", "subjectAltName=IP:127.0.0.1"]
    files: list[str | Path] = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def server_context(folder: Path, *, demand_certificate: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.set_alpn_protocols(["h2"])
    if demand_certificate:
        context.load_verify_locations(folder / "cert.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def attempt(folder: Path, tls: TlsConfig | None, *, demand: bool = False, scheme: str = "https://") -> None:
    async with (
        FakeApi(tls=server_context(folder, demand_certificate=demand)) as api,
        Client([scheme + api.endpoint], tls, hasty=True) as client,
    ):
        await client.plan_list(LIST)


async def test_a_trusted_server(authority: Path) -> None:
    await attempt(authority, TlsConfig(ca_file=str(authority / "cert.pem")))


async def test_tls_needs_no_scheme(authority: Path) -> None:
    await attempt(authority, TlsConfig(ca_file=str(authority / "cert.pem")), scheme="")


async def test_an_untrusted_server_is_refused(authority: Path) -> None:
    with pytest.raises(Unreachable, match="its certificate is not trusted: certificate verify failed: self"):
        await attempt(authority, None)


async def test_verification_is_left_out_only_when_said(authority: Path) -> None:
    await attempt(authority, TlsConfig(verify=False))


async def test_a_client_certificate(authority: Path) -> None:
    cert, key = str(authority / "cert.pem"), str(authority / "key.pem")
    await attempt(authority, TlsConfig(ca_file=cert, cert_file=cert, key_file=key), demand=True)


async def test_a_server_that_wants_a_certificate_says_so_and_has_taken_nothing(authority: Path) -> None:
    cert = authority / "cert.pem"
    service = Service({})
    tls = server_tls(str(cert), str(authority / "key.pem"), trusted_ca_file=str(cert), client_cert_auth=True)
    async with Listener(service, Gateway(service), ListenerConfig(urls=("https://127.0.0.1:0",)), tls=tls) as listener:
        url = f"https://127.0.0.1:{listener.addresses[0][1]}"
        async with Client([url], TlsConfig(ca_file=str(cert)), hasty=True) as client:
            with pytest.raises(Unreachable, match="it wants a certificate of us, and is shown none") as refused:
                await client.plan_add(pb.SchedulePlanAddRequest())
            assert "--cert and --key" in hint(refused.value)


async def test_a_server_that_closes_without_a_word_may_have_refused_us(authority: Path) -> None:
    """As asyncio's own servers do."""
    with pytest.raises(Unavailable, match="broke before it answered PlanList"):
        await attempt(authority, TlsConfig(ca_file=str(authority / "cert.pem")), demand=True)


async def test_tls_to_a_clear_server_says_so() -> None:
    async with FakeApi() as api, Client([f"https://{api.endpoint}"], hasty=True) as client:
        with pytest.raises(Unreachable, match="no TLS handshake"):
            await client.plan_list(LIST)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (TlsConfig(ca_file="/nowhere/ca.pem"), "cacert"),
        (TlsConfig(cert_file="/nowhere/cert.pem"), "cert"),
        (TlsConfig(key_file="/nowhere/key.pem"), "cert"),
    ],
)
def test_files_that_cannot_be_used_are_named(config: TlsConfig, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        client_context(config, protocol="h2")
    assert refused.value.field == field


def test_a_file_that_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(InvalidArgument, match=r"cacert: cannot use .*ca\.pem"):
        client_context(TlsConfig(ca_file=str(tmp_path / "ca.pem")), protocol="h2")
