"""Output that another server is asked for: what it refuses with means the same here as what an agent of ours says."""

from typing import cast

import pytest

from jobpool.api.agent_session import NoOutput
from jobpool.api.sessions import Sessions
from jobpool.model.errors import Code, JobpoolError, NotFound, Unavailable
from jobpool.model.node import Node
from jobpool.model.retold import retold
from jobpool.model.statuses import NodeStatus
from jobpool.peers.mesh import Mesh
from jobpool.replica.replica import Replica
from jobpool.server.outputs import ClusterOutputs


class Elsewhere:
    """A mesh whose other server refuses, and a replica that knows the node to be there."""

    def __init__(self, refusal: JobpoolError) -> None:
        self._refusal = refusal
        self.state = self

    def node(self, node_id: str) -> Node:
        return Node(
            id=node_id,
            name=node_id,
            secret_hash="",
            status=NodeStatus.READY,
            started_at=0,
            updated_at=0,
            server="other",
        )

    async def ask(self, server: str, question: object, kind: type[bytes], *, timeout: int) -> None:
        raise self._refusal


def outputs(elsewhere: Elsewhere) -> ClusterOutputs:
    return ClusterOutputs(cast(Sessions, None), cast(Replica, elsewhere), cast(Mesh, elsewhere), me="me")


async def test_that_the_agent_has_none_is_told_as_that() -> None:
    refusal = retold(Code.NOT_FOUND, "no output from node n: unknown", field="id")
    assert isinstance(refusal, NotFound)
    with pytest.raises(NoOutput) as caught:
        await outputs(Elsewhere(refusal)).read_log("n", "j-a1", offset=0, limit=1)
    assert (caught.value.reason, caught.value.field) == ("no output from node n: unknown", "id")


async def test_other_refusals_stay_what_they_are() -> None:
    with pytest.raises(Unavailable):
        await outputs(Elsewhere(Unavailable("away"))).read_log("n", "j-a1", offset=0, limit=1)
