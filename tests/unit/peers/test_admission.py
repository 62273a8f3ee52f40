"""Who is let in: servers that prove themselves. Strangers learn nothing, cost little and keep nobody out."""

import asyncio

import msgspec
import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.model.errors import InvalidArgument, ResourceExhausted, Unauthenticated, Unavailable
from jobpool.model.server import Cluster, ServerRecord
from jobpool.peers.acceptor import MAX_STRANGERS
from jobpool.peers.frames import encode
from jobpool.peers.incoming import SILENT
from jobpool.peers.introduction import INTRODUCED_WITHIN, introduce
from jobpool.peers.stream import FrameStream, StreamBroken
from jobpool.peers.words import (
    Admitted,
    AgentsHeard,
    Answered,
    Asked,
    BeatTold,
    Called,
    Challenge,
    Hello,
    Join,
    NodesSeen,
    Proof,
    Question,
    Seen,
)
from jobpool.testing.clock import settle
from tests.unit.peers.conftest import CLUSTER, World, beat, ready, record


def asked(number: int, question: Question) -> Asked:
    return Asked(number, msgspec.Raw(encode(question)))


async def test_a_stranger_learns_an_id_and_no_more(world: World) -> None:
    b = await world.alone()
    raw = await world.raw("x", b)
    await raw.say(Hello(record("x"), bytes(32)))
    (challenge,) = await raw.hear()
    assert isinstance(challenge, Challenge)
    assert challenge.server == ServerRecord("b", "", "", "", 0)
    await raw.say(Proof(bytes(32)))
    assert isinstance(await raw.end(), Unauthenticated)
    assert b.heard == []


@pytest.mark.parametrize(
    "words",
    [
        [],
        [BeatTold(beat())],
        [asked(1, ready("x"))],
        [Admitted()],
        [Hello(record("x"), bytes(32)), BeatTold(beat())],
        [Hello(record("b"), bytes(32))],
        [Hello(record("x"), b"")],
        [["weather", 1]],
    ],
)
async def test_nothing_is_taken_before_the_handshake(world: World, words: list[object]) -> None:
    b = await world.alone()
    raw = await world.raw("x", b)
    await raw.say(*words)  # type: ignore[arg-type]
    assert isinstance(await raw.end(), InvalidArgument)
    assert b.heard == []
    assert b.asked == []


async def test_questions_do_not_travel_with_the_proof(world: World) -> None:
    """Frames that come before the word that admits are not lost, as the handshake takes one by one."""
    b = await world.alone()
    raw = await world.raw("a", b)
    await introduce("a", "b", raw.stream, secret=CLUSTER.secret)
    await raw.say(BeatTold(beat(4)), asked(1, ready("x")))
    assert isinstance((await raw.hear())[0], Answered)
    assert b.heard == [("a", "beat", 4)]


async def test_large_frames_are_for_those_who_are_admitted(world: World) -> None:
    b = await world.alone()
    raw = await world.raw("x", b)
    await raw.stream.send(bytes(5000))
    assert isinstance(await raw.end(), ResourceExhausted)


async def test_a_handshake_takes_five_seconds_at_most(world: World) -> None:
    b = await world.alone()
    silent, slow = await world.raw("x", b), await world.raw("y", b)
    await slow.say(Hello(record("y"), bytes(32)))
    await slow.hear()
    await world.clock.advance(INTRODUCED_WITHIN)
    for raw in (silent, slow):
        error = await raw.end()
        assert isinstance(error, Unavailable)
        assert "no handshake within 5s" in str(error)


async def test_strangers_keep_no_server_out(world: World) -> None:
    b = await world.alone()
    strangers = [await world.raw(f"x{number}", b) for number in range(3 * MAX_STRANGERS)]
    await settle()
    raw = await world.admitted("a", b)
    await raw.say(asked(1, ready("x")))
    assert isinstance((await raw.hear())[0], Answered)
    ended = [asyncio.get_running_loop().create_task(stranger.end()) for stranger in strangers]
    await settle()
    assert [task.done() for task in ended] == [True] * (2 * MAX_STRANGERS + 1) + [False] * (MAX_STRANGERS - 1)
    await world.clock.advance(INTRODUCED_WITHIN)
    assert all(isinstance(task.result(), Unavailable) for task in ended)


async def test_refusals_fill_no_log(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    b = await world.alone()
    for number in range(50):
        raw = await world.raw(f"x{number}", b)
        await raw.say(Hello(record(f"x{number}"), bytes(32)))
        await raw.hear()
        await raw.say(Proof(b"wrong"))
        assert isinstance(await raw.end(), Unauthenticated)
        await world.clock.advance(2 * SECOND)
    said = [line for line in capsys.readouterr().out.splitlines() if "peer_refused" in line]
    assert len(said) == 2  # in 100 seconds


async def test_a_server_that_is_new_may_join_and_beat(world: World) -> None:
    b = world.part("b")
    await b.start("b")

    async def join(question: Question) -> object:
        return question.server.id if isinstance(question, Join) else "?"

    b.answers = join
    raw = await world.admitted("new", b)
    await raw.say(
        BeatTold(beat(2)), Called(), AgentsHeard([("n", 1, 1)]), NodesSeen([Seen("n", 1)]), asked(1, ready("x"))
    )
    (refused,) = await raw.hear()
    assert isinstance(refused, Answered)
    assert refused.refused is not None
    assert (refused.refused.code, b.asked) == (14, [])
    assert b.heard == [("new", "beat", 2)]
    await raw.say(asked(2, Join(record("new"))))
    (joined,) = await raw.hear()
    assert isinstance(joined, Answered)
    assert msgspec.msgpack.decode(joined.value) == "new"
    b.knows("b", "new")
    await raw.say(asked(3, ready("x")), Called())
    (answered,) = await raw.hear()
    assert isinstance(answered, Answered)
    assert answered.refused is None
    assert b.heard[1:] == [("new", "called")]


async def test_a_newer_stream_takes_the_place_of_the_older(world: World) -> None:
    b = await world.alone()
    older = await world.admitted("a", b)
    await older.say(asked(1, ready("x")))
    await older.hear()
    newer = await world.admitted("a", b)
    error = await older.end()
    assert isinstance(error, Unavailable)
    assert "a newer stream of the same server took its place" in str(error)
    assert b.heard == [("a", "gone")]  # what was on its way to it is lost
    await newer.say(BeatTold(beat(5)))
    await settle()
    assert b.heard[1:] == [("a", "beat", 5)]
    world.network.break_streams("a", "b")
    await settle()
    assert b.heard[1:] == [("a", "beat", 5), ("a", "gone")]


GARBAGE = [b"garbage", b"\xc1", encode([["withdrawn", "x"]]), encode(7), b"\x91\x92\xa2\xff\xfe\x01", b"\x91" * 4000]


@pytest.mark.parametrize("frame", GARBAGE)
async def test_garbage_of_a_stranger_is_refused(world: World, frame: bytes) -> None:
    raw = await world.raw("x", await world.alone())
    await raw.stream.send(frame)
    assert isinstance(await raw.end(), InvalidArgument)


@pytest.mark.parametrize("frame", GARBAGE)
async def test_garbage_ends_the_stream(world: World, frame: bytes) -> None:
    b = await world.alone()
    raw = await world.admitted("a", b)
    await raw.stream.send(frame)
    assert isinstance(await raw.end(), InvalidArgument)
    assert b.heard == [("a", "gone")]
    again = await world.admitted("a", b)
    await again.say(asked(1, ready("x")))
    assert isinstance((await again.hear())[0], Answered)


async def test_words_that_do_not_belong_here_are_passed_over(world: World) -> None:
    b = await world.alone()
    raw = await world.admitted("a", b)
    await raw.say(["weather", 1], Admitted(), Proof(b""), asked(1, ready("x")))
    assert isinstance((await raw.hear())[0], Answered)


@pytest.mark.parametrize("frame", GARBAGE)
async def test_garbage_from_who_was_dialed_ends_the_link(world: World, frame: bytes) -> None:
    """Whoever it is at that address: the server goes on."""
    a, _ = await world.pair()

    async def babble(stream: FrameStream) -> None:
        await stream.send(frame)
        await stream.recv()

    world.network.host("b", babble)
    dials = len(a.tap.dials)
    world.network.break_streams("a", "b")
    await world.clock.advance(5 * SECOND)
    assert not a.mesh.connected("b")
    assert 5 < len(a.tap.dials) - dials < 30


async def test_a_stream_that_falls_silent_is_ended(world: World) -> None:
    b = await world.alone()
    raw = await world.admitted("a", b)
    end = asyncio.get_running_loop().create_task(raw.end())
    await world.clock.advance(SILENT - 100)
    assert not end.done()
    await world.clock.advance(SILENT)
    assert isinstance(end.result(), StreamBroken)
    assert b.heard == [("a", "gone")]


async def test_a_stream_with_a_word_now_and_then_is_not(world: World) -> None:
    b = await world.alone()
    raw = await world.admitted("a", b)
    for _ in range(20):
        await raw.say()
        await world.clock.advance(SECOND)
    await raw.say(asked(1, ready("x")))
    assert isinstance((await raw.hear())[0], Answered)


async def test_a_stream_that_ends_in_order(world: World) -> None:
    b = await world.alone()
    dial = world.network.dial_from("a")
    async with dial(record("b")) as stream:
        await introduce("a", "b", stream, secret=CLUSTER.secret)
        await settle()
    await settle()
    assert b.heard == [("a", "gone")]


async def test_another_secret_in_the_middle_of_a_handshake(world: World) -> None:
    b = await world.alone()
    raw = await world.raw("a", b)
    world.network.delay = (10, 10)
    handshake = asyncio.get_running_loop().create_task(introduce("a", "b", raw.stream, secret=CLUSTER.secret))
    await world.clock.advance(25)
    b.cluster = Cluster(8, b"another secret")
    b.knows("a", "b")
    await world.clock.advance(MINUTE // 60)
    await handshake
    assert isinstance(await raw.end(), Unavailable)
    assert b.heard == []
