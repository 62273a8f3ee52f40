"""The store's space, as this server's looks at it tell the leader: its own member's, or an etcd's that runs already."""

from collections.abc import Callable

from msgspec.structs import replace

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import Millis
from jobpool.leader.allowance import Allowance
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import JobpoolError
from jobpool.replica.replica import Replica
from jobpool.store.engines.etcd.looks import LOOK_AGAIN, LOOK_EVERY, Rests
from jobpool.store.operations import Operations, Space

_TELLS_QUOTA_FROM = 3 * 2**29
"""An etcd that does not tell its quota may have its default, 2 GiB: three quarters of that are worth a word."""


class StoreSpace:
    """Implements `looks.Account`: tells `Allowance`, and the log when clients can add nothing, or can again."""

    def __init__(self, allowance: Allowance, leadership: Leadership, replica: Replica) -> None:
        self._allowance = allowance
        self._leadership = leadership
        self._replica = replica
        self._refusing = False
        self._log = get_logger("space")

    def on_stale(self, wake: Callable[[], None]) -> None:
        self._allowance.wake = wake

    def about_to_look(self) -> None:
        self._allowance.mark()

    def tightest(self, space: Space) -> Space:
        quotas = [space.quota, *(server.quota for server in self._replica.state.servers.values())]
        return replace(space, quota=min((quota for quota in quotas if quota), default=0))

    def looked(self, space: Space) -> None:
        self._allowance.looked(self.tightest(space))
        full = self._allowance.full and self._leadership.leads
        if full == self._refusing:
            return
        self._refusing = full
        seen = self._allowance.space
        if full:
            self._log.warning(
                "the store is full: nothing can be added; delete plans, or raise quota-backend-bytes",
                event_name="store_full",
                in_use=seen.in_use,
                quota=seen.quota,
            )
        elif self._leadership.leads:
            self._log.info(
                "the store has room again", event_name="store_has_room", in_use=seen.in_use, quota=seen.quota
            )


class SpaceWatch:
    """A service. It looks at an etcd that jobpool does not run: what fills it is for whoever runs it to drop."""

    name = "space-watch"

    def __init__(self, engine: Operations, space: StoreSpace, *, clock: Clock) -> None:
        self._engine = engine
        self._space = space
        self._rests = Rests(space, clock)
        self._told: set[str] = set()
        self._log = get_logger("space")

    async def run(self) -> None:
        pause: Millis = LOOK_AGAIN
        while True:
            await self._rests.rest(pause)
            pause = LOOK_EVERY
            try:
                found = (await self._engine.status()).space
            except JobpoolError as failure:
                self._tell("etcd does not tell how full it is, so it is not known when to refuse", failure.reason)
                continue
            if not found.quota and found.size >= _TELLS_QUOTA_FROM:
                self._tell("etcd does not tell its quota, so it is not known when to refuse", "set quota-backend-bytes")
            self._space.looked(found)

    def _tell(self, what: str, why: str) -> None:
        if what not in self._told:
            self._log.warning(what, event_name="space_unknown", error=why)
        self._told.add(what)
