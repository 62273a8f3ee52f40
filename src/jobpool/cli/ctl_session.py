"""From a command to the servers and back: the one place where `jobpoolctl` enters asyncio."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from jobpool.cli.ctl_options import Settings
from jobpool.model.errors import JobpoolError, Unavailable

if TYPE_CHECKING:
    from jobpool.client import Client, TlsConfig

Result = TypeVar("Result")


def tls_of(settings: Settings) -> "TlsConfig | None":
    """None when no flag asks for TLS: then the endpoint's scheme decides."""
    from jobpool.client import TlsConfig

    if not (settings.cacert or settings.cert or settings.key or settings.insecure_skip_tls_verify):
        return None
    return TlsConfig(settings.cacert, settings.cert, settings.key, not settings.insecure_skip_tls_verify)


def run(settings: Settings, action: "Callable[[Client], Coroutine[Any, Any, Result]]") -> Result:
    """Do `action` with a client; raises what it raises."""
    from jobpool.client import Client

    async def within() -> Result:
        async with Client(
            settings.endpoints,
            tls_of(settings),
            timeout=settings.command_timeout,
            dial_timeout=settings.dial_timeout,
            hasty=True,
        ) as client:
            return await action(client)

    return asyncio.run(within())


async def ask_each(
    settings: Settings, endpoints: "Sequence[str]", action: "Callable[[Client], Coroutine[Any, Any, Result]]"
) -> list[Result | JobpoolError]:
    """Do `action` at every endpoint by itself, all at once; the answers or what they failed with, in their order."""
    return list(await asyncio.gather(*(_one(settings, endpoint, action) for endpoint in endpoints)))


async def _one(
    settings: Settings, endpoint: str, action: "Callable[[Client], Coroutine[Any, Any, Result]]"
) -> Result | JobpoolError:
    from jobpool.client import Client

    tls, timeout, dial = tls_of(settings), settings.command_timeout, settings.dial_timeout
    try:
        async with Client([endpoint], tls, timeout=timeout, dial_timeout=dial, hasty=True) as client:
            return await action(client)
    except JobpoolError as error:
        return error


async def endpoints_of(settings: Settings, *, cluster: bool) -> list[str]:
    """Those that were given, or those of all servers of their cluster, as URLs.

    Raises Unavailable when a server of the cluster has said no address, and what asking for them raises.
    """
    from jobpool.client import Client, parse_endpoint
    from jobpool.wire import jobpool_pb2 as pb

    if not cluster:
        return [parse_endpoint(text, secure=tls_of(settings) is not None).url for text in settings.endpoints]
    tls, timeout, dial = tls_of(settings), settings.command_timeout, settings.dial_timeout
    async with Client(settings.endpoints, tls, timeout=timeout, dial_timeout=dial, hasty=True) as client:
        servers = (await client.server_list(pb.ServerListRequest())).data
    silent = [server.name for server in servers if not server.url]
    if silent:
        raise Unavailable(f"the address of {', '.join(silent)} is not known: name the endpoints by --endpoints")
    return [server.url for server in servers]


def why(error: JobpoolError) -> str:
    """Why one endpoint did not answer, without the advice that is for all of them."""
    from jobpool.client import Unreachable

    return error.failures[0][1] if isinstance(error, Unreachable) else error.reason
