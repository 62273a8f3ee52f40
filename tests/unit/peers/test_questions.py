"""Questions and answers between servers: in order, in few frames, refused in words, withdrawn when nobody waits."""

import asyncio

import msgspec
import pytest

from jobpool.kit.pure.durations import SECOND
from jobpool.model.errors import (
    AlreadyExists,
    BrokerDisabled,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    JobpoolError,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from jobpool.model.node import Resources
from jobpool.peers.conversation import MAX_OPEN, LinkDown
from jobpool.peers.frames import encode
from jobpool.peers.incoming import TAKEN_WITHIN
from jobpool.peers.stream import MAX_FRAME, StreamBroken
from jobpool.peers.words import (
    Answered,
    Asked,
    BeatTold,
    Question,
    ReadOutput,
    Refused,
    Seen,
    Withdrawn,
)
from jobpool.testing.clock import settle
from tests.unit.peers.conftest import LONG, World, beat, leaving, ready

SEEN = Seen("n1", 40, Resources(millicpus=1500, memory=1 << 40), 900)


async def test_an_answer_comes_with_its_n(world: World) -> None:
    a, b = await world.pair()
    told = await a.mesh.ask("b", ready("x"), str, timeout=100)
    assert (told.value, told.n) == ("x", 100)
    assert b.asked == [("a", ready("x"))]


async def test_n_is_read_after_the_answer(world: World) -> None:
    a, b = await world.pair()

    async def commit(question: Question) -> object:
        b.n = 200
        return None

    b.answers = commit
    told = await a.mesh.ask("b", ready("x"), type(None), timeout=100)
    assert (told.value, told.n) == (None, 200)


async def test_questions_are_begun_in_their_order_and_go_in_few_frames(world: World) -> None:
    a, b = await world.pair()
    names = [f"n{number}" for number in range(2000)]
    answers = await asyncio.gather(*(a.ask("b", ready(name)) for name in names))
    assert answers == names
    assert b.asked == [("a", ready(name)) for name in names]
    assert len(a.tap.frames) == 1


async def test_answers_go_in_few_frames(world: World) -> None:
    b = await world.alone()
    raw = await world.admitted("a", b)
    await raw.say(*(Asked(number, _raw(ready(str(number)))) for number in range(1000)))
    words = await raw.hear()
    assert [word.number for word in words if isinstance(word, Answered)] == list(range(1000))


async def test_a_slow_answer_holds_up_no_other(world: World) -> None:
    a, b = await world.pair()
    slow = asyncio.get_running_loop().create_task(a.ask("b", leaving("slow")))
    await settle()
    assert await a.ask("b", ready("quick")) == "quick"
    b.held.set()
    assert await slow == "slow"


async def test_a_beat_passes_questions_that_wait(world: World) -> None:
    a, b = await world.pair()
    asks = [asyncio.get_running_loop().create_task(a.ask("b", ready(str(number)))) for number in range(10)]
    await asyncio.sleep(0)
    a.mesh.send_beat(beat(1))
    a.mesh.send_beat(beat(2))
    await asyncio.gather(*asks)
    assert a.tap.words[0][0] == BeatTold(beat(2))
    assert b.heard == [("a", "beat", 2)]


async def test_what_is_told(world: World) -> None:
    a, b, c = await world.trio()
    a.mesh.send_beat(beat(3))
    assert a.mesh.call("b")
    assert a.mesh.tell_heard("c", [("n1", 4, 10_000), ("n2", 5, 20_000)])
    assert a.mesh.tell_seen("c", [SEEN])
    await settle()
    assert b.heard == [("a", "beat", 3), ("a", "called")]
    assert c.heard == [("a", "beat", 3), ("a", "agents", ("n1", 4, 10_000), ("n2", 5, 20_000)), ("a", "seen", SEEN)]
    assert not a.mesh.call("d")
    assert not a.mesh.tell_heard("d", [])
    assert not a.mesh.tell_seen("d", [])


@pytest.mark.parametrize(
    "error",
    [
        InvalidArgument("plan.id", "wanted one, found none", engine_code=1002),
        NotFound("job", "x", field="id"),
        AlreadyExists("plan", "x", field="id"),
        FailedPrecondition("not now", field="version", engine_code=1107),
        ResourceExhausted("full", retry_after=9),
        Unavailable("no leader"),
        Unauthenticated("who are you"),
        PermissionDenied("not you"),
        DeadlineExceeded("too late"),
        Unimplemented("not here"),
        JobpoolError("broken", field="x", engine_code=3),
    ],
)
async def test_refusals_are_raised_as_they_were(world: World, error: JobpoolError) -> None:
    a, b = await world.pair()

    async def refuse(question: Question) -> object:
        raise error

    b.answers = refuse
    with pytest.raises(JobpoolError) as raised:
        await a.ask("b", ready("x"))
    told = raised.value
    assert type(told) is type(error)
    assert (told.message, told.field, told.engine_code) == (error.message, error.field, error.engine_code)
    assert getattr(told, "retry_after", 0) == getattr(error, "retry_after", 0)


async def test_a_refusal_of_a_finer_kind_is_told_by_its_code(world: World) -> None:
    a, b = await world.pair()

    async def refuse(question: Question) -> object:
        raise BrokerDisabled

    b.answers = refuse
    with pytest.raises(Unavailable, match="the evaluation broker is disabled"):
        await a.ask("b", ready("x"))


async def test_a_fault_gives_nothing_away(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = await world.pair()

    async def break_down(question: Question) -> object:
        raise KeyError("a secret of the inside")

    b.answers = break_down
    with pytest.raises(JobpoolError, match=r"^internal error; the log of the server that was asked says more$"):
        await a.ask("b", ready("x"))
    assert "a secret of the inside" in capsys.readouterr().out
    b.answers = _nothing_encodable
    with pytest.raises(JobpoolError, match=r"^internal error"):
        await a.ask("b", ready("x"))
    assert a.mesh.connected("b")


async def _nothing_encodable(question: Question) -> object:
    return object()


async def test_an_answer_of_another_form(world: World) -> None:
    a, _ = await world.pair()
    with pytest.raises(JobpoolError, match="the answer of the other server cannot be read"):
        await a.mesh.ask("b", ready("x"), int, timeout=100)


async def test_what_is_too_large(world: World) -> None:
    a, b = await world.pair()
    with pytest.raises(TooLarge, match="wanted a question of at most"):
        await a.ask("b", ready("x" * MAX_FRAME))

    async def answer(question: Question) -> object:
        return "x" * MAX_FRAME

    b.answers = answer
    with pytest.raises(ResourceExhausted, match="wanted an answer of at most"):
        await a.ask("b", ready("x"))
    assert a.mesh.connected("b")


async def test_the_largest_question_and_answer(world: World) -> None:
    a, _ = await world.pair()
    name = "x" * (MAX_FRAME - 2048)
    assert await a.ask("b", ready(name)) == name


async def test_an_answer_that_does_not_come_in_time(world: World) -> None:
    a, b = await world.pair()
    ask = asyncio.get_running_loop().create_task(a.ask("b", leaving("x"), timeout=2500))
    await world.clock.advance(2499)
    assert not ask.done()
    assert b.cancelled == []
    await world.clock.advance(1)
    with pytest.raises(DeadlineExceeded, match=r"no answer to AgentLeaving from server b within 2s500ms"):
        await ask
    await settle()
    assert b.cancelled == [leaving("x")]


async def test_a_question_that_nobody_waits_for_is_withdrawn(world: World) -> None:
    a, b = await world.pair()
    ask = asyncio.get_running_loop().create_task(a.ask("b", leaving("x")))
    await settle()
    ask.cancel()
    await settle()
    assert b.cancelled == [leaving("x")]
    assert isinstance(a.tap.words[-1][0], Withdrawn)


async def test_a_question_that_was_not_sent_is_never_said(world: World) -> None:
    a, b = await world.pair()
    world.network.pause("b")
    loop = asyncio.get_running_loop()
    sent = [loop.create_task(a.ask("b", ready("x" * 5_000_000))) for _ in range(2)]
    await settle()
    ask = loop.create_task(a.ask("b", ready("y")))
    await settle()
    ask.cancel()
    await settle()
    world.network.resume("b")
    await asyncio.gather(*sent)
    await settle()
    assert len(b.asked) == 2
    assert not any(isinstance(word, Withdrawn) for words in a.tap.words for word in words)


async def test_an_answer_that_crosses_the_withdrawal_is_dropped(world: World) -> None:
    world.network.delay = (10, 10)
    a, b = await world.pair()
    ask = asyncio.get_running_loop().create_task(a.ask("b", leaving("x"), timeout=100))
    await world.clock.advance(95)
    b.held.set()
    await world.clock.advance(5)
    with pytest.raises(DeadlineExceeded):
        await ask
    await world.clock.advance(100)
    later = asyncio.get_running_loop().create_task(a.ask("b", ready("y")))
    await world.clock.advance(20)
    assert await later == "y"


async def test_questions_of_an_unknown_kind_and_garbled_ones(world: World) -> None:
    b = await world.alone()
    raw = await world.admitted("a", b)
    await raw.say(Asked(1, _raw(["divine", "x"])), Asked(2, _raw(["ready", 1])), Asked(3, _raw(ready("x"))))
    refused = [_refusal(word) for word in await raw.hear()]
    assert [word.code for word in refused if word is not None] == [12, 3]
    assert refused[2] is None
    assert b.asked == [("a", ready("x"))]


async def test_more_questions_than_may_be_open(world: World) -> None:
    b = await world.alone()
    raw = await world.admitted("a", b)
    question = _raw(leaving("x"))
    await raw.say(*(Asked(number, question) for number in range(MAX_OPEN + 2)))
    refused = {word.number: word.refused for word in await raw.hear() if isinstance(word, Answered)}
    assert list(refused) == [MAX_OPEN, MAX_OPEN + 1]
    assert {reason.code for reason in refused.values() if reason is not None} == {8}
    await raw.say(Withdrawn(5))
    await raw.say(Asked(MAX_OPEN + 3, _raw(ready("y"))))
    assert [word.number for word in await raw.hear() if isinstance(word, Answered)] == [MAX_OPEN + 3]


async def test_more_questions_than_may_be_asked(world: World) -> None:
    a, b = await world.pair()
    loop = asyncio.get_running_loop()
    asks = [loop.create_task(a.ask("b", leaving("x"))) for _ in range(MAX_OPEN)]
    await settle()
    with pytest.raises(ResourceExhausted, match="too many questions wait for answers of server b"):
        await a.ask("b", ready("y"))
    b.held.set()
    assert await asyncio.gather(*asks) == ["x"] * MAX_OPEN


async def test_questions_that_are_not_taken_do_not_fill_our_memory(world: World) -> None:
    a, b = await world.pair()
    world.network.pause("b")
    loop = asyncio.get_running_loop()
    asks = [loop.create_task(a.ask("b", ready("x" * 4_000_000))) for _ in range(40)]
    await settle()
    refused = [ask.exception() for ask in asks if ask.done()]
    assert 20 < len(refused) < 25
    assert all(isinstance(error, ResourceExhausted) for error in refused)
    world.network.resume("b")
    await settle(500)
    assert len(b.asked) + len(refused) == 40
    await asyncio.gather(*asks, return_exceptions=True)


async def test_who_takes_no_answers_is_not_listened_to(world: World) -> None:
    b = await world.alone()

    async def answer(question: Question) -> object:
        return bytes(1_000_000)

    b.answers = answer
    raw = await world.admitted("a", b)
    for number in range(100):
        await raw.say(Asked(number, _raw(ready("x"))))
        await settle(5)
    assert 15 < len(b.asked) < 30
    await world.clock.advance(TAKEN_WITHIN + SECOND)
    assert isinstance(await raw.end(), StreamBroken)
    assert b.heard == [("a", "gone")]


async def test_answers_that_are_taken_slowly_are_all_taken(world: World) -> None:
    a, b = await world.pair()

    async def answer(question: Question) -> object:
        return bytes(1_000_000)

    b.answers = answer
    asks = (a.mesh.ask("b", ready(str(number)), bytes, timeout=LONG) for number in range(100))
    assert len(await asyncio.gather(*asks)) == 100


async def test_who_is_asked_what_it_does_not_answer(world: World) -> None:
    a, _ = await world.pair()
    with pytest.raises(Unimplemented, match="only two questions are known here"):
        await a.mesh.ask("b", ReadOutput("n", "x", 0, 1), bytes, timeout=100)


async def test_there_is_no_link_to_oneself_or_to_strangers(world: World) -> None:
    a, _ = await world.pair()
    for other in ("a", "z"):
        with pytest.raises(LinkDown, match=f"no link to server {other}: it is not a server of this cluster") as raised:
            await a.ask(other, ready("x"))
        assert not raised.value.sent


def _raw(question: object) -> msgspec.Raw:
    return msgspec.Raw(encode(question))


def _refusal(word: object) -> Refused | None:
    assert isinstance(word, Answered)
    return word.refused
