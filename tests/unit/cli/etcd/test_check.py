"""A load is written at its rate, every write counts, and the verdict is that of the slowest part."""

import asyncio

import click
import pytest

from jobpool.cli.etcd.check import judge
from jobpool.cli.etcd.load import Found, Load, write
from jobpool.client.etcd import Etcd
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND
from jobpool.testing.clock import FakeClock
from jobpool.wire import etcd_pb2 as pb
from tests.unit.cli.etcd.fake_etcd import HEADER, FakeEtcd, refusal
from tests.unit.cli.harness import Ctl


def load(*, rate: int, count: int = 20) -> Load:
    return Load(prefix=b"p/", count=count, rate=rate, writers=4, key_size=16, value_size=32)


async def test_every_write_is_made(etcd: FakeEtcd) -> None:
    etcd.answers["Put"] = pb.PutResponse(header=HEADER)
    told: list[int] = []
    async with Etcd([etcd.endpoint]) as client:
        found = await write(client, load(rate=0), clock=FakeClock(), dice=Dice(1), told=told.append)
    assert (len(found.took), found.failures, told[-1]) == (20, {}, 20)
    keys = [one.key for one in etcd.asked if isinstance(one, pb.PutRequest)]
    assert len(set(keys)) == 20
    assert all(key.startswith(b"p/") and len(key) >= 16 for key in keys)


async def test_failures_are_counted_by_what_they_say(etcd: FakeEtcd) -> None:
    etcd.answers["Put"] = refusal("etcdserver: too many requests")
    async with Etcd([etcd.endpoint]) as client:
        found = await write(client, load(rate=0), clock=FakeClock(), dice=Dice(1), told=print)
    assert (found.took, found.failures) == ([], {"etcdserver: too many requests": 20})


async def test_a_rate_is_kept(etcd: FakeEtcd) -> None:
    etcd.answers["Put"] = pb.PutResponse(header=HEADER)
    clock = FakeClock()
    async with Etcd([etcd.endpoint]) as client:
        writing = asyncio.get_running_loop().create_task(
            write(client, load(rate=10), clock=clock, dice=Dice(1), told=lambda _: None)
        )
        while not writing.done():
            await clock.advance(SECOND // 10)
            await asyncio.sleep(0)
    found = await writing
    assert found.span >= 1900
    assert len(found.took) == 20


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Found([10] * 600, {}, 4 * SECOND), "PASS: Throughput is 151 writes/s\nPASS: Slowest request took 0.010000s\n"),
        (Found([10] * 60, {}, 4 * SECOND), "FAIL: Throughput too low: 16 writes/s\n"),
        (Found([10] * 599 + [600], {}, 4 * SECOND), "Slowest request took too long: 0.600000s\n"),
        (Found([0, 400] * 300, {}, 4 * SECOND), "Stddev too high: 0.200000s\n"),
        (Found([10] * 600, {"no": 2}, 4 * SECOND), "FAIL: too many errors\nFAIL: ERROR(no) -> 2\n"),
    ],
)
def test_the_verdict(found: Found, verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    if verdict.startswith("PASS"):
        judge(found, 150)
        assert capsys.readouterr().out.endswith("PASS: Stddev is 0.000000s\nPASS\n")
        return
    with pytest.raises(click.exceptions.Exit) as ended:
        judge(found, 150)
    out = capsys.readouterr().out
    assert (ended.value.exit_code, verdict in out, out.endswith("\nFAIL\n")) == (1, True, True)


async def test_keys_that_are_there_are_left_alone(ctl: Ctl, etcd: FakeEtcd) -> None:
    etcd.answers["Range"] = pb.RangeResponse(header=HEADER, kvs=[pb.KeyValue(key=b"p/mine")], count=1)
    outcome = await ctl("check", "perf", "--prefix", "p/")
    assert (outcome.code, "has keys" in outcome.err) == (3, True)
    assert (await ctl("check", "perf", "--prefix", "")).code == 3
    assert {type(one) for one in etcd.asked} == {pb.RangeRequest}


async def test_memory_is_asked_for_before_anything_is_written(ctl: Ctl, etcd: FakeEtcd) -> None:
    outcome = await ctl("check", "datascale")
    assert (outcome.code, "/metrics" in outcome.err) == (2, True)
    assert etcd.asked == []
