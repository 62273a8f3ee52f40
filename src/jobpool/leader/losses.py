"""Losses: the runs of nodes that are down are ended, evaluated again or held, each by its own command.

Level-triggered: as long as a node is down and something is on it that is not held for its agent, this goes on. A crash
half-way loses nothing.
"""

import asyncio

from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND
from jobpool.leader.term import Term
from jobpool.model.errors import JobpoolError
from jobpool.model.statuses import NodeStatus
from jobpool.replica.state import Folded
from jobpool.store.commands import releases

_BATCH = 200


class Losses:
    name = "losses"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._down: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._log = get_logger("losses")

    def begin(self) -> None:
        state = self._term.state
        self._down = {node_id: None for node_id, node in state.nodes.items() if node.status is NodeStatus.DOWN}
        # A node whose record could not be read is nobody's to declare down.
        self._down.update({node_id: None for node_id in state.indexes.on_node if node_id not in state.nodes})
        self._changed.set()

    def observe(self, folded: Folded) -> None:
        for _, node in folded.nodes:
            if node is not None and node.status is NodeStatus.DOWN:
                self._down[node.id] = None
                self._changed.set()

    def end(self) -> None:
        self._down.clear()

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._down:
                node_id = next(iter(self._down))
                del self._down[node_id]
                await self._release(node_id)

    async def _release(self, node_id: str) -> None:
        while commands := releases(self._term.state, node_id, _BATCH):
            outcomes = await self._term.writer.submit_all(commands)
            failures = [outcome for outcome in outcomes if isinstance(outcome, JobpoolError)]
            if failures:
                self._log.error(
                    "runs of a lost node could not be released; trying again",
                    event_name="release_failed",
                    node=node_id,
                    error=str(failures[0]),
                )
                await self._term.clock.sleep(SECOND)
                self._down[node_id] = None  # after the others: what fails here must not keep them waiting
                return
