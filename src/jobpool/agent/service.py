"""All of an agent together: from an empty or a remembered data directory to a drained end."""

import asyncio
import platform
from contextlib import AsyncExitStack

from jobpool import __version__
from jobpool.agent.book import Book
from jobpool.agent.config import AgentConfig
from jobpool.agent.connector import Connector
from jobpool.agent.executor import Registry
from jobpool.agent.identity import Belonging, DataDir, Identity
from jobpool.agent.journal import Journal
from jobpool.agent.lease import Lease, Renewal
from jobpool.agent.machine import Gauge, Machine
from jobpool.agent.rundirs import Retention, sweep
from jobpool.agent.runner import Runner
from jobpool.agent.session import Mailbag, Session, Stream
from jobpool.kit.effects.clock import Clock, SystemClock
from jobpool.kit.effects.dice import Dice, new_secret
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.wire import jobpool_pb2 as pb

FLUSH_WITHIN: Millis = 5 * SECOND
LEAVE_WITHIN: Millis = 5 * SECOND
SWEEP_EVERY: Millis = 5 * MINUTE


async def run_agent(config: AgentConfig, *, stop: asyncio.Event, halt: asyncio.Event | None = None) -> int:
    """Run until `stop` is set, then drain: take nothing new, finish what runs within `config.drain_timeout`, tell the
    server. `halt` cuts the drain short. Returns the process's exit code: 0 drained, 1 halted.

    Raises InvalidArgument or FailedPrecondition when it cannot start: a bad setting, a data directory in use,
    JournalBroken when the journal cannot be read.
    """
    async with AsyncExitStack() as stack:
        data = DataDir(config.data_dir)
        stack.callback(data.close)
        agent = Agent(config, data, clock=SystemClock(), dice=Dice())
        stack.push_async_callback(agent.close)
        return await agent.run(stop, halt or asyncio.Event())


class Agent:
    """The parts, wired; `run` once."""

    def __init__(self, config: AgentConfig, data: DataDir, *, clock: Clock, dice: Dice) -> None:
        self._config = config
        self._data = data
        self._clock = clock
        self._identity = data.identity(clock, dice)
        self._belonging = Belonging(data)
        self._mailbag = Mailbag()
        self._registry = Registry(config.executors)
        self._book = Book(capacity=config.capacity)
        self._journal = Journal(data.journal, clock)
        lease = Lease(data.lease, config.lease)
        self._renewal = Renewal(lease, clock)
        self._runner = Runner(
            self._book,
            self._mailbag.outbox,
            journal=self._journal,
            registry=self._registry,
            runs=data.runs,
            lease=lease,
            clock=clock,
            changed=self._mailbag.changed.set,
        )
        self._hello = _hello(config, self._identity, self._registry.names, clock.now())
        machine = Machine(config.data_dir)
        self._mailbag.resources = machine.look(clock.monotonic())
        self._gauge = Gauge(machine.look, self._mailbag, clock)
        self._connector = Connector(config, self._new_session, journal=self._journal, clock=clock, dice=dice)
        self._log = get_logger("agent")

    async def run(self, stop: asyncio.Event, halt: asyncio.Event) -> int:
        self._log.info(
            "the agent runs",
            event_name="agent_started",
            node=self._identity.node_id,
            name=self._config.name,
            servers=list(self._config.server_urls),
            executors=self._registry.names,
        )
        async with asyncio.TaskGroup() as group:
            talk = group.create_task(self._connector.run(), name="connector")
            services = [
                talk,
                group.create_task(self._renewal.run(), name="lease"),
                group.create_task(self._journal.run(), name="journal"),
                group.create_task(self._sweep(), name="sweep"),
                group.create_task(self._gauge.run(), name="gauge"),
            ]
            self._runner.start(group)
            await stop.wait()
            drained = await self._drain(halt, talk)
            for service in services:
                service.cancel()
            await self._runner.abandon()
        self._log.info("the agent ends", event_name="agent_ended", drained=drained)
        return 0 if drained else 1

    async def close(self) -> None:
        self._journal.close()
        await self._registry.close()

    async def _drain(self, halt: asyncio.Event, talk: "asyncio.Task[None]") -> bool:
        """Whether it came to an end by itself, or by its time-out, rather than by `halt`."""
        self._log.info("draining", event_name="agent_drains", running=self._runner.running)
        self._runner.close()
        self._mailbag.drain()
        async with asyncio.TaskGroup() as group:
            quiet = group.create_task(self._finish(talk))
            halted = group.create_task(halt.wait())
            await asyncio.wait({quiet, halted}, return_when=asyncio.FIRST_COMPLETED)
            drained = quiet.done()
            quiet.cancel()
            halted.cancel()
        return drained

    async def _finish(self, talk: "asyncio.Task[None]") -> None:
        """What runs ends or is let go; then the server is told, within a bound: the journal remembers the rest.

        Last the stream is ended: once the server has ended it too, it knows that the agent has left, and why.
        """
        try:
            async with asyncio.timeout(self._config.drain_timeout / 1000):
                await self._runner.wait_idle()
        except TimeoutError:
            self._log.warning("the drain time-out has passed", event_name="drain_timeout", running=self._runner.running)
            await self._runner.abandon()
        try:
            async with asyncio.timeout(FLUSH_WITHIN / 1000):
                await self._journal.settled()
                await self._mailbag.flushed()
                await self._journal.settled()
        except TimeoutError:
            self._log.warning(
                "not every report was acknowledged; they are sent at the next start", event_name="unflushed"
            )
        self._mailbag.leave()
        if self._connector.server:
            await asyncio.wait({talk}, timeout=LEAVE_WITHIN / 1000)

    async def _sweep(self) -> None:
        """Old run directories go, a bounded number at a time, until only those are left that may stay.

        A disk that refuses is no reason to end what runs.
        """
        retention = Retention()
        while True:
            removed = 0
            try:
                removed = await asyncio.to_thread(
                    sweep, self._data.runs, retention, now=self._clock.now(), live=self._runner.is_live
                )
            except OSError as error:
                self._log.warning(
                    "old run directories could not be removed", event_name="sweep_failed", error=str(error)
                )
            if removed < retention.removals:
                await self._clock.sleep(SWEEP_EVERY)

    def _new_session(self, stream: Stream) -> Session:
        return Session(
            stream,
            self._hello,
            belonging=self._belonging,
            runner=self._runner,
            mailbag=self._mailbag,
            runs=self._data.runs,
            clock=self._clock,
        )


def _hello(config: AgentConfig, identity: Identity, executors: list[str], now: Millis) -> pb.AgentHello:
    hello = pb.AgentHello(
        node_id=identity.node_id,
        secret=identity.secret,
        name=config.name,
        data_center=config.data_center,
        capacity=config.capacity,
        executors=executors,
        attributes={"os": platform.system().lower(), "arch": platform.machine(), "host": platform.node()},
        version=__version__,
        process=new_secret(),
    )
    hello.started_at.FromMilliseconds(now)
    return hello
