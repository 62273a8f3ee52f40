"""A story: a cluster at work, faults from a seed, then peace, and the witness's verdict on all of it.

The same seed, shape and variant tell the same story. What befalls the cluster is thrown by dice of its own, so that it
is the same for every variant up to the point where the variants part.
"""

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.testing.simulation.audit import Broken
from jobpool.testing.simulation.clients import Clients
from jobpool.testing.simulation.cluster import Cluster, Shape, Variant
from jobpool.testing.simulation.faults import FAULTS, Fault, Make
from jobpool.testing.simulation.plans import ALONE, ONCE, PLAIN
from jobpool.testing.simulation.world import World

_SET_UP_WITHIN: Millis = 30 * SECOND
_RECOVERY: Millis = 12 * SECOND
_PACED: Millis = 10 * SECOND
_QUIET: Millis = 30 * SECOND
"""Within so long after the last fault and the last tick everything has ended, everywhere (L-6)."""


class Verdict(Struct, frozen=True):
    """What came of a story. `broken` is empty when every promise was kept; `told` is (ms, who, what)."""

    seed: int
    broken: Sequence[str]
    told: Sequence[tuple[Millis, str, str]]
    ticks: int = 0
    starts: int = 0
    commits: int = 0
    terms: int = 0


class Story:
    """`span` is for how long faults befall the cluster, in ms; `faults` are the kinds there are.

    Each story has its own choice of them and its own pace: what hides behind a hail of all kinds shows among few.
    """

    def __init__(
        self, world: World, variant: Variant, *, shape: Shape, span: Millis, faults: Sequence[Make] = FAULTS
    ) -> None:
        self.world = world
        self.cluster = Cluster(world, shape, variant)
        self.clients = Clients(self.cluster)
        self._span = span
        self._dice = world.dice("story")
        self._faults = [kind for kind in faults if self._dice.below(2)] or list(faults)
        self._rest = (500, 2500, 8000)[self._dice.below(3)]
        self._active: list[Fault] = []
        self._ticks = 0

    async def tell(self) -> Verdict:
        broken: list[str] = []
        try:
            await self._play()
        except Broken as failure:
            broken.append(str(failure))
        verdict = self._verdict(broken)
        self.cluster.end()
        await self.world.sleep(1)
        return verdict

    def _verdict(self, broken: list[str]) -> Verdict:
        cluster = self.cluster
        return Verdict(
            self.world.seed,
            [*cluster.trouble(), *self.clients.unread, *broken],
            self.world.told,
            self._ticks,
            sum(len(machine.starts) for machine in cluster.machines.values()),
            len(cluster.store.steps),
            cluster.store.fence.term,
        )

    async def _play(self) -> None:
        loop = self.world.loop
        self.cluster.start()
        await self._within(self.clients.set_up(), _SET_UP_WITHIN, "set up")
        living = loop.create_task(self.clients.live())
        try:
            await self._suffer()
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
        await self._recover()

    async def _suffer(self) -> None:
        end = self.world.elapsed + self._span
        while self.world.elapsed < end:
            await self.world.sleep(200 + self._dice.below(self._rest))
            self._check()
            fault = self._faults[self._dice.below(len(self._faults))](self.cluster, self._dice)
            self.world.tell("story", fault.text)
            self.world.later(_duration(self._dice), lambda fault=fault: self._undo(fault))  # type: ignore[misc]
            self._active.append(fault)

    def _undo(self, fault: Fault) -> None:
        if fault in self._active:
            self._active.remove(fault)
            self.world.tell("story", f"no more: {fault.text}")
            fault.undo()

    async def _recover(self) -> None:
        """Everything works again: ticks start in time, and once there are none all comes to its end."""
        for fault in list(self._active):
            self._undo(fault)
        self.cluster.heal()
        self.world.tell("story", "everything works again")
        healed = self.world.elapsed
        await self._within(self.clients.open_nodes(), _RECOVERY, "open the nodes")
        await self._pass(healed + _RECOVERY + _PACED - self.world.elapsed)
        since = self.world.elapsed - _PACED
        self.cluster.witness.check_placed((PLAIN, ALONE, ONCE), before=healed)
        self.cluster.witness.check_pace(PLAIN, since=since, until=self.world.elapsed - 3 * SECOND)
        await self._within(self.clients.switch_off(), 10 * SECOND, "switch the plans off")
        await self._pass(_QUIET)
        states = {name: server.replica.state for name, server in self.cluster.servers.items()}
        self._ticks = self.cluster.witness.check_quiet(states)

    async def _pass(self, span: Millis) -> None:
        end = self.world.elapsed + span
        while self.world.elapsed < end:
            await self.world.sleep(SECOND)
            self._check()

    def _check(self) -> None:
        if self.cluster.trouble() or self.clients.unread:
            raise Broken("the story ends here")

    async def _within(self, work: "asyncio.Future[None] | object", span: Millis, what: str) -> None:
        try:
            async with asyncio.timeout(span / 1000):
                await work  # type: ignore[misc]
        except TimeoutError:
            raise Broken(f"could not {what} within {span // SECOND} s") from None


def _duration(dice: Dice) -> Millis:
    """Mostly short; now and then so long that a node is given up."""
    throw = dice.below(10)
    if throw < 6:
        return 300 + dice.below(2500)
    return 2 * SECOND + dice.below(12 * SECOND) if throw < 9 else 20 * SECOND + dice.below(25 * SECOND)
