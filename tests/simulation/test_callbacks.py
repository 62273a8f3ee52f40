"""A callee reports to whichever server it can reach: its token is as good there, and a wrong one as bad."""

import pytest

from jobpool.api.service import Call
from jobpool.api.tokens import callback_token
from jobpool.kit.pure.durations import SECOND
from jobpool.model.errors import PermissionDenied
from jobpool.model.run import Run
from jobpool.testing.simulation.clients import Clients
from jobpool.testing.simulation.cluster import Cluster, Shape, Variant
from jobpool.testing.simulation.loop import run
from jobpool.testing.simulation.world import World
from jobpool.wire import jobpool_pb2 as pb


async def reported(seed: int) -> None:
    world = World(seed)
    cluster = Cluster(world, Shape(), Variant())
    clients = Clients(cluster)
    cluster.start()
    await clients.set_up()
    await world.sleep(8 * SECOND)
    leader = cluster.leader
    assert leader is not None
    state = cluster.servers[leader].replica.state
    live = [run for run in state.runs.values() if run.attempt is not None and not run.ended]
    assert len(live) >= 2
    for name, job, other in zip([name for name in cluster.names if name != leader], live, live[1:], strict=False):
        service = cluster.servers[name].core.service
        request = pb.ScheduleJobStatusUpdateRequest(id=job.id, status="complete", result=f"told {name}")
        with pytest.raises(PermissionDenied, match="newest attempt"):
            await service.call("JobUpdate", request, showing(cluster, leader, other))
        answer = await service.call("JobUpdate", request, showing(cluster, leader, job))
        assert isinstance(answer, pb.ScheduleJobStatusUpdateResponse)
        assert (answer.data.status, answer.data.result) == ("complete", f"told {name}")
    cluster.end()


def showing(cluster: Cluster, leader: str, job: Run) -> Call:
    assert job.attempt is not None
    token = callback_token(cluster.servers[leader].replica.state.cluster, job.id, job.attempt.fence)
    assert token
    return Call(transport="rest", metadata={"x-jobpool-token": token})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_report_with_a_token_is_taken_at_any_server(seed: int) -> None:
    run(reported(seed))
