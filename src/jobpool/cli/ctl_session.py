"""From a command to the servers and back: the one place where `jobpoolctl` enters asyncio."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from jobpool.cli.ctl_options import Settings

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
        ) as client:
            return await action(client)

    return asyncio.run(within())
