"""Snapshots for those who may have them: the whole store, piece by piece, as of one commit."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from ipaddress import IPv6Address, ip_address

from jobpool.api.service import Call
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.model.errors import PermissionDenied, ResourceExhausted
from jobpool.store.port import Store
from jobpool.store.snapshot import snapshot_pieces
from jobpool.wire import jobpool_pb2 as pb


class Snapshots:
    """One at a time, so that what a slow caller holds up is bounded. `allow_remote`: other machines may ask too.

    A snapshot holds every plan's parameters, so whoever is not on this machine is refused unless the server was told.
    """

    def __init__(self, store: Store, clock: Clock, *, allow_remote: bool) -> None:
        self._store = store
        self._clock = clock
        self._allow_remote = allow_remote
        self._saving = False
        self._log = get_logger("snapshots")

    async def save(self, request: pb.SnapshotSaveRequest, call: Call) -> AsyncGenerator[pb.SnapshotPiece, None]:
        """A snapshot's bytes, at most 1 MiB at a time. Raises PermissionDenied, ResourceExhausted, StoreFailed."""
        if not self._allow_remote and not is_local(call.peer):
            raise PermissionDenied(
                "snapshots are saved on the server's machine only; elsewhere it must say `allow-remote-snapshot: true`"
            )
        if self._saving:
            raise ResourceExhausted("another snapshot is being saved; try again when it is done", retry_after=10)
        self._saving = True
        size = 0
        try:
            async with aclosing(snapshot_pieces(self._store, self._clock.now())) as pieces:
                async for piece in pieces:
                    yield pb.SnapshotPiece(data=piece)
                    size += len(piece)
        finally:
            self._saving = False
        self._log.info("a snapshot was saved", event_name="snapshot_saved", peer=call.peer, bytes=size)


def is_local(peer: str) -> bool:
    """Whether `address:port` is of this machine."""
    try:
        address = ip_address(peer.rpartition(":")[0].partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
