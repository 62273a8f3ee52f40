"""TLS of a listener, and of its server when it calls other servers: certificates, the CA that is trusted, and ALPN."""

import ssl
from pathlib import Path

from jobpool.model.errors import InvalidArgument

_PROTOCOLS = ["http/1.1", "h2"]
"""In our order of preference: browsers offer both and get HTTP/1.1; gRPC clients offer only h2."""


def server_tls(
    cert_file: str, key_file: str, *, trusted_ca_file: str = "", client_cert_auth: bool = False
) -> ssl.SSLContext:
    """TLS 1.2 or newer. Clients must show a certificate of `trusted_ca_file` when it is given, as in etcd.

    Raises InvalidArgument, which names the option, for files that cannot be read or do not fit together.
    """
    if client_cert_auth and not trusted_ca_file:
        raise InvalidArgument(
            "trusted-ca-file", "wanted the CA of the clients' certificates, as client-cert-auth is on"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(_PROTOCOLS)
    _show(context, cert_file, key_file)
    if trusted_ca_file:
        _trust(context, trusted_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def peer_tls(cert_file: str, key_file: str, *, trusted_ca_file: str = "") -> ssl.SSLContext:
    """How this server calls others: it verifies them, by `trusted_ca_file` or as the system trusts, and shows its own
    certificate, if it has one. Raises InvalidArgument as `server_tls` does.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if trusted_ca_file:
        _trust(context, trusted_ca_file)
    else:
        context.load_default_certs()
    if cert_file:
        _show(context, cert_file, key_file)
    return context


def _show(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    _check_readable("cert-file", cert_file)
    _check_readable("key-file", key_file)
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidArgument(
            "cert-file", f"{cert_file} and {key_file} are no certificate and its key: {error}"
        ) from None


def _trust(context: ssl.SSLContext, trusted_ca_file: str) -> None:
    _check_readable("trusted-ca-file", trusted_ca_file)
    try:
        context.load_verify_locations(trusted_ca_file)
    except ssl.SSLError as error:
        raise InvalidArgument("trusted-ca-file", f"{trusted_ca_file} has no certificate: {error}") from None


def _check_readable(option: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgument(option, f"cannot read {path!r}: {error.strerror}") from None


def _no_password() -> str:
    raise ValueError("the key is encrypted; wanted one without a password")
