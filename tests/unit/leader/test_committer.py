"""The one writer: what it sends, when it answers, and what it does when the store does not."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from jobpool.kit.pure.durations import SECOND
from jobpool.leader.committer import Committer, TermLost
from jobpool.model.errors import AlreadyExists, JobpoolError, StoreFailed, Unavailable
from jobpool.store.change import Command, Turn
from jobpool.store.commands import AddNamespace, DeleteNamespace, Mark, StartRun
from jobpool.store.port import Limits, Transaction
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import Fault, MemoryStore


class Watched(MemoryStore):
    """Keeps what was sent to it, however it ended."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self.sent: list[Transaction] = []

    async def commit(self, transaction: Transaction) -> None:
        self.sent.append(transaction)
        await super().commit(transaction)


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
async def core(store: Watched) -> AsyncIterator[Core]:
    async with running_core(store, FakeClock(), evaluators=0) as core:
        store.sent.clear()
        yield core


def committer(core: Core) -> Committer:
    return core.leadership.reign.committer


def ask(core: Core, *commands: Command[object]) -> "asyncio.Task[list[object]]":
    return asyncio.get_running_loop().create_task(core.submit_all(commands))


def adding(*names: str) -> Sequence[Command[object]]:
    return [AddNamespace(name) for name in names]


@pytest.mark.invariant("P-16")
async def test_what_changes_nothing_writes_nothing(core: Core, store: Watched) -> None:
    n = core.replica.n
    await core.submit(AddNamespace("default", if_absent=True))
    assert await core.submit_all([]) == []
    assert (core.replica.n, store.sent) == (n, [])


async def test_an_answer_comes_after_the_commit_is_durable_and_folded(core: Core, store: Watched) -> None:
    store.hold_commits()
    task = ask(core, *adding("a"))
    await settle()
    assert not task.done()
    assert "a" not in core.state.namespaces
    store.release_commits()
    await task
    assert "a" in core.state.namespaces
    assert "namespaces/a" in store.content()


@pytest.mark.invariant("P-1")
async def test_one_is_in_flight_and_what_comes_meanwhile_goes_together(core: Core, store: Watched) -> None:
    store.hold_commits()
    tasks = [ask(core, *adding(name)) for name in "abcd"]
    await settle()
    more = [ask(core, *adding(name)) for name in "efgh"]
    await settle()
    assert store.held == 1
    store.release_commits()
    await asyncio.gather(*tasks, *more)
    assert [len(sent.ops) for sent in store.sent] == [4, 4]
    assert [op.key for sent in store.sent for op in sent.ops if not hasattr(op, "first")] == [
        f"namespaces/{name}" for name in "abcdefgh"
    ]


async def test_a_command_sees_what_its_batch_has_decided(core: Core, store: Watched) -> None:
    first, second, third = await core.submit_all(
        [AddNamespace("a"), AddNamespace("a"), DeleteNamespace("a")],
    )
    assert isinstance(second, AlreadyExists)
    assert not isinstance(first, JobpoolError)
    assert third is None
    assert "a" not in core.state.namespaces
    assert len(store.sent) == 1
    assert len(store.sent[0].ops) == 1  # one final operation per key


async def test_a_refusal_that_rests_on_an_uncommitted_decision_waits_for_it(core: Core, store: Watched) -> None:
    store.hold_commits()
    tasks = [ask(core, *adding("a")), ask(core, *adding("a"))]
    await settle()
    assert not any(task.done() for task in tasks)
    store.release_commits()
    await asyncio.gather(*tasks)


async def test_more_than_a_transaction_holds_goes_in_several_and_is_answered_once() -> None:
    store = Watched(Limits(max_ops=128))
    async with running_core(store, FakeClock(), evaluators=0) as core:
        store.sent.clear()
        names = [f"n{at}" for at in range(300)]
        outcomes = await core.through(core.submit_all(adding(*names)))
        assert len(outcomes) == 300
        assert all(len(sent.ops) <= 128 for sent in store.sent)
        assert set(names) <= set(core.state.namespaces)
        assert committer(core).waiting == 0


# ---- unknown outcomes


@pytest.mark.invariant("P-10")
@pytest.mark.parametrize("kinds", [("lost",), ("landed-but-unknown",), ("delayed",), ("lost", "delayed", "lost")])
async def test_an_unknown_outcome_is_resolved_by_sending_the_same_again(
    kinds: tuple[Fault, ...], core: Core, store: Watched
) -> None:
    for kind in kinds:
        store.fail_next_commit(kind)
    first = ask(core, *adding("a"))
    await settle()
    second = ask(core, *adding("b"))
    await settle()
    assert not first.done()
    await core.advance(10 * SECOND)
    assert first.done()
    assert second.done()
    assert len(store.sent) == len(kinds) + 2
    assert {sent.leaves.batch for sent in store.sent[:-1]} == {store.sent[0].leaves.batch}
    assert all(sent == store.sent[0] for sent in store.sent[:-1]), "nothing else is sent before"
    assert store.sent[-1].leaves.batch != store.sent[0].leaves.batch
    assert store.release_delayed() == 0
    batches = [step.fence.batch for step in store.steps]
    assert len(batches) == len(set(batches))


@pytest.mark.invariant("P-10")
async def test_a_refusal_after_an_unknown_outcome_proves_nothing(core: Core, store: Watched) -> None:
    store.fail_next_commit("delayed")
    store.fail_next_commit("refuse")
    task = ask(core, *adding("a"))
    await settle()
    await core.advance(15)  # the second try is refused, and the first is still on its way
    assert store.release_delayed() == 1
    await core.advance(SECOND)
    outcomes = await task
    assert not isinstance(outcomes[0], JobpoolError)
    assert len({sent.leaves.batch for sent in store.sent}) == 1


async def test_a_batch_id_never_names_two_transactions(core: Core, store: Watched) -> None:
    store.fail_next_commit("refuse")
    store.fail_next_commit("refuse")
    await core.submit_all(adding("a", "b", "c"))
    by_name: dict[str, set[Transaction]] = {}
    for sent in store.sent:
        by_name.setdefault(sent.leaves.batch, set()).add(sent)
    assert all(len(same) == 1 for same in by_name.values())


# ---- definite refusals


@pytest.mark.invariant("P-9")
async def test_a_refused_batch_fails_only_the_guilty(core: Core, store: Watched) -> None:
    store.fail_next_commit("refuse")  # the batch
    store.fail_next_commit("refuse")  # its first command alone
    guilty, *others = await core.submit_all(adding("a", "b", "c"))
    assert isinstance(guilty, StoreFailed)
    assert not any(isinstance(other, JobpoolError) for other in others)
    assert {"b", "c"} <= set(core.state.namespaces)
    assert "a" not in core.state.namespaces
    assert committer(core).stats.refused == 1
    await core.submit(AddNamespace("a"))


@pytest.mark.invariant("P-9")
async def test_what_a_refused_command_decided_is_seen_by_nobody(core: Core, store: Watched) -> None:
    store.fail_next_commit("refuse")
    store.fail_next_commit("refuse")
    guilty, after = await core.submit_all([AddNamespace("a"), AddNamespace("a")])
    assert isinstance(guilty, StoreFailed)
    assert not isinstance(after, JobpoolError)


# ---- the end of a term


async def test_a_rival_ends_the_term_and_everybody_who_waits_is_told(core: Core, store: Watched) -> None:
    old = committer(core)
    store.hold_commits()
    rival = asyncio.get_running_loop().create_task(store.campaign("rival"))
    await settle()
    tasks = [ask(core, *adding("a")), ask(core, *adding("b"))]
    await settle()
    tasks.append(ask(core, *adding("c")))
    await settle()
    store.release_commits()
    await rival
    for task in tasks:
        with pytest.raises(TermLost):
            await task
    assert old.waiting == 0
    with pytest.raises(TermLost):
        await old.submit(AddNamespace("d"))
    await core.advance(2 * SECOND)
    await core.submit(AddNamespace("e"))
    assert {"a", "b", "c", "d"}.isdisjoint(core.state.namespaces)


async def test_a_rival_who_comes_while_the_guilty_is_sought_leaves_nobody_waiting(core: Core, store: Watched) -> None:
    tasks = [ask(core, *adding(name)) for name in "ab"]
    store.fail_next_commit("refuse")
    store.hold_commits()
    await settle()
    rival = asyncio.get_running_loop().create_task(store.campaign("rival"))
    await settle()
    store.release_commits()
    await rival
    await settle()
    for task in tasks:
        assert task.done()
        assert isinstance(task.exception(), TermLost)


async def test_shutting_down_answers_those_who_wait(store: Watched) -> None:
    async with running_core(store, FakeClock(), evaluators=0) as core:
        store.hold_commits()
        tasks = [ask(core, *adding("a")), ask(core, *adding("b"))]
        await settle()
    for task in tasks:
        with pytest.raises(Unavailable):
            await task


async def test_a_caller_that_goes_away_takes_nobody_along(core: Core, store: Watched) -> None:
    store.hold_commits()
    gone, stays = ask(core, *adding("a")), ask(core, *adding("b"))
    await settle()
    gone.cancel()
    await settle()
    store.release_commits()
    await stays
    assert {"a", "b"} <= set(core.state.namespaces)


async def test_under_load_it_waits_for_more(core: Core, store: Watched) -> None:
    await core.submit_all(adding(*(f"n{at}" for at in range(20))))
    task = ask(core, *adding("a"))
    await settle()
    assert len(store.sent) == 1
    more = ask(core, *adding("b"))
    await core.advance(5)
    await asyncio.gather(task, more)
    assert len(store.sent) == 2


@pytest.mark.invariant("A-2")
async def test_fifty_callers_with_one_key_start_one_run(store: Watched) -> None:
    async with running_core(store, FakeClock(), evaluators=0) as core:
        await core.add_plan("p", spec="0 0 1 1 *")
        store.fail_next_commit("refuse")  # so that some are decided alone, some together
        calls = []
        for at in range(50):
            command = StartRun("default", "p", f"r{at}", mark=Mark("key", "digest"))
            calls.append(asyncio.get_running_loop().create_task(core.submit(command)))
            if at % 7 == 0:
                await settle(3)
        await core.advance(SECOND)
        assert len({await call for call in calls}) == 1
        assert len(core.state.runs) == 1


async def _all_of(*tasks: "asyncio.Task[list[object]]") -> None:
    await asyncio.gather(*tasks)


def keys_of(transaction: Transaction) -> list[str]:
    return [op.key for op in transaction.ops if hasattr(op, "key")]


async def test_what_carries_work_on_goes_before_what_begins_it_and_neither_starves() -> None:
    store = Watched(Limits(max_ops=74))
    async with running_core(store, FakeClock(), evaluators=0) as core:
        store.hold_commits()
        loop = asyncio.get_running_loop()
        first = ask(core, *adding("first"))
        await settle()
        store.sent.clear()
        beginning = adding(*(f"bulk{k}" for k in range(30)))
        bulk = loop.create_task(committer(core).submit_all(beginning, turn=Turn.BEGIN))
        urgent = ask(core, *adding(*(f"urgent{k}" for k in range(30))))
        await settle()
        store.release_commits()
        await core.through(_all_of(first, bulk, urgent))
    sent = [["urgent" in key for key in keys_of(transaction)] for transaction in store.sent]
    assert all(urgents == sorted(urgents, reverse=True) for urgents in sent)
    while_both_wait = [urgents for urgents in sent if any(urgents)]
    assert all(0 < urgents.count(False) < urgents.count(True) for urgents in while_both_wait[:-1])


async def test_a_burst_starts_first_and_ends_afterwards() -> None:
    store = Watched(Limits(max_ops=74))
    async with running_core(store, FakeClock(), evaluators=0) as core:
        store.hold_commits()
        loop = asyncio.get_running_loop()
        first = ask(core, *adding("first"))
        await settle()
        store.sent.clear()
        ends = loop.create_task(committer(core).submit_all(adding("end"), turn=Turn.END))
        begins = loop.create_task(committer(core).submit_all(adding(*(f"b{k}" for k in range(30))), turn=Turn.BEGIN))
        await settle()
        store.release_commits()
        store.hold_commits()
        await settle()
        assert not any("end" in key for key in keys_of(store.sent[0]))
        await core.advance(3 * SECOND)
        store.release_commits()
        await core.through(_all_of(first, begins, ends))
    assert keys_of(store.sent[1])[0] == "namespaces/end", "a burst is over after three seconds"


@pytest.mark.parametrize("turn", [Turn.CARRY_ON, Turn.BEGIN, Turn.END])
async def test_no_turn_is_shut_out_by_a_flood_of_the_others(turn: Turn) -> None:
    store = Watched(Limits(max_ops=74))
    async with running_core(store, FakeClock(), evaluators=0) as core:
        store.hold_commits()
        loop = asyncio.get_running_loop()
        flood = [
            loop.create_task(core_submit(core, other, [f"{other.name.lower()}{k}" for k in range(300)]))
            for other in Turn
            if other is not turn
        ]
        await core.advance(3 * SECOND)
        answered = loop.create_task(core_submit(core, turn, ["one"]))
        await settle()
        before = len(store.sent)
        store.release_commits()
        await core.through(_all_of(answered, *flood))
    assert "namespaces/one" in {key for transaction in store.sent[before : before + 3] for key in keys_of(transaction)}
    assert len(store.sent) - before > 30, "what was waited with was a flood"


async def core_submit(core: Core, turn: Turn, names: Sequence[str]) -> list[object]:
    return list(await committer(core).submit_all(adding(*names), turn=turn))
