"""What waits to be sent on one stream, and the frames that it makes."""

import asyncio

from jobpool.peers.frames import encode, pack
from jobpool.peers.words import BeatTold, Called, Word

FRAME = 512 * 1024
"""Bytes of a frame with more than one word."""


class Outbox:
    """Words leave in the order they came, but for beats and calls: those go first, only the newest of each."""

    def __init__(self, *, crowded: int) -> None:
        """More than `crowded` bytes waiting is a crowd."""
        self._urgent: dict[type[Word], bytes] = {}
        self._waiting: dict[int, bytes] = {}
        self._last = 0
        self._nudged = False
        self._size = 0
        self._crowded = crowded
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def crowded(self) -> bool:
        return not self._room.is_set()

    def put(self, word: Word) -> int:
        """Returns a ticket for `drop`."""
        data = encode(word)
        self._last += 1
        self._waiting[self._last] = data
        self._filled.set()
        self._resize(len(data))
        return self._last

    def put_first(self, word: BeatTold | Called) -> None:
        self._urgent[type(word)] = encode(word)
        self._filled.set()

    def nudge(self) -> None:
        """The next frame goes out even if there is nothing to say."""
        self._nudged = True
        self._filled.set()

    def drop(self, ticket: int) -> bool:
        """Take a word back; False when it has been given out to be sent."""
        data = self._waiting.pop(ticket, None)
        if data is None:
            return False
        self._resize(-len(data))
        return True

    async def next_frame(self) -> bytes:
        """As many of the words that wait as fit into a frame. Waits for the first; a large one goes alone."""
        while not (self._urgent or self._waiting or self._nudged):
            self._filled.clear()
            await self._filled.wait()
        self._nudged = False
        words = list(self._urgent.values())
        self._urgent.clear()
        size, taken = sum(map(len, words)), list[int]()
        for ticket, data in self._waiting.items():
            if words and size + len(data) > FRAME:
                break
            words.append(data)
            size += len(data)
            taken.append(ticket)
        for ticket in taken:
            self.drop(ticket)
        return pack(words)

    async def has_room(self) -> None:
        """Returns once there is no crowd."""
        await self._room.wait()

    def _resize(self, by: int) -> None:
        self._size += by
        if self._size > self._crowded:
            self._room.clear()
        else:
            self._room.set()
