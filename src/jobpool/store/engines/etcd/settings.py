"""How an etcd cluster is reached: endpoints, certificates, a user, deadlines."""

from pathlib import Path
from urllib.parse import quote, urlsplit

from msgspec import Struct

from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument

DEFAULT_PREFIX = "/jobpool/v1/"


class Tls(Struct, frozen=True):
    """PEM files. `ca`: who signs etcd's certificates (None: the usual authorities); `cert` and `key`: who we are.

    They are read again when they change.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class User(Struct, frozen=True):
    """Whom etcd knows us as, where its authentication is on."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"User({self.name!r})"


class Timeouts(Struct, frozen=True, kw_only=True):
    """Deadlines, in milliseconds.

    `write`: until the outcome of a transaction is called unknown. `read`: for a read over all endpoints together;
    `long`: the same for a compaction or the deletion of everything. `quiet`: a watch that hears nothing for so
    long asks whether its member still lives, and goes elsewhere without an answer within `answer`.
    """

    write: Millis = 2 * SECOND
    read: Millis = 5 * SECOND
    long: Millis = 60 * SECOND
    quiet: Millis = SECOND
    answer: Millis = 2 * SECOND


class Endpoint(Struct, frozen=True):
    """One member, as `host:port`; the host is a name or an address (IPv6 in brackets). `local`: a socket's path."""

    address: str
    secure: bool
    local: bool = False

    @property
    def target(self) -> str:
        """As gRPC calls it."""
        if self.local:
            return f"unix:{quote(self.address, errors='surrogateescape')}"
        return f"dns:///{self.address}"

    def __str__(self) -> str:
        if self.local:
            return f"unix://{self.address}"
        return f"{'https' if self.secure else 'http'}://{self.address}"


def parse_endpoint(text: str, *, tls: bool) -> Endpoint:
    """`https://host:port`, `http://host:port`, or `host:port`, which is https when there are TLS settings.

    And `unix:///path`, as it is: there nothing is encrypted.

    Raises InvalidArgument, which shows the text.
    """
    scheme, mark, rest = text.strip().partition("://")
    if not mark:
        scheme, rest = ("https" if tls else "http"), scheme
    if scheme == "unix" and rest.startswith("/"):
        return Endpoint(rest, secure=False, local=True)
    if scheme not in ("http", "https"):
        raise _bad_endpoint(text)
    parts = urlsplit(f"//{rest}")
    try:
        known = parts.hostname and parts.port
    except ValueError:
        known = None
    if not known or parts.path.strip("/") or parts.query or parts.username is not None:
        raise _bad_endpoint(text)
    return Endpoint(parts.netloc, scheme == "https")


def _bad_endpoint(text: str) -> InvalidArgument:
    wanted = "https://host:port, http://host:port, host:port or unix:///path"
    return InvalidArgument("etcd-endpoints", f"wanted {wanted}, found {text!r}")
