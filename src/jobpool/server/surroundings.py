"""What an etcd member's upkeep asks of the rest of the server."""

from collections.abc import Sequence

from jobpool.leader.collector import old_versions
from jobpool.leader.leadership import Leadership
from jobpool.replica.replica import Replica
from jobpool.server.cluster_info import ServersSeen
from jobpool.server.feed import HistoryFeed
from jobpool.server.membership import Membership
from jobpool.store.codec import encode
from jobpool.store.commands import DropHistory, DropVersions

_CLOSE = 1_000
"""Commits that a server may be behind and still count as well: under load the newest are always on their way."""
_EVER = 2**62
_STEP = 60
"""Versions that one command drops."""


class Surroundings:
    """Implements `store.engines.etcd.upkeep.Surroundings`."""

    def __init__(
        self,
        leadership: Leadership,
        replica: Replica,
        membership: Membership,
        *,
        seen: ServersSeen,
        feed: HistoryFeed,
    ) -> None:
        self._leadership = leadership
        self._replica = replica
        self._membership = membership
        self._seen = seen
        self._feed = feed

    @property
    def leads(self) -> bool:
        return self._leadership.leads

    @property
    def others_well(self) -> bool:
        others = set(self._replica.state.servers) - {self._seen.server_id}
        beats = self._membership.beats
        return others <= self._leadership.heard and all(
            server_id in beats and beats[server_id][1].n + _CLOSE >= self._replica.n for server_id in others
        )

    @property
    def raft_heirs(self) -> Sequence[str]:
        return self._seen.raft_heirs

    async def step_aside(self) -> None:
        await self._seen.move_leader("")

    async def drop_history(self, n: int) -> None:
        await self._leadership.reign.committer.submit(DropHistory(n))
        self._feed.dropped_before(n + 1)

    async def drop_versions(self, size: int) -> int:
        state, dropped = self._replica.state, 0
        versions = sorted(old_versions(state, before=_EVER, keep=0), key=lambda version: version[2])  # oldest first
        while versions and dropped < size:
            step, versions = versions[:_STEP], versions[_STEP:]
            dropped += sum(len(encode(plan)) for plan in map(state.versions.get, step) if plan is not None)
            await self._leadership.reign.committer.submit(DropVersions(tuple(step)))
        return dropped
