"""What every request is held to before anything else: ids, statuses, pages. Raises InvalidArgument naming the field."""

import re
from enum import StrEnum
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct

from jobpool.kit.pure.durations import Millis, parse_duration
from jobpool.model.errors import InvalidArgument
from jobpool.wire.messages import millis_of

E = TypeVar("E", bound=StrEnum)

MAX_PAGE = 1000
_DEFAULT_PAGE = 1000
_MAX_OFFSET = 10_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_NAMESPACE = re.compile(r"[a-z][a-z0-9_]{0,127}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONGEST_FILTER = 512


class Page(Struct, frozen=True):
    offset: int
    limit: int

    def pages(self, total: int) -> int:
        return -(-total // self.limit)


def check_name(field: str, name: str) -> str:
    """An id of a plan, a node, an executor."""
    if not name:
        raise InvalidArgument(field, "must not be empty", engine_code=1001)
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            field, f"wanted a letter or digit, then up to 127 of letters, digits, '.', '_', '-'; found {name[:60]!r}"
        )
    return name


def check_namespace(field: str, name: str) -> str:
    if not name:
        raise InvalidArgument(field, "must not be empty", engine_code=1001)
    if not _NAMESPACE.fullmatch(name):
        raise InvalidArgument(
            field, f"wanted a small letter, then up to 127 of small letters, digits and '_'; found {name[:60]!r}"
        )
    return name


def check_id(field: str, text: str) -> str:
    """An id that the server minted and hands back: anything that could be one."""
    return check_name(field, text)


def check_text(field: str, text: str, most: int) -> str:
    """Free text for people: bounded, and without control characters that would garble a terminal or a log."""
    if len(text) > most:
        raise InvalidArgument(field, f"holds at most {most} characters, found {len(text)}", engine_code=1003)
    if _CONTROL.search(text):
        raise InvalidArgument(field, "must not hold control characters")
    return text


def check_filter(field: str, text: str) -> str:
    if len(text) > _LONGEST_FILTER:
        raise InvalidArgument(field, f"a filter holds at most {_LONGEST_FILTER} characters, found {len(text)}")
    return text


def check_page(number: int, size: int) -> Page:
    """1-based pages; size 0 = 1,000."""
    if number < 0:
        raise InvalidArgument("pageNumber", f"pages count from 1, found {number}", engine_code=1007)
    if not 0 <= size <= MAX_PAGE:
        raise InvalidArgument(
            "pageSize", f"must be 1 to {MAX_PAGE} (0 = {_DEFAULT_PAGE}), found {size}", engine_code=1007
        )
    limit = size or _DEFAULT_PAGE
    offset = (max(number, 1) - 1) * limit
    if offset > _MAX_OFFSET:
        raise InvalidArgument("pageNumber", f"lists are read up to row {_MAX_OFFSET}; narrow the filter")
    return Page(offset, limit)


def check_enum(field: str, text: str, kind: type[E]) -> E:
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(member.value for member in kind if member.value)
        raise InvalidArgument(
            field, f"must be one of {known}; found {text[:40]!r}", engine_code=1002, terms=(field, known)
        ) from None


def check_statuses(text: str, kind: type[E]) -> tuple[E, ...]:
    """See `check_words`."""
    return check_words("status", text, kind)


def check_words(field: str, text: str, kind: type[E]) -> tuple[E, ...]:
    """A comma list, each word kept once: every run is held against all of them. Empty = any."""
    words = dict.fromkeys(word.strip() for word in text.split(","))
    return tuple(check_enum(field, word, kind) for word in words if word)


def check_span(field: str, text: str) -> Millis:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidArgument(field, str(error)) from None


def optional_time(request: Message, field: str) -> Millis | None:
    if not request.HasField(field):
        return None
    stamp = getattr(request, field)
    assert isinstance(stamp, Timestamp)
    return millis_of(field, stamp)
