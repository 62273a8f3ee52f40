"""`rest`: calls an HTTP address, and either waits for the work (synchronous) or hands it over (asynchronous).

Never retried here: a call whose answer was lost may have been carried out, so whether to try again is the plan's
decision. TLS is always verified. Connections are not reused: a POST on a connection that the callee is just closing
would fail for nothing.
"""

import asyncio
import os
import ssl
from pathlib import Path
from typing import TypeAlias

import aiohttp
from yarl import URL

from jobpool import __version__
from jobpool.agent.executor import Context
from jobpool.agent.executors.rest_answer import judge
from jobpool.agent.executors.rest_redirect import Companion
from jobpool.agent.executors.rest_request import Request, prepare
from jobpool.agent.rundirs import OUTPUT, TRUNCATED
from jobpool.agent.task import RESULT_LIMIT, Outcome, Status, Task
from jobpool.kit.effects.logging import get_logger
from jobpool.model.parameters import RestParameters, rest_parameters
from jobpool.model.reasons import Reason

CONNECTIONS = 1024
RESPONSE_LIMIT = 64 * 1024
MAX_REDIRECTS = 10
HAND_OVER_WITHIN = 60.0
"""Seconds for a call that only hands over work or tells of a skip, when the parameters set no timeout."""

_Stamp: TypeAlias = tuple[int, int, int]


class Answer:
    """Status and the beginning of the body."""

    __slots__ = ("body", "status", "truncated")

    def __init__(self, status: int, body: bytes, *, truncated: bool) -> None:
        self.status = status
        self.body = body
        self.truncated = truncated


class RestExecutor:
    """One HTTP client for all runs, made when the first one needs it."""

    name = "rest"
    detached = False
    calls_back = True

    def __init__(self) -> None:
        self._client: aiohttp.ClientSession | None = None
        self._contexts: dict[str, tuple[_Stamp, ssl.SSLContext]] = {}

    def check(self, task: Task) -> None:
        rest_parameters(task.parameters)

    def run_at_once(self, task: Task) -> Outcome | None:
        return None

    async def run(self, task: Task, context: Context) -> Outcome:
        parameters = rest_parameters(task.parameters)
        try:
            trust = self._trust(parameters)
        except (OSError, ssl.SSLError) as error:
            return Outcome(
                Status.FAILED, Reason.BAD_PARAMETERS, f"ca_file {parameters.ca_file} cannot be used: {error}"
            )
        try:
            answer = await self._call(prepare(task, parameters), parameters, trust, waits=_waits(task))
        except TimeoutError:
            return Outcome(Status.EXPIRED, Reason.TIMEOUT, "no answer within the parameters' timeout")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Outcome(Status.FAILED, Reason.REQUEST_FAILED, f"send request to url failed: {_why(error)}")
        if answer.body:
            await _kept(context.directory, answer)
        return judge(
            answer.status,
            answer.body,
            expected=parameters.expects(answer.status),
            hands_over=not _waits(task),
            callback=bool(task.desired_status),
            result=answer.body[:RESULT_LIMIT].decode("utf-8", "replace"),
        )

    async def recover(self, task: Task, context: Context) -> Outcome | None:
        return None

    def stop(self, task: Task, context: Context) -> None:
        return None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _call(
        self, request: Request, parameters: RestParameters, trust: ssl.SSLContext | bool, *, waits: bool
    ) -> Answer:
        total = parameters.timeout / 1000 if parameters.timeout else None if waits else HAND_OVER_WITHIN
        url = URL(request.url, encoded=request.url.isascii())
        companion = Companion(url, request.private, secret=request.secret)
        async with self._session().request(
            request.method,
            url,
            headers=request.headers,
            data=request.body,
            ssl=trust,
            timeout=aiohttp.ClientTimeout(total=total),
            max_redirects=MAX_REDIRECTS,
            middlewares=(companion,),
        ) as response:
            return await _read(response)

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"jobpool/{__version__}"},
            )
        return self._client

    def _trust(self, parameters: RestParameters) -> ssl.SSLContext | bool:
        """The roots to verify by, read again when the file changes. Raises OSError or SSLError for one of no use."""
        path = parameters.ca_file
        if not path:
            return True
        found = os.stat(path)
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        known = self._contexts.get(path)
        if known is None or known[0] != stamp:
            known = self._contexts[path] = (stamp, ssl.create_default_context(cafile=path))
        return known[1]


def _waits(task: Task) -> bool:
    return task.synchronous and not task.desired_status


async def _read(response: aiohttp.ClientResponse) -> Answer:
    body = bytearray()
    async for some in response.content.iter_chunked(RESPONSE_LIMIT):
        body += some
        if len(body) > RESPONSE_LIMIT:
            return Answer(response.status, bytes(body[:RESPONSE_LIMIT]), truncated=True)
    return Answer(response.status, bytes(body), truncated=False)


async def _kept(directory: Path, answer: Answer) -> None:
    """The callee has done the work: a disk that cannot hold its answer must not make it do so again."""
    try:
        await asyncio.to_thread(_keep, directory, answer)
    except OSError as error:
        get_logger("rest").warning(
            "an answer could not be kept as output",
            event_name="output_lost",
            directory=str(directory),
            error=str(error),
        )


def _keep(directory: Path, answer: Answer) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / OUTPUT).write_bytes(answer.body)
    if answer.truncated:
        (directory / TRUNCATED).touch()


def _why(error: Exception) -> str:
    """Never with the address: its query may hold secrets."""
    if isinstance(error, aiohttp.TooManyRedirects):
        return f"more than {MAX_REDIRECTS} redirects"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"cannot connect to {error.host}:{error.port}: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect to {error.host}:{error.port}: {_cause(error.os_error)}"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"bad answer: {error.message}"
    if isinstance(error, aiohttp.InvalidURL) or not isinstance(error, aiohttp.ClientError | OSError):
        return "the address, or one it redirects to, cannot be called"
    return str(error) or type(error).__name__


def _cause(error: OSError) -> str:
    """What the system said; asyncio puts the address, which is told already, in its place."""
    text = error.strerror or str(error)
    return os.strerror(error.errno) if error.errno and text.startswith("Connect call failed") else text
