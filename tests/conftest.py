"""What the run as a whole tells: which parts it could not test here."""

import pytest

from jobpool.testing.etcd import NO_ETCD, etcd_binary


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if etcd_binary() is None and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line(f"WARNING: the tests on a real etcd were skipped: {NO_ETCD}", yellow=True)
