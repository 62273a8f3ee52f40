"""The leader's queues are what the store says they must be, whoever leads and wherever the one before was killed.

Nothing of a queue is stored: every term makes it anew of the state, and then it follows the commits. Both are held to a
dumb twin that reads the runs. A failing seed is in the test's name; run it alone to see the same history again.
"""

import asyncio

import pytest

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import DAY, SECOND
from jobpool.leader.committer import Committer
from jobpool.leader.queues import Queues
from jobpool.leader.reign import Reign
from jobpool.leader.term import LeaderConfig, Term
from jobpool.model.queued import SERVICE_QUEUE
from jobpool.model.statuses import EvaluationStatus
from jobpool.replica.replica import Replica, changes_of
from jobpool.replica.state import Folded, State
from jobpool.store.port import Step
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import SERVER, Core, NoRetention, running_core
from jobpool.testing.store import MemoryStore
from tests.properties.core_driver import Driver

SLOTS = 8
CONFIG = LeaderConfig(failover_heartbeat_ttl=20 * SECOND)
EVERYTHING = 1_000_000
Key = tuple[str, int]


def wanted(state: State) -> set[Key]:
    """The evaluations that somebody has to look at, or that wait for room."""
    found = set()
    for run in state.runs.values():
        last = run.evaluations[-1] if run.evaluations else None
        is_open = last is not None and last.status in (EvaluationStatus.PENDING, EvaluationStatus.BLOCKED)
        if last is not None and is_open and (run.holds_slot or run.ended):
            found.add((run.id, last.number))
    return found


def parked_in_store(state: State) -> set[Key]:
    keys = wanted(state)
    return {key for key in keys if state.runs[key[0]].evaluations[-1].status is EvaluationStatus.BLOCKED}


class Watch:
    """Looks at the queues of the core after every commit. `terms` are all that there were."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.terms: list[Reign] = []
        self.looks = 0
        self.wrong: list[AssertionError] = []
        core.replica.listen(self._soon)

    def _soon(self, folded: Folded) -> None:
        asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        try:
            self.look()
        except AssertionError as wrong:
            self.wrong.append(wrong)

    def look(self) -> None:
        if not self.core.leadership.leads:
            return
        reign = self.core.leadership.reign
        if reign not in self.terms:
            self.terms.append(reign)
        for former in self.terms[:-1]:
            assert (former.queues.broker_stats().tracked, former.queues.blocked_stats().blocked) == (0, 0)
        self.looks += 1
        tracked, in_hand, parked = inside(reign.queues)
        needed = wanted(self.core.state)
        assert not tracked & parked, "on its way and parked"
        assert needed <= tracked | parked, "forgotten"
        assert tracked - needed <= in_hand, "nobody needs it, and nobody has it"
        assert parked <= parked_in_store(self.core.state), "parked, and the store does not know"


def inside(queues: Queues) -> tuple[set[Key], set[Key], set[Key]]:
    """What is tracked, what of it is in an evaluator's hands, and what is parked."""
    broker, blocked = queues._broker._broker, queues._blocked
    tracked = set(broker._known)
    in_hand = {key for key in tracked if broker.outstanding(*key) is not None}
    return tracked, in_hand, {(it.evaluation.job_id, it.evaluation.number) for it in blocked._parked.values()}


async def live(seed: int, *, seconds: int) -> tuple[list[Step], Watch]:
    """The steps of a busy history with failing stores and rivals, its queues watched."""
    store, clock = MemoryStore(), FakeClock()
    async with running_core(store, clock, config=CONFIG, slots=SLOTS, evaluators=2, seed=seed) as core:
        watch, driver = Watch(core), Driver(core, store, clock, seed)
        await driver.set_up()
        await driver.live(seconds, faults=True)
        steps = store.steps
        await driver.calm_down()
        assert inside(core.leadership.reign.queues) == (set(), set(), set())
    return steps, watch


async def delivered(replica: Replica, clock: FakeClock) -> list[Key]:
    """What a new term over that state hands out, sooner or later."""
    committer = Committer(MemoryStore(), replica, clock, server_id=SERVER)
    term = Term(
        state=replica.state,
        writer=committer,
        clock=clock,
        dice=Dice(1),
        config=CONFIG,
        store=MemoryStore(),
        retention=NoRetention(),
        new_token=iter(map(str, range(EVERYTHING))).__next__,
    )
    reign = Reign(committer, term, number=replica.state.fence.term)
    end = reign.begin(replica)
    assert reign.queues.blocked_stats().blocked == 0, "what is parked is looked at first: room may have come meanwhile"
    found: list[Key] = []
    if reign.queues.broker_stats().ready:
        deliveries = await reign.queues.dequeue((SERVICE_QUEUE,), EVERYTHING, timeout=1)
        found = [(it.evaluation.job_id, it.evaluation.number) for it in deliveries]
    end()
    assert reign.queues.broker_stats().tracked == 0
    return found


@pytest.mark.invariant("L-1")
@pytest.mark.parametrize("seed", range(300, 312))
async def test_the_queues_are_what_the_store_says_after_every_commit_and_in_every_term(seed: int) -> None:
    steps, watch = await live(seed, seconds=40)
    assert not watch.wrong, watch.wrong[0]
    assert (len(watch.terms) > 1, watch.looks > len(steps)) == (True, True)
    replica = Replica(default_slots=SLOTS)
    seen = 0
    for step in steps:
        replica.apply(step.fence, changes_of(step))
        at = step.fence.n
        late = FakeClock(FakeClock().now() + 10 * DAY)  # whatever waits for its time is due
        keys = await delivered(replica, late)
        assert sorted(keys) == sorted(wanted(replica.state)), f"seed {seed}, killed after n {at}"
        seen += len(keys)
    assert seen > len(steps), "hardly anything ever waited"


@pytest.mark.invariant("L-1")
@pytest.mark.parametrize("seed", range(320, 324))
async def test_after_a_change_of_leader_exactly_what_is_blocked_is_parked_again(seed: int) -> None:
    """With no more room than before: what a new leader looks at anew, it parks as it was, and writes nothing."""
    store, clock = MemoryStore(), FakeClock()
    async with running_core(store, clock, config=CONFIG, slots=SLOTS, evaluators=2, seed=seed) as core:
        driver = Driver(core, store, clock, seed)
        await driver.set_up()
        seen = 0
        for moment in range(30):
            await driver.live(2)
            for node_id in list(core.state.nodes):
                core.silent.add(node_id)  # nobody says anything, so that nothing moves but the lead
            await clock.advance(SECOND // 2)
            term = core.leadership.reign
            await core.leadership.give_up()
            assert (term.queues.broker_stats().tracked, term.queues.blocked_stats().blocked) == (0, 0)
            await clock.advance(SECOND)
            assert core.leadership.reign is not term
            _, in_hand, parked = inside(core.leadership.reign.queues)
            assert not in_hand
            assert parked == parked_in_store(core.state), f"seed {seed}, moment {moment}"
            seen += len(parked)
        assert seen, "nothing was ever blocked"
        await driver.calm_down()
