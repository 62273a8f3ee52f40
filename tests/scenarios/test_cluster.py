"""The leader's duties told as stories: ticks in time, slots in order, nodes that come and go."""

from pathlib import Path

import pytest

from tests.scenarios.cluster import Cluster
from tests.scenarios.story import stories, told

STORIES = [path for name in ("periodic*", "slots*", "nodes*", "reach*", "drain*") for path in stories(f"{name}.txt")]


@pytest.mark.parametrize("path", STORIES)
def test_cluster(path: Path) -> None:
    cluster = Cluster()
    try:
        told(path, cluster.run)
    finally:
        cluster.close()
