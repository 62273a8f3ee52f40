"""The pages under attack: hostile texts and addresses, others who act meanwhile, a network that tears streams."""

import pytest

from tests.e2e.browser import LONGEST, Pages

pytestmark = pytest.mark.timeout(LONGEST + 30)


async def test_hostile_texts_and_addresses_break_nothing(pages: Pages) -> None:
    await pages.walk("hostile.mjs")


async def test_nothing_is_done_twice_or_otherwise_than_meant(pages: Pages) -> None:
    server = pages.server

    def emptied() -> None:
        server.close()
        server.data.rename(server.data.with_name("before"))
        server.start()

    await pages.walk("races.mjs", orders={"server emptied": emptied})


async def test_streams_torn_anywhere_are_right_in_the_end(pages: Pages) -> None:
    await pages.walk("torn.mjs")
