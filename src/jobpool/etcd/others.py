"""Which other members of the cluster can be reached at all: what a member without a majority may be waiting for."""

import asyncio
from collections.abc import Mapping, Sequence

from jobpool.kit.pure.durations import Millis
from jobpool.kit.pure.settings import split_url


class Others:
    """The other members, by name, with their peer URLs."""

    def __init__(self, urls: Mapping[str, Sequence[str]]) -> None:
        self._urls = urls

    async def silent(self, *, within: Millis) -> list[str]:
        """Those at none of whose URLs anything listens, as `name (url)`."""
        named = [(name, url) for name, urls in self._urls.items() for url in urls]
        answers = await asyncio.gather(*(_listens(url, within) for _, url in named))
        heard = {name for (name, _), answer in zip(named, answers, strict=True) if answer}
        return [f"{name} ({', '.join(urls)})" for name, urls in self._urls.items() if name not in heard]


async def _listens(url: str, within: Millis) -> bool:
    parts = split_url(url)
    if parts is None or parts.hostname is None:
        return False
    try:
        async with asyncio.timeout(within / 1000):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:  # among them TimeoutError
        return False
    writer.close()
    return True
