"""Lists sought by key: `limit` and `continue` beside pages.

A place in a list is the key of the last item shown, so what comes or goes meanwhile neither repeats nor hides another.
Answers to it count nothing in all: the totals belong to pages.
"""

import heapq
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import TypeAlias, TypeVar

import msgspec
from google.protobuf.message import Message

from jobpool.api.checks import MAX_PAGE
from jobpool.model.errors import InvalidArgument

T = TypeVar("T")

Key: TypeAlias = tuple[int | str, ...]
"""What a list is sorted by; no two of its items have the same."""

_LONGEST = 1024


class _Place(msgspec.Struct, frozen=True, array_like=True):
    digest: bytes
    key: Key


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Place)


class Seek(msgspec.Struct, frozen=True):
    """At most `limit` items, those behind `after`; None = from the beginning. `digest` is that of the filters."""

    limit: int
    after: Key | None
    digest: bytes

    def token(self, last: Key) -> str:
        """What `continue` says to go on behind `last`."""
        return urlsafe_b64encode(_encoder.encode(_Place(self.digest, last))).decode().rstrip("=")

    def take(self, items: Iterable[T], key: Callable[[T], Key], *, descending: bool = False) -> tuple[list[T], str]:
        """The items in order, and what `continue` says; empty at the end of the list."""
        after = self.after
        if after is not None:
            items = (item for item in items if (key(item) < after if descending else key(item) > after))
        pick = heapq.nlargest if descending else heapq.nsmallest
        found = pick(self.limit + 1, items, key=key)
        shown = found[: self.limit]
        return shown, self.token(key(shown[-1])) if len(found) > len(shown) else ""


def check_seek(request: Message, *kinds: type) -> Seek | None:
    """Where the request's list goes on; None when it asks for a page. `kinds` are the types within the list's key.

    Raises InvalidArgument: limit and page together, a limit out of range, a `continue` of another list or of none.
    """
    limit, token = int(getattr(request, "limit")), str(getattr(request, "continue"))  # noqa: B009
    if not limit and not token:
        return None
    for field in ("pageNumber", "pageSize"):
        if getattr(request, field, 0):
            raise InvalidArgument(
                field, "pages, and limit with continue, are two ways to read a list; take one of them"
            )
    if not 0 <= limit <= MAX_PAGE:
        raise InvalidArgument("limit", f"must be 1 to {MAX_PAGE} (0 = {MAX_PAGE}), found {limit}", engine_code=1007)
    digest = _digest(request)
    return Seek(limit or MAX_PAGE, _after(token, digest, kinds) if token else None, digest)


def sought(request: Message, *kinds: type) -> Seek:
    """As `check_seek`, of a list that has no pages. Raises InvalidArgument."""
    return check_seek(request, *kinds) or Seek(MAX_PAGE, None, _digest(request))


def _after(token: str, digest: bytes, kinds: tuple[type, ...]) -> Key:
    try:
        place = _decoder.decode(urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4)))
    except (ValueError, msgspec.MsgspecError):
        place = None
    if place is None or len(token) > _LONGEST or tuple(map(type, place.key)) != kinds or not _fits(place.key):
        raise InvalidArgument("continue", "wanted what the answer before said, found another text")
    if place.digest != digest:
        raise InvalidArgument("continue", "belongs to a list with other filters; repeat them, or begin anew")
    return place.key


def _fits(key: Key) -> bool:
    """Whether it can be of a list: history knows no larger numbers."""
    return all(-(2**63) <= part < 2**63 for part in key if isinstance(part, int))


def _digest(request: Message) -> bytes:
    """Of the filters: the same list, whatever its limit."""
    filters = type(request)()
    filters.CopyFrom(request)
    for field in ("limit", "continue"):
        filters.ClearField(field)
    name = request.DESCRIPTOR.name.encode()
    return sha256(name + b"\0" + filters.SerializeToString(deterministic=True)).digest()[:8]
