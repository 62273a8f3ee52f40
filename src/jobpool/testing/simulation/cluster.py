"""A whole cluster: servers, agents and their machines, and what a story may do to each of them."""

from msgspec import Struct

from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.replica.replica import Replica
from jobpool.server.core import Core
from jobpool.testing.simulation.agents import Agent
from jobpool.testing.simulation.audit import Witness
from jobpool.testing.simulation.machine import Machine
from jobpool.testing.simulation.network import Network
from jobpool.testing.simulation.plans import ALONE, ONCE, SLOTS
from jobpool.testing.simulation.process import Process
from jobpool.testing.simulation.server import Make, NewReplica, Server
from jobpool.testing.simulation.store import Connection, SharedStore
from jobpool.testing.simulation.world import World


class Shape(Struct, frozen=True):
    """`capacity` is how many runs each machine takes at once; `longest` in ms."""

    servers: int = 3
    machines: int = 3
    capacity: int = 6
    longest: Millis = 3 * SECOND


class Variant(Struct, frozen=True):
    """What a cluster is made of; a planted bug is another one of these."""

    core: Make = Core
    replica: NewReplica = Replica
    connection: type[Connection] = Connection


class Cluster:
    def __init__(self, world: World, shape: Shape, variant: Variant) -> None:
        self.world = world
        self.shape = shape
        self.network = Network(world)
        self.store = SharedStore(world)
        self.witness = Witness(world, self.store, slots=SLOTS, alone=ALONE, once=ONCE)
        self.names = [f"s{at + 1}" for at in range(shape.servers)]
        self.servers: dict[str, Server] = {}
        self.machines = {
            name: Machine(world, name, capacity=shape.capacity, longest=shape.longest)
            for name in (f"m{at + 1}" for at in range(shape.machines))
        }
        self.agents: dict[str, Process] = {}
        self._talking: dict[str, Agent] = {}
        self.skews: dict[str, Millis] = {}
        self.skewed = False
        self._variant = variant
        self._lives = 0
        for machine in self.machines.values():
            self.witness.watch(machine)
        self.witness.in_touch = lambda name: self._talking[name].in_touch

    # ---- servers

    @property
    def leader(self) -> str | None:
        """Who leads, as far as the store knows."""
        batches = [step.fence.batch for step in reversed(self.store.steps) if step.fence.batch.startswith("campaign/")]
        return next((batch.split("/")[1] for batch in batches), None)

    def start_server(self, name: str) -> None:
        if name in self.servers and self.servers[name].process.alive:
            return
        self._lives += 1
        dice = self.world.dice(f"{name} life {self._lives}")
        process = Process(self.world, name, dice=dice, skew=self.skews.get(name, 0))
        variant = self._variant
        connection = variant.connection(self.store, process, dice=self.world.dice(f"store {name} {self._lives}"))
        self.world.tell(name, "starts")
        self.servers[name] = Server(
            process, connection, self.network, make=variant.core, new_replica=variant.replica, dice=dice
        )

    def kill_server(self, name: str, *, silently: bool = False) -> None:
        server = self.servers[name]
        self.world.tell(name, "its machine is gone" if silently else "is killed")
        server.connection.leave()
        server.process.kill()
        self.network.drop(server.process, silently=silently)

    # ---- agents

    def start_agent(self, name: str) -> None:
        if name in self.agents and self.agents[name].alive:
            return
        self._lives += 1
        dice = self.world.dice(f"{name} life {self._lives}")
        process = self.agents[name] = Process(self.world, name, dice=dice)
        agent = Agent(self.machines[name], process, self.network, servers=self.names, dice=dice)
        self._talking[name] = agent
        process.start(agent.run(), name=name)
        self.world.tell(name, "starts")

    def kill_agent(self, name: str, *, machine: bool) -> None:
        """The agent's process alone, whose work goes on, or the whole machine."""
        self.world.tell(name, "its machine is gone" if machine else "is killed")
        self.agents[name].kill()
        self.network.drop(self.agents[name], silently=machine)
        if machine:
            self.machines[name].go_down()

    # ---- all of it

    def process(self, name: str) -> Process:
        return self.servers[name].process if name in self.servers else self.agents[name]

    def start(self) -> None:
        for name in self.names:
            self.start_server(name)
        for name in self.machines:
            self.start_agent(name)

    def heal(self) -> None:
        """Everything works again."""
        self.network.slow = 0
        self.network.mend_all()
        self.store.recover()
        for server in self.servers.values():
            if server.process.alive:
                server.connection.heal()
        for name in (*self.names, *self.machines):
            if self.process(name).alive:
                self.process(name).resume()
        self.start()
        for name in self.names:
            self.servers[name].process.clock.skew = 0
        self.skews.clear()

    def end(self) -> None:
        for name in (*self.names, *self.machines):
            self.process(name).kill()

    def trouble(self) -> list[str]:
        """What has broken so far: promises, and servers that ended by themselves."""
        ended = [f"{name} has ended: {server.ended}" for name, server in self.servers.items() if server.ended]
        return [*self.witness.broken, *ended]
