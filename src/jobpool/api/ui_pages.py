"""The web UI under `/ui/`: one page for every view, and its scripts and styles under names made from what is in them.

The page runs our own scripts, talks to its own server and nobody else, and may not turn text into markup: what plans
and runs hold cannot do anything here even if it got onto the page.
"""

from collections.abc import Mapping

from jobpool.api.rest_body import Answer
from jobpool.ui import INDEX, Asset, asset

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The UI's Content-Security-Policy."""

_ROOT = "/ui/"
_HASHED = "assets/"
_SAFE = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
)
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_TO_THE_PAGE = Answer(303, b"", (("location", _ROOT), ("vary", "Accept"), ("cache-control", "no-store")), "text/plain")


def is_ui(path: str) -> bool:
    return path == _ROOT[:-1] or path.startswith(_ROOT)


def ui_page(path: str, headers: Mapping[str, str]) -> Answer | None:
    """What of the UI is under this path for who sent these headers; None: nothing.

    A path below `/ui/` that is no file is a view: the page itself finds out which. `/` leads browsers to the page.
    """
    if path == "/":
        return _TO_THE_PAGE if "text/html" in headers.get("accept", "") else None
    if path == _ROOT[:-1]:
        return _TO_THE_PAGE
    if not path.startswith(_ROOT):
        return None
    name = path.removeprefix(_ROOT)
    found = asset(name)
    if found is None and name.startswith(_HASHED):
        return None
    if found is None or name == INDEX:
        found, name = asset(INDEX), INDEX
    return _answer(found, name, headers) if found is not None else None


def _answer(found: Asset, name: str, headers: Mapping[str, str]) -> Answer:
    tag = f'W/"{found.tag}"'  # weak: it is the same whether the answer is compressed or not
    keep = _FOR_EVER if name.startswith(_HASHED) else _ASK_AGAIN
    said = (("etag", tag), ("cache-control", keep), *_SAFE)
    if _has(headers.get("if-none-match", ""), tag):
        return Answer(304, b"", (*said, ("vary", "Accept-Encoding")), found.media_type)
    return Answer(200, found.body, said, found.media_type)


def _has(seen: str, tag: str) -> bool:
    """Whether `seen`, as in `If-None-Match`, names this tag; weak and strong ones are the same here."""
    tags = {one.strip().removeprefix("W/") for one in seen.split(",")}
    return "*" in tags or tag.removeprefix("W/") in tags
