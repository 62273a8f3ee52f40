"""Chance: seeded where a run must be repeatable, from the system where a secret is minted."""

import random
import secrets

from jobpool.kit.pure.durations import Millis
from jobpool.kit.pure.ids import ulid


class Dice:
    """A source of chance. With a seed every throw is repeatable; without, it is seeded by the system."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 — not for secrets

    def below(self, limit: int) -> int:
        """A whole number in [0, limit)."""
        return int(self._random.random() * limit)

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()

    def fork(self) -> "Dice":
        """Another one, as repeatable as this."""
        return Dice(self._random.getrandbits(64))

    def ulid(self, now: Millis) -> str:
        """A fresh id that sorts by `now`."""
        return ulid(now, self._random.getrandbits(80))


def new_key() -> bytes:
    """256 bits that nobody can guess."""
    return secrets.token_bytes(32)


def new_secret() -> str:
    """256 bits that nobody can guess, as URL-safe text."""
    return secrets.token_urlsafe(32)


def new_nonce() -> bytes:
    """32 bytes that were never there before."""
    return secrets.token_bytes(32)
