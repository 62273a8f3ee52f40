"""The leader's duties told as stories: ticks in time, slots in order, nodes that come and go."""

from pathlib import Path

import pytest

from tests.scenarios.cluster import Cluster
from tests.scenarios.story import stories, told


@pytest.mark.parametrize("path", [*stories("periodic*.txt"), *stories("slots*.txt"), *stories("nodes*.txt")])
def test_cluster(path: Path) -> None:
    cluster = Cluster()
    try:
        told(path, cluster.run)
    finally:
        cluster.close()
