"""Whatever the OpenAPI document allows, and whatever it does not, is answered as documented, and never by a 5xx."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Site
from tests.e2e.oracle.client import Api

HERE = Path(__file__).parent
CASES = "10"
"""Of each call, in each way of making them up; those of the edges come on top."""
WAITS = ("EvalDequeue", "Watch", "ClusterWatch", "NodeWatch")
"""Answer when there is something to tell: too late for all that could be asked of them."""
LONGEST = 240
"""Seconds, on a machine that has much else to do."""


@pytest.mark.timeout(LONGEST + 30)
async def test_schemathesis_finds_nothing(site: Site, tmp_path: Path) -> None:
    server = site.server()
    site.agent(server)
    words = ["--config-file", str(HERE / "schemathesis.toml"), "run", f"{server.url}/openapi.json", "--no-color"]
    words += ["--checks", "all", "--max-examples", CASES, "--seed", "1", "--continue-on-failure", "--warnings", "off"]
    words += [word for name in WAITS for word in ("--exclude-operation-id", name)]
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        *words,
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.e2e.schemathesis_hooks", "PYTHONPATH": str(HERE.parents[1])},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(LONGEST):
            said, _ = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert program.returncode == 0, said.decode()[-20_000:]
    async with Api(server.url) as api:
        assert (await api.get("plans"))["header"]
