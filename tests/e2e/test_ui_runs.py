"""The list of runs with its filters, and one run with its trace and its output, in a real browser."""

import pytest

from tests.e2e.browser import LONGEST, Pages

pytestmark = pytest.mark.timeout(LONGEST + 30)


async def test_runs_are_found_and_read(pages: Pages) -> None:
    await pages.walk("runs.mjs")
