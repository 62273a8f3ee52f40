"""A real etcd as a child: it comes back when killed, goes when its server goes, and says why when it cannot run."""

import asyncio
import os
import shutil
import signal
import socket
import stat
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import grpc
import pytest
from structlog.testing import capture_logs

from jobpool.etcd.binary import Binary, choose
from jobpool.etcd.config import MemberConfig, PeerTls
from jobpool.etcd.errors import MemberFailed
from jobpool.etcd.member import Member
from jobpool.etcd.newcomer import has_data
from jobpool.kit.effects.clock import SystemClock
from jobpool.store.engines.etcd.engine import EtcdStore
from jobpool.store.port import DataDirLocked, KeyValue, Put
from jobpool.testing.etcd import NO_ETCD, EtcdMember, etcd_binary
from jobpool.testing.ports import free_port
from jobpool.testing.store import write
from jobpool.wire.etcd_pb2 import Member as ListedMember
from jobpool.wire.etcd_pb2 import MemberAddRequest, MemberListResponse
from tests.e2e.certificates import Authority

pytestmark = pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD)

ROOT = Path(__file__).parents[2]
WITHIN = 30.0
_CLOCK = SystemClock()

SERVER = """
import asyncio, sys
from pathlib import Path
from jobpool.etcd.binary import choose
from jobpool.etcd.config import MemberConfig
from jobpool.etcd.member import Member
from jobpool.kit.effects.clock import SystemClock

async def main(binary, directory, peer):
    config = MemberConfig(data_dir=Path(directory), listen_peer_urls=(peer,))
    member = Member(config, await choose(binary), clock=SystemClock())
    running = asyncio.get_running_loop().create_task(member.run())
    await member.ready.wait()
    print(member.pid, flush=True)
    await running

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def binary() -> Binary:
    return await choose(str(etcd_binary()))


class Supervised:
    """Members of this process, ended whatever happens."""

    def __init__(self, binary: Binary) -> None:
        self._binary = binary
        self._running: list[asyncio.Task[None]] = []

    def member(self, directory: Path, **changes: object) -> Member:
        settings = {"listen_peer_urls": (peer_url(),), "heartbeat_interval": 50, "election_timeout": 500} | changes
        return Member(MemberConfig(data_dir=directory, **settings), self._binary, clock=_CLOCK)  # type: ignore[arg-type]

    def run(self, member: Member) -> "asyncio.Task[None]":
        running = asyncio.get_running_loop().create_task(member.run())
        self._running.append(running)
        return running

    async def ready(self, directory: Path, **changes: object) -> Member:
        """One that answers."""
        member = self.member(directory, **changes)
        running = self.run(member)
        waiting = asyncio.get_running_loop().create_task(answers(member))
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            waiting.cancel()
            running.result()
        await waiting
        return member

    async def failure(self, member: Member) -> Exception:
        """What the member that is running, or is run now, ends with."""
        async with asyncio.timeout(WITHIN):
            found = await asyncio.gather(self.run(member), return_exceptions=True)
        assert isinstance(found[0], Exception)
        return found[0]

    async def close(self) -> None:
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


@pytest.fixture
async def supervised(binary: Binary) -> AsyncIterator[Supervised]:
    supervised = Supervised(binary)
    yield supervised
    await supervised.close()


def peer_url() -> str:
    return f"http://127.0.0.1:{free_port()}"


def runs(pid: int) -> bool:
    """Whether the process does anything any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def until(condition: Callable[[], bool], what: str, within: float = WITHIN) -> None:
    end = _CLOCK.monotonic() + within * 1000
    while not condition():
        assert _CLOCK.monotonic() < end, f"waited {within} s until {what}"
        await asyncio.sleep(0.02)


async def answers(member: Member) -> None:
    async with asyncio.timeout(WITHIN):
        await member.ready.wait()


def tcp_ports(pid: int) -> set[int]:
    """On which the process listens."""
    links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()]
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()]
    return {int(row[1].rpartition(":")[2], 16) for row in rows[1:] if row[3] == "0A" and row[9] in inodes}


def is_private_socket(path: Path) -> bool:
    return stat.S_ISSOCK(path.stat().st_mode) and stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def put(member: Member, key: str) -> None:
    store = await EtcdStore.open([member.client_endpoint])
    try:
        await write(store, Put(key, b"kept"))
    finally:
        await store.close()


async def has(member: Member, key: str) -> bool:
    store = await EtcdStore.open([member.client_endpoint])
    try:
        return await store.range(key, key + "\0", limit=1) == [KeyValue(key, b"kept")]
    finally:
        await store.close()


async def call(member: Member, method: str, request: bytes = b"") -> bytes:
    async with grpc.aio.insecure_channel(member.client_endpoint.removeprefix("http://")) as channel:
        ask = channel.unary_unary(
            f"/etcdserverpb.Cluster/{method}", request_serializer=bytes, response_deserializer=bytes
        )
        return await ask(request, timeout=WITHIN)


async def test_it_starts_serves_a_store_and_ends_when_told(supervised: Supervised, tmp_path: Path) -> None:
    directory = tmp_path / "a b%41#?"  # etcd reads paths of log files as URLs
    member = await supervised.ready(directory)
    pid = member.pid
    assert pid is not None
    await put(member, "one")
    async with asyncio.timeout(WITHIN):
        await member.stop()
    assert not runs(pid)
    assert not member.ready.is_set()
    assert (directory / "etcd" / "member" / "snap" / "db").exists()
    assert await has(await supervised.ready(directory), "one")


async def test_a_cancelled_supervisor_leaves_no_etcd(supervised: Supervised, tmp_path: Path) -> None:
    member = await supervised.ready(tmp_path)
    pid = member.pid
    assert pid is not None
    await supervised.close()
    assert not runs(pid)


async def test_a_killed_etcd_comes_back_with_its_data_at_the_same_address(
    supervised: Supervised, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    member = await supervised.ready(tmp_path)
    await put(member, "one")
    first, address = member.pid, member.client_endpoint
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: not member.ready.is_set(), "its end is noticed")
    await answers(member)
    assert member.pid not in (None, first)
    assert member.client_endpoint == address
    assert await has(member, "one")
    [line] = [line for line in capsys.readouterr().out.splitlines() if "etcd_restart" in line]
    assert "reason='it was ended by signal 9 (Killed)'" in line


async def test_nobody_else_on_this_machine_reaches_it(supervised: Supervised, tmp_path: Path) -> None:
    """Its peer port is all that it listens on; its sockets are in a directory of its server's."""
    member = await supervised.ready(tmp_path)
    assert member.pid is not None
    assert len(tcp_ports(member.pid)) == 1
    assert is_private_socket(Path(member.client_endpoint.removeprefix("unix://")))
    assert await has(member, "nothing") is False


async def test_a_directory_without_sockets_has_ports(supervised: Supervised, tmp_path: Path) -> None:
    (tmp_path / "sockets").touch()
    member = await supervised.ready(tmp_path)
    assert member.pid is not None
    assert len(tcp_ports(member.pid)) == 3
    await put(member, "one")
    assert await has(member, "one")
    assert await member.versions() != ("", "")


async def test_it_dies_with_its_server_even_at_kill_9(binary: Binary, tmp_path: Path) -> None:
    words = (sys.executable, "-c", SERVER, str(binary.path), str(tmp_path), peer_url())
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    server = await asyncio.create_subprocess_exec(*words, stdout=PIPE, env=environment)
    try:
        assert server.stdout is not None
        async with asyncio.timeout(WITHIN):
            pid = await anext(number async for number in numbers(server.stdout))
        assert runs(pid)
    finally:
        server.kill()
        await server.wait()
    await until(lambda: not runs(pid), "etcd has followed its server")


async def numbers(stream: asyncio.StreamReader) -> AsyncIterator[int]:
    """The lines that are numbers, among those of the log."""
    while line := await stream.readline():
        if line.strip().isdigit():
            yield int(line)
    raise AssertionError("the server ended before it told its etcd's number")


async def test_a_second_supervisor_of_one_directory_is_refused(supervised: Supervised, tmp_path: Path) -> None:
    first = await supervised.ready(tmp_path)
    error = await supervised.failure(supervised.member(tmp_path))
    assert isinstance(error, DataDirLocked)
    assert f"process {os.getpid()} already runs an etcd member in {tmp_path}" in str(error)
    assert first.ready.is_set()


async def test_an_etcd_that_nobody_supervises_is_told_by_its_pid(supervised: Supervised, tmp_path: Path) -> None:
    left = EtcdMember(tmp_path, name="etcd")
    left.start()
    try:
        error = await supervised.failure(supervised.member(tmp_path))
    finally:
        left.kill()
    assert isinstance(error, DataDirLocked)
    assert f"kill {left.process.pid}" in str(error)


async def test_a_peer_port_in_use_is_told(supervised: Supervised, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = await supervised.failure(supervised.member(tmp_path, listen_peer_urls=(f"http://127.0.0.1:{port}",)))
    assert isinstance(error, MemberFailed)
    assert f"another process uses an address of the member (listen tcp 127.0.0.1:{port}: " in str(error)


async def test_damaged_data_is_told(supervised: Supervised, tmp_path: Path) -> None:
    member = await supervised.ready(tmp_path)
    await member.stop()
    with (tmp_path / "etcd" / "member" / "snap" / "db").open("r+b") as database:
        database.write(b"\0" * 8192)
    error = await supervised.failure(supervised.member(tmp_path))
    assert isinstance(error, MemberFailed)
    assert "data is damaged" in str(error)


async def test_etcds_log_is_ours(supervised: Supervised, tmp_path: Path) -> None:
    with capture_logs() as logs:
        member = await supervised.ready(tmp_path)
        await member.stop()
    levels = {log["event"]: log["log_level"] for log in logs if log["event_name"] == "etcd_log"}
    assert levels["starting an etcd server"] == levels["closed etcd server"] == "debug"
    warned = [event for event, level in levels.items() if level == "warning"]
    assert [event for event in warned if "slow" not in event and "too long" not in event] == []  # of this machine
    names = [log["event_name"] for log in logs if log["event_name"] != "etcd_log"]
    assert names == ["etcd_started", "etcd_ready", "etcd_ended"]


class Three:
    """Three supervisors of one cluster, in one process."""

    def __init__(self, supervised: Supervised, directory: Path, tls: PeerTls | None = None) -> None:
        self._supervised = supervised
        self._directory = directory
        self._tls = tls or PeerTls()
        self.peers = {name: peer_url() if tls is None else peer_url().replace("http", "https") for name in "abc"}

    def member(self, name: str, **changes: object) -> Member:
        settings: dict[str, object] = {
            "name": name,
            "listen_peer_urls": (self.peers[name],),
            "initial_cluster": ",".join(f"{other}={url}" for other, url in self.peers.items()),
            "strict_reconfig_check": False,
            "peer_tls": self._tls,
        }
        return self._supervised.member(self._directory / name, **(settings | changes))


@pytest.fixture
def three(supervised: Supervised, tmp_path: Path) -> Three:
    return Three(supervised, tmp_path)


async def test_three_form_a_cluster_and_one_that_is_removed_says_so(supervised: Supervised, three: Three) -> None:
    members = [three.member(name) for name in "abc"]
    running = [supervised.run(member) for member in members]
    await asyncio.gather(*(answers(member) for member in members))
    await put(members[0], "one")
    assert await has(members[2], "one")

    listed = MemberListResponse.FromString(await call(members[0], "MemberList"))
    ids = {member.name: member.ID for member in listed.members}
    assert sorted(ids) == ["a", "b", "c"]
    await call(members[0], "MemberRemove", ListedMember(ID=ids["c"]).SerializeToString())
    async with asyncio.timeout(WITHIN):
        (error,) = await asyncio.gather(running[2], return_exceptions=True)
    assert isinstance(error, MemberFailed)
    assert "was removed from its cluster" in str(error)
    assert await has(members[1], "one")
    await check_quiet_end(members[1])


async def check_quiet_end(member: Member) -> None:
    """Etcd warns of every connection that it closes; nobody needs to know when it was told to end."""
    pid = member.pid
    with capture_logs() as logs:
        await member.stop()
    levels = {log["log_level"] for log in logs if log["event_name"] == "etcd_log" and log["pid"] == pid}
    assert levels == {"debug"}


async def test_a_member_of_another_cluster_is_told_and_the_others_form_theirs(
    supervised: Supervised, three: Three
) -> None:
    right = [three.member(name) for name in "ab"]
    for member in right:
        supervised.run(member)
    error = await supervised.failure(three.member("c", initial_cluster_token="another"))
    assert isinstance(error, MemberFailed)
    assert "its peers are of cluster" in str(error)
    assert "initial-cluster-token" in str(error)
    await asyncio.gather(*(answers(member) for member in right))


async def test_while_a_majority_is_missing_it_says_what_it_waits_for(supervised: Supervised, three: Three) -> None:
    alone = three.member("a")
    supervised.run(alone)
    await until(lambda: alone.pid is not None, "it is started")
    await until(lambda: alone.waiting_for.startswith(("no answer within", "RAFT NO LEADER")), "its health is asked")
    assert not alone.ready.is_set()


async def call_ids(member: Member) -> dict[str, int]:
    listed = MemberListResponse.FromString(await call(member, "MemberList"))
    return {one.name: one.ID for one in listed.members}


def lose(directory: Path) -> None:
    shutil.rmtree(directory)


def text_of(file: Path) -> str:
    return file.read_text() if file.exists() else ""


async def together(supervised: Supervised, members: Sequence[Member]) -> None:
    """Run them, until all are ready."""
    for member in members:
        supervised.run(member)
    await asyncio.gather(*(answers(member) for member in members))


@pytest.mark.parametrize("state", ["new", "existing"])
async def test_a_lost_directory_is_refused_until_the_member_was_removed_and_added(
    supervised: Supervised, three: Three, tmp_path: Path, state: str
) -> None:
    a, b, c = (three.member(name) for name in "abc")
    await together(supervised, [a, b, c])
    await put(a, "one")
    former = (await call_ids(a))["c"]
    await c.stop()
    lose(tmp_path / "c")
    error = await supervised.failure(three.member("c", initial_cluster_state=state))
    assert isinstance(error, MemberFailed)
    assert f"member remove {former:x}`" in str(error)
    assert "member add c --peer-urls http://127.0.0.1:" in str(error)
    assert not has_data(MemberConfig(data_dir=tmp_path / "c"))

    await call(a, "MemberRemove", ListedMember(ID=former).SerializeToString())
    await call(a, "MemberAdd", MemberAddRequest(peerURLs=[three.peers["c"]]).SerializeToString())
    again = three.member("c", initial_cluster_state="existing")
    await together(supervised, [again])
    assert await has(again, "one")
    assert (await call_ids(again))["c"] != former


@pytest.mark.parametrize("auto_tls", [True, False])
async def test_others_that_speak_tls_are_asked_as_etcd_asks_them(
    supervised: Supervised, tmp_path: Path, *, auto_tls: bool
) -> None:
    if auto_tls:
        tls = PeerTls(auto_tls=True)
    else:
        authority = Authority(tmp_path / "authority", "peers")
        cert, key = map(str, authority.issue("peer"))
        tls = PeerTls(cert_file=cert, key_file=key, client_cert_auth=True, trusted_ca_file=str(authority.pem))
    three = Three(supervised, tmp_path, tls)
    a, b, c = (three.member(name) for name in "abc")
    await together(supervised, [a, b, c])
    await c.stop()
    lose(tmp_path / "c")
    error = await supervised.failure(three.member("c", initial_cluster_state="existing"))
    assert "has seen it started" in str(error)


async def test_a_member_that_nobody_could_vouch_for_ends_when_one_is_back_that_knows_it(
    supervised: Supervised, three: Three, tmp_path: Path
) -> None:
    """With the state `new` and all others down, it cannot know that it is not the first start of a cluster."""
    members = [three.member(name) for name in "abc"]
    await together(supervised, members)
    for member in members:
        await member.stop()
    lose(tmp_path / "c")
    running = supervised.run(three.member("c", initial_cluster_state="new"))
    await until(lambda: has_data(MemberConfig(data_dir=tmp_path / "c")), "it has begun")
    supervised.run(three.member("b", election_timeout=5_000))
    async with asyncio.timeout(WITHIN):
        (error,) = await asyncio.gather(running, return_exceptions=True)
    assert isinstance(error, MemberFailed)
    assert "has seen it started" in str(error)
    assert "cast MsgVote" not in text_of(tmp_path / "c" / "etcd.log")
    # Now it has a log, and is refused all the same.
    error = await supervised.failure(three.member("c", initial_cluster_state="new"))
    assert "has seen it started" in str(error)


async def test_a_member_with_nothing_waits_for_a_word_before_it_joins(
    supervised: Supervised, three: Three, tmp_path: Path
) -> None:
    members = [three.member(name) for name in "abc"]
    await together(supervised, members)
    for member in members:
        await member.stop()
    lose(tmp_path / "c")
    waiting = three.member("c", initial_cluster_state="existing")
    running = supervised.run(waiting)
    await until(lambda: "connection refused" in waiting.waiting_for, "it has asked")
    assert waiting.pid is None
    supervised.run(three.member("a"))
    async with asyncio.timeout(WITHIN):
        (error,) = await asyncio.gather(running, return_exceptions=True)
    assert isinstance(error, MemberFailed)
    assert "has seen it started" in str(error)


async def test_a_first_start_in_pieces_is_no_loss(supervised: Supervised, three: Three, tmp_path: Path) -> None:
    """However slow: one alone, started twice, then the second, and the third when these two have begun."""
    for _ in range(2):
        alone = three.member("a")
        supervised.run(alone)
        await until(lambda: has_data(MemberConfig(data_dir=tmp_path / "a")), "it has begun")
        await until(lambda alone=alone: alone.pid is not None, "it runs")  # type: ignore[misc]
        await alone.stop()
    assert len(set(text_of(tmp_path / "a" / "etcd.begun").split())) == 2
    await together(supervised, [three.member("a"), three.member("b")])
    await together(supervised, [three.member("c")])
    assert [text_of(tmp_path / name / "etcd.begun") for name in "abc"] == ["", "", ""]
