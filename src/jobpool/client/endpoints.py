"""Where servers listen, as people write it: `host:port`, or a URL."""

from urllib.parse import urlsplit

from msgspec import Struct

from jobpool.model.errors import InvalidArgument

DEFAULT_PORT = 2379


class Endpoint(Struct, frozen=True):
    """One server's client port; `host` without brackets."""

    host: str
    port: int
    secure: bool = False

    @property
    def authority(self) -> str:
        """`host:port`, with brackets around an IPv6 address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.authority}"


def parse_endpoint(text: str, *, secure: bool = False) -> Endpoint:
    """`host`, `host:port`, `http://host:port` or `https://host:port`; `secure` decides where no scheme does.

    Raises InvalidArgument naming `endpoints` and what was found.
    """
    url = text if "://" in text else f"{'https' if secure else 'http'}://{text}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused(text, str(error)) from error
    if parts.scheme not in ("http", "https"):
        raise _refused(text, f"the scheme {parts.scheme!r} is neither http nor https")
    if not parts.hostname:
        raise _refused(text, "there is no host in it")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _refused(text, "only a host and a port belong there")
    return Endpoint(parts.hostname, DEFAULT_PORT if port is None else port, parts.scheme == "https")


def _refused(text: str, why: str) -> InvalidArgument:
    return InvalidArgument("endpoints", f"wanted host:port or http(s)://host:port, found {text[:100]!r}: {why}")
