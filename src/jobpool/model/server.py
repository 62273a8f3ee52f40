"""A server as the others know it, and the cluster that they form."""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis


class ServerRecord(Struct, frozen=True, array_like=True):
    """`url` is where the other servers reach it: `http(s)://host:port`, its client port.

    `etcd_member` is the id of the etcd member that it supervises, in hex; empty when it has none. `quota` is how large
    that one's database may become, in bytes; 0 = not known. `etcd_user` tells other servers whether this one would be
    known to etcd as they are: user and password, as nobody can read them back; empty = it would be unknown.
    """

    id: str
    name: str
    url: str
    version: str
    joined_at: Millis
    etcd_member: str = ""
    quota: int = 0
    etcd_user: str = ""


class Cluster(Struct, frozen=True, array_like=True):
    """Made once, by the first leader. `secret` is what servers prove to each other that they know.

    A cluster that was restored keeps its id, by which its agents know it, and has no secret until somebody leads it.
    """

    id: int
    secret: bytes

    def __repr__(self) -> str:
        return f"Cluster({self.id:x})"
