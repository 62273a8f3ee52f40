"""Users of the cluster: they ask any server, remember what was acknowledged, and read at once what they wrote."""

import asyncio

from google.protobuf.message import Message

from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import AlreadyExists, FailedPrecondition, JobpoolError, Unavailable
from jobpool.testing.audit import PlanKey
from jobpool.testing.simulation.cluster import Cluster
from jobpool.testing.simulation.plans import NAMESPACES, PLAIN, PLANS
from jobpool.testing.simulation.server import Server
from jobpool.wire import jobpool_pb2 as pb

PATIENCE: Millis = 5 * SECOND


class Clients:
    """`unread` lists what was acknowledged and could not be read at once from the server that said so."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._dice = cluster.world.dice("clients")
        self.unread: list[str] = []
        self.asked = 0
        self.answered = 0

    # ---- what a story begins and ends with

    async def set_up(self) -> None:
        for request in NAMESPACES:
            await self._insist("NameSpaceAdd", request)
        for plan in PLANS:
            await self._insist("PlanAdd", plan)

    async def open_nodes(self) -> None:
        for name in self._cluster.machines:
            await self._insist("NodeDrain", pb.NodeDrainRequest(id=name, enable=False, eligible=True))

    async def switch_off(self) -> None:
        for plan in PLANS:
            await self._insist("PlanOffline", pb.SchedulePlanOfflineRequest(namespace=plan.namespace, id=plan.id))

    async def _insist(self, name: str, request: Message) -> None:
        """Ask one server after the other until it is done, or was done before."""
        while True:
            answer = await self.ask(self._server(), name, request)
            if isinstance(answer, AlreadyExists | FailedPrecondition | Message):
                return
            if isinstance(answer, JobpoolError) and not isinstance(answer, Unavailable):
                self._cluster.world.tell("client", f"{name}: {answer!r}")
            await self._cluster.world.sleep(SECOND // 2)

    # ---- what users do all the time

    async def live(self) -> None:
        """Ask for this and that until cancelled."""
        deeds = (self._start, self._start, self._edit, self._cancel, self._switch, self._drain, self._open)
        async with asyncio.TaskGroup() as group:
            while True:
                await self._cluster.world.sleep(200 + self._dice.below(1500))
                group.create_task(deeds[self._dice.below(len(deeds))]())

    async def _start(self) -> None:
        server = self._server()
        answer = await self.ask(server, "PlanRun", pb.PlanRunRequest(namespace=PLAIN[0], id=PLAIN[1]))
        if isinstance(answer, pb.PlanRunResponse):
            self._cluster.witness.acknowledged.add(answer.data.id)

    async def _edit(self) -> None:
        key = self._plan()
        request = pb.SchedulePlanUpdateRequest(namespace=key[0], id=key[1], priority=1 + self._dice.below(99))
        await self.ask(self._server(), "PlanUpdate", request)

    async def _cancel(self) -> None:
        runs = sorted(self._cluster.witness.audit.state.runs)
        if runs:
            await self.ask(self._server(), "JobCancel", pb.JobCancelRequest(id=runs[self._dice.below(len(runs))]))

    async def _switch(self) -> None:
        """Not under clocks that are wrong: then nobody can say which ticks were due while a plan was off."""
        key, off = self._plan(), self._dice.below(2)
        if key == PLAIN or self._cluster.skewed:
            return
        request = pb.SchedulePlanOfflineRequest if off else pb.SchedulePlanOnlineRequest
        await self.ask(self._server(), f"Plan{'Offline' if off else 'Online'}", request(namespace=key[0], id=key[1]))

    async def _drain(self) -> None:
        within = ("", "2s", "20s")[self._dice.below(3)]
        await self.ask(self._server(), "NodeDrain", pb.NodeDrainRequest(id=self._node(), enable=True, deadline=within))

    async def _open(self) -> None:
        await self.ask(self._server(), "NodeDrain", pb.NodeDrainRequest(id=self._node(), enable=False, eligible=True))

    def _node(self) -> str:
        names = list(self._cluster.machines)
        return names[self._dice.below(len(names))]

    def _plan(self) -> PlanKey:
        plan = PLANS[self._dice.below(len(PLANS))]
        return plan.namespace, plan.id

    def _server(self) -> Server:
        return self._cluster.servers[self._cluster.names[self._dice.below(len(self._cluster.names))]]

    # ---- one call

    async def ask(self, server: Server, name: str, request: Message) -> Message | JobpoolError | None:
        """The answer or the refusal; None when there was none in time: what became of it is not known."""
        world = self._cluster.world
        answer: asyncio.Future[Message | JobpoolError | None] = world.loop.create_future()
        self.asked += 1

        def resolve(task: asyncio.Task[Message]) -> None:
            failure = None if task.cancelled() else task.exception()
            if answer.done() or task.cancelled() or not server.process.alive:
                return
            if failure is None:
                self.answered += 1
                self._read_back(server, name, task.result())
                answer.set_result(task.result())
            elif isinstance(failure, JobpoolError):
                answer.set_result(failure)
            else:
                answer.set_exception(failure)

        def arrive() -> None:
            server.process.start(server.call(name, request, PATIENCE), name=f"call {name}").add_done_callback(resolve)

        server.process.deliver(arrive)
        late = world.later(2 * PATIENCE, lambda: None if answer.done() else answer.set_result(None))
        try:
            return await answer
        finally:
            late.cancel()

    def _read_back(self, server: Server, name: str, answer: Message) -> None:
        """What a server has acknowledged it can show at once."""
        state = server.replica.state
        if isinstance(answer, pb.PlanRunResponse):
            job_id, ended = answer.data.id, self._cluster.witness.audit.ended
            if state.run(job_id) is None and not state.recently_finished(job_id) and job_id not in ended:
                self.unread.append(f"{server.process.name} started {job_id} and does not know it")
        elif isinstance(answer, pb.SchedulePlanUpdateResponse):
            plan = state.plan(answer.data.namespace, answer.data.id)
            if plan is None or plan.version < answer.data.revision:
                self.unread.append(f"{server.process.name} changed plan {answer.data.id} and shows it as it was")
