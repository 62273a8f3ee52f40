"""The shell executor with real processes: its shim, its output, its end, with and without the agent."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from jobpool.agent.executor import Context
from jobpool.agent.executors.shell import ShellExecutor
from jobpool.agent.lease import Lease, Renewal
from jobpool.agent.rundirs import read_output
from jobpool.agent.task import Outcome, Status, Task
from jobpool.kit.effects.clock import SystemClock


class Shell:
    """One executor and the directories of its runs."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.lease = Lease(runs / "lease")
        self.executor = ShellExecutor()

    def task(self, command: str | list[str], *, name: str = "j1", timeout: int = 0, **more: object) -> Task:
        parameters = json.dumps({"command": command, **more})
        return Task(f"{name}-a1", 7, name, "nightly", "default", "Nightly", 2, "shell", parameters, True, timeout, 1500)

    def context(self, task: Task) -> Context:
        return Context(self.runs / task.allocation_id, 0, self.lease)

    async def run(self, task: Task) -> Outcome:
        async with asyncio.timeout(30):
            return await self.executor.run(task, self.context(task))

    def output(self, task: Task) -> bytes:
        return read_output(self.runs, task.allocation_id, offset=0, limit=0, ended=True).data

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 — other processes
                await asyncio.sleep(0.02)


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    shell = Shell(tmp_path)
    yield shell
    await shell.executor.close()


async def test_a_command_completes_with_its_output(shell: Shell) -> None:
    task = shell.task("echo out; echo err >&2")
    outcome = await shell.run(task)
    assert (outcome.status, outcome.exit_code) == (Status.COMPLETE, 0)
    assert outcome.finished_at is not None
    assert shell.output(task) == b"out\nerr\n"


async def test_an_argument_vector_is_not_read_by_a_shell(shell: Shell) -> None:
    task = shell.task(["printf", "%s|", "a b", "$HOME", "*"])
    assert (await shell.run(task)).status is Status.COMPLETE
    assert shell.output(task) == b"a b|$HOME|*|"


async def test_the_environment_names_the_run_and_holds_nothing_of_the_agents(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_AGENT", "x")
    task = shell.task("env", env={"COLOR": "a b"})
    await shell.run(task)
    lines = dict(line.split("=", 1) for line in shell.output(task).decode().splitlines())
    assert lines.pop("COLOR") == "a b"
    assert {name: value for name, value in lines.items() if name.startswith("JOBPOOL_")} == {
        "JOBPOOL_JOB_ID": "j1",
        "JOBPOOL_PLAN_ID": "nightly",
        "JOBPOOL_NAMESPACE": "default",
        "JOBPOOL_ATTEMPT": "2",
        "JOBPOOL_FENCE": "7",
        "JOBPOOL_SCHEDULED_TIME": "1970-01-01T00:00:01.500Z",
    }
    assert set(lines) <= {"PATH", "HOME", "LANG", "TZ", "PWD", "OLDPWD", "SHLVL", "_"} | {
        name for name in lines if name.startswith("JOBPOOL_")
    }


async def test_an_exit_code_other_than_0_fails(shell: Shell) -> None:
    outcome = await shell.run(shell.task("exit 3"))
    assert (outcome.status, outcome.reason, outcome.exit_code) == (Status.FAILED, "exit_nonzero", 3)
    assert outcome.description == "exit code 3"


async def test_a_signal_is_named(shell: Shell) -> None:
    outcome = await shell.run(shell.task("kill -9 $$"))
    assert (outcome.status, outcome.reason, outcome.description) == (Status.FAILED, "signaled", "ended by SIGKILL")


async def test_a_program_that_is_not_there_fails_as_in_a_shell(shell: Shell) -> None:
    outcome = await shell.run(shell.task(["no-such-program"]))
    assert (outcome.reason, outcome.exit_code) == ("exit_nonzero", 127)


async def test_a_directory_that_is_not_there_is_named(shell: Shell, tmp_path: Path) -> None:
    outcome = await shell.run(shell.task("pwd", cwd=str(tmp_path / "gone")))
    assert (outcome.status, outcome.reason) == (Status.FAILED, "bad_parameters")
    assert str(tmp_path / "gone") in outcome.description


async def test_a_command_runs_in_the_directory_it_names(shell: Shell, tmp_path: Path) -> None:
    task = shell.task("pwd", cwd=str(tmp_path))
    await shell.run(task)
    assert shell.output(task).decode() == f"{tmp_path}\n"


async def test_the_deadline_ends_a_command_by_term(shell: Shell) -> None:
    task = shell.task("trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done", timeout=1500)
    outcome = await shell.run(task)
    assert (outcome.status, outcome.reason, outcome.exit_code) == (Status.EXPIRED, "timeout", 5)
    assert shell.output(task).endswith(b"bye\n")


async def test_a_command_that_ignores_term_is_killed_with_its_whole_group(shell: Shell, tmp_path: Path) -> None:
    mark = tmp_path / "child"
    task = shell.task(
        f"trap '' TERM; sh -c 'echo $$ >{mark}; exec sleep 600' & while :; do sleep 600; done",
        timeout=1500,
        kill_after="200ms",
    )
    outcome = await shell.run(task)
    assert (outcome.status, outcome.reason, outcome.exit_code) == (Status.EXPIRED, "timeout", 137)
    await shell.until(lambda: not _alive(int(mark.read_text())))


async def test_stop_cancels_a_running_command(shell: Shell, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    task = shell.task(f"echo $$ >{mark}; exec sleep 600")
    running = asyncio.ensure_future(shell.run(task))  # noqa: TID251
    await shell.until(lambda: mark.exists() and mark.read_text().endswith("\n"))
    shell.executor.stop(task, shell.context(task))
    outcome = await running
    assert (outcome.status, outcome.reason) == (Status.CANCELLED, "cancelled")
    assert not _alive(int(mark.read_text()))


async def test_stop_before_the_shim_is_up_cancels(shell: Shell) -> None:
    task = shell.task("exec sleep 600")
    running = asyncio.ensure_future(shell.run(task))  # noqa: TID251
    await asyncio.sleep(0)  # spawned, not yet far
    shell.executor.stop(task, shell.context(task))
    assert (await running).status is Status.CANCELLED


async def test_output_is_kept_up_to_its_limit_and_the_command_runs_to_its_end(shell: Shell) -> None:
    task = shell.task("head -c 300000 /dev/zero | tr '\\0' x; echo done >&2; exit 4", output_limit=1000)
    outcome = await shell.run(task)
    assert outcome.exit_code == 4
    chunk = read_output(shell.runs, task.allocation_id, offset=0, limit=0, ended=True)
    assert (chunk.data, chunk.size, chunk.truncated, chunk.complete) == (b"x" * 1000, 1000, True, True)


async def test_output_is_read_from_an_offset_while_the_command_runs(shell: Shell, tmp_path: Path) -> None:
    go = tmp_path / "go"
    task = shell.task(f"printf hello; while [ ! -e {go} ]; do sleep 0.02; done; printf world")
    running = asyncio.ensure_future(shell.run(task))  # noqa: TID251
    path = shell.runs / task.allocation_id / "output"
    await shell.until(lambda: path.exists() and path.stat().st_size == 5)
    chunk = read_output(shell.runs, task.allocation_id, offset=2, limit=2, ended=False)
    assert (chunk.data, chunk.next_offset, chunk.size, chunk.complete) == (b"ll", 4, 5, False)
    go.touch()
    await running
    chunk = read_output(shell.runs, task.allocation_id, offset=4, limit=0, ended=True)
    assert (chunk.data, chunk.next_offset, chunk.complete, chunk.truncated) == (b"oworld", 10, True, False)


async def test_what_a_command_leaves_behind_in_its_group_ends_with_it(shell: Shell, tmp_path: Path) -> None:
    mark = tmp_path / "child"
    outcome = await shell.run(
        shell.task(f"sh -c 'echo $$ >{mark}; exec sleep 600' & while [ ! -s {mark} ]; do :; done")
    )
    assert outcome.status is Status.COMPLETE
    await shell.until(lambda: not _alive(int(mark.read_text())))


async def test_a_process_that_left_the_group_with_the_output_open_does_not_hold_up_the_run(
    shell: Shell, tmp_path: Path
) -> None:
    mark = tmp_path / "child"
    task = shell.task(f"setsid sh -c 'echo $$ >{mark}; exec sleep 600' & while [ ! -s {mark} ]; do :; done; echo left")
    outcome = await shell.run(task)
    assert outcome.status is Status.COMPLETE
    assert shell.output(task) == b"left\n"
    assert _alive(int(mark.read_text()))
    os.kill(int(mark.read_text()), signal.SIGKILL)


async def test_a_command_can_be_interrupted(shell: Shell) -> None:
    """A shell starts background work with INT ignored; the command must not inherit that."""
    outcome = await shell.run(shell.task("kill -INT $$; echo survived"))
    assert outcome.description == "ended by SIGINT"


async def test_a_shim_that_is_killed_loses_the_run_and_takes_the_command_with_it(shell: Shell, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    task = shell.task(f"echo $$ >{mark}; exec sleep 600")
    running = asyncio.ensure_future(shell.run(task))  # noqa: TID251
    await shell.until(lambda: mark.exists() and mark.read_text().endswith("\n"))
    os.kill(int((shell.runs / task.allocation_id / "shim").read_text().split()[0]), signal.SIGKILL)
    outcome = await running
    assert (outcome.status, outcome.reason) == (Status.LOST, "agent_restarted")
    await shell.until(lambda: not _alive(int(mark.read_text())))


@pytest.mark.invariant("H-7")
async def test_another_process_learns_how_a_run_ended(shell: Shell) -> None:
    task = shell.task("exit 9")
    first = await shell.run(task)
    second = await ShellExecutor().recover(task, shell.context(task))
    assert second == first


@pytest.mark.invariant("H-7")
async def test_a_run_that_never_got_to_its_shim_is_run_now_and_only_once(shell: Shell, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    task = shell.task(f"echo x >>{mark}")
    outcome = await ShellExecutor().recover(task, shell.context(task))
    assert outcome is not None
    assert outcome.status is Status.COMPLETE
    assert await shell.run(task) == outcome  # a shim that was only slow does not run it, and reads the same record
    assert mark.read_text() == "x\n"


@pytest.mark.invariant("H-7")
async def test_a_claim_without_a_shim_is_lost_and_never_starts(shell: Shell, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    task = shell.task(f"touch {mark}")
    shell.context(task).directory.mkdir()
    (shell.context(task).directory / "claim").touch()
    outcome = await ShellExecutor().recover(task, shell.context(task))
    assert outcome is not None
    assert outcome.status is Status.LOST
    assert not mark.exists()


@pytest.mark.invariant("H-7")
async def test_a_record_of_another_boot_is_not_taken_for_a_living_process(shell: Shell) -> None:
    task = shell.task("true")
    directory = shell.context(task).directory
    directory.mkdir()
    (directory / "claim").touch()
    (directory / "shim").write_text(f"{os.getpid()} 1 another-boot\n")
    async with asyncio.timeout(30):
        outcome = await shell.executor.recover(task, shell.context(task))
    assert outcome is not None
    assert outcome.status is Status.LOST


# ---- the lease


async def renewing(shell: Shell) -> None:
    renewal = Renewal(shell.lease, SystemClock())
    await renewal.run()


@pytest.mark.invariant("H-7")
@pytest.mark.invariant("H-9")
async def test_a_command_whose_agent_gives_no_sign_of_life_is_stopped_and_the_run_is_lost(
    shell: Shell, tmp_path: Path
) -> None:
    shell.lease = Lease(tmp_path / "lease", patience=2000)
    Renewal(shell.lease, SystemClock()).renew()
    mark = tmp_path / "mark"
    task = shell.task(f"trap 'echo bye; exit 5' TERM; echo $$ >{mark}; while :; do sleep 0.05; done")
    outcome = await shell.run(task)
    assert (outcome.status, outcome.reason, outcome.exit_code) == (Status.LOST, "lease_expired", 5)
    assert outcome.description == "the agent gave no sign of life for 2s; the command was stopped"
    assert outcome.finished_at is not None
    assert shell.output(task).endswith(b"bye\n")
    assert not _alive(int(mark.read_text()))
    assert await ShellExecutor().recover(task, shell.context(task)) == outcome


@pytest.mark.invariant("H-9")
async def test_a_command_that_ignores_the_end_of_the_lease_is_killed(shell: Shell, tmp_path: Path) -> None:
    shell.lease = Lease(tmp_path / "lease", patience=2000)
    task = shell.task("trap '' TERM; while :; do sleep 0.05; done", kill_after="200ms")
    outcome = await shell.run(task)
    assert (outcome.status, outcome.reason, outcome.exit_code) == (Status.LOST, "lease_expired", 137)


@pytest.mark.invariant("H-9")
async def test_a_command_whose_agent_lives_goes_on(shell: Shell, tmp_path: Path) -> None:
    shell.lease = Lease(tmp_path / "lease", patience=2000)
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(renewing(shell))
        outcome = await shell.run(shell.task("sleep 4; exit 3"))
        keeping.cancel()
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 3)


@pytest.mark.invariant("H-9")
async def test_the_lease_of_an_agent_that_comes_back_in_time_is_not_over(shell: Shell, tmp_path: Path) -> None:
    """An agent that was away for less than its patience, and whose text goes on where the old one stopped."""
    shell.lease = Lease(tmp_path / "lease", patience=4000)
    go = tmp_path / "go"
    async with asyncio.TaskGroup() as group:
        first = group.create_task(renewing(shell))
        running = group.create_task(shell.run(shell.task(f"while [ ! -e {go} ]; do sleep 0.05; done; exit 3")))
        await shell.until(lambda: (shell.runs / "j1-a1" / "command").exists())
        first.cancel()
        await asyncio.sleep(2)
        second = group.create_task(renewing(shell))
        await asyncio.sleep(4)
        go.touch()
        outcome = await running
        second.cancel()
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 3)


async def test_nothing_is_left_of_the_watch_when_the_command_has_ended(shell: Shell) -> None:
    task = shell.task("true")
    assert (await shell.run(task)).status is Status.COMPLETE
    shim = int((shell.runs / task.allocation_id / "shim").read_text().split()[0])
    await shell.until(lambda: not _group(shim))


@pytest.mark.invariant("H-9")
async def test_a_command_without_shim_and_agent_ends_with_the_lease(shell: Shell, tmp_path: Path) -> None:
    shell.lease = Lease(tmp_path / "lease", patience=800)
    mark = tmp_path / "mark"
    task = shell.task(f"echo $$ >{mark}; exec sleep 600")
    running = asyncio.ensure_future(shell.run(task))  # noqa: TID251
    await shell.until(lambda: mark.exists() and mark.read_text().endswith("\n"))
    running.cancel()  # nobody watches the shim
    os.kill(int((shell.runs / task.allocation_id / "shim").read_text().split()[0]), signal.SIGKILL)
    await shell.until(lambda: not _alive(int(mark.read_text())))


def _group(leader: int) -> list[int]:
    """The processes of that process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
