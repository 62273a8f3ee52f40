"""Walks through the pages in a real browser: the programs under `ui/browser`, and what they ask their caller for."""

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping
from inspect import isawaitable
from pathlib import Path

from tests.e2e.oracle.processes import ServerProgram

UI = Path(__file__).parents[2] / "ui"
BROWSER = os.environ.get("JOBPOOL_TEST_BROWSER") or shutil.which("chromium") or ""
NO_BROWSER = "THE PAGES ARE NOT TESTED IN A BROWSER: see scripts/browser"
LONGEST = 240
"""Seconds of one walk, on a machine that has much else to do; alone most take some 20."""

Orders = Mapping[str, Callable[[], object]]
"""What is done for a walk, by what it asks for; coroutines too. A text that it gives is told the walk."""


def missing() -> bool:
    """Whether there is no browser, or nothing that drives it."""
    return not BROWSER or not all((UI / "node_modules" / name).is_dir() for name in ("playwright-core", "axe-core"))


class Pages:
    """The pages of a running server."""

    def __init__(self, server: ServerProgram, pictures: Path) -> None:
        self.server = server
        self.pictures = pictures

    async def walk(self, name: str, *, url: str = "", orders: Orders | None = None, within: float = LONGEST) -> None:
        """Runs `ui/browser/<name>` at `url`, else at the server, and does what it asks for.

        It knows the orders `server stop`, `server start` and those of `orders`. `within`: seconds.
        Raises AssertionError with the walk's faults.
        """
        known: Orders = {"server stop": self.server.kill, "server start": self.server.start, **(orders or {})}
        walk = await asyncio.create_subprocess_exec(
            "node",
            str(UI / "browser" / name),
            url or self.server.url,
            BROWSER,
            str(self.pictures),
            cwd=UI,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(within):
                said, faults = await attend(walk, known)
                await walk.wait()
        finally:
            if walk.returncode is None:
                walk.kill()
                await walk.wait()
        assert (walk.returncode, said[-1:]) == (0, ["done"]), faults


async def attend(walk: asyncio.subprocess.Process, orders: Orders) -> tuple[list[str], str]:
    """Does what the walk asks for, to its end; what it said, and its faults."""
    assert walk.stdin is not None
    assert walk.stdout is not None
    assert walk.stderr is not None
    said: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        faults = tasks.create_task(walk.stderr.read())
        async for line in walk.stdout:
            said.append(line.decode().strip())
            if order := orders.get(said[-1]):
                given = await asyncio.to_thread(order)
                answer = await given if isawaitable(given) else given
                walk.stdin.write(f"{answer or ''}\n".encode())
    return said, faults.result().decode()
