"""What one election takes in and gives out, where a story of a whole cluster would not show it."""

import pytest
from msgspec.structs import replace

from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.leader.election import (
    BARRIER,
    LOG_SILENCE,
    SILENCE,
    STALLED,
    STEP_ASIDE,
    Barrier,
    Campaign,
    Election,
    HandOver,
    Resign,
)
from jobpool.model.beat import Beat
from jobpool.model.errors import InvalidArgument

HALF = 50
"""The spread of a campaign when the dice always show a half."""
LEADS = Beat(1, 10, leads=True, hears=("a", "b", "c"))
FOLLOWS = Beat(1, 10, leads=False, heard=0, hears=("a", "b", "c"))


def election(members: str = "abc", *, term: int = 1) -> Election:
    return Election("a", members, term=term, fraction=lambda: 0.5, now=0)


def leading(members: str = "abc") -> Election:
    """Since 0, term 2."""
    found = election(members)
    found.won(2, 0)
    return found


def first(found: Election, after: Millis, until: Millis) -> tuple[Millis, object] | None:
    """The first decision, asked for every 50 ms."""
    for now in range(after, until, 50):
        decisions = found.step(now)
        if decisions:
            return now, decisions[0]
    return None


def test_a_beat_tells_what_this_server_knows() -> None:
    found = election()
    assert found.say(7, 0) == Beat(1, 7, leads=False)
    found.beat("b", LEADS, 100)
    assert found.say(8, 250) == Beat(1, 8, leads=False, heard=150, hears=("b",))
    assert (found.leads, found.term) == (False, 1)
    leaders = [found.leader]
    found.beat("b", replace(LEADS, leads=False), 300)
    assert found.say(8, 300) == Beat(1, 8, leads=False, vacant=True, heard=200, hears=("b",))
    leaders.append(found.leader)
    found.won(2, 400)
    assert [*leaders, found.leader] == ["b", None, "a"]
    assert found.say(9, 400) == Beat(2, 9, leads=True, hears=("b",))
    assert (found.leads, found.term) == (True, 2)


def test_a_beat_of_its_own_name_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"server: .*another server.*'a'"):
        election().beat("a", LEADS, 0)


def test_a_campaign_is_asked_for_once_and_again_after_it_failed_later_each_time() -> None:
    found, waits = election("ab"), list[Millis]()
    now = LOG_SILENCE + HALF
    assert first(found, 0, 9000) == (now, Campaign(after=1))
    assert first(found, now, now + 5000) is None
    now += 5000
    for _ in range(6):
        found.lost(1, now)
        begun = now
        while not found.step(now):
            now = found.next_due()
        waits.append(now - begun)
    assert waits == [75, 150, 300, 300, 300, 300]


def test_who_lost_to_another_term_gives_its_leader_time_to_be_heard() -> None:
    found = election("ab")
    assert first(found, 0, 2000) is not None
    found.lost(4, 1600)
    assert first(found, 1600, 9000) == (1600 + LOG_SILENCE + HALF, Campaign(after=4))


def test_signs_of_life_are_those_of_the_newest_term_only() -> None:
    found = election(term=5)
    for now in range(0, SILENCE + 1, 50):
        found.beat("b", replace(LEADS, term=4, heard=0), now)
        found.beat("c", replace(FOLLOWS, term=4), now)
        found.logged(4, now)
        assert found.step(now) == []
    assert first(found, SILENCE, 2000) == (SILENCE + HALF, Campaign(after=5))


def test_who_hears_others_that_do_not_hear_it_goes_by_the_log() -> None:
    deaf, heard = replace(FOLLOWS, heard=None, hears=("b", "c")), replace(FOLLOWS, heard=None)
    for said, expected in ((deaf, LOG_SILENCE + HALF), (heard, SILENCE + HALF)):
        found = election()
        for now in range(0, 3000, 50):
            found.beat("b", said, now)
            if found.step(now):
                assert now == expected
                break
        else:
            raise AssertionError("nobody campaigns")


# ---- while it leads


def test_an_idle_leader_makes_a_barrier_in_time_and_one_that_all_see_unless_all_hear_it() -> None:
    found = leading()
    assert first(found, 0, 2000) == (BARRIER, Barrier(visible=True))
    found.committed(BARRIER)
    for name in "bc":
        found.beat(name, replace(FOLLOWS, term=2), 500)
    assert first(found, 500, 2000) == (2 * BARRIER, Barrier(visible=False))
    found.committed(2 * BARRIER)
    found.beat("b", replace(FOLLOWS, term=2, heard=SILENCE), 900)
    found.beat("c", replace(FOLLOWS, term=2), 900)
    assert first(found, 900, 2000) == (3 * BARRIER, Barrier(visible=True))


def test_a_busy_leader_makes_none() -> None:
    found = leading()
    for now in range(0, 10_000, 100):
        found.committed(now)
        assert found.step(now) == []


def test_it_resigns_when_nothing_is_durable_for_long_unless_nobody_could_follow() -> None:
    found, alone = leading(), leading("a")
    told = [first(found, now, now + 50) for now in range(0, 3000, 50)]
    decided = [it for it in told if it is not None]
    assert decided[:3] == [
        (400, Barrier(visible=True)),
        (800, Barrier(visible=True)),
        (STALLED, Resign("no commit for 1000 ms", stalled=True)),
    ]
    assert not found.leads
    assert {type(decision) for now in range(0, 9000, 50) for decision in alone.step(now)} == {Barrier}
    assert alone.leads


def test_it_resigns_when_it_hears_of_a_newer_term() -> None:
    for tell in (
        lambda found: found.beat("b", replace(LEADS, term=3), 100),
        lambda found: found.logged(3, 100),
        lambda found: found.beat("b", replace(FOLLOWS, term=3), 100),
    ):
        found = leading()
        tell(found)
        assert found.step(100) == [Resign("term 3 has begun")]
        assert found.step(101) == []


def test_a_term_that_was_overtaken_before_it_was_known_ends_at_once() -> None:
    found = election("ab")
    first(found, 0, 2000)
    found.logged(9, 1600)
    found.won(2, 1610)
    assert found.step(1610) == [Resign("term 9 has begun")]


def test_the_freshest_that_is_there_inherits() -> None:
    found = leading("abcd")
    found.beat("b", replace(FOLLOWS, term=2, n=99), 0)
    found.beat("c", replace(FOLLOWS, term=2, n=12), 500)
    found.beat("d", replace(FOLLOWS, term=2, n=30), 500)
    found.beat("stranger", replace(FOLLOWS, term=2, n=500), 500)
    found.committed(SILENCE)
    found.handing_over(SILENCE)
    assert found.step(SILENCE) == [HandOver("d")]
    assert not found.leads
    assert first(found, SILENCE, MINUTE) is None


def test_who_stops_inherits_nothing() -> None:
    stops = replace(FOLLOWS, term=2, n=99, leaves=True)
    found = leading()
    found.beat("b", stops, 0)
    found.beat("c", replace(FOLLOWS, term=2), 0)
    assert [sorted(found.hears(0)), sorted(found.heirs(0))] == [["b", "c"], ["c"]]
    found.beat("c", stops, 100)
    found.handing_over(100)
    assert found.say(10, 100).leaves
    assert found.step(100) == [Resign("this server stops")]


def test_who_moves_the_lead_says_to_whom_and_the_others_wait_a_little_for_it() -> None:
    found = leading()
    found.committed(SILENCE // 2)
    for name in "bc":
        found.beat(name, replace(FOLLOWS, term=2), SILENCE)
    found.moved("b", SILENCE)
    said = found.say(10, SILENCE)
    assert said == Beat(2, 10, leads=False, vacant=True, hears=("b", "c"), heir="b")
    waits = []
    for leaves in (False, True):
        other = election(term=2)
        other.beat("c", said, 0)
        other.beat("b", replace(FOLLOWS, term=2, leaves=leaves), 0)
        waits.append(first(other, 0, SECOND))
    assert waits == [(STEP_ASIDE + HALF, Campaign(after=2)), (HALF, Campaign(after=2))]
    own = SILENCE + STEP_ASIDE + STEP_ASIDE + HALF
    assert first(found, SILENCE, 5000) == (own, Campaign(after=2))


def test_a_lead_is_settled_once_all_that_are_there_have_heard_of_it() -> None:
    found = leading()
    assert found.is_settled(0)
    found.beat("b", replace(FOLLOWS, term=2), 100)
    found.beat("c", replace(FOLLOWS, term=2, heard=None), 100)
    assert not found.is_settled(100)
    found.beat("c", replace(FOLLOWS, term=2), 150)
    assert found.is_settled(150)
    found.moved("b", 200)
    assert not found.is_settled(200)


def test_who_won_while_it_was_told_to_stop_hands_over() -> None:
    found = election()
    found.beat("b", FOLLOWS, 0)
    first(found, 0, 3000)
    found.beat("b", FOLLOWS, 3000)
    found.handing_over(3000)
    found.won(2, 3010)
    assert found.step(3010) == [HandOver("b")]


def test_the_heir_campaigns_at_once_but_not_when_another_was_faster() -> None:
    found = election()
    found.beat("b", LEADS, 0)
    found.called(10)
    assert found.step(10) == [Campaign(after=1)]
    slow = election()
    slow.beat("b", LEADS, 0)
    slow.called(10)
    slow.beat("c", replace(LEADS, term=2), 10)
    assert slow.step(10) == []


# ---- preference, pauses, the end


def test_who_would_rather_not_waits_a_little_while_another_is_there() -> None:
    for raft in (False, True):
        found = election()
        found.raft_leader(raft, 0)
        found.beat("b", LEADS, 0)
        found.beat("c", FOLLOWS, 50)
        found.beat("b", replace(LEADS, leads=False), 100)
        assert first(found, 100, 3000) == (100 + HALF + (STEP_ASIDE if raft else 0), Campaign(after=1))
    alone = election()
    alone.raft_leader(True, 0)
    assert first(alone, 0, 3000) == (LOG_SILENCE + HALF, Campaign(after=1))


def test_after_a_pause_silence_counts_anew() -> None:
    found = election()
    found.beat("b", LEADS, 0)
    assert found.step(10_000) == []
    assert first(found, 10_000, 20_000) == (10_000 + LOG_SILENCE + HALF, Campaign(after=1))


def test_who_resigns_after_a_pause_waits_to_hear_whether_another_leads() -> None:
    found = leading()
    assert found.step(5000) == [Resign("no commit for 5000 ms", stalled=True)]
    decided = None
    while decided is None:
        now = found.next_due()
        for name in "bc":
            found.beat(name, replace(FOLLOWS, term=2, heard=None), now)
        decided = next(iter(found.step(now)), None)
    assert decided == Campaign(after=2)
    assert now == 5000 + SILENCE + HALF + STEP_ASIDE


def test_that_the_leader_left_may_be_heard_from_another() -> None:
    found = election()
    found.beat("b", LEADS, 0)
    found.beat("c", replace(FOLLOWS, vacant=True), 100)
    assert first(found, 100, 3000) == (100 + HALF, Campaign(after=1))


def test_members_decide_what_is_a_majority_and_who_is_alone() -> None:
    found = election()
    assert found.step(0) == []
    found.members("a", 0)
    assert found.step(0) == [Campaign(after=1)]


def test_one_that_is_alone_gives_a_strange_term_time() -> None:
    found = election("a")
    found.step(0)
    found.lost(3, 0)
    assert first(found, 0, 3000) == (SILENCE, Campaign(after=3))


def test_the_gone_are_forgotten() -> None:
    found = election()
    found.beat("b", LEADS, 0)
    for now in range(0, 2 * MINUTE, 100):
        found.step(now)
    assert found._peers == {}


def test_stopped_it_decides_nothing() -> None:
    found = leading()
    found.stop()
    assert found.step(5000) == []
    assert not found.leads
    assert found.next_due() > 5000


def test_one_that_is_alone_is_not_called_without_a_pause_while_the_store_is_silent() -> None:
    found = leading("a")
    now = 0
    for _ in range(100):
        found.step(now)
        assert found.next_due() > now
        now = found.next_due()


def test_the_next_call_is_due_no_later_than_what_it_will_decide() -> None:
    found = leading()
    seen: list[Millis] = []
    now = 0
    while now < STALLED:
        due = found.next_due()
        assert now <= due <= now + 100
        now = due
        if found.step(now):
            seen.append(now)
    assert seen == [400, 800, 1000]
