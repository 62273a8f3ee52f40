"""TLS towards a server: always verified unless the caller says otherwise in so many words."""

import ssl

from msgspec import Struct

from jobpool.model.errors import InvalidArgument


class TlsConfig(Struct, frozen=True):
    """Paths of PEM files; empty `ca_file` = the system's authorities; `verify` False trusts anyone."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    verify: bool = True


def client_context(config: TlsConfig, *, protocol: str) -> ssl.SSLContext:
    """A context of TLS 1.2 or newer that offers `protocol` (`h2`, `http/1.1`) by ALPN.

    Raises InvalidArgument naming the option whose file cannot be used.
    """
    context = _trusting(config.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([protocol])
    if not config.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.key_file and not config.cert_file:
        raise InvalidArgument("cert", f"a key ({config.key_file}) needs its certificate")
    if config.cert_file:
        _present(context, config.cert_file, config.key_file)
    return context


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file or None)
    except OSError as error:
        raise InvalidArgument("cacert", f"cannot use {ca_file}: {_reason(error)}") from error


def _present(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    try:
        context.load_cert_chain(cert_file, key_file or None)
    except OSError as error:
        raise InvalidArgument("cert", f"cannot use {cert_file} with key {key_file!r}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
