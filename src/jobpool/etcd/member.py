"""The service that keeps one etcd member running for as long as the server lives, and not longer.

It serves its own server only. Where it does so is chosen when the member is made, and stays the same through its
restarts.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from jobpool.etcd.arguments import LOG, arguments
from jobpool.etcd.binary import Binary
from jobpool.etcd.config import PEER_SECURITY, MemberConfig, check, members_of
from jobpool.etcd.diagnosis import Finding, Strangers
from jobpool.etcd.doors import doors_of, make_room, ports
from jobpool.etcd.errors import MemberFailed, MemberLost, MemberRemoved
from jobpool.etcd.health import versions
from jobpool.etcd.life import Life
from jobpool.etcd.locks import await_free, held
from jobpool.etcd.log_tail import LogTail
from jobpool.etcd.newcomer import Begun, Newcomer, has_data
from jobpool.etcd.others import Others
from jobpool.etcd.process import spawn
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import InvalidArgument, StoreFailed
from jobpool.store.files import explained

_LOCK = "etcd.lock"
_OUTPUT = "etcd.out"
_BEGUN = "etcd.begun"
_FIRST_PAUSE: Millis = SECOND
_LONGEST_PAUSE: Millis = 30 * SECOND
_STEADY: Millis = 30 * SECOND
_SERVED: Millis = 5 * SECOND
"""A member that served for so long has no fault in its start: it was killed, so it begins again soon."""
_GRACE: Millis = 10 * SECOND
_ANSWER: Millis = SECOND
_TRIES = 5
"""How often a member that was never ready is started, when nobody knows why it ends."""


class Member:
    """A service. `ready` is set from etcd's first answer to reads and writes until the end of its process.

    Call from the thread that runs the event loop: when that thread ends, for whatever reason, so does etcd.
    """

    name = "etcd"

    def __init__(self, config: MemberConfig, binary: Binary, *, clock: Clock) -> None:
        """Raises InvalidArgument naming the key of the configuration that is wrong; StoreFailed without free ports,
        where ports are needed.
        """
        check(config)
        self._config = config
        self._binary = binary
        self._clock = clock
        self._log = get_logger("etcd")
        self._doors = doors_of(config.data_dir)
        self._begun = Begun(config.data_dir / _BEGUN)
        self._newcomer = Newcomer(config, clock=clock)
        self._asking = False
        self._life: Life | None = None
        self._ready_at: Millis | None = None
        self._was_ready = False
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._done = asyncio.Event()
        self._done.set()
        self.ready = asyncio.Event()

    @property
    def client_endpoint(self) -> str:
        """Where etcd serves gRPC, to us; settled once it runs."""
        return self._doors.endpoint

    @property
    def pid(self) -> int | None:
        """etcd's process id while there is one."""
        return None if self._life is None else self._life.pid

    @property
    def waiting_for(self) -> str:
        """What it lacks to answer, in a few words; empty when it lacks nothing."""
        if self._asking:
            return self._newcomer.waiting_for
        return "it is not running" if self._life is None else self._life.waiting_for

    async def versions(self) -> tuple[str, str]:
        """Etcd's own and its cluster's, such as 3.5.30 and 3.5.0; empty texts while it does not answer."""
        return await versions(self._doors.health, timeout=_ANSWER)

    async def run(self) -> None:
        """Keep etcd running until `stop`, or until cancelled; etcd has ended when this returns or raises.

        Raises DataDirLocked when another server or etcd uses the data directory, MemberFailed when etcd cannot run,
        InvalidArgument or StoreFailed when a file or directory cannot be used.
        """
        self._done.clear()
        try:
            self._prepare()
            with held(self._config.data_dir / _LOCK):
                self._open_doors()
                await self._keep_running()
        finally:
            self._done.set()

    async def stop(self) -> None:
        """End etcd: asked first, killed after 10 s. Then `run` returns. Stop what uses etcd before."""
        self._stop.set()
        self._wake.set()
        if self._life is not None:
            await self._life.end(_GRACE)
        await self._done.wait()

    def _prepare(self) -> None:
        """Make the directories; refuse certificate files that cannot be read, by their key."""
        for key, path in self._config.peer_tls.files.items():
            if not os.access(path, os.R_OK):
                raise InvalidArgument(f"{PEER_SECURITY}.{key}", f"wanted a file that we may read, found {path!r}")
        with explained(self._config.directory, "make the data directory"):
            self._config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._config.directory.mkdir(mode=0o700, exist_ok=True)

    def _open_doors(self) -> None:
        reason = "" if self._doors.are_sockets else "its name is too long for them"
        if not reason:
            try:
                make_room(self._config.data_dir)
            except OSError as failure:
                self._doors = ports()
                reason = failure.strerror or str(failure)
        if reason:
            self._log.warning(
                "the data directory takes no sockets: etcd listens on ports, which every user of this machine reaches",
                event_name="etcd_ports",
                reason=reason,
            )

    async def _keep_running(self) -> None:
        failures = 0
        tail = LogTail(self._config.data_dir / LOG)
        try:
            while not self._stop.is_set():
                if not await self._may_begin():
                    return
                began = self._clock.monotonic()
                life = await self._begin(tail)
                found = await self._live(life)
                if self._stop.is_set():
                    return
                now = self._clock.monotonic()
                served = 0 if self._ready_at is None else now - self._ready_at
                failures = failures_after(failures, lived=now - began, served=served)
                self._judge(found, life.last_words(), failures)
                await self._pause(exponential(failures, base=_FIRST_PAUSE, limit=_LONGEST_PAUSE))
        finally:
            tail.close()

    async def _may_begin(self) -> bool:
        """False when it was told to stop meanwhile. Raises MemberLost when it has lost what it had."""
        await await_free(self._config.directory / "member" / "snap" / "db", clock=self._clock)
        asking = asyncio.get_running_loop().create_task(self._ask_others())
        stopping = asyncio.get_running_loop().create_task(self._stop.wait())
        self._asking = True
        try:
            await asyncio.wait((asking, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._asking = False
            stopping.cancel()
            asking.cancel()
            await asyncio.gather(asking, stopping, return_exceptions=True)
        if asking.cancelled():
            return False
        if refusal := asking.result():
            raise self._lost(refusal)
        return True

    async def _ask_others(self) -> str:
        """Why it must not begin; empty otherwise."""
        if has_data(self._config):
            told = self._begun.told
            refusal = await self._newcomer.ask_all(told) if told else ""
            doubtful = bool(told)
        else:
            self._begun.end()
            if self._config.initial_cluster_state == "existing":
                return await self._newcomer.ask_until_one_answers()
            refusal = await self._newcomer.ask_all(())
            doubtful = self._newcomer.has_others
        if doubtful and not refusal:
            self._begun.tell(self._doors.told)
        return refusal

    async def _begin(self, tail: LogTail) -> Life:
        config = self._config
        if self._was_ready:
            config = replace(config, force_new_cluster=False)
        output = config.data_dir.absolute() / _OUTPUT
        flags = arguments(config, self._binary.version.numbers, self._doors)
        process = await spawn(self._binary.path, flags, directory=config.data_dir, output=output)
        self._log.info(
            "etcd was started",
            event_name="etcd_started",
            pid=process.pid,
            version=self._binary.version.text,
            client=self.client_endpoint,
        )
        members = members_of(config.cluster)
        return Life(
            process,
            tail,
            output=output,
            health=self._doors.health,
            others=Others(
                {name: urls for name, urls in members.items() if name != config.name},
                config.peer_tls,
                own=config.advertised,
            ),
            strangers=Strangers(len(members)),
            clock=self._clock,
        )

    async def _live(self, life: Life) -> Finding | None:
        self._life = life
        self._ready_at = None
        watching = asyncio.get_running_loop().create_task(self._watch(life, self._begun.told))
        try:
            return None if self._stop.is_set() else await life.run(lambda: self._become_ready(watching))
        finally:
            self.ready.clear()
            self._life = None
            watching.cancel()
            await life.end(_GRACE)

    async def _watch(self, life: Life, told: Sequence[str]) -> None:
        """A member that nobody could vouch for ends as soon as another one is there that knows its former life."""
        if told and (refusal := await self._newcomer.ask_until_all_have_answered(told)):
            life.condemn(Finding(refusal, lasting=True, lost=True))

    def _become_ready(self, watching: "asyncio.Task[None]") -> None:
        watching.cancel()
        try:
            self._begun.end()
        except StoreFailed as failure:  # then the next start asks the others once more
            self._log.warning("a mark of the first start is left", event_name="etcd_begun", error=failure.reason)
        self._was_ready = True
        self._ready_at = self._clock.monotonic()
        self.ready.set()

    def _judge(self, found: Finding | None, last_words: str, failures: int) -> None:
        """Raise when it is no use to start etcd again; say why it ended otherwise."""
        place = Path(self._config.data_dir).absolute()
        if found is not None and (found.lasting or not self._was_ready):
            if self._took_our_port(found):
                return
            if found.removed:
                raise self._removed()
            raise self._lost(found.reason) if found.lost else MemberFailed(self._cannot_run(found.reason))
        if found is None and not self._was_ready and failures >= _TRIES:
            raise MemberFailed(
                f"the etcd member in {place} ended {failures} times before it was ready: {last_words}; "
                f"see {place / LOG}"
            )
        reason = found.reason if found is not None else last_words
        self._log.error("etcd ended and is started again", event_name="etcd_restart", reason=reason, failures=failures)

    def _removed(self) -> MemberRemoved:
        name, urls = self._config.name, ",".join(self._config.advertised)
        return MemberRemoved(
            f"server {name} was removed from its cluster, and its data directory {self._config.data_dir.absolute()} is "
            "of no use any more. Take the server out of service; or let it join again: `jobpoolctl member add "
            f"{name} --peer-urls {urls} --learner`, start it with the lines that this prints and an empty data "
            f"directory, `jobpoolctl member promote {name}`"
        )

    def _lost(self, reason: str) -> MemberLost:
        return MemberLost(self._cannot_run(reason))

    def _cannot_run(self, reason: str) -> str:
        return f"the etcd member in {self._config.data_dir.absolute()} cannot run: {reason}"

    def _took_our_port(self, found: Finding) -> bool:
        """Whether somebody was faster than etcd on a port that we chose; as nobody knows it yet, we choose again."""
        if self._was_ready or not self._doors.named_in(found.reason):
            return False
        self._doors = ports()
        return True

    async def _pause(self, span: Millis) -> None:
        """Sleep, unless told to stop."""
        timer = self._clock.call_later(span, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
            self._wake.clear()


def failures_after(failures: int, *, lived: Millis, served: Millis) -> int:
    """How many starts in a row have failed, the last of which lived so long and was ready for `served` ms of that."""
    return 1 if served >= _SERVED or lived >= _STEADY else failures + 1
