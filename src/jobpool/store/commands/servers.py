"""Commands about servers: the cluster's own identity, who belongs to it, and who has left."""

from msgspec import Struct
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import NotFound
from jobpool.model.server import Cluster, ServerRecord
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided
from jobpool.store.keyspace import IDENTITY, Table


class FoundCluster(Struct, frozen=True):
    """The first leader ever gives the cluster its id and its secret. Once; a restored one gets a new secret."""

    cluster: Cluster

    def decide(self, view: ClusterView, now: Millis) -> Decided[Cluster]:
        known = view.cluster
        if known is not None and known.secret:
            return Decided(known)
        founded = self.cluster if known is None else replace(known, secret=self.cluster.secret)
        return Decided(founded, (Change(Table.CLUSTER, IDENTITY, founded),))


class JoinServer(Struct, frozen=True):
    """A server belongs to the cluster, at this address. What is known already writes nothing."""

    server: ServerRecord

    def decide(self, view: ClusterView, now: Millis) -> Decided[ServerRecord]:
        known = view.server(self.server.id)
        joined = replace(self.server, joined_at=now if known is None else known.joined_at)
        if joined == known:
            return Decided(joined)
        return Decided(joined, (Change(Table.SERVER, (joined.id,), joined),))


class RemoveServer(Struct, frozen=True):
    """A server does not belong to the cluster any more. One that lives ends when it sees so."""

    server_id: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[ServerRecord]:
        known = view.server(self.server_id)
        if known is None:
            raise NotFound("server", self.server_id, field="id")
        return Decided(known, (Change(Table.SERVER, (known.id,), None),))
