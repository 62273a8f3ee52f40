"""Leadership: campaign, restore, run the duties for a term, start over.

Safety is the fence: a server that is no longer leader can commit nothing. This only decides when to try.
"""

import asyncio
from collections.abc import Callable

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.service import Service, run_services
from jobpool.kit.pure.durations import SECOND
from jobpool.leader import SERVICES
from jobpool.leader.committer import Committer, TermLost
from jobpool.leader.heartbeats import Heartbeats
from jobpool.leader.queues import Queues
from jobpool.leader.term import Duty, LeaderConfig, Retention, Term
from jobpool.model.errors import StoreFailed, Unavailable
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded
from jobpool.store.port import Store


class Reign:
    """One term, as others may use it while it lasts."""

    def __init__(self, committer: Committer, duties: list[Duty]) -> None:
        self.committer = committer
        self.duties = duties
        self.queues = next(duty for duty in duties if isinstance(duty, Queues))
        self.heartbeats = next(duty for duty in duties if isinstance(duty, Heartbeats))

    def observe(self, folded: Folded) -> None:
        for duty in self.duties:
            duty.observe(folded)


class Leadership:
    """A service. `reign` is the present term, None while this server does not lead."""

    name = "leadership"

    def __init__(
        self,
        store: Store,
        replica: Replica,
        *,
        clock: Clock,
        dice: Dice,
        config: LeaderConfig,
        retention: Retention,
        server_id: str,
    ) -> None:
        self._store = store
        self._replica = replica
        self._clock = clock
        self._dice = dice
        self._config = config
        self._retention = retention
        self._server_id = server_id
        self._log = get_logger("leadership")
        self._reign: Reign | None = None
        self._leading = asyncio.Event()

    @property
    def reign(self) -> Reign:
        """The present term. Raises Unavailable when there is none."""
        if self._reign is None:
            raise Unavailable("there is no leader; try again")
        return self._reign

    @property
    def leads(self) -> bool:
        return self._reign is not None

    async def leading(self) -> Reign:
        """Wait until this server leads."""
        while self._reign is None:
            await self._leading.wait()
        return self._reign

    async def run(self) -> None:
        loaded = True
        while True:
            try:
                if not loaded:
                    await self._replica.restore(self._store)
                await self._reign_once()
            except TermLost:
                self._log.warning("another server took the lead", event_name="term_lost")
            except StoreFailed as failure:
                self._log.error("leading failed; trying again", event_name="term_failed", error=str(failure))
            loaded = False
            await self._clock.sleep(SECOND)

    async def _reign_once(self) -> None:
        fence = await self._store.campaign(self._server_id)
        self._replica.take(fence, ())  # nothing is dispatched before the state is as new as the term
        committer = Committer(self._store, self._replica, self._clock, server_id=self._server_id)
        term = Term(
            state=self._replica.state,
            writer=committer,
            clock=self._clock,
            dice=self._dice,
            config=self._config,
            store=self._store,
            retention=self._retention,
            new_token=self._token_of(fence.term),
        )
        reign = Reign(committer, [duty(term) for duty in SERVICES])
        for duty in reign.duties:
            duty.begin()
        forget = self._replica.listen(reign.observe)
        self._log.info("this server leads", event_name="term_began", term=fence.term, n=fence.n)
        self._reign = reign
        self._leading.set()
        try:
            services: list[Service] = [committer, *reign.duties]
            await run_services(services)
        finally:
            self._reign = None
            self._leading.clear()
            forget()
            for duty in reversed(reign.duties):
                duty.end()

    def _token_of(self, term: int) -> Callable[[], str]:
        count = 0

        def new_token() -> str:
            nonlocal count
            count += 1
            return f"{term}-{count}"

        return new_token
