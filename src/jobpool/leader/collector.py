"""Collector: what nobody needs any more goes, a little every minute. It only ever deletes what has ended."""

import asyncio
from collections.abc import Sequence
from itertools import islice

from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import HOUR, Millis
from jobpool.leader.term import Term
from jobpool.model.errors import JobpoolError, StoreFailed
from jobpool.model.schedule import LedgerRange
from jobpool.model.statuses import NodeStatus
from jobpool.replica.state import Folded, State
from jobpool.store.change import Command
from jobpool.store.codec import CorruptRecord, decode
from jobpool.store.commands import DropHistory, DropLedger, DropMarks, DropVersions, RemoveNode
from jobpool.store.keyspace import FOLDERS, Table, number

_STEP = 60
_SEGMENTS = 100
_KEEP_STEPS = 10_000
_LEDGER_EVERY: Millis = HOUR


def old_versions(state: State, *, before: Millis, keep: int) -> list[tuple[str, str, int]]:
    """Versions of plans beyond the newest `keep` of each, or superseded before an instant, that no run needs. Pure.

    A run that has ended needs its version as long as it owes its callee word.
    """
    needed = (
        {(run.namespace, run.plan_id, run.plan_version) for run in state.runs.values()} if state.versions else set()
    )
    newest: dict[tuple[str, str], list[int]] = {}
    for namespace, plan_id, version in state.versions:
        newest.setdefault((namespace, plan_id), []).append(version)
    found = []
    for (namespace, plan_id), versions in newest.items():
        versions.sort(reverse=True)
        successor = state.plan(namespace, plan_id)
        for rank, version in enumerate(versions):
            plan = state.versions[(namespace, plan_id, version)]
            superseded = (successor or plan).updated_at
            if (rank >= keep or superseded < before) and (namespace, plan_id, version) not in needed:
                found.append((namespace, plan_id, version))
            successor = plan
    return found


class Collector:
    name = "collector"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._ledger_at: Millis = 0
        self._log = get_logger("collector")

    def begin(self) -> None:
        self._ledger_at = 0

    def observe(self, folded: Folded) -> None:
        """Nothing is urgent here."""

    def end(self) -> None:
        self._ledger_at = 0

    async def run(self) -> None:
        while True:
            await self._term.clock.sleep(self._term.config.collect_every)
            try:
                await self.collect()
            except StoreFailed as failure:
                self._log.error("nothing could be collected", event_name="collect_failed", error=str(failure))

    async def collect(self) -> None:
        """One round. A refusal is logged and the next round tries again."""
        now = self._term.clock.now()
        await self._drop_history(now)
        await self._drop_ledger(now)
        outcomes = await self._term.writer.submit_all(self._decide(self._term.state, now))
        self._log_failures(outcomes)
        await self._term.store.compact(max(0, self._term.state.fence.n - _KEEP_STEPS))

    async def _drop_history(self, now: Millis) -> None:
        """In steps of a few segments: one large deletion would hold up every commit behind it."""
        try:
            cut = await self._term.retention.retention_cut(
                older_than=now - self._term.config.job_gc_threshold, keep_runs=self._term.config.keep_runs
            )
        except JobpoolError as failure:
            self._log.warning(
                "history did not answer; retention waits", event_name="retention_waits", error=str(failure)
            )
            return
        folder = FOLDERS[Table.SEGMENT]
        while cut is not None:
            oldest = await self._term.store.range(folder, folder + number(cut + 1), limit=_SEGMENTS)
            # None is left where the engine itself made room: the read models, which were not told, hear of it now.
            n = int(oldest[-1].key.removeprefix(folder)) if oldest else cut
            if self._log_failures(await self._term.writer.submit_all([DropHistory(n)])):
                return
            self._term.retention.dropped_before(n + 1)
            if n >= cut:
                return

    async def _drop_ledger(self, now: Millis) -> None:
        """Once an hour, of every plan whose oldest range is old enough; plans that are deleted by now among them."""
        if now - self._ledger_at < _LEDGER_EVERY:
            return
        self._ledger_at = now
        before = now - self._term.config.job_gc_threshold
        folder = FOLDERS[Table.LEDGER]
        first, last, plans = folder, folder[:-1] + "0", list[tuple[str, str, Millis]]()
        while oldest := await self._term.store.range(first, last, limit=1):
            namespace, plan_id, since = oldest[0].key.removeprefix(folder).split("/")
            cut = await self._ledger_cut(f"{folder}{namespace}/{plan_id}/", before)
            if int(since) < cut:
                plans.append((namespace, plan_id, cut))
            first = f"{folder}{namespace}/{plan_id}0"  # the character after "/": the next plan's
            await asyncio.sleep(0)  # an engine may answer at once: the loop must not stand still for all plans
        commands = [DropLedger(tuple(plans[at : at + _STEP])) for at in range(0, len(plans), _STEP)]
        self._log_failures(await self._term.writer.submit_all(commands))

    async def _ledger_cut(self, folder: str, before: Millis) -> Millis:
        """The plan's ranges that began before this also ended before `before`."""
        newest = await self._term.store.range(folder, folder + number(max(0, before)), limit=1, reverse=True)
        try:
            entry = decode(Table.LEDGER, newest[0].value) if newest else None
        except CorruptRecord:
            entry = None  # what cannot be read goes by its key's time
        return entry.first if isinstance(entry, LedgerRange) and entry.last >= before else before

    def _log_failures(self, outcomes: Sequence[object]) -> bool:
        failures = [outcome for outcome in outcomes if isinstance(outcome, JobpoolError)]
        for failure in failures:
            self._log.error("something could not be collected", event_name="collect_failed", error=str(failure))
        return bool(failures)

    def _decide(self, state: State, now: Millis) -> list[Command[None]]:
        config = self._term.config
        commands: list[Command[None]] = []
        versions = old_versions(state, before=now - config.job_gc_threshold, keep=config.keep_versions)
        commands += [DropVersions(tuple(versions[at : at + _STEP])) for at in range(0, len(versions), _STEP)]
        marks = list(islice((key for key, mark in state.marks.items() if mark.until <= now), 100 * _STEP))
        commands += [DropMarks(tuple(marks[at : at + _STEP])) for at in range(0, len(marks), _STEP)]
        long_down = now - config.node_gc_threshold
        for node in state.nodes.values():
            if node.status is NodeStatus.DOWN and node.updated_at <= long_down and not state.node_load(node.id):
                commands.append(RemoveNode(node.id, if_down_since=long_down))
        return commands
