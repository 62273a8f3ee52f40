"""The simulated world itself: time, processes, the store and the network do what a story relies on."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from jobpool.kit.pure.durations import SECOND
from jobpool.store.port import Compacted, Fenced, OutcomeUnknown, Put, Step
from jobpool.testing.simulation.loop import Idle, run
from jobpool.testing.simulation.network import End, Network
from jobpool.testing.simulation.process import Process
from jobpool.testing.simulation.store import Connection, SharedStore
from jobpool.testing.simulation.world import World
from jobpool.testing.store import following

Story = Callable[[World], Coroutine[Any, Any, None]]


def simulated(story: Story) -> Callable[[], None]:
    """Run as a test, in virtual time."""

    def test() -> None:
        async def main() -> None:
            await story(World(1))

        run(main())

    test.__name__ = story.__name__
    return test


def process(world: World, name: str = "a") -> Process:
    return Process(world, name, dice=world.dice(name))


@simulated
async def test_time_passes_when_nobody_can_run(world: World) -> None:
    await world.sleep(3_600_000)
    assert world.elapsed == 3_600_000


def test_waiting_for_nothing_is_an_error() -> None:
    async def stuck() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Idle):
        run(stuck())


def test_threads_are_refused() -> None:
    with pytest.raises(RuntimeError, match="no threads"):
        run(asyncio.to_thread(print))


@simulated
async def test_a_paused_process_hears_its_timers_late_and_all_at_once(world: World) -> None:
    one = process(world)
    rung: list[tuple[str, int]] = []

    async def ring(name: str, span: int) -> None:
        await one.clock.sleep(span)
        rung.append((name, world.elapsed))

    for at in (100, 200, 900):
        one.start(ring(str(at), at), name="ring")
    one.pause()
    await world.sleep(500)
    assert not rung
    one.resume()
    await world.sleep(1000)
    assert rung == [("100", 500), ("200", 500), ("900", 900)]


@simulated
async def test_a_killed_process_takes_its_tasks_along(world: World) -> None:
    one = process(world)
    ended: list[str] = []

    async def child() -> None:
        try:
            await one.clock.sleep(100)
        finally:
            ended.append("child")

    async def parent() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())

    one.start(parent(), name="parent")
    await world.sleep(10)
    one.kill()
    await world.sleep(1000)
    assert ended == ["child"]
    assert not one.tasks


@simulated
async def test_a_skewed_clock_is_wrong_about_wall_time_only(world: World) -> None:
    one = Process(world, "a", dice=world.dice("a"), skew=250)
    before = one.clock.monotonic()
    await one.clock.sleep(SECOND)
    assert one.clock.now() == world.now + 250
    assert one.clock.monotonic() - before == SECOND


def connection(world: World, shared: SharedStore, name: str = "a") -> Connection:
    return Connection(shared, process(world, name), dice=world.dice(f"store {name}"))


@simulated
async def test_a_delayed_transaction_lands_long_after_its_sender_has_died(world: World) -> None:
    shared = SharedStore(world)
    one = connection(world, shared)
    one.mishaps.append("delayed")
    asked = one.process.start(one.commit(following(await one.fence(), Put("a", b"1"))), name="commit")
    await asyncio.wait([asked])
    assert isinstance(asked.exception(), OutcomeUnknown)
    one.process.kill()
    assert shared.fence.n == 0
    await world.sleep(30 * SECOND)
    assert shared.fence.n == 1


@simulated
async def test_a_delayed_transaction_finds_another_term(world: World) -> None:
    shared = SharedStore(world)
    one, other = connection(world, shared), connection(world, shared, "b")
    one.mishaps.append("delayed")
    with pytest.raises(OutcomeUnknown):
        await one.commit(following(await one.fence(), Put("a", b"1")))
    await other.campaign("b")
    await world.sleep(30 * SECOND)
    assert [step.fence.term for step in shared.steps] == [1]


@simulated
async def test_a_late_writer_is_refused(world: World) -> None:
    shared = SharedStore(world)
    one, other = connection(world, shared), connection(world, shared, "b")
    transaction = following(await one.fence(), Put("a", b"1"))
    await other.campaign("b")
    with pytest.raises(Fenced):
        await one.commit(transaction)


async def _watched(link: Connection, seen: list[Step], ended: list[BaseException]) -> None:
    try:
        async for step in link.watch(await link.fence()):
            seen.append(step)  # noqa: PERF401 — while it goes on
    except Compacted as gone:
        ended.append(gone)


@simulated
async def test_a_cut_connection_hears_later_what_it_missed(world: World) -> None:
    shared = SharedStore(world)
    one, other = connection(world, shared), connection(world, shared, "b")
    seen: list[Step] = []
    ended: list[BaseException] = []
    one.process.start(_watched(one, seen, ended), name="watch")
    await world.sleep(100)
    one.cut()
    for _ in range(3):
        await other.campaign("b")
    await world.sleep(SECOND)
    assert not seen
    with pytest.raises(OutcomeUnknown):
        await one.commit(following(shared.fence, Put("a", b"1")))
    one.mend()
    await world.sleep(2 * SECOND)
    assert [step.fence.n for step in seen][:3] == [1, 2, 3]
    shared.compact(99)
    one.silence()
    await other.campaign("b")
    await other.campaign("b")
    shared.compact(99)
    one.listen()
    await world.sleep(2 * SECOND)
    assert ended


async def _pair(world: World, network: Network) -> tuple[End, End]:
    here, there = process(world, "a"), process(world, "b")
    ends: list[End] = []

    async def serve(end: End) -> None:
        ends.append(end)
        await asyncio.Event().wait()

    network.listen(there, "port", serve)
    end = await network.dial(here, "b", "port")
    await world.sleep(50)
    return end, ends[0]


@simulated
async def test_frames_arrive_in_order_and_after_a_short_cut(world: World) -> None:
    network = Network(world)
    here, there = await _pair(world, network)
    await here.send(b"1")
    await world.sleep(50)
    network.cut("a", "b")
    for frame in (b"2", b"3"):
        await here.send(frame)
    await world.sleep(SECOND)
    assert await there.recv() == b"1"
    late = here.process.start(there.recv(), name="recv")
    await world.sleep(SECOND)
    assert not late.done()
    network.mend("a", "b")
    assert [await late, await there.recv()] == [b"2", b"3"]


@simulated
async def test_a_long_cut_breaks_the_end_that_sends(world: World) -> None:
    network = Network(world)
    here, there = await _pair(world, network)
    network.cut("b", "a")
    await here.send(b"heard, but never acknowledged")
    await world.sleep(5 * SECOND)
    with pytest.raises(ConnectionResetError):
        await here.send(b"more")
    hears = there.process.start(there.recv(), name="recv")
    await world.sleep(5 * SECOND)
    assert not hears.done()
    with pytest.raises(TimeoutError):
        await network.dial(here.process, "b", "port")


@simulated
async def test_a_killed_process_resets_its_streams(world: World) -> None:
    network = Network(world)
    here, there = await _pair(world, network)
    there.process.kill()
    network.drop(there.process, silently=False)
    with pytest.raises(ConnectionResetError):
        await here.recv()
    with pytest.raises(ConnectionRefusedError):
        await network.dial(here.process, "b", "port")


@simulated
async def test_a_machine_that_is_gone_says_nothing(world: World) -> None:
    network = Network(world)
    here, there = await _pair(world, network)
    there.process.kill()
    network.drop(there.process, silently=True)
    await here.send(b"into the dark")
    await world.sleep(SECOND)
    await here.send(b"still hopeful")
    await world.sleep(4 * SECOND)
    with pytest.raises(ConnectionResetError):
        await here.send(b"no more")
