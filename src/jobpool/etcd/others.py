"""Which other members of the cluster do not answer, and why: what a member without a majority may be waiting for."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence

from jobpool.etcd.config import PeerTls
from jobpool.etcd.roll import ask_roll, caller_tls
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument, Unavailable


class Others:
    """The other members, by name, with their peer URLs; `tls` is how they are called."""

    def __init__(self, urls: Mapping[str, Sequence[str]], tls: PeerTls) -> None:
        self._urls = urls
        self._tls = tls

    async def silent(self, *, within: Millis) -> list[str]:
        """Those that answer at none of their URLs, as `name (url: reason)`."""
        try:
            tls = caller_tls(self._tls)
        except InvalidArgument as error:
            return [f"{name} (cannot be asked: {error})" for name in self._urls]
        found = await asyncio.gather(*(_why_silent(urls, tls, within) for urls in self._urls.values()))
        return [f"{name} ({why})" for name, why in zip(self._urls, found, strict=True) if why]


async def _why_silent(urls: Sequence[str], tls: ssl.SSLContext, within: Millis) -> str:
    """Empty when it answers."""
    try:
        await ask_roll(urls, tls=tls, within=within)
    except Unavailable as failure:
        return failure.reason
    return ""
