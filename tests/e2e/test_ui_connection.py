"""The pages in a real browser while the connection to the server comes and goes, and with many tabs."""

import os
import signal

import pytest

from tests.e2e.browser import LONGEST, Pages

pytestmark = pytest.mark.timeout(LONGEST + 30)


async def test_a_page_says_when_it_is_cut_off_and_catches_up(pages: Pages) -> None:
    def send(number: signal.Signals) -> None:
        os.kill(pages.server.pid, number)

    orders = {"server pause": lambda: send(signal.SIGSTOP), "server resume": lambda: send(signal.SIGCONT)}
    await pages.walk("connection.mjs", orders=orders)
