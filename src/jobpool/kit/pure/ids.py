"""ULIDs from a time and given bits: 26 characters of Crockford's base 32, ordered by time.

Nothing here draws chance: a tick's id is a function of what it names, and minted ids get their bits from the dice.
"""

from hashlib import blake2b

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_TIME_LIMIT = 1 << 48


def ulid(at: int, bits: int) -> str:
    """The ULID of millisecond `at` with 80 `bits`.

    Raises ValueError when either does not fit.
    """
    if not (0 <= at < _TIME_LIMIT and 0 <= bits < 1 << 80):
        raise ValueError(f"a ULID holds 48 bits of time and 80 of chance, found {at} and {bits}")
    value = (at << 80) | bits
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])


def hashed_bits(*parts: str) -> int:
    """80 bits that depend on all the parts and on where one ends and the next begins."""
    return int.from_bytes(blake2b("\0".join(parts).encode(), digest_size=10).digest(), "big")


def ulid_time(text: str) -> int:
    """The milliseconds inside a ULID. Raises ValueError when the text is not one."""
    if len(text) != 26 or any(letter not in _VALUES for letter in text):
        raise ValueError(f"wanted a ULID of 26 characters, found {text[:40]!r}")
    value = 0
    for letter in text[:10]:
        value = value * 32 + _VALUES[letter]
    return value
