"""What a server notices by itself: by whom it is told, once, and when it is over."""

from typing import Any

from jobpool.server.noticing import Look, Noticer

OTHERS = {"b": "server2", "c": "server3"}
ALL = frozenset("abc")


class Watchful:
    def __init__(self) -> None:
        self.noticer = Noticer("a", "server1")
        self.now = 0

    def sees(self, heard: frozenset[str] = ALL, *, after: int = 2_000, leads: bool = True, **fields: Any) -> list[str]:
        self.now += after
        fields.setdefault("servers", OTHERS)
        look = Look(leads=leads, heard=heard, **fields)
        told = self.noticer.step(look, at=1_000_000 + self.now, now=self.now)
        assert all(event.at == 1_000_000 + self.now for event in told)
        assert len({event.id for event in told}) == len(told)
        return [f"{event.kind} {event.subject} {event.text}".rstrip() for event in told]


def test_a_server_that_falls_silent_is_told_once_and_so_is_its_return() -> None:
    one = Watchful()
    assert one.sees() == []
    assert one.sees(frozenset("ab")) == ["server_gone server3"]
    assert one.sees(frozenset("ab")) == []
    assert one.sees() == ["server_back server3"]


def test_a_server_that_was_not_met_yet_is_waited_for() -> None:
    one = Watchful()
    assert one.sees(frozenset("ab")) == []
    assert one.sees(frozenset("ab"), after=4_999) == []
    assert one.sees() == []


def test_a_server_that_does_not_come_is_missed() -> None:
    one = Watchful()
    assert one.sees(frozenset("ab")) == []
    assert one.sees(frozenset("ab"), after=5_000) == ["server_gone server3"], "it may have died before the first look"
    assert one.sees(frozenset("ab")) == []
    assert one.sees() == ["server_back server3"]


def test_a_server_that_never_came_was_told_of_by_whoever_led_before() -> None:
    one = Watchful()
    one.sees(frozenset("ab"), leads=False)
    assert one.sees(frozenset("ab"), after=15_000) == []


def test_who_does_not_lead_says_nothing_but_knows() -> None:
    one = Watchful()
    one.sees(leads=False)
    assert one.sees(frozenset("ac"), leads=False) == []
    assert one.sees(frozenset("ac")) == ["server_gone server2"], "it leads since: the one that led before is gone"


def test_what_is_long_gone_was_told_by_whoever_led_before() -> None:
    one = Watchful()
    one.sees(leads=False)
    one.sees(frozenset("ac"), leads=False)
    assert one.sees(frozenset("ac"), after=60_000, leads=False) == []
    assert one.sees(frozenset("ac")) == []
    assert one.sees() == ["server_back server2"]


def test_a_removed_server_is_forgotten() -> None:
    one = Watchful()
    one.sees()
    assert one.sees(frozenset("ab")) == ["server_gone server3"]
    assert one.sees(frozenset("ab"), servers={"b": "server2"}) == []
    assert one.sees() == []


def test_alarms_are_told_when_they_are_raised_and_when_they_are_over() -> None:
    one = Watchful()
    assert one.sees(errors=("memberID:1 alarm:NOSPACE ",)) == ["alarm  memberID:1 alarm:NOSPACE"]
    assert one.sees(errors=("memberID:1 alarm:NOSPACE ",)) == []
    assert one.sees(errors=None) == [], "an engine that does not answer says nothing of its alarms"
    assert one.sees(errors=()) == ["alarm_over  memberID:1 alarm:NOSPACE"]


def test_a_full_store_is_told_by_the_leader() -> None:
    one = Watchful()
    assert one.sees(full=True, leads=False) == []
    assert one.sees(full=False) == ["store_has_room"]
    assert one.sees(full=True) == ["store_full"]


def test_a_database_that_got_smaller_was_defragmented() -> None:
    one = Watchful()
    one.sees(size=80_000_000, leads=False)
    assert one.sees(size=0, leads=False) == [], "not known this time"
    assert one.sees(size=79_000_000, leads=False) == []
    assert one.sees(size=20_000_000, leads=False) == ["defragmented server1 79000000 → 20000000"]
