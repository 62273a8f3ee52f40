"""What a failed call to etcd means for whoever made it: try elsewhere, do something first, or give up."""

import grpc

from jobpool.model.errors import StoreFailed
from jobpool.store.port import Compacted


class Unreachable(StoreFailed):
    """No answer, or none that settles anything. A read may be tried elsewhere; a transaction may still land."""


class TokenRefused(StoreFailed):
    """The token is unknown or outdated; nothing was done. A new one may be accepted."""


class NoSpace(StoreFailed):
    """The database quota is used up. When it was found out late, the transaction has landed all the same."""


class TooManyOps(StoreFailed):
    """More operations than the member takes in one transaction; nothing was done."""


class Denied(StoreFailed):
    """The user is known and may not do this; nothing was done."""


_UNSETTLED = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)

_TOKEN = ("invalid auth token", "auth store is old", "user name is empty")

_ADVICE = (
    ("user name is empty", "this etcd wants a user: set its name and password"),
    ("authentication failed", "the user or the password is wrong"),
    ("permission denied", "the user needs a role with readwrite on every key under the prefix (to compact: root)"),
    ("request is too large", "start etcd with --max-request-bytes 1572864 or more"),
    ("not supported for learner", "its member has no vote yet: `jobpoolctl member promote` at another server"),
    ("message larger than max", "start etcd with --max-request-bytes 1572864 or more"),
)

_NO_SPACE = (
    "its database quota is used up: servers make room in an etcd of their own within a minute; whoever runs another "
    "one compacts and defragments it, or raises --quota-backend-bytes, and then calls `etcdctl alarm disarm`"
)


def explain(error: grpc.aio.AioRpcError, where: str) -> StoreFailed:
    """The failure of a call, as one of ours."""
    return judge(error.code(), error.details() or "no details", where)


def judge(code: grpc.StatusCode | None, details: str, where: str) -> StoreFailed:
    """The same, from its parts; `code` None for a watch that etcd cancelled, which says so in words only."""
    reason = f"etcd {where}: {details}"
    if "revision has been compacted" in details:
        return Compacted(reason)
    if "database space exceeded" in details:
        return NoSpace(f"{reason}; {_NO_SPACE}")
    if "too many operations" in details:
        return TooManyOps(reason)
    advice = next((text for sign, text in _ADVICE if sign in details), "")
    told = f"{reason}; {advice}" if advice else reason
    if any(sign in details for sign in _TOKEN):
        return TokenRefused(told)
    if "permission denied" in details:
        return Denied(told)
    unsettled = code in _UNSETTLED if code is not None else not advice
    return Unreachable(told) if unsettled else StoreFailed(told)
