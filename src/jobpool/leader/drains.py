"""Drains: a node that an operator empties has its runs moved at the deadline, and its drain ended once it is empty.

Level-triggered: what is due is read from the node's record and from what is on it, so a new leader goes on half-way.
"""

from jobpool.kit.effects.clock import Alarm
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.delay_queue import DelayQueue
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.term import Term
from jobpool.model.errors import JobpoolError
from jobpool.model.node import Node
from jobpool.replica.state import Folded, State
from jobpool.store.change import Command
from jobpool.store.commands import FinishDrain, MoveAttempt, is_asked_to_stop

_BATCH = 200
_AT_ONCE: Millis = 0


def due_of(node: Node, state: State) -> Millis | None:
    """When there is something to do for the node: at once when it is empty, at its deadline; None = no instant."""
    if node.drain is None:
        return None
    return node.drain.deadline if state.node_load(node.id) else _AT_ONCE


def drain_commands(node_id: str, state: State, now: Millis, *, limit: int = _BATCH) -> list[Command[bool]]:
    """The next step of a drain: its end, or up to `limit` moves. Pure.

    Empty when it is not time, or when agents have been asked to stop all that is left.
    """
    node = state.node(node_id)
    due = due_of(node, state) if node is not None else None
    if due is None or due > now:
        return []
    moves: list[Command[bool]] = []
    for job_id in state.node_runs(node_id):
        run = state.run(job_id)
        attempt = run.open_attempt if run is not None else None
        if run is not None and attempt is not None and not is_asked_to_stop(run, state):
            moves.append(MoveAttempt(job_id, node_id, attempt.fence))
            if len(moves) == limit:
                break
    return moves if moves or state.node_load(node_id) else [FinishDrain(node_id)]


class Drains:
    name = "drains"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._draining: set[str] = set()
        self._queue: DelayQueue[str] = DelayQueue()
        self._alarm = Alarm(term.clock)
        self._log = get_logger("drains")

    def begin(self) -> None:
        for node in self._term.state.nodes.values():
            self._track(node)

    def observe(self, folded: Folded) -> None:
        before = self._queue.next_due()
        for old, node in folded.nodes:
            if node is not None:
                self._track(node)
            elif old is not None:
                self._forget(old.id)
        if self._draining:
            self._look_for_empty(folded)
        if self._queue.next_due() != before:
            self._alarm.kick()

    def _look_for_empty(self, folded: Folded) -> None:
        for old, _ in folded.runs:
            attempt = old.open_attempt if old is not None else None
            if attempt is None or attempt.node_id not in self._draining:
                continue
            if not self._term.state.node_load(attempt.node_id):
                self._queue.set(attempt.node_id, _AT_ONCE)

    def _track(self, node: Node) -> None:
        if node.drain is None:
            self._forget(node.id)
            return
        self._draining.add(node.id)
        due = due_of(node, self._term.state)
        if due is None:
            self._queue.discard(node.id)
        else:
            self._queue.set(node.id, due)

    def _forget(self, node_id: str) -> None:
        self._draining.discard(node_id)
        self._queue.discard(node_id)

    def end(self) -> None:
        self._draining.clear()
        self._queue.clear()

    async def run(self) -> None:
        while True:
            await self._alarm.wait(self._queue.next_due())
            for node_id in list(self._queue.pop_due(self._term.clock.now())):
                await self._step(node_id)

    async def _step(self, node_id: str) -> None:
        commands = drain_commands(node_id, self._term.state, self._term.clock.now())
        if not commands:
            return
        outcomes = await self._term.writer.submit_all(commands)
        failures = [outcome for outcome in outcomes if isinstance(outcome, JobpoolError)]
        if failures:
            self._log.error(
                "a node could not be drained further; trying again",
                event_name="drain_failed",
                node=node_id,
                error=str(failures[0]),
            )
            self._queue.set(node_id, self._term.clock.now() + SECOND)
            return
        node = self._term.state.node(node_id)
        if node is not None:
            self._track(node)
