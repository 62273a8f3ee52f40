"""What goes beside a request: an idempotency key, a language, a request id, a token."""

import re

from google.protobuf.message import Message
from msgspec import Struct
from msgspec.structs import asdict, replace

from jobpool.model.errors import InvalidArgument

_PRINTABLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_NAMES = {
    "idempotency_key": "idempotency-key",
    "language": "accept-language",
    "request_id": "x-request-id",
    "token": "x-jobpool-token",
}


class Headers(Struct, frozen=True, kw_only=True):
    """Empty = not sent.

    `idempotency_key`: the same call with the same key is carried out once. `language`: of error texts, `zh` or English.
    `request_id`: what the request is called in the servers' logs. `token`: what a run was given to report its end by.
    """

    idempotency_key: str = ""
    language: str = ""
    request_id: str = ""
    token: str = ""

    def __post_init__(self) -> None:
        for field, text in asdict(self).items():
            if text and not _PRINTABLE.fullmatch(text):
                raise InvalidArgument(field, f"wanted up to 255 printable ASCII characters, found {text[:40]!r}")
        if self.request_id and not _REQUEST_ID.fullmatch(self.request_id):
            raise InvalidArgument(
                "request_id", f"wanted up to 128 of letters, digits and '._-', found {self.request_id[:40]!r}"
            )

    def laid_over(self, other: "Headers") -> "Headers":
        """These, and of the other what these leave open."""
        own = {field: text for field, text in asdict(self).items() if text}
        return Headers(**(asdict(other) | own))

    def metadata(self) -> dict[str, str]:
        return {_NAMES[field]: text for field, text in asdict(self).items() if text}

    def beside(self, rpc: str, request: Message, *, reads: bool) -> dict[str, str]:
        """The metadata for one request; a key means nothing beside one that only reads.

        Raises InvalidArgument for a key beside a change for which servers look at none: it might be made twice.
        """
        if not self.idempotency_key or "idempotency_key" in request.DESCRIPTOR.fields_by_name:
            return self.metadata()
        if not reads:
            raise InvalidArgument("idempotency_key", f"{rpc} takes none")
        return replace(self, idempotency_key="").metadata()
