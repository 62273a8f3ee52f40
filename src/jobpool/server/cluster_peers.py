"""What another server knows of the cluster by itself, over the link that is there anyway."""

from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.peers.mesh import Mesh
from jobpool.peers.words import Forward
from jobpool.wire import jobpool_pb2 as pb

_WITHIN: Millis = SECOND


class ClusterPeers:
    """Implements `api.cluster.Peers`."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def ask(self, server_id: str, request: pb.ClusterDetailRequest) -> pb.ClusterDetailResponse:
        """Raises what that server raises, LinkDown, DeadlineExceeded after a second."""
        question = Forward("ClusterDetail", request.SerializeToString(), {}, "grpc", "", "", _WITHIN)
        told = await self._mesh.ask(server_id, question, bytes, timeout=_WITHIN)
        return pb.ClusterDetailResponse.FromString(told.value)
