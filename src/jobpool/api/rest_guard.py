"""What a writing request must show before it is read: a Host we are known by and, from a browser, our own Origin.

A page of another site can make a browser send requests here and, by rebinding its own name, read the answers. It can
forge neither of these headers, nor send `application/json` without asking first.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from jobpool.api.http_errors import UnknownHost
from jobpool.model.errors import PermissionDenied

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(.+)")
_DEFAULT_PORT = {"http": 80, "https": 443}


class Guard:
    """Knows the names of this server: loopback, the address a request came in on, and the configured ones."""

    def __init__(self, allowed_hosts: Iterable[str] = ()) -> None:
        """`allowed_hosts`: names or addresses without port; `*` allows every Host."""
        self._allowed = {host.lower().strip("[]") for host in allowed_hosts} | {"localhost"}

    def check(self, headers: Iterable[tuple[bytes, bytes]], scheme: str, own_address: str) -> None:
        """Raises UnknownHost (421) or PermissionDenied (403)."""
        hosts = [value.decode("latin-1").strip() for name, value in headers if name == b"host"]
        origins = [value.decode("latin-1").strip() for name, value in headers if name == b"origin"]
        host = _split(hosts[0], scheme) if len(hosts) == 1 else None
        if host is None or not self._known(host[0], own_address):
            shown = ", ".join(hosts)[:100] or "none"
            raise UnknownHost(
                f"Host: wanted a name or address of this server (or one it is configured to allow), found {shown!r}"
            )
        for origin in origins:
            form = _ORIGIN.fullmatch(origin)
            if form is None or form[1] != scheme or _split(form[2], scheme) != host:
                raise PermissionDenied(f"Origin: wanted {scheme}://{hosts[0]}, found {origin[:100]!r}")

    def _known(self, host: str, own_address: str) -> bool:
        if host in self._allowed or "*" in self._allowed:
            return True
        address = _address(host)
        return address is not None and (address.is_loopback or address == _address(own_address))


def _split(text: str, scheme: str) -> tuple[str, int] | None:
    """(name in lower case, port)."""
    form = _HOST.fullmatch(text)
    if form is None:
        return None
    return form[1].lower().strip("[]"), int(form[2] or _DEFAULT_PORT[scheme])


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
