"""Lines of etcd that say the same are told once a minute; those that say something else are told."""

import pytest

from jobpool.etcd.log_lines import LogLine
from jobpool.etcd.repeats import SPAN, Repeats, Told, kind_of
from jobpool.testing.clock import FakeClock

READ_INDEX = "waiting for ReadIndex response took too long, retrying"
UNHEALTHY = "prober detected unhealthy status"
REJECTED = "rejected connection on peer endpoint"


def line(message: str, **fields: object) -> LogLine:
    return LogLine("warning", message, {name.replace("_", "-"): value for name, value in fields.items()})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (line(READ_INDEX, sent_request_id=4537836239098811184), line(READ_INDEX, sent_request_id=4537836239098811199)),
        (line("apply request took too long", took="2.001599342s"), line("apply request took too long", took="987ms")),
        (line(REJECTED, remote_addr="10.0.0.3:37490"), line(REJECTED, remote_addr="10.0.0.3:58492")),
        (line(REJECTED, remote_addr="[fd00::3]:37490"), line(REJECTED, remote_addr="[fd00::3]:58492")),
        (
            line("lost", error="read tcp 10.0.0.1:2380->10.0.0.3:37490: read: connection reset by peer"),
            line("lost", error="read tcp 10.0.0.1:2380->10.0.0.3:58492: read: connection reset by peer"),
        ),
        (line("stats", start="2026-11-22T17:40:35.895293Z"), line("stats", start="2026-11-22T17:41:13.230251Z")),
        (line("slow", request='key:"/a"'), line("slow", request='key:"/b"')),
    ],
)
def test_times_counts_and_the_ports_of_callers_make_no_difference(one: LogLine, other: LogLine) -> None:
    assert kind_of(one) == kind_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (line(READ_INDEX), line("stepped down to follower since quorum is not active")),
        (LogLine("warning", READ_INDEX), LogLine("error", READ_INDEX)),
        (line(REJECTED, remote_addr="10.0.0.3:37490"), line(REJECTED, remote_addr="10.0.0.4:37490")),
        (line(REJECTED, error="tls: bad certificate"), line(REJECTED, error="tls: certificate has expired")),
        (line(UNHEALTHY, remote_peer_id="b3ff361a3a56a599"), line(UNHEALTHY, remote_peer_id="a4d704ff57778965")),
        (line(UNHEALTHY, error="dial tcp 10.0.0.3:2380: i/o"), line(UNHEALTHY, error="dial tcp 10.0.0.4:2380: i/o")),
        (line(UNHEALTHY, error="dial tcp 10.0.0.3:2380: i/o"), line(UNHEALTHY, error="dial tcp 10.0.0.3:2480: i/o")),
        (line("x", address="http://server2:2380/version"), line("x", address="http://server3:2380/version")),
        (line("3e528b1d19d13ef9 stepped down"), line("b3ff361a3a56a599 stepped down")),
    ],
)
def test_who_and_why_do(one: LogLine, other: LogLine) -> None:
    assert kind_of(one) != kind_of(other)


async def test_what_goes_on_is_told_once_a_minute_with_its_count() -> None:
    clock = FakeClock()
    repeats = Repeats(clock)
    lines = [line(READ_INDEX, sent_request_id=number) for number in range(1, 8)]
    assert [repeats.hear(one) for one in lines[:4]] == [True, False, False, False]
    await clock.advance(SPAN - 1)
    assert list(repeats.due()) == []
    await clock.advance(1)
    assert list(repeats.due()) == [Told(lines[3], 3, since=SPAN, until=SPAN)]
    assert [repeats.hear(one) for one in lines[4:]] == [False, False, False]
    await clock.advance(SPAN // 4)
    assert not repeats.hear(lines[6])
    await clock.advance(SPAN - SPAN // 4)
    assert list(repeats.due()) == [Told(lines[6], 4, since=SPAN, until=SPAN - SPAN // 4)]


async def test_what_has_ended_is_not_told_again_and_is_new_when_it_comes_back() -> None:
    clock = FakeClock()
    repeats = Repeats(clock)
    assert repeats.hear(line(READ_INDEX))
    await clock.advance(SPAN)
    assert list(repeats.due()) == []
    assert repeats.hear(line(READ_INDEX))


async def test_others_are_told_meanwhile() -> None:
    clock = FakeClock()
    repeats = Repeats(clock)
    first, second = (
        line(UNHEALTHY, remote_peer_id="b3ff361a3a56a599"),
        line(UNHEALTHY, remote_peer_id="a4d704ff57778965"),
    )
    assert repeats.hear(first)
    await clock.advance(SPAN // 2)
    assert repeats.hear(second)
    assert not repeats.hear(first)
    assert not repeats.hear(second)
    await clock.advance(SPAN // 2)
    assert list(repeats.due()) == [Told(first, 1, since=SPAN // 2, until=SPAN // 2)]
    await clock.advance(SPAN // 2)
    assert list(repeats.due()) == [Told(second, 1, since=SPAN, until=SPAN)]


def test_so_many_kinds_are_remembered() -> None:
    repeats = Repeats(FakeClock())
    kinds = [line("x", error=f"{'a' * at}!") for at in range(501)]
    assert all(repeats.hear(one) for one in kinds)
    assert not repeats.hear(kinds[1])
    assert repeats.hear(kinds[0])
