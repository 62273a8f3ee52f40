"""The client: tries the servers in order, within one deadline, and never sends a change twice.

Reads go on to the next server when one is unavailable. Writes do so only while no connection could be made, because
after that the change may have been stored. A run with an idempotency key counts as a read here: the key makes it
safe to send again. Progress is logged by the standard library's logging (a library does not choose its host's logs).
"""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self

from google.protobuf.message import Message

from jobpool.client.calls import Calls
from jobpool.client.endpoints import parse_endpoint
from jobpool.client.errors import Unreachable
from jobpool.client.link import Link, Reply
from jobpool.client.tls import TlsConfig
from jobpool.kit.effects.clock import Clock, SystemClock
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import DeadlineExceeded, InvalidArgument, JobpoolError, Unavailable
from jobpool.wire import jobpool_pb2 as pb

CALL_TIMEOUT: Millis = 5 * SECOND
DIAL_TIMEOUT: Millis = 2 * SECOND
MAYBE_MADE = "; the change may have been made: look before you repeat it"

log = logging.getLogger(__name__)


class Client(Calls):
    """Calls `endpoints` (`host:port`, `http://…`, `https://…`), starting with the one that answered last.

    `tls` None: https endpoints are verified against the system's authorities, and an endpoint without a scheme is
    spoken to in clear; with `tls` it is https. `timeout` (ms) bounds every call, tries at other servers included.
    Use it as an async context manager, in one event loop. Raises InvalidArgument for bad endpoints.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        tls: TlsConfig | None = None,
        *,
        timeout: Millis = CALL_TIMEOUT,
        dial_timeout: Millis = DIAL_TIMEOUT,
        clock: Clock | None = None,
    ) -> None:
        if not endpoints:
            raise InvalidArgument("endpoints", "wanted at least one server, found none")
        parsed = [parse_endpoint(text, secure=tls is not None) for text in endpoints]
        self._links = [Link(endpoint, tls, dial_timeout=dial_timeout) for endpoint in parsed]
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._good = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for link in self._links:
            link.close()

    async def call(
        self,
        rpc: str,
        request: Message,
        *,
        reply: type[Reply],
        repeatable: bool = False,
        timeout: Millis | None = None,
    ) -> Reply:
        """One unary call. `repeatable`: it may be sent to a second server when the first may have received it.

        Raises the error that the server raised, Unreachable when no server could be connected to, Unavailable or
        DeadlineExceeded when one could but did not answer (then a write may have been made).
        """
        ends = self._clock.monotonic() + (self._timeout if timeout is None else timeout)
        failures: list[JobpoolError] = []
        order = [(self._good + step) % len(self._links) for step in range(len(self._links))]
        for tried, index in enumerate(order):
            left = ends - self._clock.monotonic()
            if left <= 0:
                break
            share = left // (len(order) - tried) if repeatable else left
            try:
                answer = await self._links[index].call(
                    rpc, request, reply=reply, timeout=max(1, share), if_lost="" if repeatable else MAYBE_MADE
                )
            except Unreachable as error:
                failures.append(error)
            except (Unavailable, DeadlineExceeded) as error:
                if not repeatable:
                    raise
                failures.append(error)
            except JobpoolError:
                self._good = index
                raise
            else:
                self._good = index
                return answer
            log.debug("%s goes on to the next server: %s", rpc, failures[-1])
        raise _verdict(failures, rpc)

    async def snapshot_save(self) -> AsyncGenerator[bytes, None]:
        """The bytes of a snapshot, for `keep_snapshot`, from the first server that can be reached.

        Each piece is waited for as long as a call. Raises the error that the server raised, Unreachable, Unavailable
        when it breaks half-way, DeadlineExceeded when a piece does not come.
        """
        failures: list[JobpoolError] = []
        for step in range(len(self._links)):
            link = self._links[(self._good + step) % len(self._links)]
            request = pb.SnapshotSaveRequest()
            pieces = link.stream("SnapshotSave", request, reply=pb.SnapshotPiece, patience=self._timeout)
            try:
                async with aclosing(pieces):
                    async for piece in pieces:
                        yield piece.data
            except Unreachable as error:
                failures.append(error)
            else:
                return
        raise _verdict(failures, "SnapshotSave")


def _verdict(failures: Sequence[JobpoolError], rpc: str) -> JobpoolError:
    """The first failure of a server that could be reached says most; else all that could not be."""
    for error in failures:
        if not isinstance(error, Unreachable):
            return error
    lost = [failure for error in failures if isinstance(error, Unreachable) for failure in error.failures]
    return Unreachable(lost) if lost else DeadlineExceeded(f"no time was left for {rpc}")
