"""The REST API as one page for people: `/docs`.

The page is whole in itself, runs no script and loads nothing, and its Content-Security-Policy says so: a plan's text
could do nothing here even if it got onto the page.
"""

import json
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from html import escape

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from jobpool import __version__
from jobpool.api.openapi import EXAMPLES, INTRODUCTION, REFUSALS, collection_of, operations
from jobpool.api.openapi_schemas import reachable
from jobpool.api.rest_routes import Route
from jobpool.api.service import METHODS
from jobpool.wire.comments import comment

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --verb: #0a6; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem 1.5rem 6rem; }
h1 small { font-size: .5em; font-weight: normal; opacity: .7; }
h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; text-transform: capitalize; }
nav a { margin-right: 1rem; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
details > :not(summary) { margin-left: 1rem; margin-right: 1rem; }
details:target { outline: 2px solid var(--verb); }
summary { cursor: pointer; padding: .5rem .75rem; }
summary:hover { background: var(--soft); }
code, pre { font-family: ui-monospace, monospace; font-size: .92em; }
pre { background: var(--soft); border-radius: 6px; overflow-x: auto; padding: .75rem; }
table { border-collapse: collapse; margin-bottom: 1rem; width: calc(100% - 2rem); }
th, td { border-top: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
.verb { color: var(--verb); display: inline-block; font-weight: 600; min-width: 4.5rem; }
.what { opacity: .75; }
"""
_KINDS = {
    FieldDescriptor.TYPE_STRING: "text",
    FieldDescriptor.TYPE_BOOL: "true or false",
    FieldDescriptor.TYPE_BYTES: "bytes in base64",
}
_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The page's Content-Security-Policy."""


@cache
def page(served: frozenset[str]) -> bytes:
    """The page of the calls that are served."""
    routes = list(operations(served))
    groups: dict[str, list[Route]] = {}
    for route in routes:
        groups.setdefault(collection_of(route), []).append(route)
    return "\n".join(_page(groups, served)).encode()


def _page(groups: dict[str, list[Route]], served: Collection[str]) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>jobpool API</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield f"<h1>jobpool API <small>{escape(__version__)}</small></h1>"
    yield f"<p>{_text(INTRODUCTION)}</p>"
    yield '<p>For programs: <a href="/openapi.json">/openapi.json</a>.</p>'
    names = [*groups, "answers", "refusals"]
    yield "<nav>" + "".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in names) + "</nav>"
    for name, routes in groups.items():
        yield f'<h2 id="{escape(name)}">{escape(name)}</h2>'
        for route in routes:
            yield from _call(route)
    yield '<h2 id="answers">answers</h2>'
    for message in _entities(served):
        yield f'<details id="{message.name}"><summary><code>{message.name}</code></summary>'
        yield from _fields(message.fields, message)
        yield "</details>"
    yield '<h2 id="refusals">refusals</h2>'
    yield "<p>As JSON: <code>error</code> and <code>message</code> (the same text), <code>code</code> (the status of "
    yield "gRPC), <code>details</code> (<code>field</code>, <code>reason</code>, <code>engine_code</code>).</p><table>"
    for status, text in REFUSALS.items():
        yield f"<tr><td>{status}</td><td>{_text(text)}</td></tr>"
    yield "</table>\n</body>\n</html>"


def _call(route: Route) -> Iterator[str]:
    method = METHODS[route.rpc]
    bound = {field for _, field in route.variables}
    yield f'<details id="{route.rpc}"><summary><span class="verb">{route.verb}</span><code>{escape(route.path)}</code>'
    yield f' <span class="what">{_text(comment(f"Schedule.{route.rpc}"))}</span></summary>'
    if text := comment(method.input_type.name):
        yield f"<p>{_text(text)}</p>"
    asked = [field for field in method.input_type.fields if field.name not in bound]
    if asked:
        yield f"<p>Fields, in the {'body' if route.takes_body else 'query'}:</p>"
        yield from _fields(asked, method.input_type)
    yield "<p>Answer:</p>"
    yield from _fields(method.output_type.fields, method.output_type)
    yield f"<pre>{escape(_curl(route))}</pre>"
    yield "</details>"


def _fields(fields: Sequence[FieldDescriptor], owner: Descriptor) -> Iterator[str]:
    yield "<table>"
    for field in fields:
        text = _text(comment(f"{owner.name}.{field.name}"))
        yield f"<tr><td><code>{field.name}</code></td><td>{_kind(field)}</td><td>{text}</td></tr>"
    yield "</table>"


def _kind(field: FieldDescriptor) -> str:
    inner = field.message_type
    if inner is None:
        name = _KINDS.get(field.type, "number")
    elif inner.full_name == "google.protobuf.Timestamp":
        name = "time"
    elif inner.GetOptions().map_entry:
        return "texts by name"
    else:
        name = f'<a href="#{inner.name}">{inner.name}</a>'
    return f"{name}, any number" if field.is_repeated else name


def _entities(served: Collection[str]) -> Iterable[Descriptor]:
    """What calls speak of, by name; requests and responses stand with their calls."""
    found: dict[str, Descriptor] = {}
    for route in operations(served):
        method = METHODS[route.rpc]
        for top in (method.input_type, method.output_type):
            found |= {message.name: message for message in reachable(top) if message is not top}
    return [found[name] for name in sorted(found)]


def _curl(route: Route) -> str:
    line = f"curl -X {route.verb} http://127.0.0.1:2379{route.path}"
    if not route.takes_body:
        return line
    return f"{line} -H 'Content-Type: application/json' -d '{json.dumps(EXAMPLES.get(route.rpc, {}))}'"


def _text(text: str) -> str:
    """Plain text, what stands between backquotes as code."""
    parts = escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
