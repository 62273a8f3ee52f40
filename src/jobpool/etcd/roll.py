"""Asks a member, at its peer URLs, who belongs to the cluster and who of them has been started."""

import asyncio
import ssl
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from jobpool.etcd.config import PEER_SECURITY, PeerTls
from jobpool.etcd.http import get
from jobpool.kit.effects.channel import connect_failure
from jobpool.kit.effects.tls import Advice
from jobpool.kit.pure.durations import Millis
from jobpool.kit.pure.garbled import GARBLED
from jobpool.kit.pure.settings import split_url
from jobpool.model.errors import InvalidArgument, Unavailable

_PATH = "/members"
_OK = 200
_ADVICE = Advice(
    theirs=f"see trusted-ca-file below {PEER_SECURITY} here, and cert-file there",
    ours=f"see cert-file (or client-cert-file) below {PEER_SECURITY} here, and trusted-ca-file there",
)


class Listed(Struct, frozen=True, rename={"peer_urls": "peerURLs", "client_urls": "clientURLs"}):
    """A member as another one lists it.

    `client_urls` tell whether it was ever started: it tells the others of them once it is one of them, and they keep
    them for good. Its name tells nothing: where a cluster began with it, all have that from the configuration.
    """

    id: int
    name: str = ""
    peer_urls: tuple[str, ...] = ()
    client_urls: tuple[str, ...] = ()


async def ask_roll(urls: Sequence[str], *, tls: ssl.SSLContext | None, within: Millis) -> tuple[Listed, ...]:
    """What the member at the first of these URLs that answers says. Raises Unavailable, saying why none does."""
    reasons: list[str] = []
    for url in urls:
        try:
            async with asyncio.timeout(within / 1000):
                return await _ask(url, tls)
        except TimeoutError:
            reasons.append(f"no answer within {within} ms")
        except OSError as error:
            reasons.append(connect_failure(error, _ADVICE))
        except Unavailable as failure:
            reasons.append(failure.reason)
    raise Unavailable("; ".join(f"{url}: {reason}" for url, reason in zip(urls, reasons, strict=True)))


def caller_tls(tls: PeerTls) -> ssl.SSLContext:
    """How etcd itself calls other members with these files. Raises InvalidArgument for files that do not do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.auto_tls and not tls.cert_file:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif not tls.trusted_ca_file:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(tls.trusted_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise _refused("trusted-ca-file", tls.trusted_ca_file, error) from None
    key = "client-cert-file" if tls.client_cert_file else "cert-file"
    cert = tls.client_cert_file or tls.cert_file
    if cert:
        try:
            context.load_cert_chain(cert, tls.client_key_file or tls.key_file, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise _refused(key, cert, error) from None
    return context


async def _ask(url: str, tls: ssl.SSLContext | None) -> tuple[Listed, ...]:
    parts = split_url(url)
    if parts is None or parts.hostname is None or parts.port is None:
        raise Unavailable("that is no URL with a port")
    answer = await get((parts.hostname, parts.port), _PATH, tls=tls if parts.scheme == "https" else None)
    if answer.status != _OK:
        raise Unavailable(f"an answer that is no member's (HTTP status {answer.status})")
    try:
        return msgspec.json.decode(answer.body, type=tuple[Listed, ...])
    except GARBLED:
        raise Unavailable(f"an answer that is no member's: {answer.body[:80]!r}") from None


def _refused(key: str, path: str, error: Exception) -> InvalidArgument:
    return InvalidArgument(f"{PEER_SECURITY}.{key}", f"{path} does not do for the traffic between members: {error}")


def _no_password() -> str:
    raise ValueError("the key is encrypted; wanted one without a password")
