"""The pages in a real browser, through a real server with a real agent."""

import pytest

from tests.e2e.browser import LONGEST, Pages

pytestmark = pytest.mark.timeout(LONGEST + 30)


async def test_a_walk_through_the_pages(pages: Pages) -> None:
    await pages.walk("walk.mjs")


async def test_every_page_is_accessible_translated_and_safe(pages: Pages) -> None:
    await pages.walk("everywhere.mjs")
