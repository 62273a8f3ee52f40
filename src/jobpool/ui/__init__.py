"""The web UI as it was built: what `scripts/ui build` made of `ui/`, as bytes by path. Nothing is read from elsewhere.

What belongs here: the built files and how they are found. How they are served, and under which policy, is `api`'s.
"""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

INDEX = "index.html"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Asset(msgspec.Struct, frozen=True):
    """One built file. `tag` is made from its bytes."""

    body: bytes
    media_type: str
    tag: str


def asset(path: str) -> Asset | None:
    """The file at `path` below the UI's root, as `assets/index-1a2b3c4d.js`; None: there is none of that name."""
    return _assets().get(path)


@cache
def _assets() -> dict[str, Asset]:
    """All of them: they are few and small, and what is not among them cannot be asked for."""
    return dict(_walk(files(__package__).joinpath("dist"), ""))


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif media_type := _TYPES.get(entry.name.rpartition(".")[2]):
            body = entry.read_bytes()
            found.append((prefix + entry.name, Asset(body, media_type, sha256(body).hexdigest()[:20])))
    return found
