"""Reading the JSON of parameters: each reader says what it wanted and found, and names the field."""

import difflib
import json
import re
from collections.abc import Mapping
from typing import TypeAlias, TypeVar

from jobpool.kit.pure.durations import SECOND, Millis, parse_duration
from jobpool.model.errors import InvalidArgument

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

SIZE_LIMIT = 64 * 1024
DEFAULT_KILL_AFTER: Millis = 10 * SECOND
DEFAULT_OUTPUT_LIMIT = 10 << 20
OUTPUT_LIMIT = 1 << 30

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_T = TypeVar("_T")


def bad(field: str, reason: str) -> InvalidArgument:
    return InvalidArgument(f"parameters.{field}" if field else "parameters", reason)


def json_object(text: str) -> dict[str, Json]:
    """The object that parameters are. Raises InvalidArgument."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > SIZE_LIMIT:
        raise bad("", f"wanted at most {SIZE_LIMIT} bytes, found {size}")
    if not text.strip():
        raise bad("", "wanted a JSON object, found nothing")
    try:
        value: Json = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except RecursionError as error:
        raise bad("", "is nested too deeply") from error
    except ValueError as error:
        raise bad("", f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise bad("", f"wanted a JSON object, found {kind(value)}")
    _encodable(text, value)
    return value


def _encodable(text: str, value: dict[str, Json]) -> None:
    """Lone surrogates, plain or as `\\ud800`, can be neither sent nor stored."""
    if "\\u" in text or not text.isascii():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise bad("", "holds a lone surrogate, which is no text") from error


def _pairs(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:40]!r} is there twice")
    return value


def _constant(name: str) -> Json:
    raise ValueError(f"{name} is not a JSON number")


def known(given: Mapping[str, Json], keys: tuple[str, ...]) -> None:
    for key in given:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1, 0.5)
            raise bad(
                key[:60], f"unknown; did you mean {near[0]!r}?" if near else f"unknown; known are {', '.join(keys)}"
            )


def kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)


def typed(field: str, value: Json, wanted: type[_T], name: str) -> _T:
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise bad(field, f"wanted {name}, found {kind(value)}")
    return value


def text_of(field: str, value: Json) -> str:
    text = typed(field, value, str, "a text")
    if "\0" in text:
        raise bad(field, "holds a NUL character")
    return text


def whole(field: str, value: Json, *, low: int, high: int) -> int:
    number = typed(field, value, int, "a whole number")
    if not low <= number <= high:
        raise bad(field, f"wanted {low} to {high}, found {number}")
    return number


def span(field: str, value: Json, *, low: Millis, high: Millis) -> Millis:
    text = typed(field, value, str, "a duration such as 30s")
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise bad(field, str(error)) from error
    if not low <= span <= high:
        raise bad(field, f"wanted {low} to {high} ms, found {text}")
    return span


def variables(value: Json) -> dict[str, str]:
    read: dict[str, str] = {}
    for name, content in typed("env", {} if value is None else value, dict, "an object").items():
        if not _VARIABLE.fullmatch(name):
            raise bad("env", f"{name[:40]!r} is no name of a variable")
        if name.startswith("JOBPOOL_"):
            raise bad(f"env.{name}", "names beginning with JOBPOOL_ are set by jobpool")
        read[name] = text_of(f"env.{name}", content)
    return read


def absolute(field: str, value: Json) -> str:
    """An absolute path, or empty."""
    path = text_of(field, value)
    if path and not path.startswith("/"):
        raise bad(field, f"wanted an absolute path, found {path[:80]!r}")
    return path


def patience(field: str, value: Json) -> Millis:
    """How long a command has between TERM and KILL."""
    return span(field, value, low=0, high=3600 * SECOND)


def kept_output(field: str, value: Json) -> int:
    """Bytes of output to keep."""
    return whole(field, value, low=0, high=OUTPUT_LIMIT)
