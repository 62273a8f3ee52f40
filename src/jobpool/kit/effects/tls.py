"""What goes wrong with TLS, in words: who refused whom, and why."""

import ssl

from msgspec import Struct


class Advice(Struct, frozen=True):
    """What to look at when a certificate is refused: the other end's by us, or ours by the other end."""

    theirs: str
    ours: str


NO_ADVICE = Advice("", "")

_ALERT = "_ALERT_"
_ABOUT_CERTIFICATES = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR")
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG")


def tls_failure(error: ssl.SSLError, advice: Advice = NO_ADVICE) -> str:
    """Why a connection has failed; `it` is the other end."""
    if isinstance(error, ssl.SSLCertVerificationError):
        told = error.verify_message.rstrip(".")
        return _with(f"its certificate is not trusted: certificate verify failed: {told}", advice.theirs)
    reason = (error.reason or "").upper()
    if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return _with("it shows no certificate, and one is wanted here", advice.theirs)
    if reason in _NO_TLS:
        return "no TLS handshake: it does not speak TLS"
    _, alert, about = reason.partition(_ALERT)
    if not alert:
        return f"no TLS handshake: {_lower(reason) or error}"
    if about == "CERTIFICATE_REQUIRED":
        return _with("it wants a certificate of us, and is shown none", advice.ours)
    if any(word in about for word in _ABOUT_CERTIFICATES):
        return _with(f"it refuses our certificate: {_lower(about)}", advice.ours)
    return f"it refuses the TLS handshake: {_lower(about)}"


def silent_end(advice: Advice = NO_ADVICE) -> str:
    """Of an end that has closed the connection after the handshake without a word; such as cannot send alerts do so."""
    return _with("it closed the connection before it said anything: it may refuse our certificate", advice.ours)


def _with(failure: str, advice: str) -> str:
    return f"{failure}; {advice}" if advice else failure


def _lower(reason: str) -> str:
    return reason.replace("_", " ").lower()
