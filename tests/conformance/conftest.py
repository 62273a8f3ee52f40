"""Every test of the suite runs on every engine; without an etcd those on it are skipped."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobpool.store.port import Store
from jobpool.testing.engines import ENGINES, Engine
from jobpool.testing.etcd import NO_ETCD, etcd_binary

NEEDS_ETCD = pytest.mark.skipif(etcd_binary() is None, reason=NO_ETCD)
PARAMS = [pytest.param(name, marks=NEEDS_ETCD if name == "etcd" else ()) for name in sorted(ENGINES)]


@pytest.fixture(params=PARAMS)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    engine = ENGINES[request.param](tmp_path)
    yield engine
    await engine.close()


@pytest.fixture(params=PARAMS)
async def other_engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """A second engine, for what passes from one to another."""
    directory = tmp_path / "other"
    directory.mkdir()
    engine = ENGINES[request.param](directory)
    yield engine
    await engine.close()


@pytest.fixture
async def store(engine: Engine) -> Store:
    return await engine.open()
