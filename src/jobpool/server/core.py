"""All of a server that needs no socket, process or file of its own: what `server.main` runs, and what a simulation of
whole clusters runs too.
"""

from collections.abc import Sequence

from msgspec import Struct

from jobpool.api.agent_desk import LocalDesk
from jobpool.api.cluster import Cluster as WholeCluster
from jobpool.api.context import Context, History, Identity
from jobpool.api.handlers import build_service
from jobpool.api.open_streams import OpenStreams
from jobpool.api.operations import Operations
from jobpool.api.service import Service as Calls
from jobpool.api.sessions import Sessions
from jobpool.api.snapshots import Snapshots
from jobpool.evaluator.worker import Evaluator
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice, new_key
from jobpool.kit.effects.service import Service
from jobpool.leader.allowance import Allowance
from jobpool.leader.attendance import settle
from jobpool.leader.leadership import Leadership
from jobpool.leader.term import LeaderConfig, Retention
from jobpool.model.beat import Beat
from jobpool.model.server import Cluster, ServerRecord
from jobpool.peers.mesh import Mesh
from jobpool.peers.stream import Dial
from jobpool.replica.follow import Follower
from jobpool.replica.replica import Replica
from jobpool.replica.state import State
from jobpool.server.answers import Answers
from jobpool.server.cluster_info import ServersSeen
from jobpool.server.cluster_peers import ClusterPeers
from jobpool.server.desk import ClusterDesk
from jobpool.server.evaluations import ClusterEvaluations, gives_way
from jobpool.server.forwarding import Forwarding
from jobpool.server.leader_path import LeaderPath
from jobpool.server.ledger import StoredRanges
from jobpool.server.local import LocalLeader
from jobpool.server.membership import Membership
from jobpool.server.outputs import ClusterOutputs
from jobpool.server.pulse import Pulse
from jobpool.store.change import Command
from jobpool.store.commands import AddNamespace, FoundCluster, JoinServer
from jobpool.store.operations import Operations as Engine
from jobpool.store.port import Store

DEFAULT_NAMESPACE = "default"


class CoreConfig(Struct, frozen=True, kw_only=True):
    """`identity` is what answers bear; its cluster id is the cluster's if this server is the first to lead."""

    me: ServerRecord
    identity: Identity
    leader: LeaderConfig = LeaderConfig()
    evaluators: int = 1
    default_time_zone: str = "Asia/Shanghai"
    allow_remote_snapshot: bool = False
    require_callback_token: bool = False


class _Others:
    """The way of `Leadership` to the other servers."""

    def __init__(self) -> None:
        self.mesh: Mesh | None = None

    def send_beat(self, beat: Beat) -> None:
        if self.mesh is not None:
            self.mesh.send_beat(beat)

    def call(self, server_id: str) -> bool:
        return self.mesh is not None and self.mesh.call(server_id)


class Core:
    """Load with `replica.restore` before `services` run. `service` answers calls, `mesh` other servers.

    `pulse` is a service for who has a use for what it counts; nothing else here needs it.
    """

    def __init__(
        self,
        store: Store,
        replica: Replica,
        *,
        config: CoreConfig,
        history: History,
        retention: Retention,
        engine: Engine,
        dial: Dial,
        clock: Clock,
        dice: Dice,
    ) -> None:
        self.replica = replica
        self._config = config
        me = config.me
        others = _Others()
        self.allowance = Allowance()
        self.leadership = Leadership(
            store,
            replica,
            clock=clock,
            dice=dice,
            config=config.leader,
            retention=retention,
            server_id=me.id,
            others=others,
            opening=self._opening,
            allowance=self.allowance,
        )
        local = LocalLeader(self.leadership)
        context = Context(
            replica,
            local,
            history,
            clock,
            dice,
            config.identity,
            default_time_zone=config.default_time_zone,
            url=me.url,
            require_callback_token=config.require_callback_token,
        )
        desk = LocalDesk(local, replica, clock, server_id=me.id, is_there=self._is_there)
        self.answers = Answers(self.leadership, replica, desk)
        give_up, dropped = self.leadership.give_up, retention.dropped_before
        self.follower = Follower(store, replica, clock=clock, give_up=give_up, dropped=dropped)
        # In two steps: what hears the mesh needs the way to the leader, which is through the mesh.
        self.membership = Membership(me, self.leadership, replica, clock=clock, follower=self.follower)
        self.mesh = Mesh(me.id, dial, clock=clock, dice=dice, answerer=self.answers, ears=self.membership)
        others.mesh = self.mesh
        path = LeaderPath(self.leadership, self.mesh, replica, clock=clock, me=me.id)
        cluster_desk = ClusterDesk(path, desk, self.leadership, me=me.id)
        self.sessions = Sessions(context, cluster_desk)
        self.membership.connect(self.mesh, path=path, desk=cluster_desk, answers=self.answers, sessions=self.sessions)
        self.evaluators = [self._evaluator(at, path, local, clock=clock, dice=dice) for at in range(config.evaluators)]
        self.seen = ServersSeen(me, self.leadership, replica, self.membership, self.sessions, clock=clock)
        self.streams = OpenStreams()
        self.pulse = self._pulse(engine, clock)
        self.service = self._serves(context, store, engine=engine, path=path)
        self.answers.service, self.answers.sessions = self.service, self.sessions

    def _pulse(self, engine: Engine, clock: Clock) -> Pulse:
        me, beats = self._config.me, lambda: self.membership.beats
        return Pulse(me, self.replica, self.leadership, engine, self.allowance, beats=beats, clock=clock)

    def _is_there(self, server_id: str) -> bool:
        return server_id in self.leadership.heard

    def _serves(self, context: Context, store: Store, *, engine: Engine, path: LeaderPath) -> Calls:
        config, clock = self._config, context.clock
        operations, peers = Operations(context, engine, self.seen), ClusterPeers(self.mesh)
        return build_service(
            context,
            self.sessions,
            Snapshots(store, clock, allow_remote=config.allow_remote_snapshot),
            operations=operations,
            cluster=WholeCluster(context, operations, self.seen, pulse=self.pulse, peers=peers, streams=self.streams),
            ranges=StoredRanges(store, keep=config.leader.job_gc_threshold),
            outputs=ClusterOutputs(self.sessions, self.replica, self.mesh, me=config.me.id),
            route=Forwarding(path, clock=clock, dice=context.dice, member_id=config.identity.member_id),
            streams=self.streams,
            is_behind=lambda: self.membership.cut_off or self.seen.lag > 0,
            has_leader=lambda: self.leadership.leader is not None,
        )

    def _evaluator(self, at: int, path: LeaderPath, local: LocalLeader, *, clock: Clock, dice: Dice) -> Evaluator:
        yields = gives_way(at, of=self._config.evaluators)
        evaluations = ClusterEvaluations(path, local, self.leadership, clock=clock, number=at, gives_way=yields)
        return Evaluator(evaluations, self.replica, clock=clock, dice=dice.fork(), number=at)

    @property
    def services(self) -> Sequence[Service]:
        """In start order."""
        return [self.follower, self.mesh, self.leadership, self.sessions, self.membership, *self.evaluators]

    def _opening(self, state: State) -> Sequence[Command[object]]:
        """What every term begins with. Saying what is so already writes nothing."""
        # A restored cluster goes on under its id, with a secret of its own.
        cluster = Cluster(self._config.identity.cluster_id if state.cluster is None else state.cluster.id, new_key())
        me = self._config.me
        # Of the agents that this server had before it was started again, each gets new work once it is back.
        awaited, _ = settle(state, me.id, self.sessions.holding(), since=state.fence.n)
        return (FoundCluster(cluster), JoinServer(me), AddNamespace(DEFAULT_NAMESPACE, if_absent=True), *awaited)
