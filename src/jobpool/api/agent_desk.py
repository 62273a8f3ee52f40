"""Where agents' words become changes: at the leader, wherever that is."""

from collections.abc import Sequence
from typing import Protocol

from jobpool.kit.pure.durations import Millis
from jobpool.peers.words import HeldAttempt, Registered
from jobpool.store.commands import Reported
from jobpool.wire import jobpool_pb2 as pb


class AgentDesk(Protocol):
    """Every call returns once this server has folded what it brought about.

    `session` is that of `register`: what an earlier stream of the same agent still says changes nothing. All may be
    said twice. They wait out a change of leader, within a bound, and raise Unavailable beyond it.
    """

    async def register(self, hello: pb.AgentHello) -> Registered:
        """The agent has come to this server. Raises PermissionDenied for another's secret."""
        ...

    async def inventory(
        self, node_id: str, session: int, *, vouched: Sequence[HeldAttempt], lost: Sequence[HeldAttempt]
    ) -> None: ...

    async def ready(self, node_id: str, session: int) -> None: ...

    async def leaving(self, node_id: str, session: int) -> None:
        """The agent takes nothing new."""
        ...

    async def left(self, node_id: str, session: int, *, drained: bool) -> None:
        """The agent's stream has ended."""
        ...

    async def reports(self, node_id: str, session: int, reports: pb.AgentReports) -> Sequence[Reported | None]:
        """What became of each report; None for one that cannot be understood."""
        ...

    def heard(self, node_id: str, session: int, ttl: Millis) -> None:
        """The agent lives. Never waits."""
        ...
