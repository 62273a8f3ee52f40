"""What a caller's key stands for, so that a request which is sent again is made once."""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis


class IdempotencyMark(Struct, frozen=True, array_like=True):
    """A key that was used: the id of what it made, until when it is remembered, and the digest of the request."""

    made: str
    until: Millis
    digest: str
