"""The `Operations` port: what an administrator asks of the engine below one server."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

FULL_AT = 0.8
"""The part of a quota that may be in use before clients can add nothing more.

From 0.75 on history is dropped; from 0.95 on an etcd that has reached its quota needs an operator. In between there has
to be room for what is not refused, and for the log of the seconds between two looks.
"""


class Space(Struct, frozen=True):
    """Of a database, in bytes: the file, what of it is in use, and how large it may become; quota 0 = not known."""

    size: int
    in_use: int
    quota: int = 0


class EngineStatus(Struct, frozen=True, kw_only=True):
    """`member_id` and `leader_id` are etcd's, in hex; empty where there is no etcd, or no Raft leader.

    `errors` are alarms, and what else the engine has to complain about.
    """

    space: Space
    version: str = ""
    member_id: str = ""
    leader_id: str = ""
    is_learner: bool = False
    raft_term: int = 0
    raft_index: int = 0
    raft_applied_index: int = 0
    errors: tuple[str, ...] = ()

    @property
    def raft_leader(self) -> bool:
        return bool(self.member_id) and self.member_id == self.leader_id


class Member(Struct, frozen=True):
    """One member of the cluster; `id` in hex, the name empty until it has been started."""

    id: str
    name: str
    peer_urls: tuple[str, ...] = ()
    is_learner: bool = False


class Alarm(Struct, frozen=True):
    """`kind` is NOSPACE or CORRUPT."""

    member_id: str
    kind: str


class KeysHash(Struct, frozen=True):
    """Comparable with those of other members that have the same revision and compact revision."""

    value: int
    revision: int
    compact_revision: int


class Operations(Protocol):
    """Raises FailedPrecondition, with what to do instead, where the engine or its state does not allow it; NotFound
    for an unknown member; Unavailable when nothing answers: then a change may have been made.
    """

    @property
    def engine(self) -> str:
        """`embedded` or `etcd`."""
        ...

    async def status(self) -> EngineStatus:
        """Of this server's own database; answers without a quorum too."""
        ...

    async def members(self) -> Sequence[Member]: ...

    async def add_member(self, peer_urls: Sequence[str], *, learner: bool) -> Member: ...

    async def remove_member(self, member_id: str) -> None: ...

    async def update_member(self, member_id: str, peer_urls: Sequence[str]) -> None: ...

    async def promote_member(self, member_id: str) -> None: ...

    async def move_raft_leader(self, to: Sequence[str]) -> Member:
        """To the first of these, by id or name, that is another member with a vote. Only the Raft leader can."""
        ...

    async def alarms(self) -> Sequence[Alarm]: ...

    async def disarm(self, alarm: Alarm) -> None: ...

    async def defragment(self) -> None:
        """Give back the disk space that this server's database does not use. It serves nothing meanwhile."""
        ...

    async def hash_keys(self, revision: int) -> KeysHash:
        """Of this server's database; revision 0 = the newest there."""
        ...
