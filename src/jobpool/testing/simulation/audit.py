"""The witness: holds a cluster to its promises, at every commit and every start, and once all is quiet again.

It looks at what the store took and at what the machines really started, never at what a server says of itself; due
ticks come from `testing.audit`, which enumerates them by arithmetic of its own.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from itertools import islice

from jobpool.agent.task import Key, Report
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.run import split_id
from jobpool.model.statuses import BY_HAND, NodeStatus
from jobpool.replica.state import State
from jobpool.store.port import Step
from jobpool.testing.audit import Audit, PlanKey, same_state
from jobpool.testing.simulation.machine import Machine, Start
from jobpool.testing.simulation.store import SharedStore
from jobpool.testing.simulation.world import BEGIN, World

_PATIENCE: Millis = 25 * SECOND
"""A node is given at least twenty seconds of silence, and what it says may be under way for a while."""
WITHIN: Millis = 2 * SECOND
"""In which a due tick starts, whatever has befallen the leader (P4)."""


class Broken(AssertionError):
    """A promise was broken."""


class Witness:
    """`alone` and `once` name the plans that forbid overlap, and that run at most once.

    `acknowledged` are ids of runs whose start by hand was acknowledged. `times` says when each n was in force.
    `in_touch` says for how long some server has been hearing an agent without a break, in ms.
    """

    def __init__(self, world: World, store: SharedStore, *, slots: int, alone: PlanKey, once: PlanKey) -> None:
        self.audit = Audit(slots=slots)
        self.acknowledged: set[str] = set()
        self.times: dict[int, Millis] = {}
        self.in_touch: Callable[[str], Millis] = lambda name: 0
        self.broken: list[str] = []
        self._world = world
        self._store = store
        self._alone = alone
        self._once = once
        self._leaders: dict[int, str] = {}
        self._ticks: dict[tuple[PlanKey, Millis], str] = {}
        self._starts: dict[Key, Start] = {}
        self._started: defaultdict[str, list[Start]] = defaultdict(list)
        self._last_alone: Start | None = None
        store.landed.append(self._landed)

    # ---- every commit

    def _landed(self, step: Step) -> None:
        self._held(lambda: self._check_step(step))

    def _held(self, check: Callable[[], None]) -> None:
        """What is broken is kept rather than raised: whoever commits is not to blame, and must not hear of it."""
        if self.broken:
            return
        try:
            check()
        except AssertionError as broken:
            self.broken.append(str(broken) or f"an assertion in {_place(broken)}")
            self._world.tell("witness", self.broken[-1])

    def _check_step(self, step: Step) -> None:
        fence = step.fence
        self.times[fence.n] = self._world.elapsed
        self._check_writer(fence.term, fence.batch)
        before = len(self.audit.born)
        up = {node.id for node in self.audit.state.nodes.values() if node.status is not NodeStatus.DOWN}
        self.audit.step(step)
        self._check_fallen(up)
        for job_id in islice(reversed(self.audit.born), len(self.audit.born) - before):
            run = self.audit.born[job_id]
            if run.trigger not in BY_HAND:
                other = self._ticks.setdefault((run.plan_key, run.scheduled_at), job_id)
                assert other == job_id, f"two runs of one tick: {other} and {job_id}"

    def _check_fallen(self, up: set[str]) -> None:
        """Nobody is declared dead who was there all the time (H-1)."""
        for node in self.audit.state.nodes.values():
            if node.status is NodeStatus.DOWN and node.id in up:
                there = self.in_touch(node.id)
                assert there < _PATIENCE, f"{node.id} was marked down after {there} ms in touch"

    def _check_writer(self, term: int, batch: str) -> None:
        """A term has one leader, and nobody else writes in it (P-11)."""
        if batch.startswith("campaign/"):
            _, server, number = batch.split("/")
            assert int(number) == term
            assert term not in self._leaders, f"term {term} of {self._leaders.get(term)} is begun again by {server}"
            self._leaders[term] = server
        else:
            server, number, _ = batch.rsplit("-", 2)
            assert int(number) == term, f"{server} wrote as the leader of term {number} in term {term}"
            assert self._leaders.get(term) == server, f"{server} wrote in term {term} of {self._leaders.get(term)}"

    # ---- every start

    def watch(self, machine: Machine) -> None:
        machine.started = lambda start: self._held(lambda: self._check_start(start))
        machine.acknowledged = lambda report: self._held(lambda: self._check_taken(report))

    def _check_start(self, start: Start) -> None:
        key, task = start.task.key, start.task
        assert key not in self._starts, f"{key} was started twice: on {self._starts[key].machine} and {start.machine}"
        self._starts[key] = start
        run = self.audit.state.runs.get(task.job_id) or self.audit.ended.get(task.job_id)
        assert run is not None, f"{task.job_id} was started and is no run"
        named = split_id(task.allocation_id)
        assert named is not None
        given = {(attempt.number, attempt.fence): attempt.node_id for attempt in run.attempts}
        assert given.get((named[2], task.fence)) == start.machine, f"{key} was started by {start.machine}: {given}"
        self._started[task.job_id].append(start)
        if run.plan_key == self._once:
            assert len(self._started[task.job_id]) == 1, f"{task.job_id} may run once at most and was started again"
        if run.plan_key == self._alone:
            last, self._last_alone = self._last_alone, start
            if last is not None and last.ended is None:
                raise Broken(
                    f"{task.allocation_id} began on {start.machine} while {last.task.allocation_id} went on on "
                    f"{last.machine}"
                )

    def _check_taken(self, report: Report) -> None:
        """What an agent may forget is in the store (P5)."""
        named = split_id(report.allocation_id)
        assert named is not None
        run = self.audit.state.runs.get(named[0])
        for attempt in run.attempts if run is not None else ():
            taken = attempt.fence != report.fence or attempt.ended
            assert taken, f"the end of {report.allocation_id} was acknowledged and is not in the store"

    # ---- when all is quiet

    def check_placed(self, plans: Collection[PlanKey], *, before: Millis) -> None:
        """No tick of these plans before that time (ms of the story) still waits to be placed. Raises Broken."""
        for run in self.audit.state.runs.values():
            if run.plan_key in plans and run.scheduled_at < BEGIN + before and run.open_attempt is None:
                raise Broken(f"{run.id} of {before - (run.scheduled_at - BEGIN)} ms ago still waits to be placed")

    def check_pace(self, plan: PlanKey, *, since: Millis, until: Millis) -> None:
        """Every tick of the plan in that time (ms of the story) was started within two seconds. Raises Broken."""
        first = {run: min(start.at for start in starts) for run, starts in self._started.items()}
        for (key, tick), run in sorted(self._ticks.items()):
            if key == plan and since <= tick - BEGIN < until:
                late = first.get(run, until + WITHIN) - (tick - BEGIN)
                if late > WITHIN:
                    raise Broken(f"{run}, due at {tick - BEGIN} ms, was started {late} ms late")

    def check_quiet(self, replicas: dict[str, State]) -> int:
        """Nothing is lost, doubled, stuck or leaked, and every server knows it; how many ticks there were.

        Raises Broken.
        """
        try:
            ticks = self.audit.check_ticks(self._world.now)
            self.audit.check_finished()
            lost = sorted(self.acknowledged - self.audit.born.keys())
            assert not lost, f"acknowledged and never written: {lost}"
            for name, state in replicas.items():
                assert state.fence == self._store.fence, f"{name} is at {state.fence}, the store at {self._store.fence}"
                same_state(state, self.audit.state)
        except AssertionError as broken:
            raise Broken(str(broken) or f"an assertion in {_place(broken)}") from broken
        return ticks


def _place(failure: BaseException) -> str:
    trace = failure.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace is not None else "?"
