"""Who may begin without data, by what the others say; they are fakes that answer as etcd 3.5.30 was seen to."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from jobpool.etcd.config import MemberConfig
from jobpool.etcd.newcomer import Begun, Newcomer, has_data
from jobpool.etcd.ports import HOST, free_ports
from jobpool.kit.pure.durations import SECOND
from jobpool.model.errors import InvalidArgument, StoreFailed
from jobpool.testing.clock import FakeClock

WITHIN = 30.0
OWN = "http://10.0.0.3:2380"
NEW = {"id": 0xC3, "name": "c", "peerURLs": [OWN]}
STARTED = NEW | {"clientURLs": ["http://127.0.0.1:1"]}
ADDED = {"id": 0xC4, "peerURLs": [OWN], "isLearner": True}
Members = list[dict[str, object]]


class Peer:
    """Answers `/members` with each of `answers`, and then with the last of them for ever."""

    def __init__(self, *answers: Members) -> None:
        self._answers = [msgspec.json.encode(one) + b"\n" for one in answers]
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\r\n\r\n") == b"GET /members HTTP/1.0\r\n\r\n"
        body = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body)
        await writer.drain()  # and is not closed, as etcd sometimes does not
        await reader.read()
        writer.close()


class World:
    """Other members that answer, by name, and this one, `c`."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.clock = FakeClock()
        self._urls: dict[str, str] = {}

    async def add(self, name: str, peer: Peer | None = None) -> None:
        """None: nobody is there."""
        port = free_ports(1)[0]
        if peer is not None:
            server = await asyncio.start_server(peer.serve, HOST, 0)
            self._stack.callback(server.close)
            port = server.sockets[0].getsockname()[1]
        self._urls[name] = f"http://{HOST}:{port}"

    def newcomer(self, name: str = "c") -> Newcomer:
        cluster = ",".join(f"{one}={url}" for one, url in {**self._urls, name: OWN}.items())
        return Newcomer(MemberConfig(data_dir=Path(), name=name, initial_cluster=cluster), clock=self.clock)

    async def told(self, asking: Coroutine[object, object, str]) -> str:
        """What comes of it, with time passing meanwhile."""
        task = asyncio.get_running_loop().create_task(asking)
        async with asyncio.timeout(WITHIN):
            while not task.done():
                await self.clock.advance(50)
        return await task


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(stack)


async def test_a_cluster_that_begins_knows_all_by_name_and_nobody_as_started(world: World) -> None:
    await world.add("a", Peer([{"id": 1, "name": "a", "peerURLs": ["http://x:1"], "clientURLs": ["http://y:1"]}, NEW]))
    await world.add("b")
    assert await world.newcomer().ask_all(()) == ""


async def test_one_that_knows_it_as_started_is_enough(world: World) -> None:
    await world.add("a", Peer([NEW]))
    await world.add("b", Peer([STARTED]))
    refusal = await world.newcomer().ask_all(())
    assert "the cluster knows this member (c, c3) and has seen it started" in refusal
    assert "`jobpoolctl member remove c3`" in refusal
    assert f"`jobpoolctl member add c --peer-urls {OWN} --learner`" in refusal
    assert "`jobpoolctl member promote c`" in refusal


async def test_it_is_known_by_its_urls_under_another_name_and_by_its_name_at_others(world: World) -> None:
    await world.add("a", Peer([STARTED]))
    assert "(c, c3)" in await world.newcomer("other").ask_all(())
    await world.add("a", Peer([STARTED | {"peerURLs": ["http://server3:2380"]}]))
    assert "(c, c3)" in await world.newcomer().ask_all(())


async def test_what_it_told_in_this_life_is_no_former_one(world: World) -> None:
    await world.add("a", Peer([STARTED]))
    assert await world.newcomer().ask_all(("http://127.0.0.1:1", "http://127.0.0.1:2")) == ""
    assert await world.newcomer().ask_all(("http://127.0.0.1:2",)) != ""


async def test_who_was_added_joins_once_one_says_so_for_a_while(world: World) -> None:
    peer = Peer([ADDED])
    await world.add("a", peer)
    await world.add("b")
    assert await world.told(world.newcomer().ask_until_one_answers()) == ""
    assert peer.asked == 3


async def test_a_member_that_reads_its_log_again_is_asked_again(world: World) -> None:
    await world.add("a", Peer([], [], [STARTED]))
    assert "has seen it started" in await world.told(world.newcomer().ask_until_one_answers())


async def test_it_waits_for_the_first_word_and_says_for_whose(world: World) -> None:
    await world.add("a")
    await world.add("b")
    newcomer = world.newcomer()
    with capture_logs() as logs:
        waiting = asyncio.get_running_loop().create_task(newcomer.ask_until_one_answers())
        async with asyncio.timeout(WITHIN):
            while not logs or "a (" not in logs[-1]["event"]:
                await world.clock.advance(SECOND)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    told = logs[-1]
    assert (told["event_name"], told["log_level"]) == ("etcd_waiting", "warning")
    assert "etcd is not started yet: it needs a word from another member, as it has no data: a (" in told["event"]
    assert "onnect" in newcomer.waiting_for


async def test_without_others_nobody_could_say(world: World) -> None:
    with pytest.raises(InvalidArgument, match=r"initial-cluster: wanted the members .* found 'c=http://10.0.0.3:2380'"):
        await world.told(world.newcomer().ask_until_one_answers())
    assert await world.newcomer().ask_all(()) == ""


async def test_while_it_runs_each_is_asked_until_it_has_answered(world: World) -> None:
    first, second = Peer([NEW]), Peer([], [NEW])
    await world.add("a", first)
    await world.add("b", second)
    assert await world.told(world.newcomer().ask_until_all_have_answered(("http://127.0.0.1:2",))) == ""
    assert (first.asked, second.asked) == (3, 3)


async def test_while_it_runs_one_that_knows_a_former_life_ends_it(world: World) -> None:
    await world.add("a", Peer([NEW]))
    await world.add("b", Peer([NEW], [STARTED]))
    assert "has seen it started" in await world.told(
        world.newcomer().ask_until_all_have_answered(("http://127.0.0.1:2",))
    )


def test_it_has_data_when_it_has_a_log(tmp_path: Path) -> None:
    config = MemberConfig(data_dir=tmp_path)
    assert not has_data(config)
    wal = tmp_path / "etcd" / "member" / "wal"
    wal.mkdir(parents=True)
    (wal / "0.tmp").touch()
    assert not has_data(config)
    (wal / "0-0.wal").touch()
    assert has_data(config)
    assert has_data(MemberConfig(data_dir=tmp_path / "other", wal_dir=str(wal)))
    assert not has_data(MemberConfig(data_dir=tmp_path, wal_dir=str(tmp_path / "lost")))


def test_a_log_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "etcd").touch()
    with pytest.raises(StoreFailed, match=r"cannot read .*/etcd/member/wal: Not a directory"):
        has_data(MemberConfig(data_dir=tmp_path))


def test_the_mark_of_a_beginning_holds_what_was_told_since(tmp_path: Path) -> None:
    begun = Begun(tmp_path / "etcd.begun")
    assert begun.told == ()
    for url in ("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:1"):
        begun.tell(url)
    assert Begun(tmp_path / "etcd.begun").told == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    begun.end()
    begun.end()
    assert begun.told == ()
