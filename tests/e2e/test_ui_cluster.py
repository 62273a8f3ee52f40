"""The page Cluster in a real browser, through a real server."""

import pytest

from tests.e2e.browser import LONGEST, Pages

pytestmark = pytest.mark.timeout(LONGEST + 30)


async def test_a_walk_through_the_cluster(pages: Pages) -> None:
    await pages.walk("cluster.mjs")
