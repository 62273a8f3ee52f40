"""The network in memory behaves as TCP does."""

import asyncio

import pytest

from jobpool.kit.effects.dice import Dice
from jobpool.model.errors import Unauthenticated
from jobpool.peers.stream import FrameStream, StreamBroken
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.network import Network
from jobpool.testing.wire import DEAD_AFTER, WINDOW
from tests.unit.peers.conftest import record


class Ends:
    """A stream from `a` to `b` that ends with the test; `b` is the end of who was dialed."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._over = asyncio.Event()
        self._accepted: asyncio.Queue[FrameStream] = asyncio.Queue()
        self.dialing: asyncio.Task[None] | None = None
        self.a: FrameStream
        self.b: FrameStream

    async def accept(self, stream: FrameStream) -> None:
        self._accepted.put_nowait(stream)
        await self._over.wait()

    def over(self) -> None:
        self._over.set()

    async def dial(self) -> None:
        self.dialing = asyncio.get_running_loop().create_task(self._dialed())
        await settle()

    async def _dialed(self) -> None:
        async with self._network.dial_from("a")(record("b")) as stream:
            self.a = stream
            self.b = await self._accepted.get()
            await self._over.wait()


async def _heard(stream: FrameStream, count: int) -> list[bytes | None]:
    return [await stream.recv() for _ in range(count)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def network(clock: FakeClock) -> Network:
    return Network(clock, Dice(3))


@pytest.fixture
async def ends(network: Network) -> Ends:
    ends = Ends(network)
    network.host("b", ends.accept)
    await ends.dial()
    return ends


async def test_frames_arrive_in_order_after_their_delay(network: Network, clock: FakeClock, ends: Ends) -> None:
    network.delay = (10, 50)
    for number in range(20):
        await ends.a.send(bytes([number]))
    hearing = asyncio.get_running_loop().create_task(_heard(ends.b, 20))
    await clock.advance(9)
    assert not hearing.done()
    await clock.advance(41)
    assert await hearing == [bytes([number]) for number in range(20)]


async def test_the_same_dice_give_the_same_delays(clock: FakeClock) -> None:
    one, other = (Network(clock, Dice(9), delay=(1, 1000)) for _ in range(2))
    assert [one.lag() for _ in range(50)] == [other.lag() for _ in range(50)]


async def test_nobody_there(network: Network) -> None:
    with pytest.raises(StreamBroken, match="connection refused"):
        async with network.dial_from("a")(record("c")):
            pass


async def test_the_end_comes_after_what_was_sent(ends: Ends) -> None:
    await ends.a.send(b"last")
    ends.over()
    await settle()
    with pytest.raises(StreamBroken, match="this end was closed"):
        await ends.b.recv()


async def test_a_refusal_is_told_to_who_dialed(network: Network) -> None:
    async def refuse(stream: FrameStream) -> None:
        raise Unauthenticated("who are you")

    network.host("c", refuse)
    async with network.dial_from("a")(record("c")) as stream:
        with pytest.raises(Unauthenticated, match="who are you"):
            await stream.recv()


async def test_what_is_cut_arrives_when_it_is_healed_in_time(network: Network, clock: FakeClock, ends: Ends) -> None:
    network.cut("a", "b")
    await ends.a.send(b"1")
    await ends.b.send(b"2")
    assert await ends.a.recv() == b"2"
    hearing = asyncio.get_running_loop().create_task(_heard(ends.b, 2))
    await clock.advance(DEAD_AFTER - 1)
    assert not hearing.done()
    network.heal("b", "a")
    network.heal("c")
    await settle()
    assert not hearing.done()
    network.heal("a")
    await ends.a.send(b"3")
    assert await hearing == [b"1", b"3"]
    await clock.advance(DEAD_AFTER)
    await ends.a.send(b"4")
    assert await ends.b.recv() == b"4"


async def test_only_who_has_sent_something_notices_a_cut(network: Network, clock: FakeClock, ends: Ends) -> None:
    network.partition("a", "b")
    await clock.advance(10 * DEAD_AFTER)
    await ends.a.send(b"1")
    await clock.advance(DEAD_AFTER)
    with pytest.raises(StreamBroken, match="bytes were not acknowledged within 3000 ms"):
        await ends.a.send(b"2")
    hearing = asyncio.get_running_loop().create_task(ends.b.recv())
    await clock.advance(DEAD_AFTER)
    assert not hearing.done()
    hearing.cancel()


async def test_a_sender_waits_for_a_reader(network: Network, ends: Ends) -> None:
    await ends.a.send(bytes(WINDOW))
    sending = asyncio.get_running_loop().create_task(ends.a.send(b"more"))
    await settle()
    assert not sending.done()
    await ends.b.recv()
    await sending
    assert await ends.b.recv() == b"more"


async def test_a_sender_that_waits_is_told_of_the_end(network: Network, ends: Ends) -> None:
    await ends.a.send(bytes(WINDOW))
    sending = asyncio.get_running_loop().create_task(ends.a.send(b"more"))
    await settle()
    network.break_streams("a", "b")
    with pytest.raises(StreamBroken, match="the connection was reset"):
        await sending
    assert network.streams == 0


async def test_a_paused_server_neither_hears_nor_speaks(network: Network, clock: FakeClock, ends: Ends) -> None:
    network.pause("b")
    await ends.a.send(b"1")
    await ends.b.send(b"2")
    to_b = asyncio.get_running_loop().create_task(ends.b.recv())
    to_a = asyncio.get_running_loop().create_task(ends.a.recv())
    await clock.advance(10 * DEAD_AFTER)
    assert not to_b.done()
    assert not to_a.done()
    network.resume("b")
    assert (await to_b, await to_a) == (b"1", b"2")


async def test_a_crash_is_told(network: Network, ends: Ends) -> None:
    hearing = asyncio.get_running_loop().create_task(ends.a.recv())
    await settle()
    await network.crash("b")
    with pytest.raises(StreamBroken, match="the other end is gone"):
        await hearing
    assert not network.listens("b")
    ends.over()
    await settle()
    assert network.streams == 0


async def test_what_breaks_in_a_server_is_kept_for_the_test(network: Network) -> None:
    async def break_down(stream: FrameStream) -> None:
        raise KeyError("x")

    network.host("c", break_down)
    async with network.dial_from("a")(record("c")) as stream:
        assert await stream.recv() is None
    await settle()
    assert [type(fault) for fault in network.faults] == [KeyError]
