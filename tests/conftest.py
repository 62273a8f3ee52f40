"""What the run as a whole tells: which parts it could not test here."""

import signal

import pytest

from jobpool.testing.etcd import NO_ETCD, etcd_binary

# A shell that starts the tests in the background lets them ignore SIGINT, and with them every program they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if etcd_binary() is None and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line(f"WARNING: the tests on a real etcd were skipped: {NO_ETCD}", yellow=True)
