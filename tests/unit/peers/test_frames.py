"""Frames: what goes in comes out, what another version says is told from garbage."""

import msgspec
import pytest

from jobpool.model.errors import InvalidArgument, JobpoolError, Unimplemented
from jobpool.peers.frames import encode, pack, read_answer, read_question, unpack
from jobpool.peers.words import AgentReady, BeatTold, Called, Join, Withdrawn
from tests.unit.peers.conftest import beat, record


@pytest.mark.parametrize("count", [0, 1, 15, 16, 65_535, 65_536])
def test_any_number_of_words(count: int) -> None:
    words = [Withdrawn(number) for number in range(count)]
    frame = pack([encode(word) for word in words])
    assert unpack(frame) == words
    assert frame == encode(words)


def test_words_of_an_unknown_kind_are_passed_over() -> None:
    frame = encode([["weather", 3, {"sun": True}], BeatTold(beat(2)), ["news"], Called()])
    assert unpack(frame) == [BeatTold(beat(2)), Called()]


def test_fields_that_a_later_version_added_are_passed_over() -> None:
    assert unpack(encode([["withdrawn", 7, "because", 8]])) == [Withdrawn(7)]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"\x91",
        b"garbage",
        encode(7),
        encode({"withdrawn": 1}),
        encode(["withdrawn"]),
        encode([["withdrawn"]]),
        encode([["withdrawn", "seven"]]),
        encode([[], Called()]),
        encode([[7, 8]]),
        encode([None]),
        pack([encode(Called())]) + b"\x00",
        b"\x91\x92\xa2\xff\xfe\x01",
        b"\x91\x92\xa9withdrawn\xa2\xff\xfe",
        b"\x91\x92\xa4news\xa2\xff\xfe",
        b"\x91" * 4000,
        b"\x91\x92\xa4news" + b"\x91" * 4000,
    ],
)
def test_garbage_is_refused(frame: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"^frame: "):
        unpack(frame)


def test_questions() -> None:
    assert read_question(msgspec.Raw(encode(AgentReady("n", 4)))) == AgentReady("n", 4)
    assert read_question(msgspec.Raw(encode(Join(record("a"))))) == Join(record("a"))
    with pytest.raises(Unimplemented, match="does not know the question 'divine'"):
        read_question(msgspec.Raw(encode(["divine", 1])))
    for garbled in (["ready", 1], ["ready"], [], 7, [7]):
        with pytest.raises(InvalidArgument, match="question: cannot be read"):
            read_question(msgspec.Raw(encode(garbled)))
    for raw in (b"\x92\xa5ready\xa1\xff", b"\x91" * 4000):
        with pytest.raises(InvalidArgument, match="question: cannot be read"):
            read_question(msgspec.Raw(raw))


def test_answers() -> None:
    assert read_answer(msgspec.Raw(encode([1, 2])), list[int]) == [1, 2]
    assert read_answer(msgspec.Raw(encode(None)), type(None)) is None
    with pytest.raises(JobpoolError, match="the answer of the other server cannot be read"):
        read_answer(msgspec.Raw(encode("x")), int)
    with pytest.raises(JobpoolError, match="the answer of the other server cannot be read"):
        read_answer(msgspec.Raw(b"\xa1\xff"), str)
