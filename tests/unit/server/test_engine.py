"""The engine that a configuration opens, without a real etcd: what is refused, and how."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobpool.etcd.config import MemberConfig
from jobpool.etcd.errors import MemberFailed
from jobpool.kit.effects.clock import SystemClock
from jobpool.model.errors import InvalidArgument, StoreFailed
from jobpool.server.config import ExternalEtcd, ServerConfig
from jobpool.server.engine import open_engine, patiently
from jobpool.store.datadir import DataDir
from jobpool.store.engines.etcd.errors import Unreachable
from jobpool.store.engines.etcd.settings import Tls
from jobpool.store.port import Put
from jobpool.testing.clock import FakeClock
from jobpool.testing.store import write

WITHIN = 60
"""Seconds until a test that hangs is given up; nothing is expected to take long."""
CLOCK = SystemClock()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[DataDir]:
    data_dir = DataDir.open(tmp_path / "data", "etcd")
    yield data_dir
    data_dir.close()


def program(directory: Path, script: str, version: str = "3.5.30") -> str:
    """An etcd that does as the script says."""
    path = directory / "etcd"
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "etcd Version: {version}"; exit; }}\n{script}\n')
    path.chmod(0o755)
    return str(path)


def of_its_own(binary: str) -> ServerConfig:
    return ServerConfig(etcd=MemberConfig(data_dir=Path("elsewhere")), etcd_binary=binary)


async def test_the_embedded_engine_is_a_file(tmp_path: Path) -> None:
    data_dir = DataDir.open(tmp_path / "data", "embedded")
    engine = await open_engine(ServerConfig(), data_dir, CLOCK)
    assert (engine.kind, engine.services, engine.member) == ("embedded", [], None)
    assert await engine.versions() == ("", "")
    await write(engine.store, Put("a", b"b"))
    assert [member.name for member in await engine.operations.members()] == ["default"]
    await engine.close()
    await engine.close()
    data_dir.close()
    assert data_dir.database.exists()


async def test_without_an_etcd_to_run_it_says_how_to_get_one(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InvalidArgument) as refused:
        await open_engine(of_its_own(""), data_dir, CLOCK)
    assert refused.value.field == "etcd-binary"
    assert refused.value.reason.startswith("found no etcd on PATH; install etcd 3.5.28 or newer")
    assert refused.value.reason.endswith("or give its path by --etcd-binary")


async def test_a_bad_etcd_is_refused_with_the_reason(data_dir: DataDir, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"etcd 3\.5\.1 is refused: versions below 3\.5\.18 can lose events"):
        await open_engine(of_its_own(program(tmp_path, "", "3.5.1")), data_dir, CLOCK)


async def test_a_member_that_cannot_run_is_told_while_it_is_waited_for(data_dir: DataDir, tmp_path: Path) -> None:
    binary = program(tmp_path, "echo 'flag provided but not defined: -x' >&2; exit 2")
    async with asyncio.timeout(WITHIN):
        with pytest.raises(MemberFailed, match="refuses its configuration"):
            await open_engine(of_its_own(binary), data_dir, CLOCK)


async def test_an_etcd_elsewhere_that_does_not_answer_is_named(data_dir: DataDir) -> None:
    config = ServerConfig(etcd=ExternalEtcd(endpoints=("http://127.0.0.1:1", "http://127.0.0.1:2")))
    with pytest.raises(StoreFailed, match=r"no etcd endpoint answers: etcd at http://127.0.0.1:1: .*:2: "):
        await open_engine(config, data_dir, CLOCK)


async def test_a_certificate_file_that_cannot_be_read_is_named(data_dir: DataDir, tmp_path: Path) -> None:
    tls = Tls(ca=tmp_path / "ca.pem")
    config = ServerConfig(etcd=ExternalEtcd(endpoints=("https://127.0.0.1:1",), tls=tls))
    with pytest.raises(InvalidArgument, match=r"cannot read '.*ca\.pem': No such file") as refused:
        await open_engine(config, data_dir, CLOCK)
    assert refused.value.field == "etcd-transport-security.trusted-ca-file"


async def test_what_etcd_does_not_answer_yet_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    clock, answers = FakeClock(), iter([Unreachable("Deadline Exceeded"), Unreachable("Deadline Exceeded"), "there"])

    async def call() -> str:
        answer = next(answers)
        if isinstance(answer, Unreachable):
            raise answer
        return str(answer)

    async with asyncio.TaskGroup() as group:
        asked = group.create_task(patiently(call, clock))
        await clock.advance(5_000)
        assert await asked == "there"
    assert capsys.readouterr().out.count("etcd_unanswered") == 1


async def test_what_etcd_refuses_is_not_asked_again() -> None:
    async def call() -> str:
        raise StoreFailed("the store is not one")

    with pytest.raises(StoreFailed, match="the store is not one"):
        await patiently(call, FakeClock())
