"""The parameters of `rest`."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from msgspec import Struct

from jobpool.kit.pure.durations import DAY, Millis
from jobpool.model.errors import InvalidArgument
from jobpool.model.parameters.reading import Json, bad, json_object, kind, known, span, text_of, typed
from jobpool.model.parameters.template import check_template

PORTABLE_METHODS = ("get", "post", "delete")
PORTABLE_KEYS = frozenset({"url", "method", "body", "contentType"})
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
BODILESS = ("get", "head")
DEFAULT_CONTENT_TYPE = "application/json"

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RANGE = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
_OWN_HEADERS = ("host", "content-length", "transfer-encoding", "connection", "idempotency-key", "content-type")


class RestParameters(Struct, frozen=True, kw_only=True):
    """`method` in lower case. `body` None = none; JSON given as object or array is kept as text.

    `template`: the body has names in double braces for which values of the run are put in. `expected_status`:
    inclusive ranges. `timeout` None = the run's own. `ca_file`: roots for this call.
    """

    url: str
    method: str
    body: str | None = None
    content_type: str = DEFAULT_CONTENT_TYPE
    headers: Mapping[str, str] = {}
    timeout: Millis | None = None
    expected_status: tuple[tuple[int, int], ...] = ((200, 299),)
    ca_file: str = ""
    template: bool = False

    def expects(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.expected_status)


def rest_parameters(text: str) -> RestParameters:
    """Raises InvalidArgument."""
    given = json_object(text)
    known(
        given,
        (
            *("url", "method", "body", "contentType", "content_type", "headers", "timeout", "expected_status"),
            *("ca_file", "template"),
        ),
    )
    if "contentType" in given and "content_type" in given:
        raise bad("contentType", "is given twice, also as content_type")
    body = _body(given.get("body"))
    method = _method(given.get("method"), "get" if body is None else "post")
    return RestParameters(
        url=_url(given.get("url")),
        method=method,
        body=body,
        content_type=_header_value(
            "contentType", given.get("contentType", given.get("content_type", DEFAULT_CONTENT_TYPE))
        ),
        headers=_headers(given.get("headers")),
        timeout=span("timeout", given["timeout"], low=1, high=30 * DAY) if given.get("timeout") is not None else None,
        expected_status=_statuses(given.get("expected_status")),
        ca_file=text_of("ca_file", given.get("ca_file", "")),
        template=_template(given.get("template", False), method, body),
    )


@lru_cache(maxsize=4096)
def is_portable(executor: str, parameters: str) -> bool:
    """Whether an agent of the original can run it: what it does not know it passes over, or dies of."""
    if executor != "rest":
        return False
    try:
        given = json_object(parameters)
        method = rest_parameters(parameters).method
    except InvalidArgument:
        return False
    texts = (given.get("body", ""), given.get("contentType", ""))
    said = given.keys() <= PORTABLE_KEYS and bool(given.get("method")) and method in PORTABLE_METHODS
    return said and all(isinstance(text, str | None) for text in texts)


def _url(value: Json) -> str:
    if value is None or value == "":
        raise bad("url", "is missing: say which address to call")
    url = text_of("url", value)
    if any(letter <= " " or letter == "\x7f" for letter in url):
        raise bad("url", "holds blanks or control characters; write them percent-encoded")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise bad("url", f"wanted http://host/… or https://host/…, found {url[:80]!r}")
    return url


def _method(value: Json, default: str) -> str:
    if value is None or value == "":
        return default
    method = text_of("method", value).lower()
    if method not in METHODS:
        raise bad("method", f"wanted one of {', '.join(METHODS)}, found {method[:40]!r}")
    return method


def _body(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    raise bad("body", f"wanted a text, an object or an array, found {kind(value)}")


def _template(value: Json, method: str, body: str | None) -> bool:
    template = typed("template", value, bool, "true or false")
    if template:
        if body is None:
            raise bad("template", "is of no use without a body to put values into")
        if method in BODILESS:
            raise bad("template", f"is of no use with {method}, which sends no body")
        check_template(body)
    return template


def _header_value(field: str, value: Json) -> str:
    text = text_of(field, value)
    if _CONTROL.search(text):
        raise bad(field, "holds a control character")
    if not text.replace("\t", " ").isprintable():
        raise bad(field, "holds a character that cannot be sent in a header")
    return text.strip()


def _headers(value: Json) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, content in typed("headers", {} if value is None else value, dict, "an object").items():
        if not _TOKEN.fullmatch(name):
            raise bad("headers", f"{name[:40]!r} is no header name")
        if name.lower() in _OWN_HEADERS or name.lower().startswith("x-jobpool-"):
            raise bad(f"headers.{name}", "is set by jobpool (a content type is given as contentType)")
        headers[name] = _header_value(f"headers.{name}", content)
    return headers


def _statuses(value: Json) -> tuple[tuple[int, int], ...]:
    if value is None:
        return ((200, 299),)
    items = typed("expected_status", value, list, 'a list such as [200, "202-204"]')
    if not items:
        raise bad("expected_status", "is empty: no answer would do")
    return tuple(_status(item) for item in items)


def _status(item: Json) -> tuple[int, int]:
    found = _RANGE.fullmatch(str(item)) if isinstance(item, int | str) else None
    if found is None or isinstance(item, bool):
        raise bad("expected_status", f"wanted a status from 100 to 599 or a range such as 200-299, found {item!r}")
    low, high = int(found[1]), int(found[2] or found[1])
    if low > high:
        raise bad("expected_status", f"the range {item!r} is empty")
    return (low, high)
