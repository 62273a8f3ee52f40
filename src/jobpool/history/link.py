"""One life of the history process: its pipes, and the answers it owes."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from pathlib import Path

import jobpool
from jobpool.history.frames import (
    HEADER,
    Answer,
    BadFrame,
    Damaged,
    Hello,
    Reply,
    Request,
    body_size,
    pack,
    unpack_reply,
)
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.garbled import GARBLED
from jobpool.model.errors import Unavailable

_HIGH_WATER = 1024 * 1024
_GRACE_S = 2.0
_STDERR_CHUNK = 64 * 1024


class Link:
    """Writes never wait: they go to the pipe's buffer. `serve` must run for answers to come."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._input = process.stdin
        self._output = process.stdout
        self._errors = process.stderr
        self._input.transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._owed: deque[asyncio.Future[Answer]] = deque()
        self._log = get_logger("history").bind(pid=process.pid)
        self.hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self.damaged = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def backlog_bytes(self) -> int:
        """What the child has not taken yet."""
        return self._input.transport.get_write_buffer_size()

    def write(self, request: Request) -> None:
        if not self._input.is_closing():
            self._input.write(pack(request))

    def ask(self, frame: bytes, answer: "asyncio.Future[Answer]") -> None:
        """Send a packed query; its answer, or Unavailable, goes to the future."""
        self._owed.append(answer)
        if not self._input.is_closing():
            self._input.write(frame)

    async def drained(self) -> None:
        """Return when less than 1 MiB waits, or when the child is gone."""
        try:
            await self._input.drain()
        except ConnectionError:
            self._log.debug("the history process is gone", event_name="history_pipe_closed")

    async def serve(self) -> None:
        """Hand out answers until the child ends; then nothing is owed any more."""
        try:
            while True:
                size = body_size(await self._output.readexactly(HEADER))
                self._take(unpack_reply(await self._output.readexactly(size)))
        except asyncio.IncompleteReadError:
            code = await self._process.wait()
            self._log.warning("the history process ended", event_name="history_ended", exit_code=code)
        except (BadFrame, *GARBLED) as error:
            self._log.error("the history process broke the protocol", event_name="history_protocol", error=str(error))
            self._process.kill()
        finally:
            self._fail_owed()

    async def log_errors(self) -> None:
        """Log what the child writes to stderr until it ends."""
        while chunk := await self._errors.read(_STDERR_CHUNK):
            text = chunk.decode(errors="replace").strip()
            self._log.error("the history process reports", event_name="history_stderr", text=text)

    async def close(self) -> None:
        """End the child: by the end of its input, by force when that takes long."""
        self._input.close()
        try:
            async with asyncio.timeout(_GRACE_S):
                await self._process.wait()
        except TimeoutError:
            self._log.warning("the history process did not end, killing it", event_name="history_killed")
            self._process.kill()
            await self._process.wait()

    def _take(self, reply: Reply) -> None:
        match reply:
            case Hello():
                self.hello.set_result(reply)
            case Damaged(detail):
                self.damaged = True
                self._log.error("the history file is damaged", event_name="history_damaged", detail=detail)
            case _ if not self._owed:
                raise BadFrame(f"an answer that nobody asked for: {type(reply).__name__}")
            case answer:
                waiting = self._owed.popleft()
                if not waiting.done():
                    waiting.set_result(answer)

    def _fail_owed(self) -> None:
        for answer in self._owed:
            if not answer.done():
                answer.set_exception(Unavailable("history is starting again: the query was lost, ask again"))
        self._owed.clear()


async def open_link(path: Path, *, rebuild: bool) -> Link:
    """Start the child on the file; with `rebuild` on an empty one. Raises OSError when it cannot be started."""
    root = str(Path(jobpool.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    search = os.pathsep.join([root, inherited]) if inherited else root
    arguments = ["-P", "-m", "jobpool.history", str(path), *(["--rebuild"] if rebuild else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "PYTHONPATH": search},
        start_new_session=True,  # Ctrl-C is for the server, which ends the child by closing its input
    )
    return Link(process)
