"""Leadership: the acting half of the election, and the term that it leads to.

Safety is the fence: a server that is no longer leader can commit nothing. This only decides when to try, by what
`Election` makes of the others' beats, of the log and of the store's answers.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol

from msgspec.structs import replace

from jobpool.kit.effects.clock import Alarm, Clock, MonotonicClock, deadline
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.effects.seldom import Seldom
from jobpool.kit.effects.service import first_failure
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.allowance import Allowance
from jobpool.leader.committer import Committer, TermLost
from jobpool.leader.election import BEAT, Barrier, Campaign, Decision, Election, HandOver, Resign
from jobpool.leader.reign import Reign
from jobpool.leader.skew import SkewWatch
from jobpool.leader.term import LeaderConfig, Retention, Term
from jobpool.model.beat import Beat
from jobpool.model.errors import StoreFailed, Unavailable
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded, State
from jobpool.store.change import Command
from jobpool.store.port import Fence, Fenced, Store

_FOLD_WITHIN: Millis = 2 * SECOND


class NotLeader(Unavailable):
    """This server does not lead: nothing was done."""

    def __init__(self) -> None:
        super().__init__("there is no leader; try again", field="leader")


class Others(Protocol):
    """The way to the other servers. Nothing here waits."""

    def send_beat(self, beat: Beat) -> None: ...

    def call(self, server_id: str) -> bool:
        """Ask that server to take over. False when there is no way to it."""
        ...


class Alone:
    """There are no others."""

    def send_beat(self, beat: Beat) -> None:
        """Nobody hears it."""

    def call(self, server_id: str) -> bool:
        return False


def nothing_first(state: State) -> Sequence[Command[object]]:
    return ()


class Leadership:
    """A service. `reign` is the present term of this server; `leader` is who leads, as far as it knows.

    The replica must be loaded before `run`, and followed while it runs. `opening` are the commands that every term
    begins with.
    """

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
        others: Others | None = None,
        opening: Callable[[State], Sequence[Command[object]]] = nothing_first,
        allowance: Allowance | None = None,
    ) -> None:
        self._store = store
        self._replica = replica
        self._skew = SkewWatch(clock)
        self._clock = clock
        self._dice = dice
        self._config = config
        self._retention = retention
        self._server_id = server_id
        self._others = others or Alone()
        self._opening = opening
        self._allowance = allowance or Allowance()
        self._log = get_logger("leadership")
        self._election: Election | None = None
        self._alarm = Alarm(MonotonicClock(clock))
        self._reign: Reign | None = None
        self._ruling: asyncio.Task[None] | None = None
        self._leading = asyncio.Event()
        self._stalled = False
        self._showing: set[tuple[int, bool]] = set()
        self._leader: str | None = None
        self._leaderless = False
        self._seldom = Seldom(clock)
        self._changed = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        replica.listen(self._observe)
        replica.on_restore(self._reloaded)

    # ---- what others ask

    @property
    def reign(self) -> Reign:
        """The present term. Raises NotLeader when there is none."""
        if self._reign is None:
            raise NotLeader
        return self._reign

    @property
    def leads(self) -> bool:
        return self._reign is not None

    @property
    def leader(self) -> str | None:
        """The id of the server that leads, as far as this one knows; None in between."""
        return self._leader

    @property
    def heard(self) -> frozenset[str]:
        """The servers that are there: those that this one hears, and itself."""
        now = self._clock.monotonic()
        return (self._election.hears(now) if self._election is not None else frozenset()) | {self._server_id}

    @property
    def heirs(self) -> frozenset[str]:
        """The other servers that could take over: those that are there and not about to stop."""
        return self._election.heirs(self._clock.monotonic()) if self._election is not None else frozenset()

    @property
    def settled(self) -> bool:
        """Whether this server leads, and all that are there have heard so."""
        return self._election is not None and self._election.is_settled(self._clock.monotonic())

    @property
    def stalled(self) -> bool:
        """Whether this server's term ended because the store did not take its word, and it has seen no step since."""
        return self._stalled

    async def leading(self) -> Reign:
        """Wait until this server leads."""
        while self._reign is None:
            await self._leading.wait()
        return self._reign

    def leader_changes(self) -> Coroutine[object, object, object]:
        """Returns once another server leads, or none, or this one's term has begun or ended; from this call on."""
        return self._changed.wait()

    # ---- what others tell

    def beat(self, server_id: str, beat: Beat) -> None:
        if self._election is not None:
            record = self._replica.state.servers.get(server_id)
            self._skew.heard(server_id, beat, record.name if record is not None else "")
            self._election.beat(server_id, beat, self._clock.monotonic())
            self._look()

    def called(self) -> None:
        """The leader leaves, and wants this server to take over."""
        if self._election is not None:
            self._election.called(self._clock.monotonic())
            self._look()

    def raft_leader(self, is_me: bool) -> None:
        """Whether this server's etcd member leads its Raft group."""
        if self._election is not None:
            self._election.raft_leader(is_me, self._clock.monotonic())

    def _observe(self, folded: Folded) -> None:
        self._stalled = False
        if self._election is None:
            return
        now = self._clock.monotonic()
        if folded.servers:
            self._election.members(self._replica.state.servers, now)
        self._election.logged(self._replica.state.fence.term, now)

    def _reloaded(self) -> None:
        self._stalled = False
        if self._election is not None:
            now = self._clock.monotonic()
            self._election.members(self._replica.state.servers, now)
            self._election.logged(self._replica.state.fence.term, now)
            self._look()

    def _look(self) -> None:
        """Something was learned: tell who waits for another leader, and decide anew."""
        leader = self._election.alive(self._clock.monotonic()) if self._election is not None else None
        if leader == self._server_id and self._reign is None:
            leader = None
        if leader != self._leader:
            self._leader = leader
            if leader is not None:
                self._with_leader(leader)
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()
        self._alarm.kick()

    def _without_leader(self, error: str) -> None:
        """It may go on for hours, with a try every other second."""
        self._leaderless = True
        if times := self._seldom.times(error):
            self._log.warning(
                "nobody leads, and a campaign of this server failed",
                event_name="campaign_failed",
                error=error,
                times=times,
            )

    def _with_leader(self, leader: str) -> None:
        if self._leaderless:
            self._log.info("there is a leader again", event_name="leader_found", server=leader)
        self._leaderless = False
        self._seldom.forget_all()

    # ---- the term ends

    async def give_up(self) -> None:
        """End this server's term, if it has one: its state is about to be thrown away."""
        if self._reign is None and self._ruling is None:
            return
        if self._reign is not None and self._election is not None:
            self._log.warning("this server gives up its term", event_name="term_given_up", term=self._reign.number)
            self._election.lost(self._reign.number, self._clock.monotonic())
        self._end_reign()
        await self._ruled()

    async def hand_over(self) -> None:
        """This server is about to stop: it ends its term, tells an heir, says so to all, and never leads again."""
        if self._election is None:
            return
        self._election.handing_over(self._clock.monotonic())
        self._step(self._election)
        self._say()
        await self._ruled()

    async def move(self, heir: str) -> None:
        """Let another server lead, and go on as one of the others. Raises NotLeader."""
        if self._reign is None or self._election is None:
            raise NotLeader
        self._election.moved(heir, self._clock.monotonic())
        self._end_reign()
        await self._ruled()
        self._others.call(heir)

    def _end_reign(self) -> None:
        if self._ruling is not None:
            self._ruling.cancel()
        self._reign = None
        self._leading.clear()
        self._look()
        self._say()

    async def _ruled(self) -> None:
        if self._ruling is not None:
            await asyncio.wait([self._ruling])

    # ---- running

    async def run(self) -> None:
        state, clock = self._replica.state, self._clock
        self._election = Election(
            self._server_id, state.servers, term=state.fence.term, fraction=self._dice.fraction, now=clock.monotonic()
        )
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._decide(self._election)
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from None
        finally:
            self._election.stop()
            self._election = None

    async def _decide(self, election: Election) -> None:
        beat_due = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            if now >= beat_due:
                beat_due = now + BEAT
                self._say()
            self._step(election)
            await self._alarm.wait(min(election.next_due(), beat_due))

    def _say(self) -> None:
        if self._election is not None:
            beat = self._election.say(self._replica.n, self._clock.monotonic())
            self._others.send_beat(replace(beat, clock=self._clock.now()))

    def _step(self, election: Election) -> None:
        for decision in election.step(self._clock.monotonic()):
            self._act(decision)
        if election.alive(self._clock.monotonic()) != self._leader:
            self._look()

    def _act(self, decision: Decision) -> None:
        if isinstance(decision, Campaign):
            self._spawn(self._campaign(decision.after))
        elif isinstance(decision, Barrier):
            if self._reign is not None:
                self._spawn(self._show(self._reign, visible=decision.visible))
        else:
            heir = decision.to if isinstance(decision, HandOver) else ""
            why = f"server {heir} takes over" if heir else getattr(decision, "reason", "")
            self._log.warning("this server leads no more", event_name="term_ended", reason=why)
            self._stalled = isinstance(decision, Resign) and decision.stalled
            self._end_reign()
            if heir:
                self._others.call(heir)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        if self._tasks is None:
            raise RuntimeError("leadership decides only while it runs")
        self._tasks.create_task(work)

    # ---- campaigns and barriers

    async def _campaign(self, after: int) -> None:
        """Answer the election by `won` or `lost`, whatever comes."""
        election = self._election
        if election is None:
            return
        await self._ruled()
        found = after
        try:
            fence = await self._store.fence()
            found = fence.term
            if found <= after:
                fence = await self._store.campaign(self._server_id)
                found = fence.term
                async with deadline(self._clock, _FOLD_WITHIN):
                    await self._replica.wait_for(fence.n)
                self._begin(election, fence)
                return
        except Fenced as fenced:
            found = fenced.actual.term
        except StoreFailed as failure:
            self._without_leader(str(failure))
        except TimeoutError:
            self._log.warning("the log does not show this server's term", event_name="campaign_unseen", term=found)
        election.lost(found, self._clock.monotonic())
        self._look()

    async def _show(self, reign: Reign, *, visible: bool) -> None:
        """Prove that the store takes this server's word. What waits for its answer already is not asked again."""
        asked = (reign.number, visible)
        if asked in self._showing:
            return
        self._showing.add(asked)
        try:
            if visible:
                await reign.committer.barrier()
            elif (await self._store.fence()).term != reign.number:
                return
        except (StoreFailed, Unavailable):
            return  # the next one, or the term's end, will tell
        finally:
            self._showing.discard(asked)
        if self._election is not None and reign is self._reign:
            self._election.committed(self._clock.monotonic())

    # ---- a term

    def _begin(self, election: Election, fence: Fence) -> None:
        """Rule, in the same step as the look at the state: no commit can fall in between."""
        now = self._clock.monotonic()
        if self._replica.state.fence.term != fence.term:
            election.lost(self._replica.state.fence.term, now)
            return
        committer = Committer(
            self._store, self._replica, self._clock, server_id=self._server_id, allowance=self._allowance
        )
        self._allowance.renew()
        committer.on_commit = lambda: election.committed(self._clock.monotonic())
        term = Term(
            state=self._replica.state,
            writer=committer,
            clock=self._clock,
            dice=self._dice,
            config=self._config,
            store=self._store,
            retention=self._retention,
            new_token=_tokens(fence.term),
            heard=lambda: self.heard,
        )
        reign = Reign(committer, term, number=fence.term)
        end = reign.begin(self._replica)
        self._reign = reign
        self._leading.set()
        election.won(fence.term, now)
        self._log.info("this server leads", event_name="term_began", term=fence.term, n=fence.n)
        if self._tasks is None:
            raise RuntimeError("leadership decides only while it runs")
        self._ruling = self._tasks.create_task(self._rule(reign))
        self._ruling.add_done_callback(lambda ruled: self._has_ruled(reign, end))
        self._look()
        self._say()

    async def _rule(self, reign: Reign) -> None:
        try:
            await reign.rule(self._opening(self._replica.state))
        except TermLost:
            self._log.warning("another server took the lead", event_name="term_lost")
        except (StoreFailed, Unavailable) as failure:
            self._log.error("leading failed", event_name="term_failed", error=str(failure))

    def _has_ruled(self, reign: Reign, end: Callable[[], None]) -> None:
        end()
        self._ruling = None
        if self._reign is not reign:
            return
        self._reign = None
        self._leading.clear()
        if self._election is not None:
            self._election.lost(self._replica.state.fence.term, self._clock.monotonic())
        self._look()


def _tokens(term: int) -> Callable[[], str]:
    count = 0

    def new_token() -> str:
        nonlocal count
        count += 1
        return f"{term}-{count}"

    return new_token
