"""`jobpool dev`: its sample really runs, is told, can be read, and is still one plan after a restart."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.jobpool_program import Jobpool
from tests.e2e.oracle.ctl import ctl
from tests.e2e.oracle.logs import troubles

pytestmark = pytest.mark.xdist_group("processes")

TOLD = re.compile(r"^hello (\d\d:\d\d:\d\d) \+00:00 complete in \d+ ms \(late \d+ ms\)  (\w{26})$", re.MULTILINE)


class Dev(Jobpool):
    def runs(self) -> list[tuple[str, str]]:
        """(wall time of the tick, job id) of each run told."""
        return TOLD.findall(self.text())

    def wait_runs(self, count: int) -> None:
        self.wait(lambda: len(self.runs()) >= count, f"to tell {count} runs")


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    program = Dev(tmp_path, "dev", "--listen-client-urls", "http://127.0.0.1:{port}", name="dev")
    yield program
    program.close()
    assert troubles(program.name, program.text()) == []


async def listed(dev: Dev, noun: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(await ctl(dev.url, "-w", "json", noun, "list")).get("data", [])
    return found


async def test_the_sample_runs_and_its_output_can_be_read(dev: Dev) -> None:
    dev.start()
    dev.wait_runs(2)
    for wall, job_id in dev.runs()[:2]:
        assert re.fullmatch(
            rf"hello from the tick of \d{{4}}-\d\d-\d\dT{wall}Z\n", await ctl(dev.url, "job", "logs", job_id)
        )
    assert f"{dev.url}/v3/schedule/jobs" in dev.text()
    assert f"jobpoolctl --endpoints {dev.url} job logs <id>" in dev.text()
    assert dev.interrupt() == 0
    assert dev.text().endswith("jobpool dev has ended; start it again to go on\n")


async def test_a_restart_goes_on_with_one_sample_and_one_agent(dev: Dev) -> None:
    dev.start()
    dev.wait_runs(1)
    dev.kill()
    dev.start()
    dev.wait_runs(2)
    assert [plan["id"] for plan in await listed(dev, "plan")] == ["hello"]
    assert len(await listed(dev, "node")) == 1
    told = [job_id for _, job_id in dev.runs()]
    assert len(told) == len(set(told))
    assert dev.terminate() == 0


async def test_it_may_be_quiet_and_leave_the_plans_alone(dev: Dev) -> None:
    dev.words += ["--no-sample", "--quiet", "--data-dir", "elsewhere"]
    dev.start_until("Ctrl-C ends it.")
    assert await listed(dev, "plan") == []
    assert (dev.data.parent / "elsewhere" / "store.db").exists()
    assert "hello" not in dev.text()
    assert dev.terminate() == 0


def test_two_signals_end_it_at_once(dev: Dev) -> None:
    dev.words += ["--no-sample"]
    dev.start_until("Ctrl-C ends it.")
    os.kill(dev.pid, signal.SIGSTOP)
    os.kill(dev.pid, signal.SIGINT)
    os.kill(dev.pid, signal.SIGTERM)
    os.kill(dev.pid, signal.SIGCONT)
    assert dev.ended() == 1


def test_a_port_in_use_is_told_with_what_to_do(dev: Dev, tmp_path: Path) -> None:
    dev.start_until("Ctrl-C ends it.")
    words = ("--listen-client-urls", dev.url, "--data-dir", "other", "--log-level", "error")
    other = Dev(tmp_path, "dev", *words, name="other")
    other.start()
    assert other.ended() == 1
    assert other.text().startswith(f"jobpool dev: cannot listen on {dev.url}: ")
    assert "choose another place by --listen-client-urls" in other.text()
    assert other.text().count("\n") == 1
