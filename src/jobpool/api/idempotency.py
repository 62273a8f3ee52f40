"""Idempotency keys of requests: the request's own, else the one beside it (header or metadata)."""

from hashlib import sha256

from google.protobuf.message import Message

from jobpool.api.service import Call
from jobpool.model.errors import InvalidArgument
from jobpool.store.commands import Mark

_MAX_KEY = 255
_FIELD = "idempotency_key"


def _idempotency_key(request: Message, call: Call) -> str:
    """Empty when the caller gave none. Raises InvalidArgument for one that is too long."""
    key = str(getattr(request, _FIELD)) or call.idempotency_key
    if len(key) > _MAX_KEY:
        raise InvalidArgument(_FIELD, f"holds at most {_MAX_KEY} characters, found {len(key)}")
    return key


def mark_of(request: Message, call: Call, *scope: str) -> Mark | None:
    """What the caller's key names, within the request's call and `scope`; None without a key."""
    key = _idempotency_key(request, call)
    if not key:
        return None
    named = "\0".join((request.DESCRIPTOR.name, *scope, key))
    content = type(request)()
    content.CopyFrom(request)
    content.ClearField(_FIELD)
    return Mark(sha256(named.encode()).hexdigest(), sha256(content.SerializeToString(deterministic=True)).hexdigest())
