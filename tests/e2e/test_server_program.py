"""`jobpool` as a process: started, stopped, killed and started again; two on one directory; TLS; what it refuses."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.e2e.jobpool_program import Jobpool
from tests.e2e.oracle.ctl import ctl
from tests.e2e.oracle.logs import troubles

pytestmark = pytest.mark.xdist_group("processes")

LISTEN = ("--listen-client-urls", "http://127.0.0.1:{port}")
ANSWERS = "answers at"


class Servers:
    """Starts servers in one working directory and ends them all."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.programs: list[Jobpool] = []

    def __call__(self, *words: str) -> Jobpool:
        program = Jobpool(self.directory, *words, name=f"jobpool-{len(self.programs)}")
        self.programs.append(program)
        return program

    def refused(self, *words: str) -> str:
        """The one line with which a server ends with exit code 1."""
        program = self(*words, "--log-level", "error")
        program.start()
        assert program.ended() == 1
        told = program.text()
        assert told.count("\n") == 1, told
        return told


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    servers = Servers(tmp_path)
    yield servers
    for program in servers.programs:
        program.close()
    assert [trouble for one in servers.programs for trouble in troubles(one.name, one.text())] == []


async def test_it_starts_in_the_working_directory_and_ends_when_told(servers: Servers) -> None:
    server = servers(*LISTEN)
    server.start_until(ANSWERS)
    assert server.url in server.text()
    assert (servers.directory / "default.jobpool" / "store.db").exists()
    assert "healthy" in await ctl(server.url, "endpoint", "health")
    assert server.terminate() == 0
    assert "stopping" in server.text()


def test_ctrl_c_ends_it_too(servers: Servers) -> None:
    server = servers(*LISTEN)
    server.start_until(ANSWERS)
    assert server.interrupt() == 0


async def test_what_it_was_told_is_there_after_a_kill(servers: Servers) -> None:
    server = servers(*LISTEN, "--data-dir", "data")
    server.start_until(ANSWERS)
    await ctl(server.url, "namespace", "add", "team")
    words = ("--id", "nightly", "--ns", "team", "--spec", "0 3 * * *", "--executor", "noop")
    await ctl(server.url, "plan", "add", *words)
    server.kill()
    server.start_until(ANSWERS)
    found = json.loads(await ctl(server.url, "-w", "json", "plan", "list", "--ns", "team"))
    assert [plan["id"] for plan in found["data"]] == ["nightly"]


def test_a_second_server_on_the_directory_is_refused(servers: Servers) -> None:
    server = servers(*LISTEN, "--data-dir", "data")
    server.start_until(ANSWERS)
    told = servers.refused(*LISTEN, "--data-dir", "data")
    assert f"the data directory data is in use by process {server.pid}" in told
    assert "give this one a data directory of its own" in told
    server.kill()
    follower = servers(*LISTEN, "--data-dir", "data")
    follower.start_until(ANSWERS)


def test_a_port_in_use_is_refused_with_what_to_do(servers: Servers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        told = servers.refused("--listen-client-urls", url)
    assert told.startswith(f"jobpool: cannot listen on {url}: ")
    assert told.endswith("; stop what runs there, or choose another place by --listen-client-urls\n")


def test_a_directory_that_cannot_be_used_is_refused(servers: Servers) -> None:
    (servers.directory / "taken").write_text("")
    told = servers.refused(*LISTEN, "--data-dir", "taken/data")
    assert told.startswith("jobpool: cannot use the data directory taken/data: wanted a directory at taken")


def test_data_of_a_newer_version_are_refused(servers: Servers) -> None:
    data = servers.directory / "data"
    data.mkdir()
    (data / "engine").write_bytes(msgspec.json.encode({"engine": "embedded", "format": 99}))
    told = servers.refused(*LISTEN, "--data-dir", "data")
    assert "has format 99, this version reads format 1: start the version that wrote it" in told


def test_the_second_signal_ends_it_at_once(servers: Servers) -> None:
    server = servers(*LISTEN)
    server.start_until(ANSWERS)
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"POST /v3/schedule/plans HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n")
        slow.sendall(b"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n")
        assert slow.recv(64).startswith(b"HTTP/1.1 100"), "the server waits for the body"
        os.kill(server.pid, signal.SIGTERM)
        server.wait(lambda: "stopping" in server.text(), "to begin to stop")
        os.kill(server.pid, signal.SIGTERM)
        assert server.ended() == 1
    assert "ending at once" in server.text()


def test_logs_may_be_json(servers: Servers) -> None:
    server = servers(*LISTEN, "--log-format", "json")
    server.start_until('"started"')
    assert server.terminate() == 0
    lines: list[dict[str, Any]] = [json.loads(line) for line in server.text().splitlines()]
    [started] = [line for line in lines if line.get("event_name") == "started"]
    assert started["urls"] == [server.url]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)


def test_the_environment_and_a_file_configure_it(servers: Servers) -> None:
    (servers.directory / "server.yaml").write_text("name: from-file\nlog-level: warning\n")
    server = servers("-config-file=server.yaml", *LISTEN)
    server.start_until(ANSWERS)
    assert (servers.directory / "from-file.jobpool").is_dir()
    assert server.terminate() == 0
    assert "leads" not in server.text()


def test_listening_to_everybody_in_clear_is_warned_of(servers: Servers) -> None:
    server = servers("--listen-client-urls", "http://0.0.0.0:{port}")
    server.start_until(ANSWERS)
    assert f"http://0.0.0.0:{server.port} can be reached by other machines, without TLS" in server.text()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ca.pem`; `server.pem`, `server.key` for localhost; `client.pem`, `client.key`."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test-ca", "-days", "2")
    for name in ("server", "client"):
        (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return folder


async def test_tls_is_reached_by_those_who_trust_its_authority(servers: Servers, certificates: Path) -> None:
    files = ("--cert-file", str(certificates / "server.pem"), "--key-file", str(certificates / "server.key"))
    server = servers("--listen-client-urls", "https://localhost:{port}", *files)
    server.start_until(ANSWERS)
    url = f"https://localhost:{server.port}"
    authority = str(certificates / "ca.pem")
    assert "default" in await ctl(url, "--cacert", authority, "namespace", "list")
    assert "healthy" in await ctl(url, "--cacert", authority, "endpoint", "health")
    assert "certificate is not trusted" in await ctl(url, "namespace", "list", code=2)


async def test_clients_must_show_a_certificate_when_told_so(servers: Servers, certificates: Path) -> None:
    (servers.directory / "tls.yaml").write_text(
        "client-transport-security:\n"
        f"  cert-file: {certificates}/server.pem\n"
        f"  key-file: {certificates}/server.key\n"
        f"  trusted-ca-file: {certificates}/ca.pem\n"
        "  client-cert-auth: true\n"
    )
    server = servers("--config-file", "tls.yaml", "--listen-client-urls", "https://localhost:{port}")
    server.start_until(ANSWERS)
    url = f"https://localhost:{server.port}"
    trusting = ("--cacert", str(certificates / "ca.pem"))
    own = ("--cert", str(certificates / "client.pem"), "--key", str(certificates / "client.key"))
    assert "default" in await ctl(url, *trusting, *own, "namespace", "list")
    await ctl(url, *trusting, "namespace", "list", code=2)


def test_certificates_that_cannot_be_read_are_named(servers: Servers) -> None:
    files = ("--cert-file", "c.pem", "--key-file", "k.pem")
    told = servers.refused("--listen-client-urls", "https://127.0.0.1:{port}", *files)
    assert told == "jobpool: cert-file: cannot read 'c.pem': No such file or directory\n"
