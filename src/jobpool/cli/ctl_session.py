"""From a command to the servers and back: the one place where `jobpoolctl` enters asyncio."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from jobpool.cli.ctl_options import Settings
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import JobpoolError, Unavailable

if TYPE_CHECKING:
    from jobpool.client import Client, TlsConfig
    from jobpool.kit.effects.channel import Keepalive

Result = TypeVar("Result")

LEAST_KEEPALIVE: Millis = 10 * SECOND


def tls_of(settings: Settings) -> "TlsConfig | None":
    """None when no flag asks for TLS: then the endpoint's scheme decides."""
    from jobpool.client import TlsConfig

    named = settings.cacert or settings.cert or settings.key or settings.insecure_skip_tls_verify
    if settings.insecure_transport and not named:
        return None
    return TlsConfig(settings.cacert, settings.cert, settings.key, not settings.insecure_skip_tls_verify)


def keepalive_of(settings: Settings) -> "Keepalive":
    """Never more often than etcd's clients do: its servers hang up on those that ask too often."""
    from jobpool.kit.effects.channel import Keepalive

    every = max(settings.keepalive_time, LEAST_KEEPALIVE)
    return Keepalive(every=every, patience=max(settings.keepalive_timeout, 1))


def client_of(settings: Settings, endpoints: "Sequence[str]" = ()) -> "Client":
    """A client of these endpoints, by default those of --endpoints. Raises InvalidArgument."""
    from jobpool.client import Client

    return Client(
        endpoints or settings.endpoints,
        tls_of(settings),
        timeout=settings.command_timeout,
        dial_timeout=settings.dial_timeout,
        keepalive=keepalive_of(settings),
        hasty=True,
    )


def run(settings: Settings, action: "Callable[[Client], Coroutine[Any, Any, Result]]") -> Result:
    """Do `action` with a client; raises what it raises."""

    async def within() -> Result:
        async with client_of(settings) as client:
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
    try:
        async with client_of(settings, [endpoint]) as client:
            return await action(client)
    except JobpoolError as error:
        return error


async def endpoints_of(settings: Settings, *, cluster: bool) -> list[str]:
    """Those that were given, or those of all servers of their cluster, as URLs.

    Raises Unavailable when a server of the cluster has said no address, and what asking for them raises.
    """
    from jobpool.client import parse_endpoint
    from jobpool.wire import jobpool_pb2 as pb

    if not cluster:
        return [parse_endpoint(text, secure=tls_of(settings) is not None).url for text in settings.endpoints]
    async with client_of(settings) as client:
        servers = (await client.server_list(pb.ServerListRequest())).data
    silent = [server.name for server in servers if not server.url]
    if silent:
        raise Unavailable(f"the address of {', '.join(silent)} is not known: name the endpoints by --endpoints")
    return [server.url for server in servers]


def why(error: JobpoolError) -> str:
    """Why one endpoint did not answer, without the advice that is for all of them."""
    from jobpool.client import Unreachable

    return error.failures[0][1] if isinstance(error, Unreachable) else error.reason
