"""A small cluster in virtual time for stories: what is done to it, and what its log then says, second by second."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

from jobpool.kit.pure.durations import Millis, parse_duration
from jobpool.model.errors import JobpoolError
from jobpool.model.namespace import WhenFull
from jobpool.model.node import Node
from jobpool.model.run import Run
from jobpool.model.schedule import CatchUpMode, Delivery, LedgerRange, Overlap
from jobpool.model.statuses import AllocationStatus, NodeStatus, PlanStatus
from jobpool.replica.state import Folded
from jobpool.store.codec import decode
from jobpool.store.commands import (
    CancelDrain,
    CancelRun,
    CatchUpPatch,
    DeletePlan,
    NamespaceSettings,
    PausePlan,
    PeriodicPatch,
    PlanPatch,
    RemoveNode,
    ReportAttempt,
    ResumePlan,
    RetryPatch,
    SetEligibility,
    StartDrain,
    StartRun,
    SwitchPlan,
    UpdateNamespace,
    UpdatePlan,
    releases,
)
from jobpool.store.keyspace import Table
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import MemoryStore

NOON: Millis = 1_760_011_200_000
Words = list[str]
Options = dict[str, str]


class Cluster:
    """Runs are named `plan@second of the tick`, or by the id they were started with. In a schedule `_` is a space."""

    def __init__(self) -> None:
        self._loop = asyncio.Runner()
        self._store = MemoryStore()
        self._clock = FakeClock(NOON)
        self._told: list[str] = []
        self._start()

    def _start(self) -> None:
        self._context: AbstractAsyncContextManager[Core] = running_core(self._store, self._clock)
        self._core = self._loop.run(self._context.__aenter__())
        self._core.replica.listen(self._tell)

    def close(self) -> None:
        self._loop.run(_leave(self._context))
        self._loop.close()

    def run(self, words: Words, options: Options) -> Iterable[str]:
        self._told = []
        command: Callable[[Words, Options], Coroutine[Any, Any, Iterable[str] | None] | None]
        command = getattr(self, words[0].replace("-", "_"))
        answer: Iterable[str] = ()
        try:
            doing = command(words[1:], options)
            if doing is not None:
                told = self._loop.run(self._whole(doing))
                answer = told or ()
        except JobpoolError as refusal:
            return (*self._told, f"refused: {refusal}")
        return (*self._told, *answer)

    async def _whole(self, doing: Coroutine[Any, Any, Iterable[str] | None]) -> Iterable[str] | None:
        answer = await self._core.through(doing)
        await settle(200)
        return answer

    # ---- what happened

    def _tell(self, folded: Folded) -> None:
        for _, node in folded.nodes:
            if node is not None and node.status is not NodeStatus.INITIALIZING:
                self._say(f"node {node.id} is {node.status}{_eligibility(node)}")
        for old, plan in folded.plans:
            if old is not None and plan is not None and (old.paused is None) != (plan.paused is None):
                self._say(f"plan {plan.id} is {'resumed' if plan.paused is None else 'paused'}")
            if plan is not None and plan.status is PlanStatus.DEAD and plan.status_reason and old is not None:
                self._say(f"plan {plan.id} is dead: {plan.status_reason}")
        for before, after in folded.runs:
            if after is not None:
                for line in _changes(before, after):
                    self._say(f"{_name(after)} {line}")
        for run in folded.segment.runs if folded.segment is not None else ():
            why = f" ({run.reason})" if run.reason else ""
            self._say(f"{_name(run)} ended: {run.status}{why}")

    def _say(self, line: str) -> None:
        self._told.append(f"{_clock(self._clock.now())} {line}")

    # ---- commands

    async def node(self, words: Words, options: Options) -> None:
        await self._core.add_node(words[0], capacity=int(options.get("capacity", "256")), executors=("noop", "rest"))

    async def plan(self, words: Words, options: Options) -> None:
        await self._core.add_plan(words[0], spec=_spec(options), **_fields(options))

    async def edit(self, words: Words, options: Options) -> None:
        fields = _fields(options)
        if "spec" in options:
            fields["periodic"] = PeriodicPatch(spec=_spec(options))
        await self._core.submit(UpdatePlan("default", words[0], PlanPatch(**fields), "UTC"))

    async def offline(self, words: Words, options: Options) -> None:
        await self._core.submit(SwitchPlan("default", words[0], online=False))

    async def online(self, words: Words, options: Options) -> None:
        await self._core.submit(SwitchPlan("default", words[0], online=True))

    async def pause(self, words: Words, options: Options) -> None:
        until = self._clock.now() + parse_duration(options["for"]) if "for" in options else None
        await self._core.submit(PausePlan("default", words[0], "somebody", until=until))

    async def resume(self, words: Words, options: Options) -> None:
        await self._core.submit(ResumePlan("default", words[0], "catch-up" in words[1:]))

    async def delete(self, words: Words, options: Options) -> None:
        await self._core.submit(DeletePlan("default", words[0]))

    async def start(self, words: Words, options: Options) -> None:
        for job_id in words[1:]:
            await self._core.submit(
                StartRun("default", words[0], job_id, ignore_overlap=options.get("overlap") == "allow")
            )

    async def cancel(self, words: Words, options: Options) -> None:
        await self._core.submit(CancelRun(self._run(words[0]).id))

    async def report(self, words: Words, options: Options) -> None:
        await self._core.submit(self._core.report(self._run(words[0]), AllocationStatus(words[1])))

    async def limit(self, words: Words, options: Options) -> None:
        when_full = WhenFull(options.get("when-full", "fail"))
        await self._core.submit(UpdateNamespace("default", NamespaceSettings(int(words[0]), when_full)))

    async def eligible(self, words: Words, options: Options) -> None:
        await self._core.submit(SetEligibility(words[0], True, options.get("why", "")))

    async def ineligible(self, words: Words, options: Options) -> None:
        await self._core.submit(SetEligibility(words[0], False, options.get("why", "")))

    async def drain(self, words: Words, options: Options) -> None:
        within = parse_duration(options["deadline"]) if "deadline" in options else None
        await self._core.submit(StartDrain(words[0], within, options.get("why", "")))

    async def cancel_drain(self, words: Words, options: Options) -> None:
        await self._core.submit(CancelDrain(words[0], eligible="eligible" in words[1:]))

    async def late(self, words: Words, options: Options) -> Iterable[str]:
        """The agent of the run's first attempt says after all that it is complete."""
        run = self._run(words[0])
        first = run.attempts[0]
        late = ReportAttempt(run.id, first.number, first.node_id, first.fence, AllocationStatus.COMPLETE)
        return [str(await self._core.submit(late))]

    async def revive(self, words: Words, options: Options) -> None:
        await self._core.revive_node(words[0], empty="empty" in words[1:])

    async def remove_node(self, words: Words, options: Options) -> None:
        """What an operator's delete does; `force`: the machine is gone for good."""
        while given_up := releases(self._core.state, words[0], 10, for_good=True) if "force" in words[1:] else []:
            await self._core.submit_all(given_up)
        await self._core.submit(RemoveNode(words[0]))

    async def ledger(self, words: Words, options: Options) -> Iterable[str]:
        folder = f"ledger/default/{words[0]}/"
        pairs = await self._store.range(folder, folder[:-1] + "0", limit=100)
        ranges = [decode(Table.LEDGER, pair.value) for pair in pairs]
        return [
            f"{it.reason}: {it.count} from {_clock(it.first)} to {_clock(it.last)}"
            for it in ranges
            if isinstance(it, LedgerRange)
        ] or ["nothing"]

    async def slots(self, words: Words, options: Options) -> Iterable[str]:
        state = self._core.state
        waiting = sorted(_name(run) for run in state.runs.values() if not run.holds_slot and not run.ended)
        used = f"{state.slots_used('default')} of {state.slot_limit('default')} in use"
        return [used + (f", waiting: {' '.join(waiting)}" if waiting else "")]

    def wait(self, words: Words, options: Options) -> None:
        self._loop.run(self._clock.advance(parse_duration(words[0])))

    def jump(self, words: Words, options: Options) -> None:
        """Nobody leads for so long."""
        span = words[0]
        self._clock.jump(-parse_duration(span[1:]) if span.startswith("-") else parse_duration(span))

    def agents(self, words: Words, options: Options) -> None:
        self._core.answers = None if words[0] == "busy" else AllocationStatus(words[0])

    def silent(self, words: Words, options: Options) -> None:
        self._core.silent.add(words[0])

    def crash(self, words: Words, options: Options) -> None:
        """The leader is killed; another one goes on from what is stored. Agents keep what they were told."""
        silent, answers = self._core.silent, self._core.answers
        self._loop.run(_leave(self._context))
        self._store = self._store.reopened()
        self._context = running_core(self._store, self._clock, silent=silent, answers=answers)
        self._core = self._loop.run(self._context.__aenter__())
        self._core.replica.listen(self._tell)
        self._loop.run(settle(200))

    def _run(self, name: str) -> Run:
        return next(run for run in self._core.state.runs.values() if _name(run) == name)


async def _leave(context: AbstractAsyncContextManager[Core]) -> None:
    await context.__aexit__(None, None, None)


def _changes(before: Run | None, after: Run) -> Iterable[str]:
    if before is None and not after.ended:
        yield "begins" if after.holds_slot else f"waits ({after.reason})"
    elif before is not None and after.holds_slot and not before.holds_slot:
        yield "has a slot"
    old = before.open_attempt if before is not None else None
    new = after.open_attempt
    if new is not None and old is None:
        told = f" to tell its callee: {after.status} ({after.reason})" if after.ended else ""
        yield f"is placed on {new.node_id}{told}"
    elif new is not None and old is not None:
        if AllocationStatus.UNKNOWN in (new.status, old.status) and new.status is not old.status:
            lost = new.status is AllocationStatus.UNKNOWN
            yield f"is out of reach on {new.node_id}" if lost else f"is heard of again on {new.node_id}"
        if new.desired is not old.desired:
            yield f"is to {new.desired} on {new.node_id}"
    elif old is not None and new is None and not after.accepted:
        again = after.evaluations[-1].not_before
        yield f"lost its attempt: {after.attempts[-1].description or after.attempts[-1].status}" + (
            f", again at {_clock(again)}" if again else ", again at once"
        )


def _eligibility(node: Node) -> str:
    until = ""
    if node.drain is not None:
        until = " draining" if node.drain.deadline is None else f" draining until {_clock(node.drain.deadline)}"
    why = f" ({node.eligibility_description})" if node.eligibility_description else ""
    return ("" if node.eligible else " ineligible") + until + why


def _clock(at: Millis) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M:%S")


def _name(run: Run) -> str:
    return run.id if run.trigger == "manual" else f"{run.plan_id}@{_clock(run.scheduled_at)}"


def _spec(options: Options) -> str:
    return options.get("spec", "0_0_1_1_*").replace("_", " ")


def _fields(options: Options) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "overlap" in options:
        fields["overlap"] = Overlap(options["overlap"])
    if "delivery" in options:
        fields["delivery"] = Delivery(options["delivery"])
    if "catch-up" in options:
        window = parse_duration(options["window"]) if "window" in options else None
        rate = int(options.get("rate", "0"))
        fields["catch_up"] = CatchUpPatch(CatchUpMode(options["catch-up"]), window, 1000, rate)
    if "retry" in options:
        fields["retry"] = RetryPatch(attempts=int(options["retry"]), backoff=1000)
    if "priority" in options:
        fields["priority"] = int(options["priority"])
    if "until" in options:
        end = NOON + parse_duration(options["until"])
        fields["periodic"] = PeriodicPatch(spec=_spec(options), time_zone="UTC", end_time=end)
    if "callback" in options:
        fields |= {"executor": "rest", "synchronous": False}
        fields["parameters"] = '{"url": "http://127.0.0.1:1/", "method": "get"}'
    return fields
