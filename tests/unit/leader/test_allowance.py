"""How much clients may add: what is refused, when, and with which words; and what is never refused."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from jobpool.leader.allowance import Allowance
from jobpool.model.errors import ResourceExhausted
from jobpool.model.namespace import Namespace
from jobpool.store.change import Command
from jobpool.store.commands import (
    AddNamespace,
    AddPlan,
    CancelRun,
    DeleteNamespace,
    DeletePlan,
    NamespaceSettings,
    PauseScheduling,
    PeriodicPatch,
    PlanPatch,
    RenameNamespace,
    ResumeScheduling,
    SetEligibility,
    StartDrain,
    StartRun,
    SwitchPlan,
    UpdateNamespace,
    UpdatePlan,
)
from jobpool.store.operations import Space
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import MemoryStore

MB = 1_000_000


def allowance(in_use: int, quota: int = 100 * MB) -> Allowance:
    found = Allowance()
    look(found, in_use, quota)
    return found


def look(found: Allowance, in_use: int, quota: int = 100 * MB) -> None:
    found.mark()
    found.looked(Space(in_use, in_use, quota))


def test_nothing_is_refused_before_somebody_has_looked_or_without_a_quota() -> None:
    Allowance().check(10**15, 0)
    allowance(10**15, quota=0).check(10**15, 0)


def test_what_would_pass_four_fifths_of_the_quota_is_refused_with_what_to_do() -> None:
    found = allowance(78 * MB)
    found.check(MB, 0)
    with pytest.raises(ResourceExhausted) as refused:
        found.check(3 * MB // 2, 0)
    assert refused.value.retry_after == 60
    for word in ("81.0 MB of 100.0 MB", "quota-backend-bytes", "80%", "Delete plans"):
        assert word in refused.value.reason
    assert not found.full
    assert allowance(79 * MB).full


def test_what_was_written_since_the_look_counts_twice_and_is_told_apart() -> None:
    found = allowance(70 * MB)
    found.wrote(4 * MB)
    found.check(MB, 0)
    with pytest.raises(ResourceExhausted, match="try again in a moment") as refused:
        found.check(MB, MB)
    assert refused.value.retry_after == 5
    look(found, 73 * MB)
    found.check(MB, MB)


def test_what_is_written_while_somebody_looks_still_counts() -> None:
    found = allowance(70 * MB)
    found.wrote(3 * MB)
    found.mark()
    found.wrote(MB)
    found.looked(Space(76 * MB, 76 * MB, 100 * MB))
    found.check(MB, 0)
    with pytest.raises(ResourceExhausted):
        found.check(MB + 1, 0)


def test_much_that_was_written_asks_for_a_look_once() -> None:
    woken: list[int] = []
    found = allowance(60 * MB)
    found.wake = lambda: woken.append(1)
    found.wrote(7 * MB)
    assert not woken
    for _ in range(3):
        found.wrote(MB)
    assert len(woken) == 1
    look(found, 76 * MB)
    found.wrote(MB // 2)
    assert len(woken) == 1  # a busy cluster is not looked at all the time
    found.wrote(MB)
    assert len(woken) == 2
    found.renew()
    assert len(woken) == 3


Step = tuple[str, int]
STEPS = st.lists(st.tuples(st.sampled_from(["add", "look", "late look"]), st.integers(0, 3 * MB)), max_size=60)


@given(STEPS)
def test_no_burst_passes_the_limit_whenever_somebody_looks(steps: Sequence[Step]) -> None:
    """The database takes 1 to 2 bytes for each that is written; a look may miss what was written after its mark."""
    found, in_use = Allowance(), 0
    look(found, 0)
    for step, size in steps:
        if step == "add":
            try:
                found.check(size, 0)
            except ResourceExhausted:
                continue
            found.wrote(size)
            in_use += size + size * (size % 3) // 2
        else:
            found.mark()
            missed = in_use
            if step == "late look":
                found.wrote(size)  # what the engine owes is written in any case
                in_use += size
            found.looked(Space(missed, missed, 100 * MB))
            if in_use > 80 * MB:
                return  # by what is never refused
        assert in_use <= 80 * MB


# ---- what counts as adding


def text(result: str) -> str:
    """Parameters of the executor that only tells a result."""
    return json.dumps({"result": result})


class Full:
    """A core with a plan, whose store was found full."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.found = core.leadership.reign.committer.allowance

    async def refuses(self, command: Command[object]) -> bool:
        n = self.core.replica.n
        outcome = (await self.core.submit_all([command]))[0]
        if isinstance(outcome, ResourceExhausted):
            assert self.core.replica.n == n
            return True
        assert not isinstance(outcome, Exception), outcome
        return False


@pytest.fixture
async def full() -> AsyncIterator[Full]:
    async with running_core(MemoryStore(), FakeClock(), evaluators=1) as core:
        for name in ("p", "q"):
            await core.submit(adding(name, parameters=text("x" * 100)))
        await core.submit(AddNamespace("ns", NamespaceSettings(description="words")))
        await core.add_node()
        found = Full(core)
        look(found.found, 90 * MB)
        yield found


def adding(name: str, *, parameters: str = "") -> AddPlan:
    periodic = PeriodicPatch(enabled=True, spec="*/1 * * * *", time_zone="UTC")
    return AddPlan(
        "default",
        name,
        PlanPatch(name=name, type="service", executor="noop", parameters=parameters, periodic=periodic, status=UNSET),
        "UTC",
    )


async def test_what_a_client_adds_is_refused(full: Full) -> None:
    settings = NamespaceSettings(description="more words")
    for command in (
        adding("r"),
        UpdatePlan("default", "p", PlanPatch(parameters=text("x" * 101)), "UTC"),
        UpdatePlan("default", "p", PlanPatch(description="for nobody"), "UTC"),
        StartRun("default", "p", "01J0000000000000000000000A"),
        AddNamespace("another"),
        UpdateNamespace("ns", settings),
        RenameNamespace("ns", "sn", settings),
    ):
        assert await full.refuses(command), command


async def test_what_takes_no_more_than_it_gives_back_goes_on(full: Full) -> None:
    for command in (
        UpdatePlan("default", "p", PlanPatch(parameters=text("y" * 100), priority=99), "UTC"),
        UpdatePlan("default", "p", PlanPatch(periodic=PeriodicPatch(spec="30 12 1,2,3 * *")), "UTC"),
        UpdateNamespace("ns", NamespaceSettings(job_parallelism_limit=7)),
        RenameNamespace("ns", "sn", NamespaceSettings()),
        DeleteNamespace("sn"),
        PauseScheduling("ada", "the disk is full"),
        ResumeScheduling(),
        SetEligibility("node-1", False),
        StartDrain("node-1", 0),
        SwitchPlan("default", "p", True),
        SwitchPlan("default", "p", False, "not needed any more"),
        DeletePlan("default", "p"),
    ):
        assert not await full.refuses(command), command
    assert full.core.state.plan("default", "p") is None


async def test_ticks_and_reports_go_on(full: Full) -> None:
    before = len(full.core.finished)
    await full.core.submit(SwitchPlan("default", "q", True))
    clock = full.core.clock
    assert isinstance(clock, FakeClock)
    await clock.advance(180_000)
    assert len(full.core.finished) >= before + 2


async def test_a_new_term_opens_a_store_that_is_full(full: Full) -> None:
    """What every term begins with is never refused."""
    added = await full.core.submit(AddNamespace("default", if_absent=True))
    assert isinstance(added, Namespace)
    assert not await full.refuses(AddNamespace("first", if_absent=True))


async def test_adding_goes_on_when_there_is_room_again(full: Full) -> None:
    assert await full.refuses(adding("r"))
    look(full.found, 10 * MB)
    assert not await full.refuses(adding("r"))


async def test_a_burst_in_one_batch_is_stopped_where_the_room_ends(full: Full) -> None:
    look(full.found, 79 * MB)
    plans = [adding(f"big-{at}", parameters=text("x" * 60_000)) for at in range(20)]
    outcomes = await full.core.submit_all(plans)
    refused = [isinstance(outcome, ResourceExhausted) for outcome in outcomes]
    assert refused == sorted(refused)
    assert 6 <= refused.count(False) <= 8
    again = await asyncio.gather(*(full.refuses(plan) for plan in plans[-3:]))
    assert again == [True] * 3


async def test_a_run_can_be_cancelled_in_a_full_store(full: Full) -> None:
    look(full.found, 10 * MB)
    full.core.answers = None
    await full.core.submit(StartRun("default", "p", "01J0000000000000000000000B"))
    look(full.found, 90 * MB)
    assert not await full.refuses(CancelRun("01J0000000000000000000000B"))
