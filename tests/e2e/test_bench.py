"""The bench in its smallest form: every kind of row completes, and what was due has ended."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobpool.testing.etcd import NO_ETCD, etcd_binary
from tests.e2e.oracle.processes import SERVER, environment

needs_etcd = pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD)


def run(directory: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    program = [sys.executable, "-c", SERVER, "bench", "--quick", *words, "-w", "json", "--directory", str(directory)]
    return subprocess.run(program, capture_output=True, timeout=240, env=environment())


def bench(directory: Path, *words: str) -> list[dict[str, Any]]:
    """The rows of a small bench, all of which have measured something."""
    done = run(directory, *words)
    assert done.returncode == 0, done.stderr.decode()
    rows: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    assert all(row["value"] > 0 for row in rows)
    return rows


def test_a_small_bench_completes_and_loses_nothing(tmp_path: Path) -> None:
    rows = bench(tmp_path, "--row", "burst", "--row", "pages", "--row", "decisions")
    assert [row["name"].split(",")[0] for row in rows] == [
        "start lateness",  # which waits until all 500 that were due have ended
        "10",  # 10,000 finished runs: all of them are listed before a page is timed
        "placement decisions",
    ]


@needs_etcd
def test_a_small_bench_of_a_cluster_completes(tmp_path: Path) -> None:
    rows = bench(tmp_path, "--cluster", "3", "--etcd-binary", str(etcd_binary()), "--row", "plans", "--row", "idle")
    assert [row["name"] for row in rows] == [
        "2,000 registered plans: memory of the leader",
        "2,000 registered plans: start to leading and serving",
        "2,000 registered plans: take-over",
        "due to started, one plan, idle, p99",
    ]


@needs_etcd
def test_failover_is_measured_and_loses_no_tick(tmp_path: Path) -> None:
    words = ("--failover", "--times", "1", "--fault", "kill", "--fault", "cut")
    rows = bench(tmp_path, *words, "--etcd-binary", str(etcd_binary()))
    assert [row["name"].split(" → ")[0] for row in rows] == [
        "kill -9 of the leader",
        "partition of the leader from etcd",
    ]
    assert all(len(row["samples"]) == 1 and " 0 lost" in row["detail"] for row in rows)


def test_a_failover_needs_a_cluster_that_survives_one(tmp_path: Path) -> None:
    done = run(tmp_path, "--failover", "--cluster", "2")
    assert done.returncode == 2
    assert b"three servers at least" in done.stderr
