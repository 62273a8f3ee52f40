"""Which other members of the cluster do not answer, and why: what a member without a majority may be waiting for."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence

from msgspec import Struct

from jobpool.etcd.config import PeerTls
from jobpool.etcd.roll import ask_roll, caller_tls
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument, Unavailable


class Silence(Struct, frozen=True):
    """`members` that do not answer, as `name (url: reason)`; `known`: by our member, not by `initial-cluster`."""

    members: tuple[str, ...]
    known: bool

    def __str__(self) -> str:
        told = "; ".join(self.members)
        return told if self.known or not told else f"{told} (by initial-cluster)"


class Others:
    """The other members, by name, with their peer URLs; `tls` is how they are called.

    `own` are our member's peer URLs, where it says who they are now: `urls`, of the configuration, may be of old.
    """

    def __init__(self, urls: Mapping[str, Sequence[str]], tls: PeerTls, *, own: Sequence[str] = ()) -> None:
        self._urls = urls
        self._tls = tls
        self._own = own

    async def silent(self, *, within: Millis) -> Silence:
        """Those that answer at none of their URLs, by name."""
        try:
            tls = caller_tls(self._tls)
        except InvalidArgument as error:
            return Silence(tuple(f"{name} (cannot be asked: {error})" for name in self._urls), known=False)
        known = await self._known(tls, within)
        urls = self._urls if known is None else known
        found = await asyncio.gather(*(_why_silent(there, tls, within) for there in urls.values()))
        silent = tuple(sorted(f"{name} ({why})" for name, why in zip(urls, found, strict=True) if why))
        return Silence(silent, known=known is not None)

    async def _known(self, tls: ssl.SSLContext, within: Millis) -> dict[str, Sequence[str]] | None:
        """None when our member does not say."""
        try:
            roll = await ask_roll(self._own, tls=tls, within=within)
        except Unavailable:
            return None
        others = [one for one in roll if not set(one.peer_urls) & set(self._own)]
        if len(others) == len(roll):  # it does not know itself yet
            return None
        return {one.name or f"{one.id:x}": one.peer_urls for one in others}


async def _why_silent(urls: Sequence[str], tls: ssl.SSLContext, within: Millis) -> str:
    """Empty when it answers."""
    try:
        await ask_roll(urls, tls=tls, within=within)
    except Unavailable as failure:
        return failure.reason
    return ""
