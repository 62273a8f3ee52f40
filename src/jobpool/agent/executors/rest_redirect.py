"""What goes along when a callee redirects: to another origin, nothing that was meant for the callee alone."""

from collections.abc import Collection

from aiohttp import ClientError, ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

_PLAIN = frozenset({"accept", "user-agent"})
"""Of the headers of a plan, those that say nothing but what is wanted."""


class Elsewhere(ClientError):
    """The callee redirects what nobody else may have."""


class Companion:
    """Of one call, through all its redirects. Once it has left the origin that the plan names, it stays abroad.

    `private` are the names of headers that stay behind. A body that is `secret` does not go at all.
    """

    def __init__(self, home: URL, private: Collection[str], *, secret: bool) -> None:
        self._home = home
        self._private = [name for name in private if name.lower() not in _PLAIN]
        self._secret = secret
        self._abroad = False

    async def __call__(self, request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
        """Raises Elsewhere."""
        self._abroad = self._abroad or not same_origin(self._home, request.url)
        if self._abroad:
            for name in self._private:
                request.headers.pop(name, None)
            if self._secret and request.method not in ("GET", "HEAD"):
                raise Elsewhere("the callee redirects a body with the run's token to another origin")
        return await send(request)


def same_origin(home: URL, url: URL) -> bool:
    """The same origin, or the same host once it wants TLS; both at their usual ports then."""
    upgraded = (home.scheme, home.port, url.scheme, url.port) == ("http", 80, "https", 443)
    return home.host == url.host and (upgraded or (home.scheme, home.port) == (url.scheme, url.port))
