"""Runs what the agent holds: journal, then start; journal the end, then report it.

Every method that the session calls returns at once; commits and work happen behind it. The executor's code is the
only code here that may fail in any way it likes, and then fails its own run.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path

from jobpool.agent.book import Book, Entry, State
from jobpool.agent.executor import Context, Executor, Registry
from jobpool.agent.journal import Journal
from jobpool.agent.lease import Lease
from jobpool.agent.outbox import Outbox
from jobpool.agent.rundirs import check_id
from jobpool.agent.task import AGENT_RESTARTED, Key, Outcome, Report, Status, Task, ended, running
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.model.errors import InvalidArgument
from jobpool.model.reasons import Reason

_CANCELLED = Outcome(Status.CANCELLED, Reason.CANCELLED, "stopped on request")
_EXPIRED = Outcome(Status.EXPIRED, Reason.TIMEOUT, "the timeout has passed")
_LOST = Outcome(Status.LOST, AGENT_RESTARTED, "the agent was restarted during the run; its end is not known")


class Runner:
    """Between the session above and the executors below. `changed` is called when there is something to send."""

    def __init__(
        self,
        book: Book,
        outbox: Outbox,
        *,
        journal: Journal,
        registry: Registry,
        runs: Path,
        lease: Lease,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._book = book
        self._outbox = outbox
        self._journal = journal
        self._registry = registry
        self._runs = runs
        self._lease = lease
        self._clock = clock
        self._changed = changed
        self._work: dict[Key, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._idle = asyncio.Event()
        self._log = get_logger("runner")

    @property
    def running(self) -> int:
        return self._book.occupied

    def inventory(self) -> list[Key]:
        return self._book.inventory()

    def is_live(self, allocation_id: str) -> bool:
        """It is held and has not ended."""
        fence = self._book.fence_of(allocation_id)
        entry = self._book.get((allocation_id, fence)) if fence is not None else None
        return entry is not None and entry.state is not State.ENDED

    def knows(self, allocation_id: str) -> bool:
        """It is held, or was not long ago."""
        return self._book.fence_of(allocation_id) is not None or bool(self._journal.remembered([allocation_id]))

    def start(self, group: asyncio.TaskGroup) -> None:
        """Take up where the journal says the last process stopped. Work runs as tasks of `group`."""
        self._group = group
        started = []
        for row in self._journal.load():
            if row.report is not None:
                self._outbox.put(row.report)
                self._book.restore_ended(row.report)
            elif row.task is not None:
                entry = self._book.restore(row.task, row.started_at)
                if entry.state is State.RUNNING:
                    started.append(entry)
        for entry in started:
            self._resume(entry)
        self._admit()

    # ---- what the server says

    def receive(self, tasks: Sequence[Task]) -> None:
        """New ones are journaled and run; of known ones the end is reported again when there is one."""
        known = self._journal.remembered([task.allocation_id for task in tasks])
        now = self._clock.now()
        for task in tasks:
            held = self._book.fence_of(task.allocation_id)
            memory = known.get(task.allocation_id)
            if held is None and memory is None:
                self._accept(task, now)
            else:
                self._known(task, held, memory)

    def stop(self, keys: Iterable[Key]) -> None:
        for key in keys:
            entry = self._book.get(key)
            if entry is not None:
                self._stop(entry)
            else:
                self._repeat(key)

    def drop(self, keys: Iterable[Key]) -> None:
        """The server does not want to hear of them again: stop what runs, forget all."""
        for key in keys:
            self._outbox.discard(key)
            entry = self._book.get(key)
            if entry is None:
                continue
            entry.dropped = True
            if entry.state is State.ENDED:
                self._forget([key])
            else:
                self._stop(entry)

    def acknowledged(self, reports: Iterable[Report]) -> None:
        keys = [report.key for report in reports if report.final]
        if keys:
            self._forget(keys)

    # ---- the agent's end

    def close(self) -> None:
        """Start nothing more; what waits stays in the journal for the next start."""
        self._book.open = False

    async def wait_idle(self) -> None:
        """Until nothing runs."""
        while self._book.occupied or self._work:
            self._idle.clear()
            await self._idle.wait()

    async def abandon(self) -> None:
        """Stop waiting for what runs: attached work is cancelled and ends `lost`, detached work goes on by itself."""
        jobs = list(self._work.values())
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs)

    # ---- the life of an entry

    def _accept(self, task: Task, now: int) -> None:
        entry = self._book.receive(task, now)
        starting = entry.state is State.STARTING
        self._journal.received(
            task,
            now,
            started_at=entry.started_at if starting else None,
            then=lambda: self._begin(entry) if starting else self._received(entry),
        )

    def _received(self, entry: Entry) -> None:
        self._book.journaled(entry)
        self._admit()

    def _admit(self) -> None:
        for entry in self._book.admit(self._clock.now()):
            self._journal.started(entry.key, entry.started_at, lambda entry=entry: self._begin(entry))  # type: ignore[misc]

    def _begin(self, entry: Entry) -> None:
        """The start is in the journal: spawn the work, unless it was stopped meanwhile."""
        task = entry.task
        if entry.state is not State.STARTING or task is None:
            return
        entry.state = State.RUNNING
        executor = self._checked(entry, task)
        if executor is None:
            return
        outcome = self._at_once(executor, task)
        if outcome is not None:
            self._end(entry, outcome)
            return
        self._report(running(entry.key, entry.started_at))
        self._spawn(entry, self._perform(entry, executor, task), detached=executor.detached)

    def _checked(self, entry: Entry, task: Task) -> Executor | None:
        if task.executor not in self._registry:
            offered = ", ".join(self._registry.names)
            text = f"this agent does not offer the executor {task.executor!r}; it offers: {offered}"
            self._end(entry, Outcome(Status.FAILED, Reason.EXECUTOR_MISSING, text))
            return None
        executor = self._registry[task.executor]
        if task.desired_status and not (executor.calls_back and task.desired_status in ("skip", "fail")):
            text = f"the executor {task.executor!r} cannot do desired_status {task.desired_status!r}"
            self._end(entry, Outcome(Status.FAILED, Reason.EXECUTOR_ERROR, text))
            return None
        try:
            check_id(task.allocation_id)
            executor.check(task)
        except InvalidArgument as error:
            self._end(entry, Outcome(Status.FAILED, Reason.BAD_PARAMETERS, error.message))
            return None
        except Exception as error:  # noqa: BLE001 — code of others
            self._end(entry, self._broken(task, error))
            return None
        return executor

    def _at_once(self, executor: Executor, task: Task) -> Outcome | None:
        try:
            return executor.run_at_once(task)
        except Exception as error:  # noqa: BLE001 — code of others
            return self._broken(task, error)

    def _resume(self, entry: Entry) -> None:
        """It was started by the process before this one."""
        task = entry.task
        assert task is not None
        if task.executor in self._registry and self._registry[task.executor].detached:
            self._report(running(entry.key, entry.started_at))
            self._spawn(entry, self._recover(entry, self._registry[task.executor], task), detached=True)
        else:
            self._end(entry, _LOST)

    def _spawn(self, entry: Entry, work: Coroutine[None, None, None], *, detached: bool) -> None:
        assert self._group is not None
        job = self._group.create_task(work, name=entry.key[0])
        self._work[entry.key] = job
        job.add_done_callback(lambda job: self._gone(entry, job, detached=detached))

    def _gone(self, entry: Entry, job: asyncio.Task[None], *, detached: bool) -> None:
        """Here and not in the work itself: a task cancelled before its first step never runs a line of it."""
        del self._work[entry.key]
        if job.cancelled() and not detached and entry.state is State.RUNNING:
            self._end(entry, _CANCELLED if entry.stopping else _LOST)
        self._idle.set()

    async def _recover(self, entry: Entry, executor: Executor, task: Task) -> None:
        try:
            outcome = await executor.recover(task, self._context(entry))
        except Exception as error:  # noqa: BLE001 — code of others
            outcome = self._broken(task, error)
        self._end(entry, outcome or _LOST)

    async def _perform(self, entry: Entry, executor: Executor, task: Task) -> None:
        limit = task.timeout / 1000 if task.timeout and not executor.detached else None
        try:
            async with asyncio.timeout(limit):
                outcome = await self._run(executor, task, self._context(entry))
        except TimeoutError:
            outcome = _EXPIRED
        self._end(entry, outcome)

    async def _run(self, executor: Executor, task: Task, context: Context) -> Outcome:
        try:
            return await executor.run(task, context)
        except Exception as error:  # noqa: BLE001 — code of others
            return self._broken(task, error)

    def _broken(self, task: Task, error: Exception) -> Outcome:
        self._log.error(
            "an executor failed",
            event_name="executor_failed",
            executor=task.executor,
            allocation=task.allocation_id,
            exc_info=error,
        )
        return Outcome(Status.FAILED, Reason.EXECUTOR_ERROR, f"{type(error).__name__}: {error}")

    def _stop(self, entry: Entry) -> None:
        if entry.stopping or entry.state is State.ENDED:
            return
        entry.stopping = True
        task = entry.task
        if entry.state is not State.RUNNING or task is None:
            self._end(entry, _CANCELLED)
        elif self._registry[task.executor].detached:
            self._ask_to_stop(entry, task)
        elif entry.key in self._work:
            self._work[entry.key].cancel()

    def _ask_to_stop(self, entry: Entry, task: Task) -> None:
        try:
            self._registry[task.executor].stop(task, self._context(entry))
        except Exception as error:  # noqa: BLE001 — code of others; the work goes on until it ends by itself
            self._broken(task, error)

    def _end(self, entry: Entry, outcome: Outcome) -> None:
        report = ended(entry.key, outcome, started_at=entry.started_at, now=self._clock.now())
        self._book.end(entry, report)
        self._journal.ended(report, lambda: self._ended(entry, report))
        self._admit()

    def _ended(self, entry: Entry, report: Report) -> None:
        """The end is in the journal: now it may be told."""
        if entry.dropped:
            self._forget([entry.key])
        else:
            entry.told = True
            self._report(report)
        self._idle.set()

    # ---- smaller parts

    def _known(self, task: Task, held: int | None, memory: Report | int | None) -> None:
        fence = held if held is not None else memory.fence if isinstance(memory, Report) else memory
        if fence == task.fence:
            self._repeat(task.key, memory)
            return
        text = f"the allocation was received with fence {fence} before; the same one cannot have fence {task.fence}"
        self._log.error("refused an assignment", event_name="fence_conflict", allocation=task.allocation_id, why=text)
        outcome = Outcome(Status.FAILED, Reason.EXECUTOR_ERROR, text)
        self._report(ended(task.key, outcome, started_at=0, now=self._clock.now()))

    def _repeat(self, key: Key, memory: Report | int | None = None) -> None:
        """Say again how it ended, or that it runs; an acknowledged end is read back from the journal."""
        entry = self._book.get(key)
        if entry is not None:
            if entry.state is State.RUNNING:
                self._report(running(key, entry.started_at))
            elif entry.told and entry.report is not None:
                self._report(entry.report)
            return  # an end that is not yet journaled is told after its commit
        if memory is None:
            memory = self._journal.remembered([key[0]]).get(key[0])
        if isinstance(memory, Report) and memory.key == key:
            self._report(memory)

    def _forget(self, keys: list[Key]) -> None:
        self._journal.acknowledged(keys, self._clock.now(), lambda: self._forgotten(keys))

    def _forgotten(self, keys: list[Key]) -> None:
        self._book.forget(keys)
        self._idle.set()

    def _report(self, report: Report) -> None:
        self._outbox.put(report)
        self._changed()

    def _context(self, entry: Entry) -> Context:
        return Context(self._runs / entry.key[0], entry.started_at, self._lease)
