"""What no client of etcd may touch, whatever its rights: keys, leases and the user of jobpool itself. Pure."""

from collections.abc import Callable, Collection

from jobpool.api.etcd.ranges import Place, Reserved, Span, after_prefix
from jobpool.model.errors import PermissionDenied


class Guard:
    """Every check returns when the request may be made and raises PermissionDenied when it may not."""

    def __init__(self, reserved: Reserved, own_leases: Callable[[], Collection[int]]) -> None:
        self.reserved = reserved
        self.own_leases = own_leases

    def key(self, key: bytes) -> None:
        """For a single key."""
        if key in self.reserved:
            raise self.denied()

    def parts(self, key: bytes, range_end: bytes) -> list[Span]:
        """The ranges that stand for this one: itself, or what of it lies beside our keys."""
        match self.reserved.place(key, range_end):
            case Place.OUTSIDE:
                return [(key, range_end)]
            case Place.INSIDE:
                raise self.denied()
            case Place.CROSSES:
                return self.reserved.around(key, range_end)

    def whole(self, key: bytes, range_end: bytes) -> None:
        """For a range that cannot be split without changing what it means."""
        if self.reserved.place(key, range_end) is not Place.OUTSIDE:
            raise self.denied()

    def watched(self, key: bytes, range_end: bytes) -> None:
        """For a range whose events are filtered."""
        if self.reserved.place(key, range_end) is Place.INSIDE:
            raise self.denied()

    def name(self, name: bytes) -> None:
        """For a lock's or an election's name: its keys are those that begin with it and a slash."""
        prefix = name + b"/"
        self.key(name)
        self.whole(prefix, after_prefix(prefix))

    def lease(self, lease: int) -> None:
        if lease and lease in self.own_leases():
            raise PermissionDenied(f"etcdserver: permission denied: the lease {lease:x} is jobpool's own")

    def denied(self) -> PermissionDenied:
        prefix = self.reserved.first.decode(errors="backslashreplace")
        return PermissionDenied(f"etcdserver: permission denied: keys that begin with {prefix} are jobpool's own")
