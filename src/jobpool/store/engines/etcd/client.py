"""A thin client of etcd: every call has a deadline, reads are tried at each endpoint, a transaction is sent once.

A transaction whose outcome is unknown is never sent again from here: only its caller can tell, by the fence, whether
the identical one may be.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import InvalidArgument, StoreFailed
from jobpool.store.engines.etcd.errors import TokenRefused, Unreachable
from jobpool.store.engines.etcd.link import Link, Metadata, Method, Q, R
from jobpool.store.engines.etcd.settings import Timeouts, Tls, User, parse_endpoint
from jobpool.store.engines.etcd.watch import Batch, WatchStream
from jobpool.store.port import OutcomeUnknown
from jobpool.wire.etcd_pb2 import (
    AuthenticateRequest,
    AuthenticateResponse,
    CompactionRequest,
    CompactionResponse,
    MemberListRequest,
    MemberListResponse,
    RangeRequest,
    RangeResponse,
    StatusRequest,
    StatusResponse,
    TxnRequest,
    TxnResponse,
)

_RANGE: Method[RangeRequest, RangeResponse] = Method("/etcdserverpb.KV/Range", RangeResponse)
_TXN: Method[TxnRequest, TxnResponse] = Method("/etcdserverpb.KV/Txn", TxnResponse)
_COMPACT: Method[CompactionRequest, CompactionResponse] = Method("/etcdserverpb.KV/Compact", CompactionResponse)
_STATUS: Method[StatusRequest, StatusResponse] = Method("/etcdserverpb.Maintenance/Status", StatusResponse)
_MEMBERS: Method[MemberListRequest, MemberListResponse] = Method("/etcdserverpb.Cluster/MemberList", MemberListResponse)
_AUTHENTICATE: Method[AuthenticateRequest, AuthenticateResponse] = Method(
    "/etcdserverpb.Auth/Authenticate", AuthenticateResponse
)

_REQUIRE_LEADER = ("hasleader", "true")
"""A watch at a member that lost its quorum ends, instead of falling silent."""

_RESUME_BASE, _RESUME_LIMIT = 20, 1_000
_ROUNDS = 3


class EtcdClient:
    """The calls that the engine needs, over all endpoints; the one that answered last is asked first."""

    def __init__(self, endpoints: Sequence[str], *, tls: Tls | None, user: User | None, timeouts: Timeouts) -> None:
        """Raises InvalidArgument for an endpoint that is none."""
        if not endpoints:
            raise InvalidArgument("etcd-endpoints", "wanted at least one endpoint, found none")
        self._links = [Link(parse_endpoint(text, tls=tls is not None), tls) for text in endpoints]
        self._user = user
        self._timeouts = timeouts
        self._preferred = 0
        self._token = ""
        self._needs_none = False
        self._authenticating = asyncio.Lock()
        self._closing = asyncio.Event()
        self._log = get_logger("etcd")

    async def range(self, request: RangeRequest) -> RangeResponse:
        """Keys; linearizable unless the request says otherwise."""
        return await self._ask(_RANGE, request)

    async def read(self, request: TxnRequest, *, long: bool = False) -> TxnResponse:
        """A transaction that may be done twice: one that only reads, or whose second time changes nothing.

        `long`: etcd may take its time over it.
        """
        return await (self._ask_long if long else self._ask)(_TXN, request)

    async def write(self, request: TxnRequest) -> TxnResponse:
        """Send a transaction, once.

        Raises OutcomeUnknown when it may have landed or still can, StoreFailed when it is definitely refused (for
        NoSpace see there).
        """
        link = self._links[self._preferred]
        try:
            return await self._call(link, _TXN, request, self._timeouts.write)
        except Unreachable as failure:
            self._turn_from(link)
            raise OutcomeUnknown(failure.reason) from failure

    async def compact(self, revision: int, *, physical: bool = False) -> None:
        """Forget what was before the revision; `physical`: return when it is gone from the disk.

        Raises Compacted when that was done already.
        """
        await self._ask_long(_COMPACT, CompactionRequest(revision=revision, physical=physical))

    async def statuses(self) -> dict[str, StatusResponse | StoreFailed]:
        """What each endpoint says of itself, or why it does not."""
        timeout = self._timeouts.read // 2
        calls = (self._call(link, _STATUS, StatusRequest(), timeout) for link in self._links)
        found = await asyncio.gather(*calls, return_exceptions=True)
        answers: dict[str, StatusResponse | StoreFailed] = {}
        for link, answer in zip(self._links, found, strict=True):
            if isinstance(answer, BaseException) and not isinstance(answer, StoreFailed):
                raise answer
            answers[str(link.endpoint)] = answer
        return answers

    async def status(self) -> StatusResponse:
        """What the endpoint that answered last says of itself."""
        return await self._ask(_STATUS, StatusRequest())

    async def once(self, method: Method[Q, R], request: Q, *, timeout: Millis) -> R:
        """For what changes something: ask the endpoint that answered last, once.

        Raises Unreachable when it may have done it or not; what is asked next is asked of another endpoint first.
        """
        link = self._links[self._preferred]
        try:
            return await self._call(link, method, request, timeout)
        except Unreachable:
            self._turn_from(link)
            raise

    async def ask(self, method: Method[Q, R], request: Q, *, timeout: Millis) -> R:
        """For what changes nothing: ask one endpoint after the other, each for its part of the time."""
        return await self._anywhere(method, request, total=timeout, each=timeout // len(self._links))

    async def members(self, *, within: Millis) -> MemberListResponse:
        """The members of the cluster; as the one that is asked last knew them, when there is no quorum `within`."""
        try:
            return await self.ask(_MEMBERS, MemberListRequest(linearizable=True), timeout=within)
        except Unreachable:
            return await self._ask(_MEMBERS, MemberListRequest(linearizable=False))

    async def watch(self, first: bytes, last: bytes, start: int) -> AsyncGenerator[Batch, None]:
        """What happens to the keys of [first, last) from revision `start` on, for ever; resumed wherever it breaks.

        Raises Compacted when events are gone or too many are missing, StoreFailed when etcd refuses for good.
        """
        failures = 0
        while True:
            link = self._links[self._preferred]
            try:
                async with aclosing(await self._stream(link, first, last, start)) as stream:
                    async for batch in stream.batches(start):
                        start, failures = batch.resume, 0
                        if batch.events:
                            yield batch
            except Unreachable as failure:
                self._check_open()
                self._turn_from(link)
                failures += 1
                if failures == 1:
                    self._log.warning("the watch was cut and is resumed", event_name="watch_cut", error=failure.reason)
            await self._pause(exponential(failures, base=_RESUME_BASE, limit=_RESUME_LIMIT))

    async def close(self) -> None:
        """Every call and watch that goes on ends with StoreFailed."""
        if self._closing.is_set():
            return
        self._closing.set()
        for link in self._links:
            await link.close()

    async def _stream(self, link: Link, first: bytes, last: bytes, start: int) -> WatchStream:
        self._check_open()
        token = await self._current_token(link)
        stream = WatchStream(link.watch((*_metadata(token), _REQUIRE_LEADER)), str(link.endpoint), self._timeouts)
        try:
            await stream.begin(first, last, start)
        except BaseException as failure:
            await stream.aclose()
            if isinstance(failure, TokenRefused) and self._user is not None:
                await self._authenticate(link, token)
                raise Unreachable(failure.reason) from failure
            raise
        return stream

    async def _anywhere(self, method: Method[Q, R], request: Q, *, total: Millis, each: Millis) -> R:
        """Ask one endpoint after the other until one answers or refuses for good, in three rounds: a connection that
        was cut while it was idle can fail whoever reads, and then whoever writes, before it is known to be gone.

        `total` and `each` attempt are deadlines.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + total / 1000
        failures: list[Unreachable] = []
        first = self._preferred
        in_turn = (*self._links[first:], *self._links[:first])
        for link in in_turn * _ROUNDS:
            if len(failures) == (_ROUNDS - 1) * len(in_turn):
                await self._pause(_RESUME_BASE)  # by then it is known
            left = int((end - loop.time()) * 1000)
            if failures and left <= 0:
                break
            try:
                return await self._call(link, method, request, min(each, left))
            except Unreachable as failure:
                self._check_open()
                self._turn_from(link)
                failures.append(failure)
        told = dict.fromkeys(failure.reason for failure in failures)
        raise Unreachable("; ".join(told)) from failures[-1]

    async def _ask(self, method: Method[Q, R], request: Q) -> R:
        """A call that is soon answered or not at all."""
        return await self.ask(method, request, timeout=self._timeouts.read)

    async def _ask_long(self, method: Method[Q, R], request: Q) -> R:
        """A call that etcd may work on for long."""
        total = self._timeouts.long
        return await self._anywhere(method, request, total=total, each=total)

    async def _call(self, link: Link, method: Method[Q, R], request: Q, timeout: Millis) -> R:
        """One answer of one endpoint. A token that was refused is replaced once: nothing had been done with it."""
        self._check_open()
        token = await self._current_token(link)
        try:
            return await link.call(method, request, timeout=timeout, metadata=_metadata(token))
        except TokenRefused:
            if self._user is None:
                raise
            token = await self._authenticate(link, token)
            return await link.call(method, request, timeout=timeout, metadata=_metadata(token))

    async def _current_token(self, link: Link) -> str:
        if self._user is None or self._token or self._needs_none:
            return self._token
        return await self._authenticate(link, "")

    async def _authenticate(self, link: Link, refused: str) -> str:
        """A token other than the refused one; empty while etcd's authentication is off, until a call is refused."""
        async with self._authenticating:
            if self._user is not None and self._token == refused:
                request = AuthenticateRequest(name=self._user.name, password=self._user.password)
                try:
                    answer = await link.call(_AUTHENTICATE, request, timeout=self._timeouts.read)
                except StoreFailed as failure:
                    if "authentication is not enabled" not in failure.reason:
                        raise
                    self._token, self._needs_none = "", True
                else:
                    self._token, self._needs_none = answer.token, False
        return self._token

    def _turn_from(self, link: Link) -> None:
        if self._links[self._preferred] is link:
            self._preferred = (self._preferred + 1) % len(self._links)

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise StoreFailed("the store is closed")

    async def _pause(self, span: Millis) -> None:
        """Wait, but not longer than the client is open."""
        try:
            await asyncio.wait_for(self._closing.wait(), span / 1000)
        except TimeoutError:
            return


def _metadata(token: str) -> Metadata:
    return (("token", token),) if token else ()
