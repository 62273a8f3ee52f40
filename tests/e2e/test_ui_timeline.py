"""The timeline in a real browser: live, zoomed and moved by keys, wheel and hand."""

import pytest

from tests.e2e.browser import LONGEST, Pages

pytestmark = pytest.mark.timeout(LONGEST + 30)


async def test_runs_over_time(pages: Pages) -> None:
    await pages.walk("timeline.mjs")
