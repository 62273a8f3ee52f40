"""Durations as people write them (`90s`, `1h30m`, `2d`), held as whole milliseconds."""

import re
from typing import TypeAlias

Millis: TypeAlias = int
"""An instant: milliseconds since the Unix epoch, UTC. Or a span of milliseconds, where the name says so."""

SECOND: Millis = 1000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_PART = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?(ms|s|m|h|d)")


def parse_duration(text: str) -> Millis:
    """Milliseconds of a Go-style duration; `d` is 24 h. `0` needs no unit.

    Raises ValueError with a reason when the text is not a duration, is negative or is finer than 1 ms.
    """
    if text == "0":
        return 0
    total, at = 0, 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ValueError(f"wanted a duration such as 90s, 10m or 1h30m, found {text[:40]!r}")
        whole, fraction, unit = part.groups()
        total += int(whole) * _UNITS[unit]
        if fraction:
            total += _fraction(fraction, _UNITS[unit], text)
        at = part.end()
    if not text:
        raise ValueError("wanted a duration such as 90s, 10m or 1h30m, found nothing")
    return total


def _fraction(digits: str, unit: int, text: str) -> int:
    numerator: int = int(digits) * unit
    whole, rest = divmod(numerator, int(10 ** len(digits)))
    if rest:
        raise ValueError(f"a duration is held in whole milliseconds, found {text[:40]!r}")
    return int(whole)


def format_duration(span: Millis) -> str:
    """The shortest Go-style text: 5_400_000 → `1h30m`, 0 → `0s`, 1500 → `1s500ms`."""
    if span <= 0:
        return "0s"
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, span = divmod(span, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
