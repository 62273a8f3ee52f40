"""The nodes, and an operator's switches of one, in a real browser."""

import pytest

from tests.e2e.browser import LONGEST, Pages

pytestmark = pytest.mark.timeout(LONGEST + 30)


async def test_a_node_is_seen_held_and_drained(pages: Pages) -> None:
    await pages.walk("nodes.mjs")
