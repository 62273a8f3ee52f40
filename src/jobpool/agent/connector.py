"""Keeps a session with some server: any of the configured ones, for as long as the agent lives.

The order is random, so that agents spread over the servers. Whoever loses its server goes to another one at once, and
waits only when all have refused it: a run that is due must not wait for an agent that waits.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol, cast
from urllib.parse import urlsplit

from grpclib.client import StreamStreamMethod
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from jobpool.agent.config import AgentConfig, TlsConfig
from jobpool.agent.journal import Journal
from jobpool.agent.session import WELCOME_WITHIN, AgentLeft, SessionEnded, Stream
from jobpool.kit.effects.apart import apart
from jobpool.kit.effects.channel import SoundChannel, connect_failure
from jobpool.kit.effects.clock import Clock, deadline
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.seldom import Seldom
from jobpool.kit.effects.service import first_failure
from jobpool.kit.effects.tls import Advice
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import SECOND, Millis, format_duration
from jobpool.model.errors import InvalidArgument
from jobpool.wire import jobpool_pb2 as pb

PATH = "/jobpool.v1.Schedule/AgentSession"
FIRST_WAIT: Millis = 200
LONGEST_WAIT: Millis = 5 * SECOND
REFUSED_WAIT: Millis = 30 * SECOND
FIRST_WELCOME: Millis = 2 * SECOND
"""How long a server may take over connection and Welcome where there are others: it may stand still. Each time that
all have been tried it is twice as long, up to WELCOME_WITHIN: they may all be slow."""
_STEADY: Millis = 5 * SECOND
"""A session that lasted this long was a good one: the next waits are short again."""

# Dead peers of half-open connections are found by pings; the names are grpclib's own, hence a test that they work.
_KEEPALIVE = Configuration(
    _keepalive_time=10.0,
    _keepalive_timeout=10.0,
    _keepalive_permit_without_calls=True,
    _http2_max_pings_without_data=0,
    _http2_min_sent_ping_interval_without_data=10.0,
)

_REFUSALS = {
    Status.UNAUTHENTICATED: "the server does not accept this agent's secret: the data directory is not the one the"
    " node was registered with; restore it, or delete its files client-id and secret-id to register a new node",
    Status.PERMISSION_DENIED: "the server does not allow this agent: do what its answer says, or else check this"
    " agent's certificate and the server's settings",
    Status.INVALID_ARGUMENT: "the server refuses what this agent says of itself: correct its configuration",
    Status.UNIMPLEMENTED: "what answers there is no jobpool server of this version: check advertise-server-urls",
}

_ADVICE = Advice(
    theirs="see client-transport-security: trusted-ca-file of this agent, cert-file of the server",
    ours="see client-transport-security: cert-file and key-file of this agent, trusted-ca-file of the server",
)
_BROKEN = (OSError, GRPCError, StreamTerminatedError, ProtocolError, SessionEnded, TimeoutError)


class Conversation(Protocol):
    """What a connector needs of a session."""

    async def open(self) -> pb.ServerWelcome: ...
    async def run(self, welcome: pb.ServerWelcome) -> None: ...


NewConversation = Callable[[Stream], Conversation]


def client_tls(tls: TlsConfig) -> ssl.SSLContext:
    """Verifies the server, always. Raises InvalidArgument naming the file that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls.trusted_ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise InvalidArgument("trusted-ca-file", f"cannot use {tls.trusted_ca_file}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if tls.cert_file:
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file or None)
        except (OSError, ssl.SSLError) as error:
            raise InvalidArgument("cert-file", f"cannot use {tls.cert_file} with its key: {error}") from error
    return context


class Connector:
    """`run` connects, talks until the session breaks, waits and tries the next server, until the agent has left."""

    def __init__(
        self, config: AgentConfig, converse: NewConversation, *, journal: Journal, clock: Clock, dice: Dice
    ) -> None:
        self._urls = list(config.server_urls)
        self._tls = client_tls(config.tls) if any(url.startswith("https:") for url in self._urls) else None
        self._new_conversation = converse
        self._journal = journal
        self._clock = clock
        self._dice = dice
        self._next: deque[str] = deque(self._shuffled(self._urls))
        self._tried: set[str] = set()
        self._rounds = 0
        self._closed_until: dict[str, Millis] = {}
        self._seldom = Seldom(clock)
        self._log = get_logger("connector")
        self.server = ""

    async def run(self) -> None:
        while True:
            url = await self._choose()
            await self._journal.healthy.wait()
            failure, lasted = await apart(self._converse(url))
            if isinstance(failure, AgentLeft):
                return
            if isinstance(failure, GRPCError) and failure.status in _REFUSALS:
                self._refused(url, failure)
            elif lasted >= _STEADY:
                self._begin_anew(url)

    async def _choose(self) -> str:
        """The next server to try. Waits before one that was tried since all went well, and while all keep us out."""
        while True:
            url = self._next[0]
            self._next.rotate(-1)
            if url in self._tried:
                await self._wait()
            self._tried.add(url)
            if self._closed_until.get(url, 0) <= self._clock.monotonic():
                return url

    async def _wait(self) -> None:
        self._tried.clear()
        self._rounds += 1
        longest = exponential(self._rounds, base=FIRST_WAIT, limit=LONGEST_WAIT)
        await self._clock.sleep(max(int(longest * self._dice.fraction()), self._until_open()))

    def _until_open(self) -> Millis:
        """How long every server will still refuse this agent."""
        now = self._clock.monotonic()
        return min(max(0, self._closed_until.get(url, 0) - now) for url in self._urls)

    def _begin_anew(self, left: str) -> None:
        """A good session has ended: all others are worth a try at once, its server comes last."""
        self._rounds = 0
        self._tried = {left}
        self._next = deque([*self._shuffled([url for url in self._urls if url != left]), left])

    def _refused(self, url: str, failure: GRPCError) -> None:
        """Somebody has to put that right: it is not asked again for a while."""
        advice = _REFUSALS[failure.status]
        if times := self._seldom.times(f"{url} {failure.status} {failure.message}"):
            self._log.error(advice, event_name="session_refused", server=url, answer=failure.message, times=times)
        self._closed_until[url] = self._clock.monotonic() + REFUSED_WAIT

    async def _converse(self, url: str) -> tuple[Exception, Millis]:
        """One session from end to end; returns what ended it, and how long the agent had the server."""
        joined: Millis | None = None
        patience = self._patience()
        try:
            async with AsyncExitStack() as stack:
                async with deadline(self._clock, patience):
                    session = self._new_conversation(await stack.enter_async_context(self._stream(url)))
                    welcome = await session.open()
                self.server, joined = url, self._clock.monotonic()
                self._seldom.forget_all()
                self._log.info("joined a server", event_name="session_open", server=url, ttl=welcome.heartbeat_ttl)
                await self._until_broken(session.run(welcome))
            raise SessionEnded("the session ended")
        except _BROKEN as failure:
            self._say(url, failure, patience)
            return failure, 0 if joined is None else self._clock.monotonic() - joined
        finally:
            self.server = ""

    def _patience(self) -> Millis:
        return WELCOME_WITHIN if len(self._urls) == 1 else min(WELCOME_WITHIN, FIRST_WELCOME << min(self._rounds, 10))

    async def _until_broken(self, talk: Awaitable[None]) -> None:
        """Talk until the stream breaks, or the journal does: an agent that cannot remember must not be given work."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_finish(talk))
                group.create_task(self._journal_breaks())
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from None

    async def _journal_breaks(self) -> None:
        await self._journal.broken.wait()
        raise SessionEnded("the journal cannot be written")

    @asynccontextmanager
    async def _stream(self, url: str) -> AsyncIterator[Stream]:
        parts = urlsplit(url)
        tls = self._tls if parts.scheme == "https" else None
        channel = SoundChannel(parts.hostname, parts.port or 2379, tls=tls, config=_KEEPALIVE, advice=_ADVICE)
        try:
            method = StreamStreamMethod(channel, PATH, pb.AgentMessage, pb.ServerMessage)
            async with method.open() as stream:
                yield cast(Stream, stream)
        finally:
            channel.close()

    def _shuffled(self, urls: list[str]) -> list[str]:
        urls = list(urls)
        for last in range(len(urls) - 1, 0, -1):
            other = self._dice.below(last + 1)
            urls[last], urls[other] = urls[other], urls[last]
        return urls

    def _say(self, url: str, failure: Exception, patience: Millis) -> None:
        if isinstance(failure, AgentLeft) or (isinstance(failure, GRPCError) and failure.status in _REFUSALS):
            return
        why = _reason(failure, patience)
        if times := self._seldom.times(f"{url} {why}"):
            self._log.warning("no session with a server", event_name="session_lost", server=url, error=why, times=times)


def _reason(failure: Exception, patience: Millis) -> str:
    match failure:
        case GRPCError():
            return failure.message or failure.status.name
        case TimeoutError() if not failure.errno:
            return f"it did not take this agent within {format_duration(patience)}"
        case OSError():
            return connect_failure(failure, _ADVICE)
    return str(failure) or type(failure).__name__


async def _finish(talk: Awaitable[None]) -> None:
    await talk
