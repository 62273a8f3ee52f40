"""Jobs in Python: deploy them by `jobpool deploy examples/jobs.py:app`."""

import asyncio
import os
import sys

import jobpool

app = jobpool.App("examples", tz="Europe/Berlin", timeout="10m", labels={"team": "billing"})


@app.job(
    schedule="30 2 * * *",
    overlap="skip",
    retries=2,
    retry_backoff="5m",
    kwargs={"customers": ["acme", "initech"]},
)
def bill(customers: list[str], *, currency: str = "EUR") -> dict[str, object]:
    """Write the bills of yesterday.

    What is printed becomes the run's log, and what is returned its result.
    """
    for customer in customers:
        print(f"a bill for {customer} in {currency}")
    return {"bills": len(customers), "currency": currency}


@app.job(schedule="@every 1m", catch_up="none", timeout="30s")
async def probe() -> str:
    """Look at several things at once."""
    async with asyncio.TaskGroup() as group:
        for name in ("till", "stock"):
            group.create_task(_look_at(name))
    return f"run {os.environ['JOBPOOL_JOB_ID']} saw them all"


@app.job(priority=80)
def reprint(number: int = 1) -> None:
    """Runs only by hand: it has no schedule."""
    if number < 1:
        print(f"there is no bill {number}", file=sys.stderr)
        raise ValueError(f"wanted the number of a bill, found {number}")
    print(f"bill {number}")


async def _look_at(name: str) -> None:
    await asyncio.sleep(0.1)
    print(f"{name} is well")
