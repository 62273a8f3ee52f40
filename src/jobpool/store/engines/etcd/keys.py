"""Where the engine's keys lie in etcd: text keys under the prefix, what the engine adds above them."""

from msgspec import Struct

from jobpool.model.errors import InvalidArgument, StoreFailed
from jobpool.store.engines import rules

_ABOVE_TEXT = b"\xff"
"""No text has this byte, so keys that begin with it are after every key of the port and not among them."""


class Keyspace(Struct, frozen=True):
    """The keys under one prefix, `[first, last)`. Of these, `[first, texts_end)` are the port's."""

    first: bytes
    texts_end: bytes
    last: bytes
    fence: bytes
    ranges: bytes
    """Which ranges the last transaction with such operations deleted: etcd's watch tells only the keys in them."""

    def key(self, text: str) -> bytes:
        """Raises InvalidArgument for what cannot be written in UTF-8."""
        try:
            return self.first + text.encode()
        except UnicodeEncodeError as error:
            raise InvalidArgument("key", f"wanted text, found {text!r}") from error

    def text(self, key: bytes) -> str:
        """Raises StoreFailed for a key that jobpool did not write."""
        try:
            return key[len(self.first) :].decode()
        except UnicodeDecodeError as error:
            raise StoreFailed(f"the key {key!r} is not one of jobpool's") from error

    def span(self, prefix: str) -> tuple[bytes, bytes]:
        """The port's keys that begin with this text."""
        first, last = rules.span_of(prefix)
        return self.key(first), self.texts_end if last is None else self.key(last)


def keyspace(prefix: str) -> Keyspace:
    """Raises InvalidArgument for a prefix that could share keys with another."""
    if not prefix.startswith("/") or not prefix.endswith("/") or len(prefix) < 2 or not prefix.isprintable():
        raise InvalidArgument("prefix", f"wanted a text such as /jobpool/v1/, found {prefix!r}")
    first = prefix.encode()
    end = first[:-1] + bytes((first[-1] + 1,))
    above = first + _ABOVE_TEXT
    return Keyspace(first, above, end, first + rules.FENCE_KEY.encode(), above + b"ranges")
