"""How jobpoolctl starts, completes, explains itself and ends."""

import asyncio
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

import jobpool
from jobpool.cli.completion import PROGRAM, VARIABLE
from jobpool.cli.ctl import COMMANDS, root
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli.harness import Ctl
from tests.unit.cli.samples import HEADER

SOURCES = str(Path(jobpool.__file__).parents[1])
HEAVY = ("google.protobuf", "grpclib", "yaml", "rich", "aiohttp", "structlog", "jobpool.client", "jobpool.wire")
CTL = "import sys; from jobpool.cli.ctl import main; code = main(); "


def python(code: str, *words: str, stdout: int = subprocess.PIPE, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"PYTHONPATH": SOURCES} | environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_costs_time_is_not_imported_for_the_version() -> None:
    with python(CTL + f"print([name for name in {HEAVY} if name in sys.modules])", "version") as program:
        out, err = program.communicate(timeout=60)
    assert out.splitlines() == [f"jobpoolctl version: {jobpool.__version__}", "[]"], err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_an_exit_code() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with python(CTL + "sys.exit(code)", "version", stdout=full) as program:
            _, err = program.communicate(timeout=60)
    finally:
        os.close(full)
    assert (program.returncode, err) == (6, "Error: No space left on device\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_scripts(bare: Ctl, tmp_path: Path, shell: str) -> None:
    outcome = await bare("completion", shell)
    assert outcome.code == 0
    assert VARIABLE in outcome.out
    if there := shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(outcome.out)
        checked = await asyncio.create_subprocess_exec(there, "-n", str(script))
        assert await checked.wait() == 0


@pytest.mark.parametrize(
    ("typed", "unfinished", "offered"),
    [
        ([], "pla", {"plan"}),
        (["plan"], "pa", {"pause"}),
        (["pla"], "re", {"resume"}),
        (["plan", "update", "x"], "--cl", {"--clear"}),
        (["plan", "list", "-w"], "pro", {"protobuf"}),
        (["--hex", "completion"], "", {"bash", "fish", "zsh"}),
    ],
)
def test_what_tab_offers(typed: list[str], unfinished: str, offered: set[str]) -> None:
    kind = get_completion_class("bash")
    assert kind is not None
    found = kind(root, {}, PROGRAM, VARIABLE).get_completions(typed, unfinished)
    assert {one.value for one in found} == offered


async def test_help_by_name(bare: Ctl) -> None:
    assert (await bare("help")).out == (await bare("--help")).out
    asked = (await bare("plan", "update", "--help")).out
    assert (await bare("help", "plan", "upd")).out == asked
    outcome = await bare("help", "plan", "nosuch")
    assert outcome.code == 128
    assert "there is no command 'jobpoolctl plan nosuch'" in outcome.err


async def test_every_command_has_help(bare: Ctl) -> None:
    for name in COMMANDS:
        outcome = await bare("help", name)
        assert outcome.code == 0
        assert "Global options:" in outcome.out


async def test_a_mistyped_command(bare: Ctl) -> None:
    assert "Did you mean" in (await bare("plann", "list")).err


async def test_flags_as_go_says_them(run: Ctl, api: FakeApi) -> None:
    api.answers("NameSpaceAdd", pb.ScheduleNameSpaceAddResponse(header=HEADER))
    assert (await run("--compat=true", "namespace", "add", "x")).out == "success\n"
    assert (await run("--compat=1", "namespace", "add", "x", "--compat=f")).out == "namespace x added\n"
    assert (await run("node", "delete", "x", "--force=false", "--hex=TRUE")).code == 0
    assert api.received("NodeDelete") == [pb.NodeDeleteRequest(id="x")]
    assert (await run("node", "delete", "x", "--force=perhaps")).code == 128
    assert (await run("node", "delete", "--", "--force=true")).code == 0
    assert api.received("NodeDelete")[1:] == [pb.NodeDeleteRequest(id="--force=true")]


@pytest.mark.parametrize("flag", ["--discovery-srv", "-d", "--discovery-srv-name"])
async def test_discovery_is_refused(run: Ctl, api: FakeApi, flag: str) -> None:
    outcome = await run("plan", "list", flag, "example.org")
    assert outcome.code == 128
    assert "cannot look up SRV records" in outcome.err
    assert "--endpoints" in outcome.err
    assert api.requests == []


async def test_tls_without_a_file(bare: Ctl) -> None:
    """Nobody answers there, and the endpoint that is named says by what."""
    asked = ["plan", "list", "--endpoints", "127.0.0.1:1"]
    assert "https://127.0.0.1:1" in (await bare(*asked, "--insecure-transport=false")).err
    assert "http://127.0.0.1:1" in (await bare(*asked)).err


async def test_changes_of_a_plan_by_its_revision(run: Ctl, api: FakeApi) -> None:
    for words in ("online x", "offline x", "pause x", "resume x", "delete x", "update x --spec @daily"):
        assert (await run("plan", *words.split(), "--revision", "7")).code == 0
        assert (await run("plan", *words.split())).code == 0
    for rpc in ("PlanOnline", "PlanOffline", "PlanPause", "PlanResume", "PlanDelete", "PlanUpdate"):
        asked, plain = api.received(rpc)
        assert (asked.HasField("revision"), plain.HasField("revision")) == (True, False)
        assert getattr(asked, "revision") == 7  # noqa: B009 — of six types


def test_the_import_contract_names_the_modules_that_are_imported_late() -> None:
    """The linter does not see through `COMMANDS`."""
    settings = tomllib.loads((Path(SOURCES).parent / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = (one for one in contracts if one["name"] == "agents, clients and jobpoolctl never reach the core")
    assert {where.partition(":")[0] for where in COMMANDS.values()} <= set(contract["source_modules"])
