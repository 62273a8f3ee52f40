"""The seams between halves, as Protocols.

`ClusterView` is all that a decision may read. `Evaluations` is how evaluators on any server reach the leader's queue,
and `Writer` how anything asks for a change.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from jobpool.kit.pure.durations import Millis
from jobpool.model.idempotency import IdempotencyMark
from jobpool.model.namespace import Namespace
from jobpool.model.node import Node
from jobpool.model.pause import Pause
from jobpool.model.plan import Plan
from jobpool.model.queued import Delivery
from jobpool.model.restored import Restored
from jobpool.model.run import Run
from jobpool.model.schedule import Cursor
from jobpool.model.server import Cluster, ServerRecord
from jobpool.model.verdict import Settled, Verdict


class ClusterView(Protocol):
    """One consistent state: what is committed and folded, plus what this batch has decided so far."""

    @property
    def next_n(self) -> int:
        """The number the commit under decision will have."""
        ...

    @property
    def next_fence(self) -> int:
        """The fencing number of attempts placed by that commit: (term, n) as one growing integer."""
        ...

    @property
    def era(self) -> int:
        """The store's incarnation: what is of an earlier one comes from the snapshot it was restored from."""
        ...

    @property
    def restored(self) -> Restored | None:
        """How the store was restored; None when it never was."""
        ...

    @property
    def cluster(self) -> Cluster | None:
        """None until somebody has led for the first time."""
        ...

    @property
    def pause(self) -> Pause | None:
        """Present while an operator wants nothing to be placed."""
        ...

    def server(self, server_id: str) -> ServerRecord | None: ...

    def namespace(self, name: str) -> Namespace | None: ...

    def plan(self, namespace: str, plan_id: str) -> Plan | None: ...

    def plan_version(self, namespace: str, plan_id: str, version: int) -> Plan | None:
        """The plan as it was at that version: the present one or a kept older one."""
        ...

    def plans_in(self, namespace: str) -> int:
        """How many plans the namespace has."""
        ...

    def cursor(self, namespace: str, plan_id: str) -> Cursor | None: ...

    def run(self, job_id: str) -> Run | None:
        """A run in the live keys."""
        ...

    def recently_finished(self, job_id: str) -> bool:
        """Whether the run ended not long ago (a ring of the last 100,000)."""
        ...

    def aliased(self, part: str, alias: str) -> str | None:
        """The id of the live run whose evaluation (`part` "e") or allocation ("a") a caller has given that id."""
        ...

    def live_runs(self, namespace: str, plan_id: str) -> Iterable[str]:
        """Ids of the plan's runs that have not ended."""
        ...

    def live_count(self, namespace: str, plan_id: str) -> int: ...

    def runs_in(self, namespace: str) -> int:
        """How many runs of the namespace are in the live keys."""
        ...

    def slot_limit(self, name: str) -> int:
        """How many runs of the namespace may hold a slot at once."""
        ...

    def slots_used(self, namespace: str) -> int: ...

    def node(self, node_id: str) -> Node | None: ...

    def node_load(self, node_id: str) -> int:
        """Open attempts on the node, over all namespaces."""
        ...

    def node_runs(self, node_id: str) -> Iterable[str]:
        """Ids of the runs with an open attempt on the node."""
        ...

    def pollers_named(self, name: str) -> Iterable[str]:
        """Ids of the nodes that poll and are named so, whatever the case of the letters."""
        ...

    def ready_nodes(self, executor: str) -> Sequence[str]:
        """Nodes that accept work for the executor, in a stable order."""
        ...

    def idempotency_mark(self, key: str, now: Millis) -> IdempotencyMark | None:
        """What an idempotency key stands for, while it is remembered."""
        ...


class Evaluations(Protocol):
    """The leader's queue of evaluations, as evaluators on any server use it. Raises Unavailable without a leader."""

    async def dequeue(self, types: Sequence[str], limit: int, *, timeout: Millis) -> Sequence[Delivery]:
        """Up to `limit` evaluations; empty when none came within `timeout` ms. Timeout 0 waits without end."""
        ...

    async def settle(self, verdicts: Sequence[Verdict]) -> Sequence[Settled]:
        """Commit what the verdicts ask for and acknowledge the deliveries. Answers are in the verdicts' order."""
        ...


class Liveness(Protocol):
    """Where whoever hears an agent says so. Memory of the leader only; never a write."""

    def ttl_of(self, node_id: str) -> Millis:
        """How often the node must be heard from now on."""
        ...

    def beat(self, node_id: str, ttl: Millis) -> None:
        """It was heard now. `ttl`: how often it has promised to be, to whichever leader asked it to."""
        ...
