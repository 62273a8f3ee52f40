"""What the answers to clients of etcd need of the rest of the server."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from jobpool.api.etcd.passage import Caller
from jobpool.api.etcd.ranges import Reserved


class Site(Protocol):
    """One server with an etcd beneath."""

    @property
    def reserved(self) -> Reserved:
        """The keys that are jobpool's own."""
        ...

    @property
    def own_user(self) -> str:
        """The user that is jobpool's alone, so that nobody may see or change it; empty when there is none."""
        ...

    @property
    def user(self) -> str:
        """Whom the servers know themselves as to etcd, where it asks; empty = nobody."""
        ...

    @property
    def allows_remote_snapshots(self) -> bool:
        """Whether callers on other machines may have all that is stored."""
        ...

    def own_leases(self) -> Collection[int]:
        """The leases that servers hold."""
        ...

    def urls_of(self, member_id: int) -> Sequence[str] | None:
        """Where clients reach the server of this member; None when this etcd is not run by servers."""
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """To defragment this server's member: meanwhile it is done to no other. Entering it raises JobpoolError."""
        ...

    async def make_user(self) -> None:
        """Give `own_user` every right in etcd, before that asks for users.

        Raises FailedPrecondition unless every server of the cluster would be known as that user.
        """
        ...

    async def newest_compactable(self) -> int:
        """The newest revision to which a compaction takes nothing from a server that is there and behind.

        Raises JobpoolError when it cannot be told.
        """
        ...

    async def remove_member(self, member_id: int, caller: Caller) -> None:
        """Out of etcd, and its server out of the records. Raises JobpoolError."""
        ...
