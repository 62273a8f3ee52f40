"""How a member that ends is started again, or given up: with programs that stand for etcd."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from jobpool.etcd.binary import Binary, Version
from jobpool.etcd.config import MemberConfig, PeerTls
from jobpool.etcd.errors import MemberFailed
from jobpool.etcd.member import Member, failures_after
from jobpool.kit.effects.clock import SystemClock, Timer
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument, StoreFailed

WITHIN = 30.0


class HastyClock(SystemClock):
    """Does not wait between two starts, but keeps how long it should have."""

    def __init__(self) -> None:
        self.pauses: list[Millis] = []

    def call_later(self, span: Millis, callback: Callable[[], None]) -> Timer:
        self.pauses.append(span)
        return super().call_later(0, callback)


def member(directory: Path, script: str, clock: HastyClock | None = None, **changes: object) -> Member:
    program = directory / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    config = MemberConfig(data_dir=directory / "data", **changes)  # type: ignore[arg-type]
    return Member(config, Binary(program, Version("3.5.30", (3, 5, 30))), clock=clock or HastyClock())


def saying(message: str, error: str) -> str:
    line = json.dumps({"level": "fatal", "msg": message, "error": error})
    return f"echo '{line}' >> etcd.log"


async def run(member: Member) -> None:
    async with asyncio.timeout(WITHIN):
        await member.run()


async def test_an_end_that_nobody_knows_is_tried_again_ever_slower_and_then_told(tmp_path: Path) -> None:
    clock = HastyClock()
    with pytest.raises(MemberFailed, match=r"ended 5 times before it was ready: it is a riddle; see .*/data/etcd.log"):
        await run(member(tmp_path, "echo it is a riddle >&2; exit 3", clock))
    assert clock.pauses == [1_000, 2_000, 4_000, 8_000]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (saying("failed to open database", "invalid database"), "data is damaged"),
        (saying("discovery failed", "listen tcp 10.0.0.9:2380: bind: address already in use"), r"10\.0\.0\.9:2380"),
        (saying("failed to create WAL", "no space left on device"), "the disk of the data directory is full"),
        ("echo 'flag provided but not defined: -x' >&2; exit 2", "refuses its configuration"),
    ],
)
async def test_what_cannot_get_better_is_told_at_once(tmp_path: Path, script: str, told: str) -> None:
    clock = HastyClock()
    with pytest.raises(MemberFailed, match=f"the etcd member in {tmp_path}/data cannot run: .*{told}"):
        await run(member(tmp_path, script, clock))
    assert clock.pauses == []


async def test_a_port_of_ours_that_another_took_is_exchanged(tmp_path: Path) -> None:
    taken = 'url=$(echo "$@" | tr " " "\\n" | sed -n "s|^--listen-client-urls=http://||p")\n'
    line = '{"level":"fatal","msg":"discovery failed","error":"listen tcp $url: bind: address already in use"}'
    script = f"{taken}[ -e second ] && {{ echo done >&2; exit 1; }}; touch second\ncat >> etcd.log <<END\n{line}\nEND"
    clock = HastyClock()
    directory = tmp_path / ("too long a name for sockets " * 4)
    directory.mkdir()
    unlucky = member(directory, script, clock)
    first = unlucky.client_endpoint
    with pytest.raises(MemberFailed, match="before it was ready: done"):
        await run(unlucky)
    assert unlucky.client_endpoint != first
    assert clock.pauses[0] == 1_000


async def test_its_warnings_come_through_ours(tmp_path: Path) -> None:
    line = json.dumps({"level": "warn", "ts": "t", "caller": "x.go:1", "msg": "slow disk", "took": "2s"})
    with capture_logs() as logs, pytest.raises(MemberFailed):
        await run(member(tmp_path, f"echo '{line}' >> etcd.log; echo 'invalid value' >&2; exit 2"))
    told = [(log["event"], log["log_level"], log["detail"]) for log in logs if log["event_name"] == "etcd_log"]
    assert told == [("slow disk", "warning", {"caller": "x.go:1", "took": "2s"})]


async def test_stop_ends_it_while_it_starts(tmp_path: Path) -> None:
    one = member(tmp_path, "exec sleep 600")
    running = asyncio.get_running_loop().create_task(one.run())
    await asyncio.sleep(0)
    async with asyncio.timeout(WITHIN):
        await one.stop()
        await running
    assert one.pid is None


async def test_stop_ends_the_wait_for_the_next_start(tmp_path: Path) -> None:
    class Patient(HastyClock):
        def call_later(self, span: Millis, callback: Callable[[], None]) -> Timer:
            self.pauses.append(span)
            waiting.set()
            return SystemClock.call_later(self, 600_000, callback)

    waiting = asyncio.Event()
    one = member(tmp_path, "exit 1", Patient())
    running = asyncio.get_running_loop().create_task(one.run())
    async with asyncio.timeout(WITHIN):
        await waiting.wait()
        await one.stop()
        await running


async def test_stop_ends_the_wait_for_a_word_of_others(tmp_path: Path) -> None:
    others = "default=http://localhost:2380,other=http://127.0.0.1:1"
    one = member(tmp_path, "exit 1", initial_cluster=others, initial_cluster_state="existing")
    running = asyncio.get_running_loop().create_task(one.run())
    async with asyncio.timeout(WITHIN):
        while "other (" not in one.waiting_for:
            await asyncio.wait([running], timeout=0.01)
        assert "a word from another member, as it has no data: other (http://127.0.0.1:1: " in one.waiting_for
        await one.stop()
        await running
    assert not (tmp_path / "data" / "etcd.out").exists()


async def test_a_member_that_never_ran_can_be_stopped(tmp_path: Path) -> None:
    one = member(tmp_path, "exit 1")
    await one.stop()
    await run(one)
    assert not (tmp_path / "data" / "etcd.out").exists()


def test_one_that_does_not_run_says_so(tmp_path: Path) -> None:
    one = member(tmp_path, "exec sleep 600")
    assert (one.ready.is_set(), one.waiting_for) == (False, "it is not running")


async def test_certificates_that_cannot_be_read_are_refused_by_their_key(tmp_path: Path) -> None:
    tls = PeerTls(cert_file=f"{tmp_path}/missing.crt", key_file=f"{tmp_path}/missing.key")
    with pytest.raises(InvalidArgument, match=r"peer-transport-security\.cert-file: .* found '.*/missing.crt'"):
        await run(member(tmp_path, "exit 1", peer_tls=tls))


async def test_a_data_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(StoreFailed, match=r"cannot make the data directory .*/data/etcd: "):
        await run(member(tmp_path, "exit 1"))


async def test_where_no_sockets_can_be_it_listens_on_ports_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sockets").touch()
    one = member(tmp_path, "echo $@ >> told; echo 'invalid value' >&2; exit 2")
    with capture_logs() as logs, pytest.raises(MemberFailed):
        await run(one)
    assert [log["reason"] for log in logs if log["event_name"] == "etcd_ports"] == ["File exists"]
    assert one.client_endpoint.startswith("http://127.0.0.1:")
    assert f"--listen-client-urls={one.client_endpoint} " in (tmp_path / "data" / "told").read_text()


def test_settings_are_checked_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="election-timeout"):
        member(tmp_path, "exit 1", election_timeout=1)


async def test_a_cluster_begins_anew_at_the_first_start_only(tmp_path: Path) -> None:
    """Once it was ready: another time would part it again from those that joined since."""
    answer = 'HTTP/1.0 200 OK\\r\\n\\r\\n{\\"health\\":\\"true\\"}'
    serve = (
        'echo "$@" | tr " " "\\n" | grep -c -- --force-new-cluster=true >> told\n'
        "[ -e second ] && { echo flag provided but not defined: -x >&2; exit 2; }\n"
        "touch second\n"
        f"exec {sys.executable} -S -c \"import socket; s = socket.socket(socket.AF_UNIX); s.bind('sockets/http'); "
        f"s.listen(); c, _ = s.accept(); c.recv(999); c.sendall(b'{answer}'); c.close(); s.close()\""
    )
    with pytest.raises(MemberFailed):
        await run(member(tmp_path, serve, force_new_cluster=True))
    assert (tmp_path / "data" / "told").read_text().split() == ["1", "0"]


@pytest.mark.parametrize(
    ("lived", "served", "failures"),
    [(900, 0, 4), (6_000, 4_900, 4), (6_000, 5_000, 1), (29_000, 0, 4), (30_000, 0, 1)],
)
def test_a_member_that_has_served_is_started_again_soon(lived: Millis, served: Millis, failures: int) -> None:
    assert failures_after(3, lived=lived, served=served) == failures
