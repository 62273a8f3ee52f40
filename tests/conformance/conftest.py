"""Every test of the suite runs on every engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobpool.store.port import Store
from jobpool.testing.engines import ENGINES, Engine


@pytest.fixture(params=sorted(ENGINES))
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    engine = ENGINES[request.param](tmp_path)
    yield engine
    await engine.close()


@pytest.fixture(params=sorted(ENGINES))
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
