"""The next 24 hours under the job map, in a real browser."""

import pytest

from tests.e2e.browser import LONGEST, Pages

pytestmark = pytest.mark.timeout(LONGEST + 30)


async def test_what_is_to_start_is_seen_and_opened(pages: Pages) -> None:
    await pages.walk("strip.mjs")
