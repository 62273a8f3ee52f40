"""How single values of a job are read: what they must be, and what a plan's document has for them.

The bounds are those that servers hold plans to; tests/unit/jobs/test_bounds.py holds the two together.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from jobpool.kit.pure.durations import Millis, format_duration, parse_duration
from jobpool.model.errors import InvalidArgument
from jobpool.model.reasons import RETRYABLE

Reader: TypeAlias = Callable[[str, object], object]
"""(option, what was given) → what the document has. Raises InvalidArgument, which names the option."""

MOST_LABELS = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_NAMESPACE = re.compile(r"[a-z][a-z0-9_]{0,127}", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wanted(field, "a text", value)
    return value


def filled(field: str, value: object) -> str:
    if not text(field, value):
        raise _wanted(field, "a text", value)
    return str(value)


def plan_id(field: str, value: object) -> str:
    if not _NAME.fullmatch(text(field, value)):
        raise _wanted(field, "a letter or digit, then up to 127 of letters, digits, '.', '_', '-'", value)
    return str(value)


def namespace(field: str, value: object) -> str:
    if not _NAMESPACE.fullmatch(text(field, value)):
        raise _wanted(field, "a small letter, then up to 127 of small letters, digits and '_'", value)
    return str(value)


def flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wanted(field, "True or False", value)
    return value


def up_to(most: int, read: Reader) -> Reader:
    """A text of no more characters."""

    def bounded(field: str, value: object) -> object:
        found = str(read(field, value))
        if len(found) > most:
            raise InvalidArgument(field, f"holds at most {most} characters, found {len(found)}")
        return found

    return bounded


def whole(least: int, most: int) -> Reader:
    """A number without fraction."""

    def read(field: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise _wanted(field, f"a whole number, {least} to {most}", value)
        return value

    return read


def span(least: Millis, most: Millis) -> Reader:
    """A duration as text, or as timedelta."""

    def read(field: str, value: object) -> str:
        found = _millis(field, value)
        if not least <= found <= most:
            raise _wanted(field, f"{format_duration(least)} to {format_duration(most)}", value)
        return format_duration(found)

    return read


def _millis(field: str, value: object) -> Millis:
    if isinstance(value, timedelta):
        found, rest = divmod(value, timedelta(milliseconds=1))
        if rest:
            raise _wanted(field, "whole milliseconds", value)
        return found
    if not isinstance(value, str):
        raise _wanted(field, 'a span such as "90s" or a timedelta', value)
    try:
        return parse_duration(value)
    except ValueError as error:
        raise InvalidArgument(field, str(error)) from error


def time(field: str, value: object) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _wanted(field, "a datetime with a zone", value)
    return value.isoformat()


def one_of(kind: type[StrEnum]) -> Reader:
    def read(field: str, value: object) -> str:
        known = [str(member) for member in kind]
        if value not in known:
            raise _wanted(field, " or ".join(repr(word) for word in known), value)
        return str(value)

    return read


def reasons(field: str, value: object) -> list[str]:
    found = words(field, value)
    for word in found:
        if word not in RETRYABLE:
            raise _wanted(field, f"reasons of failure ({', '.join(sorted(RETRYABLE))})", word)
    return found


def words(field: str, value: object) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise _wanted(field, "a list of texts", value)
    return [filled(field, word) for word in value]


def texts_by_name(field: str, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise _wanted(field, "texts by name", value)
    return {filled(field, name): text(f"{field}.{name}", held) for name, held in value.items()}


def labels(field: str, value: object) -> dict[str, str]:
    found = texts_by_name(field, value)
    if len(found) > MOST_LABELS:
        raise InvalidArgument(field, f"a plan holds at most {MOST_LABELS}, found {len(found)}")
    for name, held in found.items():
        if not _LABEL.fullmatch(name):
            raise _wanted(field, "a letter or digit, then up to 62 of letters, digits and '._/-'", name)
        if len(held) > 256 or _CONTROL.search(held):
            raise _wanted(f"{field}.{name}", "up to 256 characters, none of them control characters", held)
    return found


def listed(field: str, value: object) -> object:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise _wanted(field, "a list", value)
    return _json(field, list(value))


def named(field: str, value: object) -> object:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise _wanted(field, "values by name", value)
    return _json(field, dict(value))


def _json(field: str, value: object) -> object:
    """What the function will be given: JSON makes lists of tuples, and that is no surprise; other losses are."""
    try:
        held: object = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidArgument(field, f"JSON cannot hold it: {error}") from error
    if held != _lists(value):
        raise InvalidArgument(field, f"JSON would make {str(held)[:60]} of it")
    return held


def _lists(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return {name: _lists(item) for name, item in value.items()} if isinstance(value, dict) else value


def _wanted(field: str, what: str, found: object) -> InvalidArgument:
    return InvalidArgument(
        field, f"wanted {what}, found {str(found)[:60]!r}" if found != "" else f"wanted {what}, found nothing"
    )
