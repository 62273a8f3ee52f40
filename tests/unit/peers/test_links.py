"""Links that break, are cut, paused and redirected: what waits fails at once, and they come back soon."""

import asyncio
from itertools import pairwise

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.model.errors import DeadlineExceeded, Unavailable
from jobpool.model.server import Cluster
from jobpool.peers.conversation import LinkDown, Told
from jobpool.peers.link import PATIENCE
from jobpool.peers.words import Asked, Question
from jobpool.testing.clock import settle
from jobpool.testing.wire import DEAD_AFTER
from tests.unit.peers.conftest import CLUSTER, Part, World, beat, leaving, ready, record


def asking(part: Part, to: str, question: Question, *, timeout: Millis = 10_000) -> asyncio.Task[Told[str]]:
    return asyncio.get_running_loop().create_task(part.mesh.ask(to, question, str, timeout=timeout))


def failure(task: asyncio.Task[Told[str]]) -> LinkDown:
    assert task.done()
    error = task.exception()
    assert isinstance(error, LinkDown)
    return error


# ---- questions over links that are not there


async def test_when_the_stream_breaks_every_question_fails_at_once(world: World) -> None:
    a, b = await world.pair()
    asks = [asking(a, "b", leaving("x")) for _ in range(5)]
    await settle()
    world.network.break_streams("a", "b")
    await settle()
    assert [failure(ask).sent for ask in asks] == [True] * 5
    assert "what became of the question is not known" in str(failure(asks[0]))
    assert len(b.cancelled) == 5


async def test_what_was_not_sent_is_said_not_to_have_arrived(world: World) -> None:
    a, b = await world.pair()
    world.network.pause("b")
    large = [asking(a, "b", ready("x" * 5_000_000)) for _ in range(2)]
    await settle()
    small = asking(a, "b", ready("y"))
    await settle()
    world.network.break_streams("a", "b")
    await settle()
    assert [failure(ask).sent for ask in [*large, small]] == [True, True, False]
    assert b.asked == []


async def test_a_question_waits_for_a_link_that_is_just_dialed(world: World) -> None:
    world.network.delay = (40, 40)
    a, b = world.part("a"), world.part("b")
    await b.start("a", "b")
    await a.start("a", "b")
    ask = asking(a, "b", ready("x"))
    await world.clock.advance(6 * 40)  # the dial, and the handshake
    assert b.asked == []
    await world.clock.advance(2 * 40)
    assert ask.result().value == "x"


async def test_but_not_for_long(world: World) -> None:
    a = world.part("a")
    b = await world.alone()
    world.network.partition("a", "b")
    await a.start("a", "b")
    ask, hasty = asking(a, "b", ready("x")), asking(a, "b", ready("x"), timeout=100)
    await world.clock.advance(100)
    assert not failure(hasty).sent
    assert not ask.done()
    await world.clock.advance(PATIENCE - 100)
    assert not failure(ask).sent
    assert b.asked == []


async def test_nobody_waits_for_a_server_that_is_known_to_be_down(world: World) -> None:
    a, b = await world.pair()
    await b.crash()
    await settle()
    with pytest.raises(LinkDown, match="no link to server b: it is not connected"):
        await a.ask("b", ready("x"))


async def test_a_question_waits_while_a_broken_link_is_dialed_again(world: World) -> None:
    world.network.delay = (10, 10)
    a, _ = await world.pair()
    await world.clock.advance(SECOND)
    world.network.break_streams("a", "b")
    await settle()
    assert not a.mesh.connected("b")
    ask = asking(a, "b", ready("x"))
    await world.clock.advance(100)
    assert ask.result().value == "x"


# ---- dialing again


async def test_a_server_that_is_down_is_dialed_ever_more_seldom(world: World) -> None:
    a = world.part("a")
    await a.start("a", "b")
    await world.clock.advance(30 * SECOND)
    gaps = [later - earlier for earlier, later in pairwise(a.tap.dials)]
    for gap, longest in zip(gaps, [50, 100, 200, 400, *[500] * len(gaps)], strict=False):
        assert longest // 2 <= gap <= longest
    assert len(set(gaps[4:])) > 10  # chance keeps servers from dialing in step


async def test_a_link_that_lasted_is_dialed_again_at_once(world: World) -> None:
    a, _ = await world.pair()
    a.tap.dials.clear()
    world.network.break_streams("a", "b")
    await world.clock.advance(0)
    assert len(a.tap.dials) == 1
    assert a.mesh.connected("b")
    assert ("b", "linked") in a.heard


async def test_links_that_break_again_and_again_are_not_dialed_without_pause(world: World) -> None:
    a, _ = await world.pair()
    a.tap.dials.clear()
    for _ in range(1000):
        world.network.break_streams("a", "b")
        await world.clock.advance(1)
    assert 2 <= len(a.tap.dials) < 30


async def test_who_dials_us_is_dialed(world: World) -> None:
    a = world.part("a")
    await a.start("a", "b")
    await world.clock.advance(30 * SECOND)
    b = world.part("b")
    await b.start("a", "b")
    await world.clock.advance(0)
    assert a.mesh.connected("b")
    assert b.mesh.connected("a")


async def test_a_dial_that_hangs_is_given_up(world: World) -> None:
    a, b = world.part("a"), world.part("b")
    await b.start("a", "b")
    world.network.cut("b", "a")
    await a.start("a", "b")
    await world.clock.advance(5 * SECOND)
    assert len(a.tap.dials) >= 3
    world.network.heal()
    await world.clock.advance(SECOND)
    assert a.mesh.connected("b")


# ---- faults of the network


async def test_a_cut_is_noticed_by_who_speaks(world: World) -> None:
    a, b = await world.pair()
    world.network.partition("a", "b")
    ask = asking(a, "b", leaving("x"))
    await world.clock.advance(DEAD_AFTER - 1)
    assert not ask.done()
    await world.clock.advance(1)
    assert failure(ask).sent
    await world.clock.advance(10 * SECOND)
    assert not a.mesh.connected("b")
    assert ("b", "gone") in a.heard
    assert ("a", "gone") in b.heard
    world.network.heal()
    await world.clock.advance(1500)
    assert await a.ask("b", ready("y")) == "y"
    assert await b.ask("a", ready("y")) == "y"


async def test_a_short_cut_costs_nothing_but_time(world: World) -> None:
    a, b = await world.pair()
    world.network.partition("a", "b")
    ask = asking(a, "b", ready("x"))
    a.mesh.send_beat(beat(1))
    await world.clock.advance(2 * SECOND)
    assert b.heard == []
    world.network.heal()
    await settle()
    assert ask.result().value == "x"
    assert b.heard == [("a", "beat", 1)]
    assert len(a.tap.dials) == 2  # the first found nobody there


async def test_a_cut_one_way(world: World) -> None:
    """Beats of the one who is heard still come; neither has its questions answered; both links come back."""
    a, b = await world.pair()
    world.network.cut("a", "b")
    from_a, from_b = asking(a, "b", ready("x")), asking(b, "a", ready("x"))
    b.mesh.send_beat(beat(7))
    await world.clock.advance(SECOND)
    assert a.heard == [("b", "beat", 7)]
    assert a.asked == [("b", ready("x"))]
    assert not from_a.done()
    assert not from_b.done()
    await world.clock.advance(DEAD_AFTER)
    assert failure(from_a).sent
    assert failure(from_b).sent
    world.network.heal()
    await world.clock.advance(1500)
    assert await a.ask("b", ready("y")) == "y"
    assert await b.ask("a", ready("y")) == "y"


async def test_others_do_not_notice_a_cut(world: World) -> None:
    a, b, c = await world.trio()
    world.network.partition("a", "b")
    await world.clock.advance(10 * SECOND)
    assert await a.ask("c", ready("x")) == "x"
    assert await c.ask("b", ready("x")) == "x"
    assert c.heard == []
    assert not b.mesh.connected("a")


async def test_a_server_that_is_paused_answers_when_it_is_resumed(world: World) -> None:
    a, _ = await world.pair()
    world.network.pause("b")
    ask, hasty = asking(a, "b", ready("x")), asking(a, "b", ready("y"), timeout=500)
    await world.clock.advance(2 * SECOND)
    with pytest.raises(DeadlineExceeded):
        await hasty
    assert a.mesh.connected("b")
    world.network.resume("b")
    await settle()
    assert ask.result().value == "x"


async def test_a_server_that_crashes_and_returns(world: World) -> None:
    a, b = await world.pair()
    ask = asking(a, "b", leaving("x"))
    await settle()
    await b.crash()
    await settle()
    assert failure(ask).sent
    assert a.heard == [("b", "gone")]
    await world.clock.advance(10 * SECOND)
    again = world.part("b")
    await again.start("a", "b")
    await settle()
    assert await a.ask("b", ready("y")) == "y"
    assert await again.ask("a", ready("y")) == "y"
    assert a.heard == [("b", "gone"), ("b", "linked")]


async def test_a_server_that_stops_in_order(world: World) -> None:
    a, b = await world.pair()
    to_b, from_b = asking(a, "b", leaving("x")), asking(b, "a", leaving("x"))
    await settle()
    await b.stop()
    await settle()
    assert failure(to_b).sent
    assert failure(from_b).sent
    assert b.cancelled == [leaving("x")]
    with pytest.raises(LinkDown):
        await b.ask("a", ready("y"))
    await world.clock.advance(MINUTE)
    assert not a.mesh.connected("b")


async def test_a_server_that_closes_its_door_still_asks(world: World) -> None:
    a, b = await world.pair()
    b.mesh.close()
    await settle()
    assert not a.mesh.connected("b")
    assert await b.ask("a", ready("x")) == "x"


async def test_a_link_without_a_word_stays(world: World) -> None:
    a, b = await world.pair()
    await world.clock.advance(10 * MINUTE)
    assert a.mesh.connected("b")
    assert (a.heard, b.heard) == ([], [])
    assert 500 < len(a.tap.frames) < 700


async def test_a_stop_in_the_moment_of_a_break_is_not_forgotten(world: World) -> None:
    a, _ = await world.pair()
    world.network.break_streams("a", "b")
    async with asyncio.timeout(5):
        await a.stop()


# ---- who belongs to the cluster


async def test_nobody_is_dialed_or_admitted_before_there_is_a_cluster(world: World) -> None:
    a, b = world.part("a", cluster=None), world.part("b")
    await a.start("a", "b")
    await b.start("a", "b")
    await world.clock.advance(5 * SECOND)
    assert a.tap.dials == []
    assert not b.mesh.connected("a")
    a.cluster = CLUSTER
    a.knows("a", "b")
    await world.clock.advance(SECOND)
    assert a.mesh.connected("b")
    assert b.mesh.connected("a")


async def test_servers_come_and_go(world: World) -> None:
    a, b, c = await world.trio()
    ask = asking(a, "c", leaving("x"))
    await settle()
    a.knows("a", "b")
    await settle()
    assert failure(ask).sent
    with pytest.raises(LinkDown, match="it is not a server of this cluster"):
        await a.ask("c", ready("x"))
    a.knows("a", "b", "c")
    await settle()
    assert await a.ask("c", ready("x")) == "x"
    assert b.heard == []
    assert [heard for heard in c.heard if heard[0] == "b"] == []


async def test_the_same_servers_again_change_nothing(world: World) -> None:
    a, b = await world.pair()
    dials = len(a.tap.dials)
    a.knows("a", "b")
    a.mesh.set_servers([record("b"), record("a")], Cluster(CLUSTER.id, CLUSTER.secret))
    await world.clock.advance(SECOND)
    assert len(a.tap.dials) == dials
    assert b.heard == []


async def test_a_new_address_is_dialed(world: World) -> None:
    a, b = await world.pair()
    dials = len(a.tap.dials)
    a.mesh.set_servers([record("a"), record("b", "http://elsewhere:1")], CLUSTER)
    await settle()
    assert len(a.tap.dials) == dials + 1
    assert a.mesh.connected("b")
    assert ("a", "gone") not in b.heard or b.mesh.connected("a")


async def test_another_secret_ends_everything(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = await world.pair()
    a.cluster = Cluster(8, b"another secret")
    a.knows("a", "b")
    await world.clock.advance(10 * MINUTE)
    assert not a.mesh.connected("b")
    assert not b.mesh.connected("a")
    said = [line for line in capsys.readouterr().out.splitlines() if "peer_unlinked" in line]
    assert any("does not know the secret of this cluster" in line for line in said)
    assert len(said) < 30  # once a minute on each side, in ten minutes of trying
    b.cluster = a.cluster
    b.knows("a", "b")
    await world.clock.advance(SECOND)
    assert await a.ask("b", ready("x")) == "x"


async def test_another_server_at_the_address_is_not_taken_for_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    a, x = world.part("a"), world.part("x")
    await x.start("a", "x")
    world.network.host("b", x.mesh.accept)
    await a.start("a", "b")
    await world.clock.advance(5 * SECOND)
    assert not a.mesh.connected("b")
    assert "wanted server b there, found x" in capsys.readouterr().out
    assert x.asked == []


async def test_a_refusal_to_admit_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    a, _ = world.part("a"), await world.alone()
    a.cluster = Cluster(8, b"another secret")
    await a.start("a", "b")
    await settle()
    with pytest.raises(Unavailable):
        await a.ask("b", ready("x"))
    assert "the server that was dialed does not know the secret" in capsys.readouterr().out
    assert not any(isinstance(word, Asked) for words in a.tap.words for word in words)
