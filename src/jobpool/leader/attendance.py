"""Attendance: which servers are there, and which agents they have; nothing is placed where nobody can bring it.

When a server dies its agents go to others within seconds, and what they run goes on meanwhile. Until each is back its
node waits, so that not even the first tick of a new term is given to an agent that cannot be reached. A server that is
heard again says which agents it has kept: those need not say again what they hold.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from jobpool.kit.effects.clock import Alarm, MonotonicClock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.term import Term
from jobpool.model.errors import JobpoolError
from jobpool.model.node import Node
from jobpool.model.statuses import NodeStatus
from jobpool.replica.state import Folded, State
from jobpool.store.commands import SetNodeStatus

_LOOK_EVERY: Millis = 200
_READ_FIRST: Millis = 50
"""What others sent while this server was held up is read before they are said to be gone."""
_BATCH = 200
AWAITED = "waiting for its agent to come back"
BACK = "node is ready"

HeldAgents = Sequence[tuple[str, int, Millis]]
"""Node id, session, and how often the agent is to be heard."""


def absent(state: State, heard: frozenset[str], limit: int) -> list[SetNodeStatus]:
    """Commands for up to `limit` nodes whose server is not there. Pure."""
    gone = (node for node in state.nodes.values() if _strays(node, heard))
    return [_wait_for(node) for node in islice(gone, limit)]


def _strays(node: Node, heard: frozenset[str]) -> bool:
    """Whether it is given work that nobody can bring it. An agent that polls fetches its work from whoever is there."""
    return node.status is NodeStatus.READY and not node.polling and node.server not in heard


def settle(state: State, server: str, agents: HeldAgents, *, since: int) -> tuple[list[SetNodeStatus], list[str]]:
    """What follows from a server's word on which agents it has, and those of them that are not its any more. Pure.

    A node that registered after n = `since` is left as it is: the word may be older than that.
    """
    commands, strangers = list[SetNodeStatus](), list[str]()
    held = {node_id: session for node_id, session, _ in agents}
    for node_id, session in held.items():
        node = state.node(node_id)
        if node is None or node.session != session or node.server != server:
            strangers.append(node_id)
        elif node.status is NodeStatus.INITIALIZING and node.settled:
            commands.append(SetNodeStatus(node_id, NodeStatus.READY, BACK, session))
    here = (node for node in state.nodes.values() if node.server == server and node.status is NodeStatus.READY)
    commands += [_wait_for(node) for node in here if node.session <= since and node.id not in held]
    return commands, strangers


def _wait_for(node: Node) -> SetNodeStatus:
    return SetNodeStatus(node.id, NodeStatus.INITIALIZING, AWAITED, node.session)


class Attendance:
    name = "attendance"

    def __init__(self, term: Term) -> None:
        self._term = term
        self._since = 0
        self._heard: frozenset[str] = frozenset()
        self._astray = False
        self._alarm = Alarm(MonotonicClock(term.clock))
        self._log = get_logger("attendance")

    def begin(self) -> None:
        self._since = self._term.state.fence.n
        self._heard = self._term.heard()
        self._astray = True

    def observe(self, folded: Folded) -> None:
        if any(node is not None and _strays(node, self._heard) for _, node in folded.nodes):
            self._astray = True
            self._alarm.kick()

    def end(self) -> None:
        self._astray = False

    async def run(self) -> None:
        while True:
            heard = await self._look()
            if heard != self._heard or self._astray:
                self._say(self._heard - heard)
                self._heard, self._astray = heard, False
                await self._await_absent(heard)
            # A server that hears no other has nobody to miss.
            await self._alarm.wait(self._term.clock.monotonic() + _LOOK_EVERY if len(heard) > 1 else None)

    async def _look(self) -> frozenset[str]:
        heard = self._term.heard()
        if self._heard - heard:
            await self._term.clock.sleep(_READ_FIRST)
            heard = self._term.heard()
        return heard

    def _say(self, gone: Iterable[str]) -> None:
        for server in gone:
            self._log.warning("a server is not heard any more", event_name="server_silent", server=server)

    async def _await_absent(self, heard: frozenset[str]) -> None:
        while commands := absent(self._term.state, heard, _BATCH):
            failed = _failures(await self._term.writer.submit_all(commands))
            if failed:
                self._log.error(
                    "nodes of a silent server could not be put off; trying again",
                    event_name="await_failed",
                    error=str(failed[0]),
                )
                await self._term.clock.sleep(SECOND)

    async def hold(self, server: str, agents: HeldAgents) -> list[str]:
        """A server says which agents it has; the answer are those that it has no more. Raises JobpoolError."""
        commands, strangers = settle(self._term.state, server, agents, since=self._since)
        if commands and (failed := _failures(await self._term.writer.submit_all(commands))):
            raise failed[0]
        return strangers


def _failures(outcomes: Iterable[object]) -> list[JobpoolError]:
    return [outcome for outcome in outcomes if isinstance(outcome, JobpoolError)]
