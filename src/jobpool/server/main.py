"""The composition root: builds a server from its configuration, runs it, and takes it down in order."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from jobpool.api.agent_desk import LocalDesk
from jobpool.api.context import Context, Identity
from jobpool.api.handlers import build_service
from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.sessions import Sessions
from jobpool.api.snapshots import Snapshots
from jobpool.api.tls import server_tls
from jobpool.evaluator.worker import Evaluator
from jobpool.history.process import HistoryProcess
from jobpool.history.source import segments_in
from jobpool.kit.effects.clock import Clock, SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.service import Service, run_services
from jobpool.kit.pure.durations import SECOND
from jobpool.leader.leadership import Leadership
from jobpool.leader.reign import Reign
from jobpool.leader.term import LeaderConfig
from jobpool.model.errors import JobpoolError, StoreFailed
from jobpool.model.statuses import NodeStatus
from jobpool.replica.follow import Follower
from jobpool.replica.replica import Replica
from jobpool.server.config import ServerConfig
from jobpool.server.engine import Engine, open_engine
from jobpool.server.feed import HistoryFeed
from jobpool.server.health import plain_routes
from jobpool.server.local import LocalLeader
from jobpool.server.metrics import Metrics
from jobpool.store.commands import AddNamespace, SetNodeStatus
from jobpool.store.datadir import DataDir

_GRACE = 5 * SECOND
_HISTORY = "history.db"
DEFAULT_NAMESPACE = "default"
AWAITED = "waiting for its agent to come back"


class Server:
    """One server. `run` serves until `stop` is set or something breaks."""

    def __init__(self, config: ServerConfig, *, data_dir: DataDir, engine: Engine, clock: Clock) -> None:
        self._config = config
        self._data_dir = data_dir
        self._engine = engine
        store = self._store = engine.store
        self._clock = clock
        self._log = get_logger("server")
        dice = Dice()
        self.replica = Replica(default_slots=config.job_parallelism_limit)
        self._history = HistoryProcess(data_dir.path / _HISTORY, segments_in(store), clock=clock)
        self._feed = HistoryFeed(self._history, self.replica)
        server_id = f"{data_dir.member_id:x}"
        self.leadership = Leadership(
            store,
            self.replica,
            clock=clock,
            dice=dice,
            config=_leader_config(config),
            retention=self._feed,
            server_id=server_id,
        )
        leader = LocalLeader(self.leadership)
        self._evaluators = [
            Evaluator(leader, self.replica, clock=clock, dice=Dice(), number=at) for at in range(config.worker_number)
        ]
        self._stopping = False
        context = Context(
            replica=self.replica,
            leader=leader,
            history=self._history,
            clock=clock,
            dice=dice,
            identity=Identity(data_dir.cluster_id, data_dir.member_id, config.name),
            default_time_zone=config.default_time_zone,
        )
        desk = LocalDesk(leader, self.replica, clock, server_id=server_id)
        self._sessions = Sessions(context, desk)
        self._metrics = Metrics(
            self.replica, self.leadership, self._history, evaluators=self._evaluators, agents=self._sessions
        )
        self._listener = self._listen(context)

    def _listen(self, context: Context) -> Listener:
        config = self._config
        snapshots = Snapshots(self._store, self._clock, allow_remote=config.allow_remote_snapshot)
        service = build_service(context, self._sessions, snapshots)
        routes = plain_routes(
            engine=self._engine.kind,
            versions=self._engine.versions,
            healthy=self._trouble,
            ready=self._unready,
            metrics=self._metrics,
        )
        gateway = Gateway(service, allowed_hosts=config.host_whitelist, extra_routes=routes)
        tls = None
        if config.tls.enabled:
            tls = server_tls(
                config.tls.cert_file,
                config.tls.key_file,
                trusted_ca_file=config.tls.trusted_ca_file,
                client_cert_auth=config.tls.client_cert_auth,
            )
        return Listener(service, gateway, ListenerConfig(urls=config.listen_client_urls), tls=tls)

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        return self._listener.addresses

    def _trouble(self) -> str:
        return "" if self.leadership.leads else "NO LEADER"

    def _unready(self) -> str:
        return "STOPPING" if self._stopping else self._trouble()

    async def run(self, stop: asyncio.Event, *, started: Callable[[], None] | None = None) -> None:
        """Serve, once. `started` is called once requests are answered.

        Raises JobpoolError when it cannot start, or what broke. Whatever happens, nothing of it is left at the end.
        """
        try:
            await self._load()
            await self._run(stop, started)
        finally:
            await self.close()

    async def close(self) -> None:
        """Give back the store and the data directory of a server that does not run."""
        try:
            await self._engine.close()
        finally:
            self._data_dir.close()

    async def _load(self) -> None:
        await self.replica.restore(self._store)
        for key in self.replica.broken:
            self._log.error("a stored record cannot be read and is left out", event_name="record_broken", key=key)
        await self._feed.forget_dropped(self._store)

    async def _run(self, stop: asyncio.Event, started: Callable[[], None] | None) -> None:
        loop = asyncio.get_running_loop()
        follower = Follower(self._store, self.replica, clock=self._clock, give_up=self.leadership.give_up)
        services: list[Service] = [*self._engine.services, self._history, follower, self.leadership, self._sessions]
        services += self._evaluators
        running = loop.create_task(run_services(services))
        serving = loop.create_task(self._serve(stop, started))
        try:
            await asyncio.wait([running, serving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            self._sessions.close()
            await self._listener.close(0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        for task in (running, serving):
            if not task.cancelled() and (failure := task.exception()) is not None:
                raise failure

    async def _await_agents(self, reign: Reign) -> None:
        """Every agent's stream ended with the server before this one: a node gets new work once its agent is back."""
        ready = [node.id for node in self.replica.state.nodes.values() if node.status is NodeStatus.READY]
        commands = [SetNodeStatus(node_id, NodeStatus.INITIALIZING, AWAITED) for node_id in ready]
        for outcome in await reign.committer.submit_all(commands):
            if isinstance(outcome, JobpoolError):
                raise outcome

    async def _serve(self, stop: asyncio.Event, started: Callable[[], None] | None) -> None:
        reign = await self.leadership.leading()
        await reign.committer.submit(AddNamespace(DEFAULT_NAMESPACE, if_absent=True))
        await self._await_agents(reign)
        await self._listener.start()
        self._log.info("serving", event_name="serving", addresses=[f"{host}:{port}" for host, port in self.addresses])
        if started is not None:
            started()
        await stop.wait()
        self._log.info("stopping", event_name="stopping")
        self._stopping = True
        self._sessions.close()  # before the listener: an open stream would hold up its drain for the whole grace
        await self._listener.close(_GRACE)


def _leader_config(config: ServerConfig) -> LeaderConfig:
    return LeaderConfig(
        min_heartbeat_ttl=config.min_heartbeat_ttl,
        failover_heartbeat_ttl=config.failover_heartbeat_ttl,
        node_gc_threshold=config.node_gc_threshold,
        job_gc_threshold=config.job_gc_threshold,
        keep_runs=config.keep_finished_runs,
    )


async def open_server(config: ServerConfig) -> Server:
    """A server on its data directory.

    Raises StoreFailed when the directory cannot be had or another server has it, InvalidArgument for a setting that
    cannot be used.
    """
    clock = SystemClock()
    data_dir = DataDir.open(Path(config.directory), config.engine)
    try:
        if config.etcd is None:
            _check_whole(data_dir)
        engine = await open_engine(config, data_dir, clock)
        try:
            return Server(config, data_dir=data_dir, engine=engine, clock=clock)
        except BaseException:
            await engine.close()
            raise
    except BaseException:
        data_dir.close()
        raise


def _check_whole(data_dir: DataDir) -> None:
    """Raises StoreFailed for a directory that has lost its database: a new one would be empty, without a word."""
    history, database = data_dir.path / _HISTORY, data_dir.database
    if history.exists() and not (database.exists() and database.stat().st_size):
        raise StoreFailed(
            f"{database} is gone, though {history} shows that it was there: put it back, or start with a new data "
            "directory"
        )
