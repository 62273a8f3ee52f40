"""`jobpoolctl` as a user runs it."""

import asyncio
import sys

from tests.e2e.oracle.processes import CTL, environment


async def ctl(url: str, *words: str, code: int = 0) -> str:
    """What `jobpoolctl` prints; stderr when it is to fail."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CTL,
        "--endpoints",
        url.removeprefix("http://"),
        *words,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == code, f"jobpoolctl {' '.join(words)}: {process.returncode}\n{err.decode()}"
    return (err if code else out).decode()
