"""The composition root: builds a server from its configuration, runs it, and takes it down in order."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from jobpool import __version__
from jobpool.api.context import Identity
from jobpool.api.etcd.gateway import etcd_routes
from jobpool.api.etcd.grpc import EtcdMethods
from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.tls import peer_tls, server_tls
from jobpool.history.process import HistoryProcess
from jobpool.history.source import segments_in
from jobpool.kit.effects.clock import Clock, SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.garbage import spare_what_is_there
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.service import Service, run_services
from jobpool.kit.pure.durations import MINUTE, SECOND
from jobpool.leader.term import LeaderConfig
from jobpool.model.errors import StoreFailed
from jobpool.model.server import ServerRecord
from jobpool.peers.dial import GrpcDial
from jobpool.replica.replica import Replica
from jobpool.server.config import ExternalEtcd, ServerConfig
from jobpool.server.core import Core, CoreConfig
from jobpool.server.engine import Engine, open_engine
from jobpool.server.etcd_access import AccessConfig, EtcdAccess, open_access
from jobpool.server.feed import HistoryFeed
from jobpool.server.health import plain_routes
from jobpool.server.metrics import Metrics
from jobpool.server.raft import RaftWatch
from jobpool.server.space import SpaceWatch, StoreSpace
from jobpool.server.surroundings import Surroundings
from jobpool.store.datadir import DataDir
from jobpool.store.engines.etcd.identity import mark
from jobpool.store.engines.etcd.relief import Relief
from jobpool.store.engines.etcd.upkeep import Upkeep

_GRACE = 5 * SECOND
_HISTORY = "history.db"


class Server:
    """One server. `run` serves until `stop` is set or something breaks."""

    def __init__(
        self, config: ServerConfig, *, data_dir: DataDir, engine: Engine, me: ServerRecord, clock: Clock
    ) -> None:
        self._config = config
        self._data_dir = data_dir
        self._engine = engine
        self._clock = clock
        self._log = get_logger("server")
        self._stopping = False
        self.replica = Replica(default_slots=config.job_parallelism_limit)
        self.replica.on_restore(spare_what_is_there)
        self._history = HistoryProcess(data_dir.path / _HISTORY, segments_in(engine.store), clock=clock)
        self._feed = HistoryFeed(self._history, self.replica)
        self.core = Core(
            engine.store,
            self.replica,
            config=CoreConfig(
                me=me,
                identity=Identity(data_dir.cluster_id, data_dir.member_id, config.name),
                leader=_leader_config(config),
                evaluators=config.worker_number,
                default_time_zone=config.default_time_zone,
                allow_remote_snapshot=config.allow_remote_snapshot,
                require_callback_token=config.require_callback_token,
            ),
            history=self._history,
            retention=self._feed,
            engine=engine.by_hand,
            dial=GrpcDial(peer_tls(*config.tls.shown, trusted_ca_file=config.tls.trusted_ca_file)),
            clock=clock,
            dice=Dice(),
        )
        self.leadership = self.core.leadership
        self._metrics = Metrics(
            self.replica,
            self.leadership,
            self._history,
            evaluators=self.core.evaluators,
            allowance=self.core.allowance,
            agents=self.core.sessions,
        )
        self._etcd = self._etcd_access()
        self._listener = self._listen()

    def _etcd_access(self) -> EtcdAccess:
        config = self._config
        external = config.etcd if isinstance(config.etcd, ExternalEtcd) else None
        access = AccessConfig(
            enabled=config.enable_etcd_api,
            allow_remote_snapshot=config.allow_remote_snapshot,
            user=config.etcd_user,
        )
        return open_access(self._engine, self.core, external, config=access)

    def _listen(self) -> Listener:
        config = self._config
        routes = plain_routes(
            store=self._engine.operations,
            versions=self._engine.versions,
            healthy=self._trouble,
            ready=self._unready,
            metrics=self._metrics,
        )
        calls, outgoing = self._etcd.calls, self.core.service.outgoing
        beside = [*routes, *etcd_routes(calls, outgoing)]
        gateway = Gateway(self.core.service, allowed_hosts=config.host_whitelist, extra_routes=beside)
        tls = None
        if config.tls.enabled:
            tls = server_tls(
                config.tls.cert_file,
                config.tls.key_file,
                trusted_ca_file=config.tls.trusted_ca_file,
                client_cert_auth=config.tls.client_cert_auth,
            )
        listening = ListenerConfig(urls=config.listen_client_urls)
        others = EtcdMethods(calls, outgoing, self.core.service.untaken).mapping
        return Listener(self.core.service, gateway, listening, tls=tls, peers=self.core.mesh.accept, others=others)

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        return self._listener.addresses

    def _trouble(self) -> str:
        if self.leadership.leader is None:
            return "NO LEADER"
        return "CUT OFF FROM THE STORE" if self.core.membership.cut_off else ""

    def _unready(self) -> str:
        return "STOPPING" if self._stopping else self._trouble()

    async def run(self, stop: asyncio.Event, *, started: Callable[[], None] | None = None) -> None:
        """Serve, once. `started` is called once requests are answered.

        Raises JobpoolError when it cannot start, or what broke. Whatever happens, nothing of it is left at the end.
        """
        try:
            if await self._load_unless(stop):
                await self._run(stop, started)
        finally:
            await self.close()

    async def close(self) -> None:
        """Give back the store and the data directory of a server that does not run."""
        try:
            await self._engine.close()
        finally:
            self._data_dir.close()

    async def _load_unless(self, stop: asyncio.Event) -> bool:
        """Whether the state was loaded before the server is to stop: etcd may keep it waiting for a majority."""
        loop = asyncio.get_running_loop()
        told, loading = loop.create_task(stop.wait()), loop.create_task(self._load())
        try:
            await asyncio.wait((told, loading), return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            if not loading.done():
                loading.cancel()
                await asyncio.wait((loading,))
        if loading.cancelled():
            return False
        loading.result()
        return True

    async def _load(self) -> None:
        engine = self._engine
        await engine.answered(lambda: self.replica.restore(engine.store), self._clock)
        for key in self.replica.broken:
            self._log.error("a stored record cannot be read and is left out", event_name="record_broken", key=key)
        await engine.answered(lambda: self._feed.forget_dropped(engine.store), self._clock)

    async def _run(self, stop: asyncio.Event, started: Callable[[], None] | None) -> None:
        loop = asyncio.get_running_loop()
        await self._listener.start()  # before it leads: the others reach it by this
        running = loop.create_task(run_services(self._services()))
        serving = loop.create_task(self._serve(stop, started))
        try:
            await asyncio.wait([running, serving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            self.core.sessions.close()
            self.core.streams.close()
            self._etcd.stop()
            await self._listener.close(0)
            await self._etcd.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        for task in (running, serving):
            if not task.cancelled() and (failure := task.exception()) is not None:
                raise failure

    def _services(self) -> Sequence[Service]:
        services: list[Service] = [*self._engine.services, self._history, *self.core.services, self.core.pulse]
        if self._engine.member is not None:
            services.append(
                RaftWatch(
                    self._engine.operations,
                    self.leadership,
                    clock=self._clock,
                    heirs=lambda: self.core.seen.raft_heirs,
                )
            )
        space = StoreSpace(self.core.allowance, self.leadership, self.replica)
        if self._engine.relief is not None:
            services.append(self._upkeep(self._engine.relief, space))
        elif self._engine.kind == "etcd":
            services.append(SpaceWatch(self._engine.operations, space, clock=self._clock))
        return services

    def _upkeep(self, room: Relief, space: StoreSpace) -> Service:
        seen = self.core.seen
        around = Surroundings(self.leadership, self.replica, self.core.membership, seen=seen, feed=self._feed)
        return Upkeep(self._engine.operations, room, around, account=space, clock=self._clock, server_id=seen.server_id)

    async def _serve(self, stop: asyncio.Event, started: Callable[[], None] | None) -> None:
        while not await self.core.membership.until_led(MINUTE):
            self._log.warning("nobody leads yet; still waiting", event_name="no_leader")
        self._log.info("serving", event_name="serving", addresses=[f"{host}:{port}" for host, port in self.addresses])
        if started is not None:
            started()
        await stop.wait()
        self._log.info("stopping", event_name="stopping")
        self._stopping = True
        if len(self.leadership.heard) > 1:
            await self.leadership.hand_over()
        self.core.sessions.close()  # before the listener: an open stream would hold up its drain for the whole grace
        self.core.streams.close()
        self.core.mesh.close()
        self._etcd.stop()
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
            me = await engine.answered(lambda: _record(config, data_dir, engine), clock)
            return Server(config, data_dir=data_dir, engine=engine, me=me, clock=clock)
        except BaseException:
            await engine.close()
            raise
    except BaseException:
        data_dir.close()
        raise


async def _record(config: ServerConfig, data_dir: DataDir, engine: Engine) -> ServerRecord:
    status = await engine.operations.status() if engine.member is not None else None
    server_id = f"{data_dir.member_id:x}"
    return ServerRecord(
        id=server_id,
        name=config.name,
        url=next(iter(config.advertised), ""),
        version=__version__,
        joined_at=0,
        etcd_member=status.member_id if status is not None else "",
        quota=status.space.quota if status is not None else 0,
        etcd_user=mark(config.etcd_user, server_id) if config.etcd_user and status is not None else "",
    )


def _check_whole(data_dir: DataDir) -> None:
    """Raises StoreFailed for a directory that has lost its database: a new one would be empty, without a word."""
    history, database = data_dir.path / _HISTORY, data_dir.database
    if history.exists() and not (database.exists() and database.stat().st_size):
        raise StoreFailed(
            f"{database} is gone, though {history} shows that it was there: put it back, or start with a new data "
            "directory"
        )
