"""What the built-in executors take: the JSON of a plan's `parameters`, read the same way by server and agent.

The server checks before it stores; the agent decodes with the same code, so what was accepted can be run. An executor
that is not built in checks its own parameters on the agent; here it only has to be a JSON object.
"""

import difflib
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from jobpool.kit.pure.durations import DAY, SECOND, Millis, parse_duration
from jobpool.model.errors import InvalidArgument

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

SIZE_LIMIT = 64 * 1024
PORTABLE_METHODS = ("get", "post", "delete")
PORTABLE_KEYS = frozenset({"url", "method", "body", "contentType"})
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
DEFAULT_CONTENT_TYPE = "application/json"
DEFAULT_KILL_AFTER: Millis = 10 * SECOND
DEFAULT_OUTPUT_LIMIT = 10 << 20
OUTPUT_LIMIT = 1 << 30

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RANGE = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
_OWN_HEADERS = ("host", "content-length", "transfer-encoding", "connection", "idempotency-key", "content-type")
_T = TypeVar("_T")


class RestParameters(Struct, frozen=True, kw_only=True):
    """`method` in lower case. `body` None = none; JSON given as object or array is kept as text.

    `expected_status`: inclusive ranges. `timeout` None = the run's own. `ca_file`: roots for this call.
    """

    url: str
    method: str
    body: str | None = None
    content_type: str = DEFAULT_CONTENT_TYPE
    headers: Mapping[str, str] = {}
    timeout: Millis | None = None
    expected_status: tuple[tuple[int, int], ...] = ((200, 299),)
    ca_file: str = ""

    def expects(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.expected_status)


class ShellParameters(Struct, frozen=True, kw_only=True):
    """`command` is the argument vector. `kill_after`: milliseconds between TERM and KILL; `output_limit` in bytes.

    `cwd` empty = a fresh directory of the run's own.
    """

    command: tuple[str, ...]
    env: Mapping[str, str] = {}
    cwd: str = ""
    kill_after: Millis = DEFAULT_KILL_AFTER
    output_limit: int = DEFAULT_OUTPUT_LIMIT


class NoopParameters(Struct, frozen=True, kw_only=True):
    """`fail` True, or the reason to fail with. `sleep` in milliseconds."""

    sleep: Millis = 0
    fail: bool | str = False
    result: str = ""


def check_parameters(executor: str, parameters: str) -> None:
    """Raise InvalidArgument, naming the field as `parameters.<field>`, when the executor could not run with this."""
    check = _READERS.get(executor)
    if check is not None:
        check(parameters)
    elif parameters:
        _object(parameters)


def rest_parameters(text: str) -> RestParameters:
    """Raises InvalidArgument."""
    given = _object(text)
    _known(
        given,
        ("url", "method", "body", "contentType", "content_type", "headers", "timeout", "expected_status", "ca_file"),
    )
    if "contentType" in given and "content_type" in given:
        raise _bad("contentType", "is given twice, also as content_type")
    body = _body(given.get("body"))
    return RestParameters(
        url=_url(given.get("url")),
        method=_method(given.get("method"), "get" if body is None else "post"),
        body=body,
        content_type=_header_value(
            "contentType", given.get("contentType", given.get("content_type", DEFAULT_CONTENT_TYPE))
        ),
        headers=_headers(given.get("headers")),
        timeout=_span("timeout", given["timeout"], low=1, high=30 * DAY) if given.get("timeout") is not None else None,
        expected_status=_statuses(given.get("expected_status")),
        ca_file=_text("ca_file", given.get("ca_file", "")),
    )


@lru_cache(maxsize=4096)
def is_portable(executor: str, parameters: str) -> bool:
    """Whether an agent of the original can run it: what it does not know it passes over, or dies of."""
    if executor != "rest":
        return False
    try:
        given = _object(parameters)
        method = rest_parameters(parameters).method
    except InvalidArgument:
        return False
    texts = (given.get("body", ""), given.get("contentType", ""))
    said = given.keys() <= PORTABLE_KEYS and bool(given.get("method")) and method in PORTABLE_METHODS
    return said and all(isinstance(text, str | None) for text in texts)


def shell_parameters(text: str) -> ShellParameters:
    """Raises InvalidArgument."""
    given = _object(text)
    _known(given, ("command", "env", "cwd", "kill_after", "output_limit"))
    cwd = _text("cwd", given.get("cwd", ""))
    if cwd and not cwd.startswith("/"):
        raise _bad("cwd", f"wanted an absolute path, found {cwd[:80]!r}")
    return ShellParameters(
        command=_command(given.get("command")),
        env=_env(given.get("env")),
        cwd=cwd,
        kill_after=_span("kill_after", given.get("kill_after", "10s"), low=0, high=3600 * SECOND),
        output_limit=_whole("output_limit", given.get("output_limit", DEFAULT_OUTPUT_LIMIT), low=0, high=OUTPUT_LIMIT),
    )


def noop_parameters(text: str) -> NoopParameters:
    """Raises InvalidArgument. Empty parameters are those of `{}`."""
    given = _object(text or "{}")
    _known(given, ("sleep", "fail", "result"))
    fail = given.get("fail", False)
    if not isinstance(fail, bool | str):
        raise _bad("fail", f"wanted true, false or a reason, found {_kind(fail)}")
    return NoopParameters(
        sleep=_span("sleep", given.get("sleep", "0"), low=0, high=30 * DAY),
        fail=fail,
        result=_text("result", given.get("result", "")),
    )


_READERS: dict[str, Callable[[str], object]] = {
    "rest": rest_parameters,
    "shell": shell_parameters,
    "noop": noop_parameters,
}


def _bad(field: str, reason: str) -> InvalidArgument:
    return InvalidArgument(f"parameters.{field}" if field else "parameters", reason)


def _object(text: str) -> dict[str, Json]:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > SIZE_LIMIT:
        raise _bad("", f"wanted at most {SIZE_LIMIT} bytes, found {size}")
    if not text.strip():
        raise _bad("", "wanted a JSON object, found nothing")
    try:
        value: Json = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except RecursionError as error:
        raise _bad("", "is nested too deeply") from error
    except ValueError as error:
        raise _bad("", f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _bad("", f"wanted a JSON object, found {_kind(value)}")
    _encodable(text, value)
    return value


def _encodable(text: str, value: dict[str, Json]) -> None:
    """Lone surrogates, plain or as `\\ud800`, can be neither sent nor stored."""
    if "\\u" in text or not text.isascii():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise _bad("", "holds a lone surrogate, which is no text") from error


def _pairs(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:40]!r} is there twice")
    return value


def _constant(name: str) -> Json:
    raise ValueError(f"{name} is not a JSON number")


def _known(given: Mapping[str, Json], keys: tuple[str, ...]) -> None:
    for key in given:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1, 0.5)
            raise _bad(
                key[:60], f"unknown; did you mean {near[0]!r}?" if near else f"unknown; known are {', '.join(keys)}"
            )


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)


def _typed(field: str, value: Json, wanted: type[_T], name: str) -> _T:
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise _bad(field, f"wanted {name}, found {_kind(value)}")
    return value


def _text(field: str, value: Json) -> str:
    text = _typed(field, value, str, "a text")
    if "\0" in text:
        raise _bad(field, "holds a NUL character")
    return text


def _whole(field: str, value: Json, *, low: int, high: int) -> int:
    number = _typed(field, value, int, "a whole number")
    if not low <= number <= high:
        raise _bad(field, f"wanted {low} to {high}, found {number}")
    return number


def _span(field: str, value: Json, *, low: Millis, high: Millis) -> Millis:
    text = _typed(field, value, str, "a duration such as 30s")
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise _bad(field, str(error)) from error
    if not low <= span <= high:
        raise _bad(field, f"wanted {low} to {high} ms, found {text}")
    return span


def _url(value: Json) -> str:
    if value is None or value == "":
        raise _bad("url", "is missing: say which address to call")
    url = _text("url", value)
    if any(letter <= " " or letter == "\x7f" for letter in url):
        raise _bad("url", "holds blanks or control characters; write them percent-encoded")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise _bad("url", f"wanted http://host/… or https://host/…, found {url[:80]!r}")
    return url


def _method(value: Json, default: str) -> str:
    if value is None or value == "":
        return default
    method = _text("method", value).lower()
    if method not in METHODS:
        raise _bad("method", f"wanted one of {', '.join(METHODS)}, found {method[:40]!r}")
    return method


def _body(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    raise _bad("body", f"wanted a text, an object or an array, found {_kind(value)}")


def _header_value(field: str, value: Json) -> str:
    text = _text(field, value)
    if _CONTROL.search(text):
        raise _bad(field, "holds a control character")
    if not text.replace("\t", " ").isprintable():
        raise _bad(field, "holds a character that cannot be sent in a header")
    return text.strip()


def _headers(value: Json) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, content in _typed("headers", {} if value is None else value, dict, "an object").items():
        if not _TOKEN.fullmatch(name):
            raise _bad("headers", f"{name[:40]!r} is no header name")
        if name.lower() in _OWN_HEADERS or name.lower().startswith("x-jobpool-"):
            raise _bad(f"headers.{name}", "is set by jobpool (a content type is given as contentType)")
        headers[name] = _header_value(f"headers.{name}", content)
    return headers


def _statuses(value: Json) -> tuple[tuple[int, int], ...]:
    if value is None:
        return ((200, 299),)
    items = _typed("expected_status", value, list, 'a list such as [200, "202-204"]')
    if not items:
        raise _bad("expected_status", "is empty: no answer would do")
    return tuple(_status(item) for item in items)


def _status(item: Json) -> tuple[int, int]:
    found = _RANGE.fullmatch(str(item)) if isinstance(item, int | str) else None
    if found is None or isinstance(item, bool):
        raise _bad("expected_status", f"wanted a status from 100 to 599 or a range such as 200-299, found {item!r}")
    low, high = int(found[1]), int(found[2] or found[1])
    if low > high:
        raise _bad("expected_status", f"the range {item!r} is empty")
    return (low, high)


def _command(value: Json) -> tuple[str, ...]:
    if value is None or value == "" or value == []:
        raise _bad("command", "is missing: say what to run")
    if isinstance(value, str):
        return ("/bin/sh", "-c", _text("command", value))
    items = _typed("command", value, list, "a text or a list of texts")
    words = tuple(_text("command", item) for item in items)
    if not words[0]:
        raise _bad("command", "the program's name is empty")
    return words


def _env(value: Json) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name, content in _typed("env", {} if value is None else value, dict, "an object").items():
        if not _VARIABLE.fullmatch(name):
            raise _bad("env", f"{name[:40]!r} is no name of a variable")
        if name.startswith("JOBPOOL_"):
            raise _bad(f"env.{name}", "names beginning with JOBPOOL_ are set by jobpool")
        variables[name] = _text(f"env.{name}", content)
    return variables
