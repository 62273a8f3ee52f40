"""Where a server answers, and where it says that it does."""

import re
from collections.abc import Collection, Sequence

from jobpool.etcd.config import MemberConfig, members_of
from jobpool.kit.pure.hosts import host_of, is_address, is_loopback, is_wildcard
from jobpool.kit.pure.settings import BadSetting, Settings, split_url
from jobpool.server.config import ExternalEtcd, ServerConfig

LISTEN = "listen-client-urls"
ADVERTISE = "advertise-client-urls"
_WANTED = "URLs such as http://127.0.0.1:2379, with commas between"
_HOST = re.compile(r"\*|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_REACH = "the URL under which agents and the other servers reach this one, such as http://10.0.0.5:2379"


def exposed(config: ServerConfig) -> Sequence[str]:
    """The URLs on which other machines can speak to this server in clear."""
    return [url for url in config.listen_client_urls if url.startswith("http:") and not is_loopback(host_of(url))]


def read_listened(settings: Settings, *, secure: bool) -> tuple[str, ...]:
    """`listen-client-urls`; `secure`: there is a certificate for https. Raises BadSetting."""
    urls = settings.words(LISTEN, ServerConfig().listen_client_urls)
    for url in urls:
        parts = split_url(url)
        if parts is None or parts.port is None:
            raise settings.refuse(LISTEN, _WANTED)
        if parts.scheme == "https" and not secure:
            raise BadSetting(LISTEN, f"{url} needs a certificate: give cert-file and key-file")
    return urls


def read_advertised(
    settings: Settings, listened: tuple[str, ...], etcd: MemberConfig | ExternalEtcd | None
) -> tuple[str, ...]:
    """`advertise-client-urls`; without it those that are listened on and can be called from where others are.

    Empty = as listened. Raises BadSetting for what others could not call.
    """
    told = settings.words(ADVERTISE, ())
    for url in told:
        parts = split_url(url)
        if parts is None or not parts.port:
            raise settings.refuse(ADVERTISE, _WANTED)
    if etcd is None:
        return told
    abroad = _has_members_abroad(etcd) if isinstance(etcd, MemberConfig) else not told and _is_abroad(etcd)
    for url in told:
        if reason := _unreachable(url, abroad=abroad):
            raise BadSetting(ADVERTISE, f"wanted {_REACH}, found {url}, {reason}{_place(settings)}")
    if told:
        return told
    callable_ones = tuple(url for url in listened if not _unreachable(url, abroad=abroad))
    if not callable_ones:
        found = ", ".join(f"{url}, {_unreachable(url, abroad=abroad)}" for url in listened)
        raise BadSetting(ADVERTISE, f"wanted {_REACH}; {LISTEN} has none: {found}")
    return callable_ones


def read_hosts(settings: Settings) -> tuple[str, ...]:
    """`host-whitelist`. Raises BadSetting."""
    hosts = settings.words("host-whitelist", (), least=0)
    for host in hosts:
        if not _HOST.fullmatch(host) and not is_address(host.strip("[]")):
            raise settings.refuse("host-whitelist", "host names or addresses without port, or '*' for all")
    return hosts


def _unreachable(url: str, *, abroad: bool) -> str:
    """Why others cannot call it; `abroad`: some of them are on other machines."""
    parts = split_url(url)
    host = host_of(url)
    if parts is not None and parts.port == 0:
        return "whose port nobody knows beforehand"
    if is_wildcard(host):
        return "which is every address of this machine and of any other"
    if abroad and is_loopback(host):
        return "which on another machine is that machine"
    return ""


def _has_members_abroad(member: MemberConfig) -> bool:
    return _any_abroad([url for urls in members_of(member.cluster).values() for url in urls])


def _is_abroad(etcd: ExternalEtcd) -> bool:
    return _any_abroad([text if "://" in text else f"http://{text}" for text in etcd.endpoints])


def _any_abroad(urls: Collection[str]) -> bool:
    return not all(is_loopback(host_of(url)) for url in urls)


def _place(settings: Settings) -> str:
    place = settings.raw(ADVERTISE)[1]
    return f" in {place}" if place else ""
