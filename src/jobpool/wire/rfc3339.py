"""RFC 3339 instants as the JSON of the API writes and reads them: UTC with `Z`, 0, 3, 6 or 9 fractional digits."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

_FIRST, _LAST = -62_135_596_800, 253_402_300_799
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def format_timestamp(stamp: Timestamp) -> str:
    """`2026-11-22T09:59:04.137Z`. Raises ValueError outside the years 1 to 9999."""
    seconds, nanos = stamp.seconds, stamp.nanos
    if not (_FIRST <= seconds <= _LAST and 0 <= nanos < 1_000_000_000):
        raise ValueError(f"no instant: {seconds} seconds and {nanos} nanoseconds")
    whole = _wall(seconds)
    if not nanos:
        return whole + "Z"
    if nanos % 1_000_000 == 0:
        return f"{whole}.{nanos // 1_000_000:03d}Z"
    if nanos % 1_000 == 0:
        return f"{whole}.{nanos // 1_000:06d}Z"
    return f"{whole}.{nanos:09d}Z"


@lru_cache(maxsize=8192)
def _wall(seconds: int) -> str:
    """Times of one page or one burst share their seconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def parse_timestamp(text: str) -> tuple[int, int]:
    """(seconds since the epoch, nanoseconds). Raises ValueError with the reason."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(
            f"wanted a time such as 2026-11-22T09:59:04Z or 2026-11-22T17:59:04+08:00, found {text[:40]!r}"
        )
    year, month, day, hour, minute, second = (int(part) for part in form.groups()[:6])
    try:
        wall = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"no such time: {text!r} ({error})") from None
    seconds = (wall - _EPOCH) // timedelta(seconds=1) - _offset(form, text)
    if not _FIRST <= seconds <= _LAST:
        raise ValueError(f"wanted a time of the years 1 to 9999 in UTC, found {text!r}")
    return seconds, int((form[7] or "").ljust(9, "0"))


def _offset(form: re.Match[str], text: str) -> int:
    if form[8] is None:
        return 0
    hours, minutes = int(form[9]), int(form[10])
    if hours > 23 or minutes > 59:
        raise ValueError(f"no such offset from UTC: {text!r}")
    return (hours * 3600 + minutes * 60) * (1 if form[8] == "+" else -1)
