"""What the bench makes of what it saw: ticks that were lost or tried twice are found, whatever was measured."""

import sqlite3
from contextlib import closing
from pathlib import Path

from jobpool.cli.bench.failover import Sample, account
from jobpool.cli.bench.journals import read_starts
from jobpool.cli.bench.posts import Host, Setup, posts

TICKS = [("p", 1000), ("p", 2000), ("p", 3000)]


def test_an_account_finds_what_was_lost_and_what_was_tried_twice() -> None:
    seen = account(TICKS, {("p", 1000): {"a": 1010}, ("p", 2000): {"b": 2500, "c": 2400}, ("q", 3000): {"d": 9000}})
    assert seen.lost == (("p", 3000),)
    assert seen.twice == 1
    assert seen.worst == 400  # of the two attempts the first counts; of other plans none


def test_nothing_is_lost_where_every_tick_was_started() -> None:
    seen = account(TICKS, {tick: {"a": tick[1] + 5} for tick in TICKS})
    assert (seen.ticks, seen.lost, seen.twice, seen.worst) == (3, (), 0, 5)


def test_the_worst_plan_is_the_figure_of_a_fault() -> None:
    sample = Sample(at=1400, due=2000, late=(10, 20, 700), led_raft=False)
    assert sample.worst == 700
    assert sample.since_fault == 1300


def write_journal(directory: Path, *rows: tuple[str, int, int | None, str]) -> None:
    directory.mkdir()
    with closing(sqlite3.connect(directory / "journal.db", isolation_level=None)) as journal:
        journal.execute("CREATE TABLE allocations (plan_id, scheduled_time, started_at, allocation_id)")
        journal.executemany("INSERT INTO allocations VALUES (?, ?, ?, ?)", rows)


def test_journals_tell_what_was_started_and_not_what_was_received(tmp_path: Path) -> None:
    write_journal(tmp_path / "one", ("p", 1000, 1005, "a"), ("p", 2000, None, "b"))
    write_journal(tmp_path / "two", ("p", 2000, 2300, "c"))
    starts = read_starts([tmp_path / "one", tmp_path / "two"], since=1000)
    assert starts == {("p", 1000): {"a": 1005}, ("p", 2000): {"c": 2300}}


def test_every_server_of_a_cluster_is_told_of_all_members(tmp_path: Path) -> None:
    hosts = [Host(f"198.18.1.{at}:2379", f"198.19.1.{at}:2380", ("in", str(at))) for at in (1, 2, 3)]
    places = posts(tmp_path, Setup(3, "/opt/etcd"), hosts)
    assert len({place.flags["initial-cluster"] for place in places}) == 1
    for place, host in zip(places, hosts, strict=True):
        assert f"{place.name}=http://{host.peer}" in place.flags["initial-cluster"]
        assert place.url == f"http://{host.client}"
        assert place.enter == host.enter
        assert place.config.engine == "etcd"


def test_without_a_cluster_there_is_one_server_on_the_embedded_engine(tmp_path: Path) -> None:
    (place,) = posts(tmp_path, Setup())
    assert place.config.engine == "embedded"
