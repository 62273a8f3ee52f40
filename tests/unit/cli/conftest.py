"""`jobpoolctl` against a fake server, in one process: what was printed, what was asked, how it ended."""

import asyncio
import io
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from jobpool.cli import ctl
from jobpool.testing.fake_api import FakeApi
from tests.unit.cli.harness import Ctl, Outcome


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The local zone of every test; and no environment of whoever runs them."""
    for name in [name for name in os.environ if name.startswith(("JOBPOOLCTL_", "ETCDCTL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest_asyncio.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as fake:
        yield fake


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Ctl:
    """Run `jobpoolctl` with these words; `stdin` is what it can read."""

    def invoke(words: tuple[str, ...], stdin: bytes) -> Outcome:
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
            code = ctl.main(words)
        return Outcome(code, _text(out), _text(err), _bytes(out))

    async def run(*words: str, stdin: bytes = b"") -> Outcome:
        return await asyncio.to_thread(invoke, words, stdin)

    return run


@pytest.fixture
def run(bare: Ctl, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Ctl:
    """The same, at the fake server."""
    monkeypatch.setenv("JOBPOOLCTL_ENDPOINTS", api.endpoint)
    return bare


def _text(stream: io.TextIOWrapper) -> str:
    return _bytes(stream).decode(errors="backslashreplace")


def _bytes(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue()
