"""`jobpoolctl` against an etcd that is none, in one process."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.unit.cli.etcd.fake_etcd import FakeEtcd, serving
from tests.unit.cli.harness import Ctl


@pytest_asyncio.fixture
async def etcd() -> AsyncIterator[FakeEtcd]:
    async with serving(FakeEtcd()) as fake:
        yield fake


@pytest.fixture
def ctl(bare: Ctl, etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch) -> Ctl:
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", etcd.endpoint)
    return bare
