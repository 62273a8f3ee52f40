"""A cluster for one test: three servers on an etcd of their own, one agent, none of them started yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.cluster import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A server or agent that logs a traceback fails the test."""
    cluster = Cluster(tmp_path, servers=3, agents=1, network=False, flags={})
    yield cluster
    cluster.close()
    assert list(cluster.troubles()) == []
