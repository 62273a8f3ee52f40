"""What Prometheus is told. Read from the parts when it asks; nothing is counted twice and nothing per plan or job."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from jobpool.evaluator.worker import Evaluator
from jobpool.leader.allowance import Allowance
from jobpool.leader.leadership import Leadership
from jobpool.model.statuses import Trigger
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded

_LATENESS = (0.005, 0.015, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600)
_COMMIT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_BATCH = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)


class Backlog(Protocol):
    """What metrics tell of history."""

    @property
    def backlog_bytes(self) -> int: ...


class Agents(Protocol):
    """What metrics tell of the agents that are connected to this server."""

    stale_reports: int

    def __len__(self) -> int: ...


class Metrics:
    """One registry for one server."""

    def __init__(
        self,
        replica: Replica,
        leadership: Leadership,
        history: Backlog,
        *,
        evaluators: Sequence[Evaluator],
        allowance: Allowance,
        agents: Agents,
    ) -> None:
        self._allowance = allowance
        self._agents = agents
        self._replica = replica
        self._leadership = leadership
        self._history = history
        self._evaluators = evaluators
        self._registry = CollectorRegistry()
        self._outcomes: dict[tuple[str, str], int] = {}
        self._seen: tuple[int, int] = (0, 0)
        self._lateness = Histogram(
            "jobpool_start_lateness_seconds",
            "From due to the first start, seen when a run has ended; catch-up aside.",
            buckets=_LATENESS,
            registry=self._registry,
        )
        self._commit = Histogram(
            "jobpool_commit_seconds", "Latency of commits.", buckets=_COMMIT, registry=self._registry
        )
        self._batch = Histogram(
            "jobpool_commit_operations", "Operations in a commit.", buckets=_BATCH, registry=self._registry
        )
        self._registry.register(_Parts(self))
        ProcessCollector(registry=self._registry)
        replica.listen(self._observe)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def _observe(self, folded: Folded) -> None:
        if self._leadership.leads:
            self._observe_commit()
        if folded.segment is None:
            return
        for run in folded.segment.runs:
            key = (run.status.value, run.reason.value)
            self._outcomes[key] = self._outcomes.get(key, 0) + 1
            lateness = run.lateness
            if lateness is not None and run.trigger is not Trigger.CATCH_UP:
                self._lateness.observe(lateness / 1000)

    def _observe_commit(self) -> None:
        """Once per commit of this leader; a step that was not its own has no latency here."""
        stats = self._leadership.reign.committer.stats
        seen = (self._replica.state.fence.term, stats.batches)
        if stats.batches and seen != self._seen:
            self._seen = seen
            self._commit.observe(stats.last_latency / 1000)
            self._batch.observe(stats.last_ops)

    def collect(self) -> Iterator[Metric]:
        yield self._ended()
        yield from self._state()
        yield GaugeMetricFamily("jobpool_leader", "1 when this server leads.", value=self._leadership.leads)
        yield GaugeMetricFamily(
            "jobpool_agents_connected", "Agents with a stream to this server.", value=len(self._agents)
        )
        yield CounterMetricFamily(
            "jobpool_reports_stale", "Results that came too late and were not taken.", value=self._agents.stale_reports
        )
        yield GaugeMetricFamily(
            "jobpool_history_backlog_bytes", "Not yet taken by the read model.", value=self._history.backlog_bytes
        )
        placed = sum(evaluator.stats.placed for evaluator in self._evaluators)
        refused = sum(evaluator.stats.refused for evaluator in self._evaluators)
        yield CounterMetricFamily("jobpool_placements", "Placements by this server's evaluators.", value=placed)
        yield CounterMetricFamily("jobpool_placements_refused", "Placements refused by the leader.", value=refused)
        if self._leadership.leads:
            yield from self._queues()

    def _ended(self) -> Metric:
        ended = CounterMetricFamily(
            "jobpool_runs", "Runs that ended, by outcome, since this server started.", labels=("status", "reason")
        )
        for (status, reason), count in self._outcomes.items():
            ended.add_metric((status, reason), count)
        return ended

    def _state(self) -> Iterator[Metric]:
        state = self._replica.state
        slots = GaugeMetricFamily("jobpool_slots", "Slots of a namespace.", labels=("namespace", "kind"))
        for name in state.namespaces:
            slots.add_metric((name, "total"), state.slot_limit(name))
            slots.add_metric((name, "used"), state.slots_used(name))
        yield slots
        nodes = GaugeMetricFamily("jobpool_nodes", "Nodes by status.", labels=("status",))
        counts: dict[str, int] = {}
        for node in state.nodes.values():
            counts[node.status.value] = counts.get(node.status.value, 0) + 1
        for status, count in counts.items():
            nodes.add_metric((status,), count)
        yield nodes
        if self._allowance.space.quota:
            yield self._store()
        yield GaugeMetricFamily("jobpool_runs_live", "Runs in the live keys.", value=len(state.runs))
        yield GaugeMetricFamily("jobpool_paused", "1 while nothing is placed.", value=state.pause is not None)
        yield GaugeMetricFamily("jobpool_plans", "Registered plans.", value=len(state.plans))
        yield GaugeMetricFamily("jobpool_replica_n", "The newest commit this server knows.", value=state.fence.n)
        yield GaugeMetricFamily("jobpool_term", "The term of that commit.", value=state.fence.term)
        lag = 0
        if self._leadership.leads:
            lag = self._leadership.reign.committer.committed_n - state.fence.n
        yield GaugeMetricFamily("jobpool_replica_lag", "Commits that are durable and not folded here.", value=lag)

    def _store(self) -> Metric:
        space = self._allowance.space
        store = GaugeMetricFamily("jobpool_store_bytes", "Of etcd's database.", labels=("kind",))
        for kind in ("in_use", "quota"):
            store.add_metric((kind,), getattr(space, kind))
        return store

    def _queues(self) -> Iterator[Metric]:
        reign = self._leadership.reign
        depth = GaugeMetricFamily("jobpool_queue_depth", "Entries in the leader's queues.", labels=("queue",))
        stats, blocked = reign.queues.broker_stats(), reign.queues.blocked_stats()
        for name in ("ready", "unacked", "pending", "waiting", "delayed", "failed"):
            depth.add_metric((name,), getattr(stats, name))
        depth.add_metric(("blocked",), blocked.blocked)
        depth.add_metric(("commands",), reign.committer.waiting)
        yield depth
        yield CounterMetricFamily("jobpool_commits", "Commits of this term.", value=reign.committer.stats.batches)
        yield CounterMetricFamily("jobpool_commands", "Commands of this term.", value=reign.committer.stats.commands)


class _Parts:
    """What prometheus_client registers."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics.collect()
