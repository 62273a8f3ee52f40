"""`jobpool deploy` as a user runs it: functions become plans, agents call them, and deploying again follows code."""

import asyncio
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from jobpool.client import Client
from tests.e2e.conftest import Site
from tests.e2e.oracle.client import Api, until
from tests.e2e.oracle.ctl import ctl
from tests.e2e.oracle.processes import ROOT, SERVER, ServerProgram, environment

EXAMPLE = ROOT / "examples" / "jobs.py"
SOURCE = str(ROOT / "src")
"""What a checkout has in the place of an installed package: functions are not given the agent's own PYTHONPATH."""

SHOP = """
import jobpool

app = jobpool.App("shop", tz="Europe/Berlin")

@app.job(schedule="0 2 * * *")
def nightly() -> str:
    return "first"

@app.job
def by_hand() -> None: ...
"""


@pytest.fixture
async def server(site: Site) -> ServerProgram:
    """A server with an agent that runs functions."""
    server = site.server()
    site.agent(server, executors="noop,python")
    async with Api(server.url) as api:
        await until(lambda: api.everything("nodes", status="ready"))
    return server


async def deploy(server: ServerProgram, cwd: Path, *words: str, code: int = 0) -> tuple[str, str]:
    """What it prints on stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVER,
        "deploy",
        "--endpoints",
        server.url.removeprefix("http://"),
        *words,
        env=environment(),
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = (told.decode() for told in await process.communicate())
    assert process.returncode == code, f"{process.returncode}\n{out}\n{err}"
    return out, err


async def test_the_example_runs(server: ServerProgram, tmp_path: Path) -> None:
    out, err = await deploy(server, tmp_path, f"{EXAMPLE}:app", "--path", str(EXAMPLE.parent), "--path", SOURCE)
    assert ("3 added" in out, err) == (True, "")
    async with Client([server.url]) as client, Api(server.url) as api:
        bill = await api.ended((await client.run_plan("bill")).id)
        assert (bill["status"], json.loads(bill["result"])) == ("complete", {"bills": 2, "currency": "EUR"})
        assert await ctl(server.url, "job", "logs", bill["id"]) == "a bill for acme in EUR\na bill for initech in EUR\n"
        probe = await api.ended((await client.run_plan("probe")).id)
        assert (probe["status"], json.loads(probe["result"])) == ("complete", f"run {probe['id']} saw them all")
        plan = await client.plan("reprint")
        bad = json.loads(plan.parameters) | {"kwargs": {"number": 0}}
        failed = await api.ended((await client.run_plan("reprint", parameters=bad)).id)
        assert failed["status"] == "failed"
        assert "wanted the number of a bill, found 0" in failed["info"]
        assert plan.owner == "examples"


async def test_deploying_again_follows_the_code(server: ServerProgram, tmp_path: Path) -> None:
    code = tmp_path / "shop_jobs.py"
    code.write_text(SHOP)
    target = ("shop_jobs:app", "--path", str(tmp_path), "--path", SOURCE)
    out, _ = await deploy(server, tmp_path, *target, "--dry-run")
    assert "+ plan default/nightly (shop_jobs:nightly)" in out
    async with Client([server.url]) as client, Api(server.url) as api:
        assert [plan.id async for plan in client.plans()] == []
        await deploy(server, tmp_path, *target)
        out, _ = await deploy(server, tmp_path, *target)
        assert "2 as they should be" in out
        first = await client.plan("nightly")
        assert json.loads(first.parameters) == {"entry": "shop_jobs:nightly", "path": [str(tmp_path), SOURCE]}
        ended = await api.ended((await client.run_plan("nightly")).id)
        assert json.loads(ended["result"]) == "first"
        await ctl(server.url, "plan", "offline", "nightly")
        offline = await client.plan("nightly")

        # Of another length: within one second Python tells a changed file by that alone.
        code.write_text(SHOP.replace("0 2 * * *", "0 3 * * *").replace("by_hand", "another_hand"))
        out, err = await deploy(server, tmp_path, *target, code=2)
        assert "- plan default/by_hand" in out
        assert "--yes deletes them" in err
        assert await client.plan("nightly") == offline
        out, _ = await deploy(server, tmp_path, *target, "--yes")
        assert "periodic.spec: 0 2 * * * → 0 3 * * *" in out
        assert "1 added, 1 changed, 1 deleted" in out
        plans = {plan.id: plan async for plan in client.plans()}
        assert set(plans) == {"nightly", "another_hand"}
        assert (plans["nightly"].status, plans["nightly"].stop) == (offline.status, offline.stop) != ("running", False)


async def test_what_the_documents_show(
    server: ServerProgram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first function and the first use of the client in docs/python.md."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)
    (tmp_path / "nights.py").write_text(next(block for block in blocks if "def nightly" in block))
    await deploy(server, tmp_path, "nights", "--path", str(tmp_path), "--path", SOURCE)
    shown = next(block for block in blocks if "client.wait" in block)
    here = re.sub(r"Client\(\[[^]]*\]", f'Client(["{server.url}"]', shown)
    scope: dict[str, Any] = {}
    exec(f"async def shown():\n{textwrap.indent(here, '    ')}", scope)
    capsys.readouterr()
    async with asyncio.timeout(60):
        await scope["shown"]()
    assert capsys.readouterr().out == 'adding up today\ncomplete {"orders":3}\n'


async def test_namespaces_are_apart(server: ServerProgram, tmp_path: Path) -> None:
    (tmp_path / "shop_jobs.py").write_text(SHOP)
    await ctl(server.url, "namespace", "add", "staging")
    await deploy(server, tmp_path, "shop_jobs:app", "--namespace", "staging", "--no-path", "--python", sys.executable)
    _, err = await deploy(server, tmp_path, "shop_jobs:app")
    assert "let be" in err
    assert "staging/nightly" in err
    async with Client([server.url]) as client:
        staged = await client.plan("nightly", "staging")
        assert json.loads(staged.parameters) == {
            "entry": "shop_jobs:nightly",
            "interpreter": sys.executable,
            "path": [],
        }
        found = await client.plan("nightly")
        assert json.loads(found.parameters) == {"entry": "shop_jobs:nightly", "path": [str(tmp_path)]}
        assert {(plan.namespace, plan.id) async for plan in client.plans(owner="shop")} == {
            (namespace, plan) for namespace in ("default", "staging") for plan in ("nightly", "by_hand")
        }


async def test_what_cannot_be_imported_changes_nothing(server: ServerProgram, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    _, err = await deploy(server, tmp_path, "broken", code=3)
    assert "broken.py line 1: ModuleNotFoundError: No module named 'no_such_module'" in err
    (tmp_path / "shop_jobs.py").write_text(SHOP)
    _, err = await deploy(server, tmp_path, "shop_jobs:app", "--namespace", "nowhere", code=1)
    assert "namespace 'nowhere' does not exist" in err
    assert "nothing was changed" in err
    async with Client([server.url]) as client:
        assert [plan.id async for plan in client.plans()] == []


async def test_a_plan_of_another_owner_is_not_taken(server: ServerProgram, tmp_path: Path) -> None:
    (tmp_path / "shop_jobs.py").write_text(SHOP)
    async with Client([server.url]) as client:
        await ctl(server.url, "plan", "add", "--id", "nightly", "--executor", "noop", "--owner", "ann")
        _, err = await deploy(server, tmp_path, "shop_jobs:app", code=1)
        assert "'ann'" in err
        assert [plan.id async for plan in client.plans()] == ["nightly"]


async def test_it_is_said_when_no_agent_would_run_them(site: Site, tmp_path: Path) -> None:
    (tmp_path / "shop_jobs.py").write_text(SHOP)
    _, err = await deploy(site.server(), tmp_path, "shop_jobs:app")
    assert err == "no agent that is ready offers 'python': name it in the executors of one\n"
