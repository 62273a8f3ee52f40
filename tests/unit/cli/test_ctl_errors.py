"""How `jobpoolctl` fails: exit codes, what it says, what it advises."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.message import Message

from jobpool.cli.ctl_errors import exit_code, hint
from jobpool.model.errors import (
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    JobpoolError,
    NotFound,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
)
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli.harness import Ctl

SOURCES = str(Path(__file__).parents[3] / "src")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_no_server(bare: Ctl) -> None:
    port = closed_port()
    outcome = await bare("plan", "list", "--endpoints", f"127.0.0.1:{port}")
    assert outcome.code == 2
    assert outcome.out == ""
    error, advice = outcome.err.splitlines()
    assert error.startswith(f"Error: cannot reach a server at http://127.0.0.1:{port} (connection refused)")
    assert advice.startswith("Hint: `jobpool` starts a server")


@pytest.mark.parametrize("name", ["JOBPOOLCTL_COMMAND_TIMEOUT", "ETCDCTL_COMMAND_TIMEOUT"])
async def test_a_value_that_nobody_typed_is_told_with_its_variable(
    run: Ctl, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "soon")
    outcome = await run("plan", "list")
    assert outcome.code == 128
    assert outcome.err.splitlines()[0].endswith(f"found 'soon' (of ${name})")


@pytest.mark.parametrize(
    ("error", "code", "advice"),
    [
        (InvalidArgument("parameters.entry", "is missing"), 3, "parameters are given whole"),
        (NotFound("namespace", "ops", field="namespace"), 1, "`jobpoolctl namespace add ops` creates it"),
        (NotFound("plan", "default/x"), 1, "`jobpoolctl plan list` shows the plans of all namespaces; --ns"),
        (NotFound("job", "x"), 1, "`jobpoolctl job list` shows what there is"),
        (NotFound("evaluation", "x"), 1, "`jobpoolctl eval list` shows what there is"),
        (AlreadyExists("plan", "default/x"), 1, "`jobpoolctl plan update x` changes it"),
        (
            FailedPrecondition("plan default/x is running; take it offline before deleting it"),
            1,
            "`jobpoolctl plan offline ID`",
        ),
        (
            FailedPrecondition("node a is being drained; end the drain first", field="eligible"),
            1,
            "`jobpoolctl node drain ID --disable --eligible` does both",
        ),
        (InvalidArgument("periodic.spec", "step 0"), 3, "a spec is `minute hour day month weekday`"),
        (InvalidArgument("timeout", "wanted a string, found the number 90"), 3, 'it is a text: "5" in quotes, or 90s'),
        (InvalidArgument("cron", "unknown field"), 3, "a plan says when in `periodic: {spec: …, time_zone: …}`"),
        (InvalidArgument("command", "unknown field"), 3, "it goes into `parameters: {…}`, beside an `executor`"),
        (FailedPrecondition("job x is live", field="overlap"), 1, "`jobpoolctl plan run ID --overlap allow`"),
        (InvalidArgument("parameters.url", "missing"), 3, "--url … for rest, --command … for shell"),
        (Unavailable("the output is with the agent of node n, which is not connected"), 2, "`jobpoolctl node list`"),
        (Unavailable("no leader"), 2, "try again in a moment; `jobpoolctl endpoint health`"),
        (
            Unavailable("the connection to x broke before it answered PlanList"),
            2,
            "try again in a moment; if that does",
        ),
        (DeadlineExceeded("late"), 2, "--command-timeout gives it longer"),
        (ResourceExhausted("busy", retry_after=4), 1, "try again in 4 s"),
        (Unimplemented("PlanPause"), 1, "the server does not know this call: `jobpoolctl version --server`"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, JobpoolError) else "",
)
async def test_what_a_server_refuses(run: Ctl, api: FakeApi, *, error: JobpoolError, code: int, advice: str) -> None:
    assert exit_code(error) == code
    assert hint(error).startswith(advice)
    api.answers("PlanDetail", error)
    outcome = await run("plan", "detail", "x")
    assert (outcome.code, outcome.out) == (code, "")
    first, second = outcome.err.splitlines()
    assert first == f"Error: {error}"
    assert second == f"Hint: {hint(error)}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "list", "extra"], "unexpected extra argument (extra)"),
        (["plan", "nonsense"], "No such command 'nonsense'"),
        (["e", "list"], "'e' could be "),
        (["plan", "list", "--size", "1001"], "1001 is not in the range 1<=x<=1000"),
        (["plan", "list", "--number", "0"], "0 is not in the range 1<=x<=2147483647"),
        (["plan", "list", "--command-timeout", "soon"], "wanted a duration such as 90s"),
        (["plan", "list", "--endpoints", ","], "found nothing"),
        (["job", "list", "--since", "tomorrow"], "wanted 2026-01-31T09:00:00+01:00, a local time or a span such as 2h"),
        (["plan", "detail", "x", "a", "--ns", "b"], "two namespaces are given: 'a' and 'b'"),
        (["plan", "update", "x"], "nothing to change is given"),
        (["namespace", "update", "x"], "nothing to change is given"),
        (["plan", "add", "--id", "x", "--url", "http://a", "--command", "b"], "--command and --url exclude each other"),
        (["plan", "add", "--id", "x", "--method", "get"], "--method goes with --url"),
        (["plan", "add", "--id", "x", "--command", "b", "--executor", "rest"], "--command means --executor shell"),
        (["plan", "add", "-f", "x.yaml", "--spec", "@daily"], "--file already says all: --spec goes into it"),
        (["job", "detail", "\udcff"], "the arguments are not valid UTF-8"),
    ],
    ids=lambda value: " ".join(value[:4]).encode("ascii", "replace").decode() if isinstance(value, list) else "",
)
async def test_arguments_that_make_no_sense(run: Ctl, api: FakeApi, *, words: list[str], said: str) -> None:
    outcome = await run(*words)
    assert (outcome.code, outcome.out) == (128, "")
    assert said in outcome.err.splitlines()[0]
    assert api.requests == []


async def test_no_arguments_are_no_success(bare: Ctl) -> None:
    outcome = await bare()
    assert outcome.code == 128
    assert outcome.err.startswith("Usage: jobpoolctl [OPTIONS] COMMAND")


def process(endpoint: str, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "jobpool.cli.ctl", "--endpoints", endpoint, *words],
        env=os.environ | {"PYTHONPATH": SOURCES},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def test_a_reader_that_has_enough(api: FakeApi) -> None:
    plans = [pb.Plan(id=f"plan-{number:05}" * 5, namespace="default") for number in range(5000)]
    api.answers("PlanList", pb.SchedulePlanListResponse(data=plans, totalElements=5000))
    with process(api.endpoint, "plan", "list") as ctl:
        assert ctl.stdout is not None
        assert ctl.stderr is not None
        await asyncio.to_thread(ctl.stdout.readline)
        ctl.stdout.close()
        assert await asyncio.to_thread(ctl.stderr.read) == b""
        assert await asyncio.to_thread(ctl.wait) == 1


async def test_an_interrupt(api: FakeApi) -> None:
    asked = asyncio.Event()

    async def never(_: Message) -> Message:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    api.answers("PlanList", never)
    with process(api.endpoint, "plan", "list") as ctl:
        assert ctl.stderr is not None
        async with asyncio.timeout(20):
            await asked.wait()
        ctl.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(ctl.stderr.read) == b"\n"  # for the shell's prompt
        assert await asyncio.to_thread(ctl.wait) == 5


async def test_debug_shows_where_it_went_wrong() -> None:
    with process(f"127.0.0.1:{closed_port()}", "--debug", "plan", "list") as ctl:
        _, stderr = ctl.communicate(timeout=20)
    assert b"Traceback" in stderr
    assert b"PlanList goes on to the next server" in stderr
    assert ctl.returncode == 2
