"""What answers may weigh together while they wait for their readers.

An answer is built whole and stays in memory until its caller has taken it. A page of large plans is 60 MB, so a few
hundred callers that ask and do not read would take all there is: beyond a bound nobody may read until some is taken.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from jobpool.model.errors import ResourceExhausted

_LIMIT = 64 * 1024 * 1024
_MIB = 1024 * 1024


class Outgoing:
    """Bytes of the answers that are being sent. One answer may be of any size when little else is."""

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._held = 0

    def admit(self) -> None:
        """Raises ResourceExhausted while more than the limit waits to be taken."""
        if self._held > self._limit:
            raise ResourceExhausted(
                f"answers of {self._held // _MIB} MiB wait for callers that read slowly; try again, with smaller pages"
            )

    @contextmanager
    def sending(self, size: int) -> Iterator[None]:
        """Count an answer while the block sends it."""
        self._held += size
        try:
            yield
        finally:
            self._held -= size
