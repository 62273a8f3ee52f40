"""A server with an etcd of its own, and one on an etcd that runs apart; without etcd or etcdctl nothing runs here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from jobpool.testing.etcd import NO_ETCD, EtcdMember, etcd_binary
from jobpool.testing.ports import free_port
from tests.e2e.etcd_api.etcdctl import Etcdctl, binary
from tests.e2e.jobpool_program import Jobpool
from tests.e2e.oracle.logs import troubles


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = NO_ETCD if etcd_binary() is None else "no etcdctl" if binary() is None else ""
    for item in items:
        if reason and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


class Served(Struct):
    """`direct` asks the etcd itself, at `endpoint`, where it can be reached."""

    server: Jobpool
    etcdctl: Etcdctl
    direct: Etcdctl | None = None
    endpoint: str = ""


def start(directory: Path, *words: str) -> Jobpool:
    server = Jobpool(directory, "--listen-client-urls", "http://127.0.0.1:{port}", *words)
    server.start_until("answers at")
    return server


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With an etcd of its own."""
    directory = tmp_path_factory.mktemp("own")
    peer = f"http://127.0.0.1:{free_port()}"
    words = ("--name", "one", "--etcd-binary", str(etcd_binary()), "--initial-cluster", f"one={peer}")
    server = start(directory, *words, "--listen-peer-urls", peer)
    yield Served(server, Etcdctl(server.url, directory))
    server.close()
    assert troubles(server.name, server.text()) == []


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Served]:
    """On an etcd that runs apart, as its user `root`, where that asks for one."""
    member = EtcdMember(tmp_path / "etcd")
    member.start()
    try:
        (tmp_path / "password").write_text("pass\n")
        user = ("--etcd-user", "root", "--etcd-password-file", str(tmp_path / "password"))
        server = start(tmp_path, "--etcd-endpoints", member.endpoint, *user)
        try:
            yield Served(server, Etcdctl(server.url, tmp_path), Etcdctl(member.endpoint, tmp_path), member.endpoint)
        finally:
            server.close()
        assert troubles(server.name, server.text()) == []
    finally:
        member.kill()
