"""`{{…}}` in the body of a `rest` call: which names there are, and how their values are written."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote_plus

from jobpool.model.parameters.reading import bad

NAMES = ("job_id", "plan_id", "namespace", "attempt", "fence", "scheduled_time", "callback_url", "token")

_MARK = re.compile(r"\{\{([^{}]*)\}\}")
_LITERAL = re.compile(r'\\.|"', re.DOTALL)


def check_template(body: str) -> None:
    """Raise InvalidArgument for a name that there is not, and for one that does not end."""
    for found in _MARK.finditer(body):
        name = found[1].strip()
        if name not in NAMES:
            raise bad("body", f"there is no {{{{{name[:40]}}}}}; there are {', '.join(NAMES)}")
    if "{{" in _MARK.sub(" ", body):
        raise bad("body", "has {{ that begins no name such as {{job_id}}; with template it stands for nothing else")


def filled(body: str, values: Mapping[str, str | int], content_type: str) -> str:
    """The body with a value for every name.

    In JSON a value is escaped inside a text, and is a JSON text or number of its own elsewhere; in a form it is
    percent-encoded, in XML and HTML its marks are entities.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if "json" in kind:
        return "".join(_in_json(body, values))
    return _MARK.sub(lambda found: _written(values[found[1].strip()], kind), body)


def _in_json(body: str, values: Mapping[str, str | int]) -> Iterator[str]:
    place, inside = 0, False
    for found in _MARK.finditer(body):
        before = body[place : found.start()]
        place = found.end()
        inside ^= sum(literal[0] == '"' for literal in _LITERAL.finditer(before)) % 2 == 1
        value = values[found[1].strip()]
        yield before
        yield json.dumps(str(value), ensure_ascii=False)[1:-1] if inside else json.dumps(value, ensure_ascii=False)
    yield body[place:]


def _written(value: str | int, kind: str) -> str:
    text = str(value)
    if kind == "application/x-www-form-urlencoded":
        return quote_plus(text)
    return html.escape(text) if "xml" in kind or "html" in kind else text
