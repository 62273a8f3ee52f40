"""The nodes, and an operator's switches of one, in a real browser."""

import pytest

from tests.e2e.browser import LONGEST, Pages
from tests.e2e.conftest import Site
from tests.e2e.oracle.processes import AgentProgram

pytestmark = pytest.mark.timeout(LONGEST + 30)


async def test_a_node_is_seen_held_drained_and_forgotten(pages: Pages, site: Site) -> None:
    agents = [program for program in site.programs if isinstance(program, AgentProgram)]
    await pages.walk("nodes.mjs", orders={"agent stop": agents[0].terminate})
