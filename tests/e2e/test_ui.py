"""The pages in a real browser, through a real server with a real agent, which dies and comes back meanwhile."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import Site

UI = Path(__file__).parents[2] / "ui"
BROWSER = os.environ.get("JOBPOOL_TEST_BROWSER") or shutil.which("chromium") or ""
LONGEST = 120
"""Seconds, on a machine that has much else to do; alone it takes some 20."""


@pytest.mark.timeout(LONGEST + 30)
@pytest.mark.skipif(
    not BROWSER or not (UI / "node_modules/playwright-core").is_dir(),
    reason="THE PAGES ARE NOT TESTED IN A BROWSER: see scripts/browser",
)
async def test_a_walk_through_the_pages(site: Site, tmp_path: Path) -> None:
    server = site.server()
    site.agent(server, executors="shell,noop")
    walk = await asyncio.create_subprocess_exec(
        "node",
        str(UI / "browser" / "walk.mjs"),
        server.url,
        BROWSER,
        str(tmp_path),
        cwd=UI,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert walk.stdin is not None
    assert walk.stdout is not None
    assert walk.stderr is not None
    said: list[str] = []
    try:
        async with asyncio.timeout(LONGEST):
            async for line in walk.stdout:
                said.append(line.decode().strip())
                if said[-1] == "server stop":
                    server.kill()
                elif said[-1] == "server start":
                    await asyncio.to_thread(server.start)
                walk.stdin.write(b"\n")
            faults = (await walk.stderr.read()).decode()
            await walk.wait()
    finally:
        if walk.returncode is None:
            walk.kill()
            await walk.wait()
    assert (walk.returncode, said) == (0, ["server stop", "server start", "done"]), faults
