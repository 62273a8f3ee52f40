"""Work in a process of its own: a command under a small `sh` shim, in a session of its own.

The shim outlives the agent: it enforces the deadline, collects the output and records how the command ended. So an
agent that was killed learns after its restart what happened, and no run is started twice. An agent that does not come
back, or stands still, loses its lease: then the shim stops the command and records that.
"""

import os
import shutil
import signal
import subprocess
import sys
from asyncio import sleep
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from jobpool.agent.executor import Context
from jobpool.agent.lease import LOOKS
from jobpool.agent.processes import Birth, kill_group, reap, send_signal, wait_gone
from jobpool.agent.task import AGENT_RESTARTED, LEASE_EXPIRED, Key, Outcome, Status, Task, scheduled_text
from jobpool.kit.pure.durations import Millis, format_duration
from jobpool.model.reasons import Reason

_INHERITED = ("PATH", "HOME", "LANG", "TZ")
_SETSID = "(lambda o,s:(o.setsid(),o.execvp(s.argv[1],s.argv[1:])))(__import__('os'),__import__('sys'))"
_RECORD_WITHIN = 40
"""Steps of 50 ms until a shim that has claimed its run must have said who it is."""

_DEFAULT_SIGNALS = [
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGPIPE,
    signal.SIGALRM,
    signal.SIGTERM,
    signal.SIGUSR1,
]

_CANCELLED = Outcome(Status.CANCELLED, Reason.CANCELLED, "stopped on request")
_VANISHED = Outcome(
    Status.LOST, AGENT_RESTARTED, "the shim vanished without a record; how the command ended is not known"
)


class Command(Struct, frozen=True, kw_only=True):
    """`env`: what is added to the little that is inherited. `cwd` empty = a fresh directory of the run's own.

    `kill_after`: milliseconds between TERM and KILL; `output_limit` in bytes.
    """

    words: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    kill_after: Millis
    output_limit: int


def _nothing() -> Outcome | None:
    return None


class Shims:
    """Those of one executor. Linux only: processes are told apart by /proc.

    `prepare` does what is left to do before the command can be started, at most once in a run; an outcome says that
    it cannot be. What it raises as OSError is why the run fails.
    """

    def __init__(self) -> None:
        self._base = inherited()
        self._launcher = _launcher()
        self._script = Copy("shim.sh", (files("jobpool.agent") / "shim.sh").read_text(encoding="utf-8"))
        self._shims: dict[Key, int] = {}
        self._stopping: set[Key] = set()

    async def run(
        self, task: Task, command: Command, context: Context, *, prepare: Callable[[], Outcome | None] = _nothing
    ) -> Outcome:
        return await self._run(task, command, context, prepare=prepare, claim="take")

    async def _run(
        self, task: Task, command: Command, context: Context, *, prepare: Callable[[], Outcome | None], claim: str
    ) -> Outcome:
        """`claim` "take": the shim takes it; "taken": we have it, and the shim acts on it."""
        if task.key in self._stopping:
            self._stopping.discard(task.key)
            return _CANCELLED
        try:
            refused = prepare()
            if refused is not None:
                return refused
            shim = self._spawn(task, command, context, claim=claim)
            self._shims[task.key] = shim
            await wait_gone(shim, None)
        except OSError as error:
            return Outcome(Status.FAILED, Reason.EXECUTOR_ERROR, f"the command cannot be started: {error}")
        stopped = task.key in self._stopping
        self._forget(task.key)
        reap(shim)
        if stopped and _claim(context.directory):
            return _CANCELLED
        return _outcome(context, command) or _vanished(context.directory)

    async def recover(
        self, task: Task, command: Command, context: Context, *, prepare: Callable[[], Outcome | None] = _nothing
    ) -> Outcome:
        """Watch the shim that an earlier process started.

        When the claim is free no shim has come to its start, and with the claim taken none will: the agent died
        between journaling the start and spawning, so the command is run now, for the first time.
        """
        if _claim(context.directory):
            return await self._run(task, command, context, prepare=prepare, claim="taken")
        shim = await _shim_of(context.directory)
        if shim is not None:
            if task.key in self._stopping:
                send_signal(shim, signal.SIGTERM)
            await wait_gone(shim.pid, shim)
        self._forget(task.key)
        return _outcome(context, command) or _vanished(context.directory)

    def stop(self, task: Task, context: Context) -> None:
        """TERM, then after `kill_after` KILL, both by the shim."""
        self._stopping.add(task.key)
        shim = _read_birth(context.directory / "shim")
        if shim is not None:
            send_signal(shim, signal.SIGTERM)
        elif task.key in self._shims:  # our child, not yet that far; it cannot have been replaced before we reap it
            os.kill(self._shims[task.key], signal.SIGTERM)

    def _forget(self, key: Key) -> None:
        self._shims.pop(key, None)
        self._stopping.discard(key)

    def _spawn(self, task: Task, command: Command, context: Context, *, claim: str) -> int:
        """The shim's pid. Raises OSError."""
        directory, lease = context.directory, context.lease
        work = directory / "work"
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        pipe = directory / "pipe"
        if not pipe.exists():
            os.mkfifo(pipe, 0o600)
        settings = [_seconds(task.timeout), _seconds(command.kill_after), str(command.output_limit)]
        settings += [str(lease.path.absolute()), _seconds(lease.look_every), str(LOOKS)]
        words = [
            "/bin/sh",
            str(self._script.put(data_of(context))),
            str(directory.absolute()),
            claim,
            *settings,
            command.cwd or str(work.absolute()),
        ]
        return os.posix_spawn(
            "/bin/sh",
            [*words, *self._launcher, "--", *command.words],
            self._base | dict(command.env) | _identity(task),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=_DEFAULT_SIGNALS,
        )


def data_of(context: Context) -> Path:
    """The agent's data directory."""
    return context.directory.parent.parent


def inherited() -> dict[str, str]:
    """What a command has of the agent's environment."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


class Copy(Struct, frozen=True):
    """A program as this agent knows it: an upgrade under a running agent may bring one that takes other words."""

    name: str
    text: str

    def path(self, data: Path) -> Path:
        stem, dot, suffix = self.name.partition(".")
        return data / f"{stem}-{sha256(self.text.encode()).hexdigest()[:12]}{dot}{suffix}"

    def put(self, data: Path) -> Path:
        """Raises OSError."""
        copy = self.path(data)
        if not copy.exists():
            aside = copy.with_suffix(".new")
            aside.write_text(self.text, encoding="utf-8")
            aside.replace(copy)
        return copy


def _launcher() -> list[str]:
    """What gives the command a session of its own, hence a process group. No word holds a blank: the shim splits them.

    A shell without job control starts what it puts in the background with INT and QUIT ignored; `env` undoes that.
    """
    setsid, env = shutil.which("setsid"), shutil.which("env")
    words = [setsid] if setsid and " " not in setsid else [sys.executable, "-Ic", _SETSID]
    undo = [env or "", "--default-signal=INT,QUIT"]
    if env and " " not in env and subprocess.run([*undo, "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        words += undo
    return words


def _identity(task: Task) -> dict[str, str]:
    return {
        "JOBPOOL_JOB_ID": task.job_id,
        "JOBPOOL_PLAN_ID": task.plan_id,
        "JOBPOOL_NAMESPACE": task.namespace,
        "JOBPOOL_ATTEMPT": str(task.attempt),
        "JOBPOOL_FENCE": str(task.fence),
        "JOBPOOL_SCHEDULED_TIME": scheduled_text(task),
    }


def _seconds(span: int) -> str:
    whole, rest = divmod(span, 1000)
    return f"{whole}.{rest:03}" if rest else str(whole)


def _claim(directory: Path) -> bool:
    """Whether the claim was free: then no shim has run the command, and none ever will."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(directory / "claim", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


async def _shim_of(directory: Path) -> Birth | None:
    """Who watches the command; None when there is nobody, or nobody who says so in time."""
    for _ in range(_RECORD_WITHIN):
        shim = _read_birth(directory / "shim")
        if shim is not None:
            return shim
        await sleep(0.05)
    return None


def _read_birth(path: Path) -> Birth | None:
    try:
        text = path.read_text()
        pid, started, boot = text.split()
    except (OSError, ValueError):
        return None
    return Birth(int(pid), int(started), boot) if text.endswith("\n") else None


def _outcome(context: Context, command: Command) -> Outcome | None:
    """What the shim recorded; the record was written when the command ended."""
    record = context.directory / "exit"
    try:
        code_text, why = record.read_text().split()
        ended = record.stat().st_mtime_ns // 1_000_000
    except (OSError, ValueError):
        return None
    code = int(code_text)
    if why == "timeout":
        return Outcome(Status.EXPIRED, Reason.TIMEOUT, "the timeout has passed", code, finished_at=ended)
    if why == "stop":
        return Outcome(Status.CANCELLED, Reason.CANCELLED, "stopped on request", code, finished_at=ended)
    if why == "lease":
        text = f"the agent gave no sign of life for {format_duration(context.lease.patience)}; the command was stopped"
        return Outcome(Status.LOST, LEASE_EXPIRED, text, code, finished_at=ended)
    if why == "cwd":
        text = f"cannot change to the directory {command.cwd}"
        return Outcome(Status.FAILED, Reason.BAD_PARAMETERS, text, finished_at=ended)
    if code == 0:
        return Outcome(Status.COMPLETE, exit_code=0, finished_at=ended)
    return _failure(code, ended)


def _failure(code: int, ended: int) -> Outcome:
    """As every shell has it, a code above 128 is a signal's number plus 128."""
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return Outcome(Status.FAILED, Reason.EXIT_NONZERO, f"exit code {code}", code, finished_at=ended)
    return Outcome(Status.FAILED, Reason.SIGNALED, f"ended by {name}", code, finished_at=ended)


def _vanished(directory: Path) -> Outcome:
    """Nobody watches the command any more, so it must not go on: another attempt may begin."""
    for name in ("command", "shim"):
        leader = _read_birth(directory / name)
        if leader is not None:
            kill_group(leader)
    return _VANISHED
