"""Watching over a real core in virtual time: from any place that is kept, nothing lost, nothing twice."""

from contextlib import aclosing
from typing import Any

import pytest

from jobpool.api import watch
from jobpool.api.changes import Changes, Position
from jobpool.api.open_streams import MOST, OpenStreams
from jobpool.api.watch import Watch
from jobpool.model.errors import JobpoolError, ResourceExhausted, Unavailable
from jobpool.replica.replica import Replica, replay
from jobpool.store.commands import AddNamespace
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import PLAIN, SECOND, World, given

pytestmark = pytest.mark.timeout(30)


class Watcher:
    """One open stream; `said` holds what came and was not looked at yet."""

    def __init__(self, world: World, **fields: Any) -> None:
        self.position = ""
        self.said: list[pb.ScheduleWatchResponse] = []
        self.task = world.spawn(self._hear(world.service.stream("Watch", pb.ScheduleWatchRequest(**fields), PLAIN)))

    async def _hear(self, stream: Any) -> None:
        async with aclosing(stream) as answers:
            async for answer in answers:
                self.said.append(answer)
                self.position = answer.position or self.position

    async def news(self) -> list[pb.ScheduleWatchResponse]:
        """What was said since the last look."""
        await settle()
        said, self.said = self.said, []
        return said

    async def changes(self) -> list[str]:
        return [f"{change.kind} {change.action} {change.id}" for answer in await self.news() for change in answer.data]

    @property
    def failure(self) -> JobpoolError:
        error = self.task.exception()
        assert isinstance(error, JobpoolError)
        return error


async def test_a_watcher_is_greeted_and_told_of_what_changes_from_now_on(world: World) -> None:
    await world.add_plan("before")
    watcher = Watcher(world)
    [hello] = await watcher.news()
    assert (hello.position, hello.reset, len(hello.data)) == (f"1.{world.n}", False, 0)
    assert hello.header == world.context.header()
    await world.add_plan("p")
    [told] = await watcher.news()
    [change] = told.data
    assert (change.kind, change.action, change.n, change.id, change.plan.id) == ("plan", "set", world.n, "p", "p")
    assert (told.position, change.position) == (f"1.{world.n}", f"1.{world.n - 1}.1")
    agent, [item] = await run_of(world)
    await agent.finish(item)
    jobs = [change for answer in await watcher.news() for change in answer.data if change.kind == "job"]
    assert [change.job.status for change in jobs][-1] == "complete"
    assert {change.id for change in jobs} == {item.job_id}
    assert [change.n for change in jobs] == sorted(change.n for change in jobs)


async def test_a_snapshot_leaves_out_kinds_of_which_only_changes_are_wanted(world: World) -> None:
    await world.add_plan("before", description="long", parameters="{}", labels={"a": "b"})
    watcher = Watcher(world, snapshot=True, kinds=["plan,namespace"], changes_only=["plan"], brief=True)
    assert await watcher.changes() == ["namespace set default"]
    await world.add_plan("after", description="long", parameters='{"sleep": "1s"}', labels={"a": "b"})
    whole = Watcher(world, snapshot=True, kinds=["plan"])
    [told] = [change.plan for answer in await watcher.news() for change in answer.data]
    assert (told.id, told.executor, told.description, told.parameters, dict(told.labels)) == (
        "after",
        "noop",
        "",
        "",
        {},
    )
    told = next(change.plan for answer in await whole.news() for change in answer.data if change.id == "after")
    assert (told.description, told.parameters, dict(told.labels)) == ("long", '{"sleep": "1s"}', {"a": "b"})


async def test_a_brief_job_is_without_its_parameters_and_what_is_whole_stays_so(world: World) -> None:
    await world.add_plan("p", parameters='{"sleep": "1s"}')
    brief, whole = Watcher(world, kinds=["job"], brief=True), Watcher(world, kinds=["job"])
    await run_of(world)
    for watcher, parameters in ((brief, ""), (whole, '{"sleep": "1s"}')):
        jobs = [change.job for answer in await watcher.news() for change in answer.data]
        assert {(job.plan_id, job.parameters) for job in jobs} == {("p", parameters)}
    assert (await refusal_of(world, changes_only=["plans"])).field == "changes_only"


async def refusal_of(world: World, **fields: Any) -> JobpoolError:
    watcher = Watcher(world, **fields)
    await settle()
    return watcher.failure


async def run_of(world: World) -> tuple[Any, list[pb.Assignment]]:
    agent = await world.agent().join()
    await world.run_plan("p")
    return agent, agent.stream.assigned


async def test_only_what_is_asked_for_is_told(world: World) -> None:
    await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="other"))
    everything = {
        "plans": Watcher(world, kinds=["plan"]),
        "two kinds": Watcher(world, kinds=["node,job"]),
        "a namespace": Watcher(world, namespace="other"),
        "a plan": Watcher(world, plan_id="p"),
        "an id": Watcher(world, id="n"),
    }
    for watcher in everything.values():
        await watcher.news()
    await world.add_plan("p")
    await world.add_plan("q", namespace="other")
    await world.ask("NameSpaceUpdate", pb.ScheduleNameSpaceUpdateRequest(name="other", description="x"))
    job = await world.run_plan("p")
    await world.core.add_node("n", executors=("none",))
    told = {name: await watcher.changes() for name, watcher in everything.items()}
    assert told["plans"][:2] == ["plan set p", "plan set q"]
    assert {line.split()[0] for line in told["two kinds"]} == {"job", "node"}
    assert told["a namespace"] == ["plan set q", "namespace set other"]
    assert {"plan set p", f"job set {job.id}"} <= set(told["a plan"])
    assert "plan set q" not in told["a plan"]
    assert set(told["an id"]) == {"node set n"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kinds": ["runs"]}, "kinds"),
        ({"kinds": ["plan", ""]}, "kinds"),
        ({"kinds": ["plan", "node"], "namespace": "default"}, "namespace"),
        ({"kinds": ["namespace"], "plan_id": "p"}, "plan_id"),
        ({"after": "yesterday"}, "after"),
        ({"id": "x" * 513}, "id"),
    ],
)
async def test_what_cannot_be_watched_is_refused_by_field(world: World, fields: dict[str, Any], field: str) -> None:
    watcher = Watcher(world, **fields)
    await settle()
    assert (watcher.failure.code.name, watcher.failure.field) == ("INVALID_ARGUMENT", field)


async def test_who_comes_back_is_told_the_rest_and_nothing_twice(world: World) -> None:
    start = world.n
    for at in range(6):
        await world.add_plan(f"p{at}")
    for after, wanted in ((f"1.{start + 2}", range(2, 6)), (str(start + 5), range(5, 6)), (f"1.{start + 6}", ())):
        watcher = Watcher(world, after=after)
        hello, *_ = await watcher.news()
        assert hello.position == f"1.{after.rpartition('.')[2]}"
        again = Watcher(world, after=after)
        assert await again.changes() == [f"plan set p{at}" for at in wanted]


async def test_a_commit_is_taken_up_in_its_middle(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_PIECE", 2)
    await world.add_plan("p")
    start = world.n
    await world.core.submit_all([AddNamespace(f"n{at}") for at in range(5)])
    assert world.n == start + 1
    whole = Watcher(world, after=f"1.{start}")
    _, *pieces = await whole.news()
    assert [[change.id for change in piece.data] for piece in pieces] == [["n0", "n1"], ["n2", "n3"], ["n4"]]
    assert [piece.position for piece in pieces] == [f"1.{start}.2", f"1.{start}.4", f"1.{start + 1}"]
    changes = [change for piece in pieces for change in piece.data]
    for told, change in enumerate(changes, 1):
        rest = Watcher(world, after=change.position)
        assert await rest.changes() == [f"namespace set n{at}" for at in range(told, 5)]


async def test_what_is_not_kept_any_more_is_a_reset_and_a_new_beginning(world: World) -> None:
    await world.add_plan("p")
    for after in ("0.1", "7.1", "1.0"):
        watcher = Watcher(world, after=after)
        [said] = await watcher.news()
        assert (said.reset, said.position) == (True, f"1.{world.n}")
    await world.add_plan("q")
    assert await watcher.changes() == ["plan set q"]


async def test_a_snapshot_comes_first_as_of_one_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_PIECE", 2)
    for name in "abc":
        await world.add_plan(name)
    watcher = Watcher(world, kinds=["plan"], snapshot=True)
    said = await watcher.news()
    assert [[change.id for change in answer.data] for answer in said] == [["a", "b"], ["c"]]
    assert [answer.position for answer in said] == ["", f"1.{world.n}"]
    assert {change.position for answer in said for change in answer.data} == {""}
    late = Watcher(world, kinds=["plan"], snapshot=True, after="1.0")
    said = await late.news()
    assert [answer.reset for answer in said] == [True, False]
    assert sum(len(answer.data) for answer in said) == 3
    kept = Watcher(world, kinds=["plan"], snapshot=True, after=f"1.{world.n}")
    assert await kept.changes() == []
    empty = Watcher(world, kinds=["job"], snapshot=True)
    [hello] = await empty.news()
    assert hello.position == f"1.{world.n}"


async def test_a_lagging_server_says_nothing_before_the_place_that_was_reached_elsewhere(world: World) -> None:
    watcher = Watcher(world, after=f"1.{world.n + 2}")
    await world.add_plan("a")
    assert await watcher.news() == []
    await world.add_plan("b")
    [hello] = await watcher.news()
    assert (hello.position, len(hello.data)) == (f"1.{world.n}", 0)
    await world.add_plan("c")
    assert await watcher.changes() == ["plan set c"]


@pytest.mark.parametrize("behind", [True, False])
async def test_a_place_that_never_comes_is_another_servers_or_nobodys(world: World, behind: bool) -> None:
    world.behind = behind
    watcher = Watcher(world, after=f"1.{world.n + 1000}")
    await world.clock.advance(9 * SECOND)
    assert await watcher.news() == []
    await world.clock.advance(SECOND)
    if behind:
        await settle()
        assert watcher.failure.code.name == "UNAVAILABLE"
    else:
        [said] = await watcher.news()
        assert said.reset


async def test_silence_is_broken_and_says_how_far_it_is(world: World) -> None:
    watcher = Watcher(world, kinds=["node"])
    await watcher.news()
    await world.add_plan("p")
    assert await watcher.news() == []
    await world.clock.advance(15 * SECOND)
    [beat] = await watcher.news()
    assert (beat.position, len(beat.data)) == (f"1.{world.n}", 0)


async def test_a_watcher_of_little_among_much_keeps_its_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_PASSED", 5)
    watcher = Watcher(world, kinds=["node"])
    await watcher.news()
    for at in range(5):
        await world.add_plan(f"p{at}")
    said = await watcher.news()
    assert said
    assert not any(answer.data for answer in said)
    assert watcher.position > f"1.{world.n - 5}"


async def test_who_reads_too_slowly_begins_anew(world: World) -> None:
    changes = Changes(world.core.replica, most=8)
    slow = Watch(world.context, changes, OpenStreams(), is_behind=lambda: False)
    answers = slow.serve(pb.ScheduleWatchRequest(), PLAIN)
    async with aclosing(answers):
        hello = await anext(answers)
        assert not hello.reset
        for at in range(20):
            await world.add_plan(f"p{at}")
        said = await anext(answers)
        assert said.reset
        assert said.position == f"1.{world.n}"
        await world.add_plan("last")
        assert [change.id for change in (await anext(answers)).data] == ["last"]


async def test_large_changes_go_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_PIECE_BYTES", 1500)
    start = world.n
    for at in range(3):
        await world.add_plan(f"p{at}", description="x" * 1000)
    watcher = Watcher(world, after=f"1.{start}")
    _, *pieces = await watcher.news()
    assert [len(piece.data) for piece in pieces] == [1, 1, 1]


async def test_streams_are_bounded_and_make_room(world: World) -> None:
    watchers = [Watcher(world) for _ in range(MOST)]
    await settle()
    over = Watcher(world)
    await settle()
    assert isinstance(over.failure, ResourceExhausted)
    assert over.failure.retry_after > 0
    watchers[0].task.cancel()
    await settle()
    again = Watcher(world)
    assert len(await again.news()) == 1


async def test_a_stopping_server_ends_every_stream_and_opens_none(world: World) -> None:
    waits, lags = Watcher(world), Watcher(world, after=f"1.{world.n + 9}")
    await settle()
    world.streams.close()
    await settle()
    late = Watcher(world)
    await settle()
    for watcher in (waits, lags, late):
        assert watcher.failure.code.name == "UNAVAILABLE"
    assert len(world.streams) == 0


@pytest.mark.parametrize("fields", [{}, {"limit": 5}])
async def test_who_lists_jobs_and_watches_from_there_misses_none(world: World, fields: dict[str, int]) -> None:
    await world.add_plan()
    world.history.hold()
    listing = world.start("JobList", pb.ScheduleJobListRequest(**fields))  # type: ignore[arg-type]
    await settle()
    job = await world.run_plan()
    world.history.release()
    listed = await listing
    assert list(listed.data) == []
    watcher = Watcher(world, kinds=["job"], after=str(listed.header.revision))
    assert f"job set {job.id}" in await watcher.changes()


async def test_a_stopping_server_ends_a_stream_that_has_much_to_say(world: World) -> None:
    start = world.n
    for at in range(4):
        await world.add_plan(f"p{at}", description="x" * 1000)
    answers = world.service.stream("Watch", pb.ScheduleWatchRequest(after=f"1.{start}"), PLAIN)
    async with aclosing(answers):
        await anext(answers)
        world.streams.close()
        with pytest.raises(Unavailable):
            await anext(answers)


async def test_changes_have_the_same_places_at_the_leader_and_at_a_server_that_follows_its_log(world: World) -> None:
    leading, follower = Changes(world.core.replica), Replica(default_slots=1000)
    await follower.restore(world.store)
    following, start = Changes(follower), follower.state.fence
    agent, items = await given(world, 5)
    await world.add_plan("ticks", periodic=pb.PeriodicConfig(enabled=True, spec="@every 1s", time_zone="UTC"))
    await world.clock.advance(5 * SECOND)
    for item in items:
        await agent.finish(item)
    await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="other"))
    await world.ask("JobDelete", pb.ScheduleJobDeleteRequest(id=items[0].job_id))
    await replay(world.store.watch(start), follower, until=world.n)
    told: list[list[tuple[str, str, str, str]]] = []
    for changes in (leading, following):
        position, said = Position(start.incarnation, start.n), []
        while (commit := changes.after(position)) is not None:
            for at in range(len(commit.items)):
                change = changes.told(commit, at)
                said.append((change.position, change.kind, change.action, change.id))
            position = Position(position.era, commit.n)
        told.append(said)
    assert told[0] == told[1]
    assert {kind for _, kind, _, _ in told[0]} >= {"plan", "job", "node", "namespace"}
    assert ("job", "gone", items[0].job_id) in {change[1:] for change in told[0]}
