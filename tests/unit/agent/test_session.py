"""The conversation with a server: what is said, in which order, and what is said again."""

import asyncio
import sqlite3
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from jobpool.agent.config import AgentConfig
from jobpool.agent.identity import DataDir
from jobpool.agent.journal import Journal
from jobpool.agent.service import run_agent
from jobpool.agent.task import Outcome, Status, Task
from jobpool.agent.task import ended as ended_report
from jobpool.kit.effects.clock import SystemClock
from jobpool.model.errors import FailedPrecondition, InvalidArgument
from jobpool.testing.agent_server import AgentServer, RunAgent, assignment


async def test_the_agent_says_who_it_is(server: AgentServer, agent: RunAgent) -> None:
    async with agent(capacity=12):
        await server.until(lambda: bool(server.inventories))
    hello = server.hellos[0]
    assert len(hello.node_id) == 26
    assert len(hello.secret) >= 43
    assert (hello.name, hello.data_center, hello.capacity) == ("test", "default", 12)
    assert list(hello.executors) == ["noop", "rest"]
    assert hello.version
    assert hello.attributes["os"] == "linux"
    assert list(server.inventories[0].held) == []


async def test_the_identity_stays_over_restarts(server: AgentServer, agent: RunAgent) -> None:
    for _ in range(2):
        async with agent():
            await server.until(lambda: bool(server.inventories))
        server.inventories.clear()
    first, second = server.hellos
    assert (first.node_id, first.secret) == (second.node_id, second.secret)
    assert first.node_id == first.node_id.upper()


async def test_a_noop_run_is_reported_once_with_its_times(server: AgentServer, agent: RunAgent) -> None:
    async with agent(executors=("noop",)):
        await server.assign(assignment("j1"))
        report = await server.ended("j1-a1")
    assert (report.status, report.reason, report.fence) == ("complete", "", 7)
    assert 0 < report.started_at <= report.finished_at
    assert len(server.reports) == 1


async def test_thousands_arrive_in_batches_of_at_most_200_in_growing_sequence(
    server: AgentServer, agent: RunAgent
) -> None:
    async with agent(executors=("noop",)):
        await server.assign(*[assignment(f"j{number}") for number in range(3000)])
        await server.until(lambda: len(server.reports) >= 3000)
    assert len({report.allocation_id for report in server.reports}) == 3000
    assert {report.status for report in server.reports} == {"complete"}
    sequences = [batch.sequence for batch in server.batches]
    assert sequences == sorted(set(sequences))
    assert max(len(batch.items) for batch in server.batches) <= 200


async def test_a_longer_run_is_reported_running_and_then_ended(server: AgentServer, agent: RunAgent) -> None:
    async with agent():
        await server.assign(assignment("j1", parameters='{"sleep":"150ms"}'))
        await server.ended("j1-a1")
    assert [report.status for report in server.reports] == ["running", "complete"]


async def test_parameters_and_executors_that_cannot_be_run_end_with_a_reason(
    server: AgentServer, agent: RunAgent
) -> None:
    async with agent():
        await server.assign(
            assignment("j1", parameters='{"slep":"1s"}'),
            assignment("j2", "cobol"),
            assignment("j3", parameters='{"fail":"bored"}'),
            assignment("j4", desired_status="skip"),
            assignment("../../etc/passwd"),
        )
        ends = [await server.ended(f"j{number}-a1") for number in range(1, 5)]
        escape = await server.ended("../../etc/passwd-a1")
    assert [end.status for end in ends] == ["failed"] * 4
    assert [end.reason for end in ends] == ["bad_parameters", "executor_missing", "bored", "executor_error"]
    assert ends[0].description == "parameters.slep: unknown; did you mean 'sleep'?"
    assert "'cobol'" in ends[1].description
    assert escape.status == "failed"


async def test_the_timeout_is_enforced(server: AgentServer, agent: RunAgent) -> None:
    async with agent():
        await server.assign(assignment("j1", parameters='{"sleep":"1h"}', timeout=100))
        end = await server.ended("j1-a1")
    assert (end.status, end.reason) == ("expired", "timeout")


async def test_stop_cancels_what_runs_and_what_waits(server: AgentServer, agent: RunAgent) -> None:
    async with agent(capacity=1):
        runs, waits = (assignment(name, parameters='{"sleep":"1h"}') for name in ("runs", "waits"))
        await server.assign(runs, waits)
        await server.until(lambda: any(report.status == "running" for report in server.reports))
        await server.stop(waits, runs)
        ends = [await server.ended("runs-a1"), await server.ended("waits-a1")]
    assert [(end.status, end.reason) for end in ends] == [("cancelled", "cancelled")] * 2
    assert ends[1].started_at == 0


async def test_drop_stops_and_says_no_more(server: AgentServer, agent: RunAgent) -> None:
    async with agent(capacity=1):
        dropped, after = assignment("dropped", parameters='{"sleep":"1h"}'), assignment("after")
        await server.assign(dropped, after)
        await server.until(lambda: any(report.status == "running" for report in server.reports))
        await server.drop(dropped)
        await server.ended("after-a1")  # its room is free again
        await server.hang_up()
        await server.until(lambda: len(server.inventories) == 2)
    assert server.ends("dropped-a1") == []
    assert "dropped-a1" not in {held.allocation_id for held in server.inventories[1].held}


async def test_runs_beyond_the_capacity_wait_in_order(server: AgentServer, agent: RunAgent) -> None:
    async with agent(capacity=1):
        await server.assign(*[assignment(f"j{number}", parameters='{"sleep":"30ms"}') for number in range(4)])
        await server.ended("j3-a1")
    ends = [report for number in range(4) for report in server.ends(f"j{number}-a1")]
    assert [end.allocation_id for end in ends] == ["j0-a1", "j1-a1", "j2-a1", "j3-a1"]
    assert all(later.started_at >= earlier.finished_at for earlier, later in pairwise(ends))


async def test_a_duplicate_is_not_started_again(server: AgentServer, agent: RunAgent, tmp_path: Path) -> None:
    async with agent():
        await server.assign(assignment("j1"), assignment("j1"))
        await server.ended("j1-a1")
        await server.assign(assignment("j1"))
        await server.until(lambda: len(server.ends("j1-a1")) == 2)
    first, second = server.ends("j1-a1")
    assert first == second
    assert _rows(tmp_path) == [("j1-a1", 7, "complete")]


async def test_the_same_allocation_with_another_fence_is_refused(server: AgentServer, agent: RunAgent) -> None:
    async with agent():
        await server.assign(assignment("j1"))
        await server.ended("j1-a1")
        await server.assign(assignment("j1", fence=8))
        await server.until(lambda: len(server.ends("j1-a1")) == 2)
    assert (server.ends("j1-a1")[1].fence, server.ends("j1-a1")[1].status) == (8, "failed")


async def test_an_end_is_sent_again_until_it_is_acknowledged(server: AgentServer, agent: RunAgent) -> None:
    server.acknowledge = False
    async with agent():
        await server.assign(assignment("j1"))
        await server.ended("j1-a1")
        for sessions in (2, 3):
            await server.hang_up()
            await server.until(partial(_ends_are, server, sessions))
        server.acknowledge = True
        await server.hang_up()
        await server.until(lambda: len(server.ends("j1-a1")) == 4)
    assert all(end == server.ends("j1-a1")[0] for end in server.ends("j1-a1"))
    assert [[held.allocation_id for held in inventory.held] for inventory in server.inventories[1:]] == [["j1-a1"]] * 3


def _ends_are(server: AgentServer, count: int) -> bool:
    return len(server.ends("j1-a1")) == count


async def test_running_work_survives_the_loss_of_the_session(server: AgentServer, agent: RunAgent) -> None:
    async with agent():
        item = assignment("j1", parameters='{"sleep":"300ms"}')
        await server.assign(item)
        await server.until(lambda: bool(server.reports))
        await server.hang_up()
        await server.until(lambda: len(server.inventories) == 2)
        assert [held.allocation_id for held in server.inventories[1].held] == ["j1-a1"]
        await server.assign(item)  # the server makes sure
        assert (await server.ended("j1-a1")).status == "complete"


async def test_beats_fill_silence(agent: RunAgent, server: AgentServer) -> None:
    server.ttl = 300
    async with agent():
        await server.until(lambda: server.beats >= 2)


async def test_a_drain_is_announced_and_lets_running_work_end(server: AgentServer, agent: RunAgent) -> None:
    async with agent():
        await server.assign(assignment("j1", parameters='{"sleep":"300ms"}'))
        await server.until(lambda: bool(server.reports))
    assert (server.drains, server.goodbyes) == (1, 1)
    assert [end.status for end in server.ends("j1-a1")] == ["complete"]


async def test_an_agent_leaves_by_the_end_of_its_stream_and_comes_back_to_nobody(
    server: AgentServer, agent: RunAgent
) -> None:
    async with agent():
        await server.until(lambda: bool(server.inventories))
    assert (server.drains, server.goodbyes, len(server.hellos)) == (1, 1, 1)


async def test_beats_tell_of_the_machine_as_hello_did(server: AgentServer, agent: RunAgent) -> None:
    server.ttl = 300
    async with agent():
        await server.until(lambda: any(beat.resources.ByteSize() for beat in server.told))
    hello, later = server.hellos[0].resources, next(beat for beat in server.told if beat.resources.ByteSize())
    assert (hello.millicpus, hello.memory, hello.disk) == (
        later.resources.millicpus,
        later.resources.memory,
        later.resources.disk,
    )
    assert hello.memory_used
    assert not hello.HasField("millicpus_used")
    assert later.resources.HasField("millicpus_used")


async def test_a_busy_agent_beats_too(server: AgentServer, agent: RunAgent) -> None:
    server.ttl = 300
    async with agent():
        number = 0
        while not server.beats:
            await server.assign(assignment(f"j{number}"))
            await server.ended(f"j{number}-a1")
            number += 1


async def test_what_a_drain_cannot_wait_for_is_reported_lost(server: AgentServer, agent: RunAgent) -> None:
    async with agent(drain_timeout=50):
        await server.assign(assignment("j1", parameters='{"sleep":"1h"}'))
        await server.until(lambda: bool(server.reports))
    assert [(end.status, end.reason) for end in server.ends("j1-a1")] == [("lost", "agent_restarted")]


async def test_another_server_is_found(server: AgentServer, agent: RunAgent) -> None:
    async with AgentServer() as gone:
        url = gone.url
    async with agent(server_urls=(url, server.url)):
        await server.until(lambda: bool(server.inventories))


# ---- restarts


def _task(name: str, *, parameters: str = "{}", executor: str = "noop") -> Task:
    return Task(f"{name}-a1", 7, name, "nightly", "default", "Nightly", 1, executor, parameters, True, 0, 0)


async def _write(data: Path, *, received: list[Task], started: list[Task], ended: list[Task]) -> None:
    """A journal as an agent left it that was killed."""

    directory = DataDir(data)
    journal = Journal(directory.journal, SystemClock())
    for task in (*received, *started, *ended):
        journal.received(task, 1000, started_at=None if task in received else 1001, then=lambda: None)
    for task in ended:
        report = ended_report(task.key, Outcome(Status.COMPLETE, result="42"), started_at=1001, now=1002)
        journal.ended(report, lambda: None)
    await journal.flush()
    journal.close()
    directory.close()


@pytest.mark.invariant("H-7")
async def test_a_restart_takes_up_every_stage(server: AgentServer, agent: RunAgent, tmp_path: Path) -> None:
    await _write(tmp_path / "data", received=[_task("received")], started=[_task("started")], ended=[_task("ended")])
    async with agent():
        ends = {name: await server.ended(f"{name}-a1") for name in ("received", "started", "ended")}
    held = {item.allocation_id for item in server.inventories[0].held}
    assert held == {"received-a1", "started-a1", "ended-a1"}
    assert (ends["received"].status, ends["received"].started_at > 1001) == ("complete", True)
    assert (ends["started"].status, ends["started"].reason) == ("lost", "agent_restarted")
    assert (ends["ended"].status, ends["ended"].result, ends["ended"].finished_at) == ("complete", "42", 1002)


@pytest.mark.invariant("H-7")
async def test_an_acknowledged_end_is_remembered_over_a_restart(
    server: AgentServer, agent: RunAgent, tmp_path: Path
) -> None:
    for _ in range(2):
        async with agent():
            await server.assign(assignment("j1"))
            await server.until(lambda: len(server.inventories) == len(server.ends("j1-a1")) > 0)
    assert server.ends("j1-a1")[0] == server.ends("j1-a1")[1]
    assert list(server.inventories[1].held) == []
    assert _rows(tmp_path) == [("j1-a1", 7, "complete")]


async def test_a_waiting_run_is_kept_by_a_drain_for_the_next_start(server: AgentServer, agent: RunAgent) -> None:
    async with agent(capacity=1, drain_timeout=50):
        await server.assign(assignment("j1", parameters='{"sleep":"1h"}'), assignment("j2"))
        await server.until(lambda: bool(server.reports))
    assert server.ends("j2-a1") == []
    async with agent(capacity=1):
        assert (await server.ended("j2-a1")).status == "complete"


async def test_two_agents_cannot_share_a_data_directory(server: AgentServer, agent: RunAgent) -> None:

    async with agent() as config:
        assert isinstance(config, AgentConfig)
        await server.until(lambda: bool(server.inventories))
        with pytest.raises(FailedPrecondition, match="another agent uses the data directory"):
            await run_agent(config, stop=asyncio.Event())


async def test_an_executor_that_is_not_installed_is_refused_at_the_start(tmp_path: Path) -> None:

    config = AgentConfig(name="test", data_dir=tmp_path / "data", executors=("noop", "cobol"))
    with pytest.raises(InvalidArgument, match="there is no executor 'cobol'; installed are: noop, python, rest, shell"):
        await run_agent(config, stop=asyncio.Event())


def _rows(tmp_path: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(tmp_path / "data" / "journal.db") as journal:
        rows = journal.execute("SELECT allocation_id, fence, status FROM allocations ORDER BY number").fetchall()
    journal.close()
    return rows


@pytest.mark.parametrize(
    ("data", "end"),
    [(b"\0\0\0\0\3abc", False), (b"\1\0\0\0\3abc", False), (b"\0\0\0\0\x30abc", True)],
    ids=["no message", "compressed", "cut short"],
)
async def test_what_cannot_be_read_ends_the_session_and_nothing_that_runs(
    server: AgentServer, agent: RunAgent, data: bytes, *, end: bool
) -> None:
    async with agent():
        await server.assign(assignment("j1", parameters='{"sleep":"1s"}'))
        await server.until(lambda: bool(server.reports))
        await server.babble(data, end=end)
        await server.until(lambda: len(server.hellos) == 2)
        report = await server.ended("j1-a1")
    assert (report.status, report.fence) == ("complete", 7)


async def test_another_cluster_is_not_told_what_this_agent_holds(server: AgentServer, agent: RunAgent) -> None:
    server.cluster = 0xA1
    async with agent():
        await server.until(lambda: len(server.inventories) == 1)
        server.cluster = 0xB2
        await server.hang_up()
        await server.until(lambda: len(server.hellos) == 3)
        assert [hello.cluster_id for hello in server.hellos] == [0, 0xA1, 0xA1]
        assert len({hello.process for hello in server.hellos}) == 1
        assert len(server.inventories) == 1
        server.cluster = 0xA1
        await server.until(lambda: len(server.inventories) == 2)
