"""The plans in a real browser: written, tried, run, cancelled, paused, changed by two at once, deleted."""

import pytest

from tests.e2e.browser import LONGEST, Pages

pytestmark = pytest.mark.timeout(LONGEST + 30)


async def test_a_plan_from_its_first_word_to_its_end(pages: Pages) -> None:
    await pages.walk("plans.mjs")
