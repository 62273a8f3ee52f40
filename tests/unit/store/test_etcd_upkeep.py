"""A member is kept from running out of space: what is done, in which order, and what is left alone."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from jobpool.kit.pure.durations import HOUR, MINUTE, SECOND, Millis
from jobpool.model.errors import FailedPrecondition, Unavailable
from jobpool.store.engines.etcd.looks import LOOK_AGAIN, LOOK_EVERY
from jobpool.store.engines.etcd.relief import Pruned
from jobpool.store.engines.etcd.upkeep import LEADER_WAITS, PATIENCE, REST, Need, Upkeep, need, too_much
from jobpool.store.operations import Alarm, EngineStatus, Member, Space
from jobpool.testing.clock import FakeClock

MIB = 1024 * 1024
QUOTA = 1000 * MIB


class Database:
    """One member of three, as its server's upkeep sees it; `done` lists what was done to it.

    `log` is what a compaction frees, `dropped` what only one that keeps nothing does, `history` what can be dropped,
    `versions` superseded versions of plans, `kept` the rest, `free` what only a defragmentation gives back; all in MiB.
    `accounts` is what in use the leader was told, `least` the smallest quota of another server.
    """

    def __init__(self, *, kept: int = 0, history: int = 0, log: int = 0, free: int = 0) -> None:
        self.kept, self.history, self.log, self.free = kept, history, log, free
        self.dropped = self.oldest_size = self.versions = 0
        self.least = QUOTA
        self.accounts: list[int] = []
        self.marks = 0
        self.wake: Callable[[], None] = lambda: None
        self.own = "b"
        self.ids = ["a", "b", "c"]
        self.raft_leader = "a"
        self.alarmed: list[str] = []
        self.errors: tuple[str, ...] = ()
        self.learner = False
        self.turn_of = ""
        self.lost_answers = 0
        self.leads = False
        self.others_well = True
        self.refusal: Exception | None = None
        self.done: list[str] = []

    @property
    def space(self) -> Space:
        in_use = self.kept + self.history + self.log + self.dropped + self.versions
        return Space((in_use + self.free) * MIB, in_use * MIB, QUOTA)

    def fill(self) -> None:
        """The quota is reached."""
        self.alarmed = list(self.ids)

    # ---- upkeep.Engine

    async def status(self) -> EngineStatus:
        alarms = tuple(f"memberID:{member} alarm:NOSPACE " for member in self.alarmed)
        return EngineStatus(
            space=self.space,
            member_id=self.own,
            leader_id=self.raft_leader,
            is_learner=self.learner,
            errors=(*alarms, *self.errors),
        )

    async def members(self) -> Sequence[Member]:
        return [Member(one, one) for one in self.ids]

    async def move_raft_leader(self, to: Sequence[str]) -> Member:
        self.done.append(f"raft leader moves to {to[0]}")
        if self.refusal is not None:
            raise self.refusal
        self.raft_leader = to[0]
        return Member(to[0], to[0])

    async def alarms(self) -> Sequence[Alarm]:
        return [Alarm(one, "NOSPACE") for one in self.alarmed]

    async def disarm(self, alarm: Alarm) -> None:
        self.done.append(f"disarm {alarm.member_id}")
        self.alarmed.remove(alarm.member_id)

    async def defragment(self) -> None:
        self.done.append("defragment")
        self.free = 0

    # ---- upkeep.Room

    async def compact(self, keep: int) -> None:
        self.done.append(f"compact, keep {keep}")
        self.free += self.log
        self.log = 0
        if keep == 0:
            self.free += self.dropped
            self.dropped = 0

    async def oldest(self, size: int) -> Pruned:
        self.oldest_size = min(size, self.history * MIB)
        return Pruned(self.oldest_size, 77) if self.history else Pruned(0, -1)

    async def prune(self, size: int) -> Pruned:
        found = await self.oldest(size)
        if self.history:
            self.done.append(f"prune {size // MIB}")
            self.history -= size // MIB
            self.dropped += size // MIB
        return found

    async def take_turn(self, server_id: str, now: Millis) -> bool:
        if self.turn_of:
            return False
        self.turn_of = server_id
        return True

    async def end_turn(self, server_id: str) -> None:
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unavailable("no answer")
        assert self.turn_of in (server_id, "")
        self.turn_of = ""

    # ---- upkeep.Surroundings

    @property
    def raft_heirs(self) -> Sequence[str]:
        """Member a's server is the next to lead the scheduling."""
        return ["a", "c"] if self.leads else ["c", "a"]

    async def step_aside(self) -> None:
        self.done.append("step aside")
        self.leads = False

    async def drop_history(self, n: int) -> None:
        self.done.append(f"drop history to {n}")
        self.history -= self.oldest_size // MIB
        self.dropped += self.oldest_size // MIB

    async def drop_versions(self, size: int) -> int:
        gone = min(-(-size // MIB), self.versions)
        if gone:
            self.done.append(f"drop versions {gone}")
        self.versions -= gone
        self.dropped += gone
        return gone * MIB

    # ---- looks.Account

    def on_stale(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def about_to_look(self) -> None:
        self.marks += 1

    def tightest(self, space: Space) -> Space:
        return replace(space, quota=min(space.quota, self.least))

    def looked(self, space: Space) -> None:
        assert self.marks
        self.accounts.append(space.in_use // MIB)


def upkeep_of(database: Database, clock: FakeClock) -> Upkeep:
    return Upkeep(database, database, database, account=database, clock=clock, server_id="s2")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def run(database: Database, clock: FakeClock, span: Millis) -> list[str]:
    """What is done to it while so much time passes."""
    task = asyncio.get_running_loop().create_task(upkeep_of(database, clock).run())
    await clock.advance(span)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return database.done


@pytest.mark.parametrize(
    ("size", "in_use", "wanted"),
    [
        (590, 10, Need.NONE),
        (610, 600, Need.NONE),
        (610, 400, Need.WANTED),
        (840, 700, Need.NONE),
        (860, 700, Need.URGENT),
        (999, 950, Need.NONE),
    ],
)
def test_when_defragmenting_is_worth_it(*, size: int, in_use: int, wanted: Need) -> None:
    assert need(Space(size, in_use, 1000)) is wanted


def test_without_a_known_quota_nothing_is_needed() -> None:
    assert need(Space(10**12, 1)) is Need.NONE
    assert too_much(Space(10**12, 10**12)) == 0


def test_what_is_in_use_comes_down_to_two_thirds_of_the_quota() -> None:
    assert too_much(Space(749, 749, 1000)) == 0
    assert too_much(Space(800, 800, 1000)) == 150


async def test_a_member_with_room_is_left_alone(clock: FakeClock) -> None:
    assert await run(Database(kept=300, log=100, free=100), clock, HOUR) == []


async def test_a_member_that_follows_is_defragmented_and_then_rests(clock: FakeClock) -> None:
    database = Database(kept=300, free=400)
    assert await run(database, clock, LOOK_EVERY) == ["defragment"]
    assert database.turn_of == ""


async def test_a_member_rests_between_two_defragmentations(clock: FakeClock) -> None:
    database = Database(kept=300, free=400)
    upkeep = upkeep_of(database, clock)
    database.about_to_look()
    await upkeep.look()
    database.free = 400
    await clock.advance(REST - 1)
    await upkeep.look()
    assert database.done == ["defragment"]
    await clock.advance(1)
    await upkeep.look()
    assert database.done == ["defragment", "defragment"]


async def test_one_member_at_a_time(clock: FakeClock) -> None:
    database = Database(kept=300, free=400)
    database.turn_of = "s1"
    assert await run(database, clock, MINUTE) == []
    database.turn_of = ""
    assert await run(database, clock, MINUTE) == ["defragment"]


async def test_a_turn_that_could_not_be_given_back_is_in_the_next_round(clock: FakeClock) -> None:
    database = Database(kept=300, free=400)
    database.lost_answers = 2
    assert await run(database, clock, LOOK_EVERY) == ["defragment"]
    assert database.turn_of == "s2"
    database.lost_answers = 0
    upkeep = upkeep_of(database, clock)
    database.about_to_look()
    database.free, database.turn_of, database.lost_answers = 400, "", 2
    for _ in range(2):
        with pytest.raises(Unavailable):
            await upkeep.look()
        assert database.turn_of == "s2"
    await upkeep.look()
    assert database.turn_of == ""


async def test_nobody_is_blocked_while_another_server_is_not_well(clock: FakeClock) -> None:
    database = Database(kept=300, free=400)
    database.others_well = False
    assert await run(database, clock, HOUR) == []


async def test_the_raft_leader_gives_its_lead_away_first(clock: FakeClock) -> None:
    database = Database(kept=300, free=400)
    database.raft_leader = database.own
    assert await run(database, clock, MINUTE) == ["raft leader moves to c", "defragment"]


async def test_a_raft_leader_that_nobody_follows_is_not_blocked(clock: FakeClock) -> None:
    database = Database(kept=300, free=400)
    database.raft_leader = database.own
    database.refusal = Unavailable("the transfer took too long")
    assert set(await run(database, clock, MINUTE)) == {"raft leader moves to c"}
    assert database.turn_of == ""


async def test_the_leader_lets_the_others_go_first_and_steps_aside(clock: FakeClock) -> None:
    database = Database(kept=300, free=400)
    database.leads = True
    assert await run(database, clock, LEADER_WAITS) == []
    assert await run(database, clock, LEADER_WAITS + 2 * LOOK_EVERY) == ["step aside", "defragment"]


async def test_both_leads_go_to_different_servers(clock: FakeClock) -> None:
    database = Database(kept=300, free=400)
    database.leads, database.raft_leader = True, database.own
    done = await run(database, clock, LEADER_WAITS + 2 * LOOK_EVERY)
    assert done == ["step aside", "raft leader moves to c", "defragment"]


async def test_a_member_that_is_alone_asks_nobody(clock: FakeClock) -> None:
    database = Database(kept=300, free=400)
    database.ids, database.raft_leader, database.leads, database.others_well = ["b"], "b", True, False
    assert await run(database, clock, MINUTE) == ["defragment"]


async def test_a_learner_is_left_alone(clock: FakeClock) -> None:
    database = Database(kept=300, free=600)
    database.learner = True
    database.fill()
    assert await run(database, clock, HOUR) == []


# ---- what is in use


async def test_an_old_log_goes_before_history_does(clock: FakeClock) -> None:
    database = Database(kept=300, history=200, log=300)
    database.leads = True
    assert await run(database, clock, LOOK_EVERY) == ["compact, keep 1000"]


async def test_the_leader_drops_history_before_the_quota_is_reached(clock: FakeClock) -> None:
    database = Database(kept=300, history=500)
    database.leads = True
    done = await run(database, clock, LEADER_WAITS - MINUTE)
    assert done == ["compact, keep 1000", *["drop history to 77"] * 5, "compact, keep 0"]
    assert database.history == 350


async def test_what_can_be_dropped_is_and_the_rest_is_told(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(kept=700, history=100)
    database.leads = True
    await run(database, clock, LOOK_EVERY)
    assert (database.history, database.dropped) == (0, 0)
    assert "raise quota-backend-bytes" in capsys.readouterr().out


async def test_a_store_that_has_no_room_for_history_says_so_once_a_minute(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(kept=760)
    database.leads = True
    task = asyncio.get_running_loop().create_task(upkeep_of(database, clock).run())
    for _ in range(2 * MINUTE // LOOK_EVERY):
        database.history += 1
        await clock.advance(LOOK_EVERY)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert database.history == 0
    assert capsys.readouterr().out.count("history_dropped") == 2


async def test_a_follower_drops_nothing(clock: FakeClock) -> None:
    assert await run(Database(kept=300, history=500), clock, MINUTE) == []


async def test_what_must_be_kept_is_kept_and_told_once(clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(kept=790)
    database.leads = True
    assert set(await run(database, clock, HOUR)) == {"compact, keep 1000"}
    assert capsys.readouterr().out.count("raise quota-backend-bytes") == 1


async def test_versions_of_plans_go_when_history_was_not_enough(clock: FakeClock) -> None:
    database = Database(kept=500, history=100)
    database.versions, database.leads = 200, True
    assert await run(database, clock, LOOK_AGAIN) == [
        "compact, keep 1000",
        *["drop history to 77"] * 4,
        "drop versions 50",
        "compact, keep 0",
    ]
    assert database.accounts == [650]


async def test_the_leader_is_told_what_is_left_when_all_was_dropped(clock: FakeClock) -> None:
    database = Database(kept=300, history=500)
    database.leads = True
    await run(database, clock, LOOK_AGAIN)
    assert database.accounts == [650]


async def test_all_of_the_log_goes_before_clients_are_refused_and_not_all_the_time(clock: FakeClock) -> None:
    database = Database(kept=820)
    database.leads = True
    done = await run(database, clock, MINUTE)
    assert done.count("compact, keep 0") == 1
    assert database.accounts == [820] * done.count("compact, keep 1000")
    database.done.clear()
    assert (await run(database, clock, MINUTE)).count("compact, keep 0") == 1


async def test_the_smallest_quota_of_all_servers_counts(clock: FakeClock) -> None:
    database = Database(kept=300, history=200)
    database.leads, database.least = True, 600 * MIB
    await run(database, clock, LOOK_AGAIN)
    assert database.accounts == [390]


async def test_a_follower_tells_what_it_has_and_drops_nothing(clock: FakeClock) -> None:
    database = Database(kept=300, history=500)
    assert await run(database, clock, LOOK_AGAIN) == []
    assert database.accounts == [800]


async def test_who_wrote_much_has_it_looked_at_soon_but_not_at_once(clock: FakeClock) -> None:
    database = Database(kept=300)
    task = asyncio.get_running_loop().create_task(upkeep_of(database, clock).run())
    await clock.advance(LOOK_AGAIN)
    assert len(database.accounts) == 1
    database.wake()
    await clock.advance(LOOK_AGAIN - 1)
    assert len(database.accounts) == 1
    await clock.advance(1)
    assert len(database.accounts) == 2
    database.wake()
    database.wake()
    await clock.advance(LOOK_EVERY - 1)
    assert len(database.accounts) == 3
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# ---- the quota is reached


async def test_a_log_that_used_up_the_quota_goes(clock: FakeClock) -> None:
    database = Database(kept=300, log=700)
    database.fill()
    database.alarmed = ["b"]
    done = await run(database, clock, LOOK_EVERY)
    assert done == ["compact, keep 0", "defragment", "disarm b"]
    assert not database.alarmed


async def test_history_that_used_up_the_quota_goes_without_a_commit(clock: FakeClock) -> None:
    database = Database(kept=300, history=700)
    database.alarmed = ["b"]
    done = await run(database, clock, LOOK_EVERY)
    assert done == ["compact, keep 0", "prune 350", "compact, keep 0", "defragment", "disarm b"]


async def test_members_take_turns(clock: FakeClock) -> None:
    database = Database(kept=300, log=700)
    database.fill()
    upkeep = upkeep_of(database, clock)
    database.about_to_look()
    await upkeep.look()
    assert database.done == []
    database.alarmed.remove("a")
    await upkeep.look()
    assert database.done == ["compact, keep 0", "defragment", "disarm b"]
    assert database.alarmed == ["c"]


async def test_a_member_whose_server_is_gone_is_passed_over(clock: FakeClock) -> None:
    database = Database(kept=300, log=700)
    database.fill()
    assert await run(database, clock, PATIENCE) == []
    done = await run(database, clock, PATIENCE + 2 * LOOK_EVERY)
    assert done == ["compact, keep 0", "defragment", "disarm b", "disarm a"]
    assert database.alarmed == ["c"]


async def test_the_alarm_of_a_removed_member_is_disarmed(clock: FakeClock) -> None:
    database = Database(kept=300)
    database.alarmed = ["d"]
    assert await run(database, clock, LOOK_EVERY) == ["disarm d"]


async def test_what_must_be_kept_keeps_the_alarm(clock: FakeClock) -> None:
    database = Database(kept=990)
    database.alarmed = ["b"]
    done = await run(database, clock, MINUTE)
    assert set(done) == {"compact, keep 0"}
    assert len(done) == MINUTE // LOOK_EVERY  # not every second: it will not help
    assert database.alarmed == ["b"]


async def test_a_round_that_fails_is_tried_again(clock: FakeClock) -> None:
    class Silent(Database):
        async def status(self) -> EngineStatus:
            if clock.monotonic() < 5 * MINUTE:
                raise FailedPrecondition("no answer")
            return await super().status()

    assert await run(Silent(kept=300, free=400), clock, 5 * MINUTE + SECOND) == ["defragment"]
