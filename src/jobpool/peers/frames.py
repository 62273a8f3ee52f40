"""Words to frames and back. A frame is a msgpack list of words, each of which was encoded when it was said.

What another version says is told from what is garbled: a kind that we do not know is no fault.
"""

from collections.abc import Hashable, Sequence
from functools import cache
from typing import TypeVar, cast, get_args

import msgspec
from msgspec import Struct

from jobpool.kit.pure.garbled import GARBLED
from jobpool.model.errors import InvalidArgument, JobpoolError, Unimplemented
from jobpool.peers.words import Question, Word

T = TypeVar("T")

_ENCODER = msgspec.msgpack.Encoder()
_WORDS: msgspec.msgpack.Decoder[list[Word]] = msgspec.msgpack.Decoder(list[Word])
_WORD: msgspec.msgpack.Decoder[Word] = msgspec.msgpack.Decoder(Word)
_PIECES = msgspec.msgpack.Decoder(list[msgspec.Raw])
_QUESTION: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
_FIX, _SHORT = 16, 65_536
"""How msgpack writes the length of a list: in 4, 16 or 32 bits."""


def encode(value: object) -> bytes:
    """A word, a question or an answer in msgpack. Raises TypeError for what has no such form."""
    return _ENCODER.encode(value)


def pack(words: Sequence[bytes]) -> bytes:
    """The frame of words that are encoded already."""
    count = len(words)
    if count < _FIX:
        head = bytes((0x90 | count,))
    elif count < _SHORT:
        head = b"\xdc" + count.to_bytes(2, "big")
    else:
        head = b"\xdd" + count.to_bytes(4, "big")
    return b"".join((head, *words))


def unpack(frame: bytes) -> list[Word]:
    """The words of a frame that are of a kind we know. Raises InvalidArgument for what is no frame."""
    try:
        return _WORDS.decode(frame)
    except msgspec.ValidationError:
        return [word for piece in _pieces(frame) if (word := _word(piece)) is not None]
    except GARBLED as error:
        raise InvalidArgument("frame", f"wanted a list of words in msgpack: {error}") from None


def read_question(raw: msgspec.Raw) -> Question:
    """Raises Unimplemented for a question of an unknown kind, InvalidArgument for one that is garbled."""
    try:
        return _QUESTION.decode(raw)
    except GARBLED as error:
        kind = _kind(raw)
        if kind is not None and kind not in _QUESTIONS:
            raise Unimplemented(f"this server does not know the question {kind[:40]!r}") from None
        raise InvalidArgument("question", f"cannot be read: {error}") from None


def read_answer(raw: msgspec.Raw, kind: type[T]) -> T:
    """Raises JobpoolError for an answer of another form."""
    try:
        return cast(T, _decoder(cast(Hashable, kind)).decode(raw))
    except GARBLED as error:
        raise JobpoolError(f"the answer of the other server cannot be read: {error}") from None


@cache
def _decoder(kind: Hashable) -> msgspec.msgpack.Decoder[object]:
    return msgspec.msgpack.Decoder(cast(type[object], kind))


def _pieces(frame: bytes) -> list[msgspec.Raw]:
    try:
        return _PIECES.decode(frame)
    except GARBLED as error:
        raise InvalidArgument("frame", f"wanted a list of words: {error}") from None


def _word(piece: msgspec.Raw) -> Word | None:
    """None for a word of an unknown kind."""
    try:
        return _WORD.decode(piece)
    except GARBLED as error:
        kind = _kind(piece)
        if kind is not None and kind not in _KINDS:
            return None
        raise InvalidArgument("frame", f"a word cannot be read: {error}") from None


def _kind(piece: msgspec.Raw) -> str | None:
    """What a tagged list says it is; None when it is no such list."""
    try:
        parts = msgspec.msgpack.decode(piece)
    except GARBLED:
        return None
    return parts[0] if isinstance(parts, list) and parts and isinstance(parts[0], str) else None


def _tags(union: object) -> frozenset[object]:
    kinds = cast(tuple[type[Struct], ...], get_args(union))
    return frozenset(kind.__struct_config__.tag for kind in kinds)


_KINDS = _tags(Word)
_QUESTIONS = _tags(Question)
