"""Engines opened by configurations, with real etcds: three by the samples, by certificates, anew; one elsewhere."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from jobpool.cli.options import read_config
from jobpool.etcd.errors import MemberFailed
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.service import run_services
from jobpool.model.errors import StoreFailed
from jobpool.server.config import ServerConfig
from jobpool.server.engine import Engine, open_engine
from jobpool.server.load import load
from jobpool.store.datadir import DataDir
from jobpool.store.port import KeyValue, Put
from jobpool.testing.etcd import NO_ETCD, EtcdMember, etcd_binary
from jobpool.testing.ports import free_port
from jobpool.testing.store import write
from tests.e2e.certificates import Authority
from tests.e2e.etcd.raw import etcdctl
from tests.e2e.jobpool_program import Jobpool

pytestmark = pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD)

CONFIG = Path(__file__).parents[2] / "config"
NAMES = ("server1", "server2", "server3")
WITHIN = 90
"""Seconds until a test that hangs is given up."""
KEPT = KeyValue("a", b"1")


class Trio:
    """The three servers of the samples, at places of their own; `flags` for all of them."""

    def __init__(self, directory: Path, scheme: str = "http", **flags: str) -> None:
        self._directory = directory
        self.peers = {name: f"{scheme}://127.0.0.1:{free_port()}" for name in NAMES}
        self._flags = {key.replace("_", "-"): value for key, value in flags.items()}

    def flags(self, name: str) -> dict[str, str]:
        """What differs from the sample."""
        client = f"http://127.0.0.1:{free_port()}"
        return {
            "data-dir": str(self._directory / name),
            "etcd-binary": str(etcd_binary()),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": self.peers[name],
            "initial-advertise-peer-urls": self.peers[name],
            "initial-cluster": ",".join(f"{other}={url}" for other, url in self.peers.items()),
            **self._flags,
        }

    def config(self, name: str, **flags: str) -> ServerConfig:
        changed = {key.replace("_", "-"): value for key, value in flags.items()}
        return load(self.flags(name) | changed, {}, read_config(str(CONFIG / f"{name}.yaml")))


@asynccontextmanager
async def opened(*configs: ServerConfig) -> AsyncIterator[Sequence[Engine]]:
    """An engine for each, opened at the same time; their services run until they are closed."""
    async with AsyncExitStack() as stack:

        async def one(config: ServerConfig) -> Engine:
            data_dir = DataDir.open(Path(config.directory), config.engine)
            stack.callback(data_dir.close)
            engine = await open_engine(config, data_dir, SystemClock())
            stack.push_async_callback(engine.close)
            return engine

        async with asyncio.timeout(WITHIN):
            engines = await asyncio.gather(*(one(config) for config in configs))
        yield engines


async def kept(engine: Engine) -> list[KeyValue]:
    return await engine.store.range("a", "b", limit=9)


def pid_of(engine: Engine) -> int:
    assert engine.member is not None
    assert engine.member.pid is not None
    return engine.member.pid


def runs(pid: int) -> bool:
    """Whether the process does anything any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def test_three_servers_by_the_samples_are_one_cluster(tmp_path: Path) -> None:
    trio = Trio(tmp_path, heartbeat_interval="50", election_timeout="500")
    async with opened(*map(trio.config, NAMES)) as engines:
        pids = [pid_of(engine) for engine in engines]
        await write(engines[0].store, Put("a", b"1"))
        assert [await kept(engine) for engine in engines] == [[KEPT]] * 3
        assert {engine.kind for engine in engines} == {"etcd"}
        assert all(engine.relief is not None for engine in engines)
        server, cluster = await engines[1].versions()
        assert re.fullmatch(r"3\.\d+\.\d+", server)
        assert cluster == server.rpartition(".")[0] + ".0"
        assert sorted(member.name for member in await engines[2].operations.members()) == list(NAMES)
        os.kill(pids[0], signal.SIGKILL)
        assert await kept(engines[1]) == await kept(engines[2]) == [KEPT]
        member = engines[0].member
        assert member is not None
        await until(lambda: member.pid not in (None, pids[0]) and member.ready.is_set())
        assert await kept(engines[0]) == [KEPT]
        pids.append(pid_of(engines[0]))
    assert [pid for pid in pids if runs(pid)] == []


async def test_a_member_that_fails_for_good_ends_the_services(tmp_path: Path) -> None:
    trio = Trio(tmp_path, heartbeat_interval="50", election_timeout="500", strict_reconfig_check="false")
    async with opened(*map(trio.config, NAMES)) as engines:
        told = [await engine.operations.status() for engine in engines]
        at = next(at for at, status in enumerate(told) if not status.raft_leader)
        running = asyncio.get_running_loop().create_task(run_services(engines[at].services))
        await engines[at - 1].operations.remove_member(told[at].member_id)
        async with asyncio.timeout(WITHIN):
            with pytest.raises(MemberFailed, match="was removed from its cluster"):
                await running


async def test_the_services_of_one_that_is_cancelled_leave_its_etcd_to_close(tmp_path: Path) -> None:
    trio = Trio(tmp_path)
    alone = f"{NAMES[0]}={trio.peers[NAMES[0]]}"
    async with opened(trio.config(NAMES[0], initial_cluster=alone)) as (engine,):
        running = asyncio.get_running_loop().create_task(run_services(engine.services))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait((running,))
        assert running.cancelled()
        await write(engine.store, Put("a", b"1"))
        assert await kept(engine) == [KEPT]


async def test_members_that_prove_to_each_other_who_they_are(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path / "ours", "ours"), Authority(tmp_path / "theirs", "theirs")
    trio = Trio(
        tmp_path,
        "https",
        heartbeat_interval="50",
        election_timeout="500",
        peer_trusted_ca_file=str(ours.pem),
        peer_client_cert_auth="true",
        peer_cert_allowed_cn="jobpool",
    )
    files = [dict(zip(("peer_cert_file", "peer_key_file"), map(str, ours.issue("jobpool")), strict=True))] * 2
    stranger = dict(zip(("peer_cert_file", "peer_key_file"), map(str, theirs.issue("jobpool")), strict=True))
    async with opened(*(trio.config(name, **file) for name, file in zip(NAMES, files, strict=False))) as engines:
        await write(engines[0].store, Put("a", b"1"))
        assert await kept(engines[1]) == [KEPT]
        data_dir = DataDir.open(tmp_path / NAMES[2], "etcd")
        refused = asyncio.get_running_loop().create_task(
            open_engine(trio.config(NAMES[2], **stranger), data_dir, SystemClock())
        )
        await until_said(tmp_path / NAMES[0] / "etcd.log", b"rejected connection on peer endpoint")
        assert not refused.done()
        refused.cancel()
        await asyncio.wait((refused,))
        data_dir.close()
        async with opened(trio.config(NAMES[2], **files[0])) as (third,):
            assert await kept(third) == [KEPT]


async def until_said(log: Path, words: bytes) -> None:
    await until(lambda: words in log.read_bytes())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not condition():  # noqa: ASYNC110 — processes are asked from outside
            await asyncio.sleep(0.02)


async def test_one_goes_on_alone_when_the_others_are_lost_for_good(tmp_path: Path) -> None:
    trio = Trio(tmp_path, heartbeat_interval="50", election_timeout="500")
    async with opened(*map(trio.config, NAMES)) as engines:
        await write(engines[0].store, Put("a", b"1"))
        assert await kept(engines[1]) == [KEPT]
    async with opened(trio.config(NAMES[1], force_new_cluster="true")) as (engine,):
        assert await kept(engine) == [KEPT]
        assert [member.name for member in await engine.operations.members()] == [NAMES[1]]
    async with opened(trio.config(NAMES[1])) as (engine,):
        assert await kept(engine) == [KEPT]


async def test_an_etcd_elsewhere_with_certificates_and_a_user(tmp_path: Path) -> None:
    ours = Authority(tmp_path / "ours", "ours")
    cert, key = ours.issue("etcd")
    own, own_key = ours.issue("jobpool")
    server = (f"--cert-file={cert}", f"--key-file={key}", f"--trusted-ca-file={ours.pem}", "--client-cert-auth")
    member = EtcdMember(tmp_path / "etcd", scheme="https", flags=(*server, "--max-txn-ops=1000"))
    member.start()
    try:
        (tmp_path / "password").write_text("s3cret\n")
        flags = {
            "data-dir": str(tmp_path / "data"),
            "etcd-endpoints": member.endpoint,
            "etcd-prefix": "/team/jobpool/",
            "etcd-trusted-ca-file": str(ours.pem),
            "etcd-cert-file": str(own),
            "etcd-key-file": str(own_key),
        }
        async with opened(load(flags, {}, {})) as (engine,):
            assert (engine.services, engine.member, engine.relief) == ([], None, None)
            assert (await engine.versions())[0].startswith("3.")
            await write(engine.store, Put("a", b"1"))
        for words in (
            "user add root:secret",
            "user grant-role root root",
            "user add jobpool:s3cret",
            "role add jobpool",
            "role grant-permission jobpool --prefix=true readwrite /team/",
            "user grant-role jobpool jobpool",
            "auth enable",
        ):
            etcdctl(member.endpoint, f"--cacert={ours.pem}", f"--cert={own}", f"--key={own_key}", *words.split())
        user = {"etcd-user": "jobpool", "etcd-password-file": str(tmp_path / "password")}
        async with opened(load(flags | user, {}, {})) as (engine,):
            assert await kept(engine) == [KEPT]
            await write(engine.store, Put("a", b"1"))
        with pytest.raises(StoreFailed, match="the user or the password is wrong"):
            async with opened(load(flags | {"etcd-user": "jobpool"}, {"JOBPOOL_SERVER_ETCD_PASSWORD": "wrong"}, {})):
                raise AssertionError
    finally:
        member.kill()


def test_a_server_that_waits_for_others_says_for_which_and_ends_when_told(tmp_path: Path) -> None:
    trio = Trio(tmp_path)
    flags = [f"--{key}={value}" for key, value in trio.flags(NAMES[0]).items()]
    server = Jobpool(tmp_path, "--config-file", str(CONFIG / "server1.yaml"), *flags)
    try:
        missing = "; ".join(f"{name} ({trio.peers[name]}: connection refused)" for name in NAMES[1:])
        server.start_until(f"it needs a majority of its members; no answer of {missing}")
        pid = re.search(r"etcd was started .*pid=(\d+)", server.text())
        assert pid is not None
        assert runs(int(pid[1]))
        assert server.terminate() == 0
        assert not runs(int(pid[1]))
    finally:
        server.close()
