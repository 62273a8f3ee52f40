"""The handshake over a stream, from either side. Within five seconds, in small frames."""

from typing import TypeVar

from msgspec import Struct

from jobpool.kit.effects.dice import new_nonce
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument
from jobpool.peers.frames import encode, pack, unpack
from jobpool.peers.handshake import admit, challenge, greet, prove
from jobpool.peers.stream import FrameStream, StreamBroken
from jobpool.peers.words import Admitted, Challenge, Hello, Proof, Word

W = TypeVar("W", bound=Struct)

INTRODUCED_WITHIN: Millis = 5 * SECOND
LONGEST = 4096
"""Bytes of a frame before both have proved who they are."""


async def introduce(me: str, to: str, stream: FrameStream, *, secret: bytes) -> None:
    """Prove who we are to the server that we dialed, once it has.

    Raises Unauthenticated when either proof fails, InvalidArgument for words that do not belong here, StreamBroken.
    """
    hello = greet(me, new_nonce())
    await _say(stream, hello)
    proof = prove(hello, await _hear(stream, Challenge), to=to, secret=secret)
    await _say(stream, proof)
    await _hear(stream, Admitted)


async def receive(me: str, stream: FrameStream, *, secret: bytes) -> str:
    """The id of the server that dialed us, once both have proved who they are. Raises as `introduce`."""
    hello = await _hear(stream, Hello)
    told = challenge(hello, me=me, nonce=new_nonce(), secret=secret)
    await _say(stream, told)
    dialer = admit(hello, told, await _hear(stream, Proof), secret=secret)
    await _say(stream, Admitted())
    return dialer


async def _say(stream: FrameStream, word: Word) -> None:
    await stream.send(pack([encode(word)]))


async def _hear(stream: FrameStream, kind: type[W]) -> W:
    """The next frame, which must be one word of this kind."""
    frame = await stream.recv(limit=LONGEST)
    if frame is None:
        raise StreamBroken("the other end ended the stream during the handshake")
    words = unpack(frame)
    if len(words) != 1 or not isinstance(words[0], kind):
        raise InvalidArgument(
            "handshake", f"wanted one {kind.__name__}, found {[type(word).__name__ for word in words]}"
        )
    return words[0]
