"""One life of the etcd process: its log followed, its health asked, its end explained."""

import asyncio
import signal
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from jobpool.etcd.diagnosis import Finding, Strangers, diagnose, last_words, tells_removal
from jobpool.etcd.health import trouble
from jobpool.etcd.http import Where
from jobpool.etcd.log_lines import LogLine, parse_line, raft_log
from jobpool.etcd.log_tail import LogTail
from jobpool.etcd.others import Others
from jobpool.etcd.process import end
from jobpool.etcd.repeats import Repeats, Told
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis

_LOOK_EVERY: Millis = 100
_FIRST_WORD: Millis = 10 * SECOND
_ANSWER: Millis = 2 * SECOND
_REMEMBERED = 50
_EXPECTED = ("simple token is not cryptographically signed", "exceeded recommended request limit")
"""Warnings of every start: its address is private to this machine, and large requests are ours."""
_LAST_CHUNKS = 64
_MOST_OUTPUT = 8 * 1024


class Life:
    """`ready` is called once it answers reads and writes; `waiting_for` says what it lacks until then."""

    def __init__(
        self,
        process: Process,
        tail: LogTail,
        *,
        output: Path,
        health: Where,
        others: Others,
        strangers: Strangers,
        clock: Clock,
    ) -> None:
        self._process = process
        self._tail = tail
        self._output = output
        self._health = health
        self._others = others
        self._strangers = strangers
        self._clock = clock
        self._log = get_logger("etcd").bind(pid=process.pid)
        self._repeats = Repeats(clock)
        self._grave: deque[LogLine] = deque(maxlen=_REMEMBERED)
        self._verdict: Finding | None = None
        self._is_ready = False
        self._told_to_end = False
        self._raft_log: dict[str, int] = {}
        self.waiting_for = "it was just started"

    @property
    def pid(self) -> int:
        return self._process.pid

    async def run(self, ready: Callable[[], None]) -> Finding | None:
        """Return when the process has ended, with the reason if we know it."""
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(self._follow(), name="etcd-log"),
                group.create_task(self._await_health(ready), name="etcd-health"),
            ]
            code = await self._process.wait()
            for task in beside:
                task.cancel()
        for _ in range(_LAST_CHUNKS):
            if not self._take_lines():
                break
        found = self._verdict or diagnose(list(self._grave), self._printed())
        self._log.info("etcd ended", event_name="etcd_ended", exit_code=code, reason=found.reason if found else "")
        return found

    async def end(self, grace: Millis) -> None:
        """Ask it to end; end it by force after `grace`."""
        self._told_to_end = True
        await end(self._process, grace=grace)

    def condemn(self, finding: Finding) -> None:
        """End it by force, for this reason."""
        if self._process.returncode is None:
            self._verdict = finding
            self._process.kill()

    def last_words(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            return f"it was ended by signal {-code} ({signal.strsignal(-code)})"
        return last_words(list(self._grave), self._printed())

    async def _follow(self) -> None:
        while True:
            if not self._take_lines():
                await self._clock.sleep(_LOOK_EVERY)
            for told in self._repeats.due():
                self._tell_again(told)
            if self._verdict is not None:
                await end(self._process, grace=_ANSWER)
                return
            await asyncio.sleep(0)

    def _take_lines(self) -> bool:
        """Whether there were any."""
        try:
            lines = [parse_line(line) for line in self._tail.read()]
        except OSError as error:
            self._log.warning("etcd's log cannot be read", event_name="etcd_log_unread", error=str(error))
            return False
        for line in lines:
            self._take(line)
        return bool(lines)

    def _take(self, line: LogLine) -> None:
        self._raft_log = raft_log(line) or self._raft_log
        if self._is_expected(line) or not line.grave:
            self._log.debug(line.message, event_name="etcd_log", detail=dict(line.fields))
        elif line.last or self._repeats.hear(line):
            self._tell(line)
        if line.grave and line.message not in _EXPECTED:
            self._grave.append(line)
        if tells_removal(line):
            self._told_to_end = True  # by its cluster
        if not self._is_ready and self._verdict is None:
            self._verdict = self._strangers.hear(line)

    def _tell(self, line: LogLine, **again: object) -> None:
        tell = self._log.warning if line.level == "warning" else self._log.error
        tell(line.message, event_name="etcd_log", detail=dict(line.fields), **{"times": 1} | again)

    def _tell_again(self, told: Told) -> None:
        """What is told up to a minute late says so."""
        now = self._clock.now()
        since, until = (datetime.fromtimestamp((now - ago) // SECOND, UTC) for ago in (told.since, told.until))
        self._tell(told.line, times=told.times, since=since.isoformat(), until=until.isoformat())

    def _is_expected(self, line: LogLine) -> bool:
        """A warning of nothing; a member that ends warns of every connection that it closes."""
        return line.level == "warning" and (self._told_to_end or line.message in _EXPECTED)

    async def _await_health(self, ready: Callable[[], None]) -> None:
        began = self._clock.monotonic()
        tries, next_word = 0, _FIRST_WORD
        while True:
            self.waiting_for = await trouble(self._health, timeout=_ANSWER)
            if not self.waiting_for:
                break
            tries += 1
            waited = self._clock.monotonic() - began
            if waited >= next_word:
                next_word = waited + MINUTE
                await self._tell_waiting(waited)
            await self._clock.sleep(exponential(tries, base=_LOOK_EVERY // 2, limit=SECOND))
        self._is_ready = True
        self._log.info("etcd is ready", event_name="etcd_ready", took_ms=self._clock.monotonic() - began)
        ready()

    async def _tell_waiting(self, waited: Millis) -> None:
        silent = await self._others.silent(within=_ANSWER)
        advice = f"no answer of {silent}" if silent.members else self.waiting_for
        self._log.warning(
            f"etcd is not ready after {waited // SECOND} s, it needs a majority of its members; {advice}",
            event_name="etcd_waiting",
            silent=list(silent.members),
            reason=self.waiting_for,
            waited_ms=waited,
            **self._raft_log,
        )

    def _printed(self) -> str:
        try:
            with self._output.open("rb") as file:
                return file.read(_MOST_OUTPUT).decode(errors="replace")
        except OSError as error:
            return f"(what it printed cannot be read: {error.strerror})"
