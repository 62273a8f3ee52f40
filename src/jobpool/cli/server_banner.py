"""What people are told of a server that has started: where it is, where its data are, what to do next."""

import os
import platform
from collections.abc import Sequence
from importlib import metadata

import msgspec

from jobpool import __version__
from jobpool.etcd.config import MemberConfig, members_of
from jobpool.kit.pure.settings import split_url
from jobpool.server.config import ExternalEtcd, ServerConfig

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 — what it is, not a place to bind to
_FOUND_BY_ITSELF = ("http://localhost:2379", "http://127.0.0.1:2379")


class _Vcs(msgspec.Struct, frozen=True):
    commit_id: str = ""


class _Origin(msgspec.Struct, frozen=True):
    vcs_info: _Vcs = _Vcs()


def version_text() -> str:
    """Four lines, in the original's shape."""
    return (
        f"jobpool Version: {__version__}\n"
        f"Git SHA: {_commit() or 'not provided'}\n"
        f"Python Version: {platform.python_version()}\n"
        f"OS/Arch: {platform.system().lower()}/{platform.machine()}"
    )


def client_urls(listen: Sequence[str], addresses: Sequence[tuple[str, int]]) -> list[str]:
    """The URLs at which this machine reaches a server: as they were written, with a host and a port that can be called.

    `addresses`: what is listened on, which tells the ports that were taken for 0.
    """
    urls: list[str] = []
    fixed = {parts.port for url in listen if (parts := split_url(url)) is not None}
    free = [(host, port) for host, port in addresses if port not in fixed]
    for url in listen:
        parts = split_url(url)
        if parts is None or parts.hostname is None:
            continue
        places = [(parts.hostname, parts.port)] if parts.port else free
        urls += [f"{parts.scheme}://{_callable(host)}:{port}" for host, port in places]
    return list(dict.fromkeys(urls))


def banner(config: ServerConfig, urls: Sequence[str]) -> str:
    return (
        f"jobpool {__version__} answers at {', '.join(urls)}\n"
        f"  data: {os.path.abspath(config.directory)} (engine: {_engine(config)})\n"
        f"  try:  {jobpoolctl(urls)} plan list\n"
        f"        {urls[0]}/ui/ in a browser"
    )


def _engine(config: ServerConfig) -> str:
    match config.etcd:
        case None:
            return "embedded"
        case ExternalEtcd(endpoints=endpoints):
            return f"etcd at {', '.join(endpoints)}"
        case MemberConfig() as member:
            names = members_of(member.cluster)
            return f"etcd, {member.name} of {', '.join(names)}" if len(names) > 1 else "etcd"


def jobpoolctl(urls: Sequence[str]) -> str:
    """How to call jobpoolctl for a server at these URLs."""
    if urls[0] in _FOUND_BY_ITSELF:
        return "jobpoolctl"
    return f"jobpoolctl --endpoints {urls[0]}{' --cacert FILE' if urls[0].startswith('https:') else ''}"


def _callable(host: str) -> str:
    host = _EVERYWHERE.get(host, host)
    return f"[{host}]" if ":" in host else host


def _commit() -> str:
    """Known when it was installed from a repository."""
    try:
        told = metadata.distribution("jobpool").read_text("direct_url.json")
        return msgspec.json.decode(told, type=_Origin).vcs_info.commit_id if told else ""
    except (metadata.PackageNotFoundError, msgspec.MsgspecError):
        return ""
