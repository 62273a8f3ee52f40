"""Election: decides when this server campaigns, resigns, or hands over. Pure; times are monotonic milliseconds.

Safety is the fence's; this is about having one leader soon, and the same one for long. A leader lives as long as
*anybody* hears it: every beat tells how long ago its sender heard the leader, so one bad link unseats nobody. A server
that is in touch with no majority cannot tell the others' death from its own isolation: it goes by the log, where a
leader that is not heard by all shows a barrier twice a second, and is more patient. So servers that reach the store
but not each other do not take the lead from one another for ever.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct

from jobpool.kit.pure.backoff import exponential
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.model.beat import Beat
from jobpool.model.errors import InvalidArgument

BEAT: Millis = 200
"""How often servers tell each other what they know."""
SILENCE: Millis = 600
"""A leader whom nobody has heard for so long is gone. A server not heard for so long is not there."""
TOUCH: Millis = 350
"""Who counts for a majority was heard so lately: when all links break at once, the leader's is not missed first."""
STALLED: Millis = SECOND
"""A leader without a commit or barrier for so long resigns."""
LOG_SILENCE: Millis = STALLED + 200
"""The same by the log alone: a leader that lives would have resigned by then, and the log would have shown its word."""
BARRIER: Millis = 400
SPREAD: Millis = 100
"""Campaigns begin within so long of each other, by chance, so that the first is mostly known before the second."""
STEP_ASIDE: Millis = 250
"""How much longer a server waits that would rather see another one lead, and while another one is called."""
FALLEN: Millis = 5 * SECOND
"""So long after its term a server steps aside."""
FORGET: Millis = MINUTE
_TICK: Millis = 100
_PAUSE: Millis = 400
_FIRST_RETRY: Millis = 100
_LONGEST_RETRY: Millis = 400


class Campaign(Struct, frozen=True):
    """Take the lead, unless a term after `after` is in force. Answer by `won` or `lost`."""

    after: int


class Resign(Struct, frozen=True):
    """End the term now. Answered by nothing: this server leads no more. `stalled`: the store does not take its word."""

    reason: str
    stalled: bool = False


class HandOver(Struct, frozen=True):
    """End the term now, and tell server `to` that it is `called`."""

    to: str


class Barrier(Struct, frozen=True):
    """Show that the store takes our word: an empty commit when `visible`, else a read of the fence will do.

    Answer by `committed`.
    """

    visible: bool


Decision: TypeAlias = Campaign | Resign | HandOver | Barrier


class _Peer(Struct):
    """Who said what last, and when."""

    at: Millis
    beat: Beat


class Election:
    """Every input takes the time and changes only what is known; `step` decides.

    Call `step` at `next_due` and after each input. `members` are the names of all servers, this one among them; `term`
    is the newest that the loaded state knows; `fraction` is a throw of the dice in [0, 1).
    """

    def __init__(
        self, me: str, members: Iterable[str], *, term: int, fraction: Callable[[], float], now: Millis
    ) -> None:
        self._me = me
        self._fraction = fraction
        self._members = frozenset(members) | {me}
        self._peers: dict[str, _Peer] = {}
        self._now = now
        self._woke = now  # silence before this is our own
        # The newest term, and the signs of life of its leader.
        self._term = term
        self._leader: str | None = None
        self._heard: Millis | None = None  # by ourselves
        self._told: Millis = now  # by anybody
        self._logged: Millis = now
        self._vacant: Millis | None = None
        self._heir = ""
        self._strange: Millis | None = None  # since when it is another's
        # This server's own part.
        self._leads = False
        self._campaigns = False
        self._called: Millis | None = None
        self._committed: Millis = now
        self._barrier: Millis = now
        self._fell: Millis | None = None
        self._raft = False
        self._leaving = False
        self._stopped = False
        self._failures = 0
        self._not_before: Millis = now
        self._spread = self._throw()

    # ---- what is known

    @property
    def leads(self) -> bool:
        return self._leads

    @property
    def leader(self) -> str | None:
        """Who leads, as far as this server knows; None in between."""
        return self._leader if self._vacant is None else None

    def alive(self, now: Millis) -> str | None:
        """The same, but None also once nobody has heard the leader of late."""
        if self._leader == self._me or now - max(self._told, self._logged) < SILENCE:
            return self.leader
        return None

    @property
    def term(self) -> int:
        return self._term

    def say(self, n: int, now: Millis) -> Beat:
        """The beat to send now; `n` is how far this server has folded the log."""
        heard = None if self._heard is None else max(0, now - self._heard)
        vacant, hears = self._vacant is not None, tuple(self._present(now))
        return Beat(self._term, n, self._leads, vacant, heard, hears, self._heir if vacant else "", self._leaving)

    def hears(self, now: Millis) -> frozenset[str]:
        """The other servers that this one hears."""
        return frozenset(self._present(now))

    def heirs(self, now: Millis) -> frozenset[str]:
        """The other servers that could take over: those that this one hears and that are not about to stop."""
        return frozenset(name for name, beat in self._present(now).items() if not beat.leaves)

    def is_settled(self, now: Millis) -> bool:
        """Whether this server leads, and all that are there have heard so."""
        return self._leads and all(self._was_heard_by(name, now) for name in self._present(now))

    # ---- inputs

    def beat(self, server: str, beat: Beat, now: Millis) -> None:
        """A beat came from that server. Raises InvalidArgument when it bears this server's own name."""
        if server == self._me:
            raise InvalidArgument("server", f"wanted the name of another server, found our own, {server!r}")
        self._notice(now)
        self._peers[server] = _Peer(now, beat)
        if beat.term < self._term:
            return
        self._learn(beat.term, now)
        if beat.leads:
            self._leader, self._vacant = server, None
            self._heard = self._told = now
        elif (beat.vacant or server == self._leader) and self._vacant is None and not self._leads:
            self._vacant, self._heir = now, beat.heir
        elif beat.heard is not None:
            self._told = max(self._told, now - beat.heard)

    def logged(self, term: int, now: Millis) -> None:
        """The log showed a step of that term."""
        self._notice(now)
        self._learn(term, now)
        if term == self._term:
            self._logged = now

    def won(self, term: int, now: Millis) -> None:
        """The campaign succeeded: this server leads."""
        self._notice(now)
        self._campaigns, self._called, self._failures = False, None, 0
        self._leads = True
        self._committed = self._barrier = now
        if term >= self._term:
            self._learn(term, now)
            self._leader, self._vacant, self._strange = self._me, None, None

    def lost(self, term: int, now: Millis) -> None:
        """The campaign failed, or the term ended by itself. `term` is the one in force, as far as is known."""
        self._notice(now)
        self._campaigns, self._called = False, None
        if self._leads:
            self._end(now)
        if term > self._term:
            self._failures = 0
            self._learn(term, now)
            return
        self._failures += 1
        delay = exponential(self._failures, base=_FIRST_RETRY, limit=_LONGEST_RETRY)
        self._not_before = now + delay // 2 + int(self._fraction() * (delay // 2))

    def committed(self, now: Millis) -> None:
        """A commit or a barrier of this server's term is durable."""
        self._notice(now)
        self._committed = now

    def called(self, now: Millis) -> None:
        """The leader, who leaves, asks this server to take over."""
        self._notice(now)
        self._called = now

    def moved(self, heir: str, now: Millis) -> None:
        """This server has ended its term, and calls `heir`."""
        self._notice(now)
        self._heir = heir
        self._end(now)

    def raft_leader(self, is_me: bool, now: Millis) -> None:
        """Whether this server's etcd member leads the Raft group: one death should not cost both elections."""
        self._notice(now)
        self._raft = is_me

    def members(self, names: Iterable[str], now: Millis) -> None:
        """The names of all servers, as the store knows them.

        Only the store may remove one: each side of a cut would otherwise forget the other and elect its own.
        """
        self._notice(now)
        self._members = frozenset(names) | {self._me}

    def handing_over(self, now: Millis) -> None:
        """This server is about to stop: it leads no more and never again."""
        self._notice(now)
        self._leaving = True

    def stop(self) -> None:
        """Nothing is decided any more."""
        self._stopped = True
        self._leads = self._campaigns = False

    # ---- decisions

    def step(self, now: Millis) -> list[Decision]:
        """What to do now, in order."""
        self._notice(now)
        if self._stopped:
            return []
        return list(self._rule(now) if self._leads else self._stand(now))

    def next_due(self) -> Millis:
        """When `step` must be called again at the latest; often, because a late call is how a pause is noticed."""
        due = self._now + _TICK
        if self._stopped:
            return due
        if self._leads:
            due = min(due, max(self._committed, self._barrier) + BARRIER)
            return min(due, self._committed + STALLED) if len(self._members) > 1 else due
        campaign = self._campaign_at(self._now)
        return due if campaign is None else min(due, max(campaign, self._now))

    def _rule(self, now: Millis) -> Iterator[Decision]:
        if self._leader != self._me:
            self._end(now)
            yield Resign(f"term {self._term} has begun")
        elif self._leaving:
            self._heir = self._freshest(now)
            self._end(now)
            yield HandOver(self._heir) if self._heir else Resign("this server stops")
        elif now - self._committed >= STALLED and len(self._members) > 1:
            self._end(now)
            yield Resign(f"no commit for {now - self._committed} ms", stalled=True)
        elif now - max(self._committed, self._barrier) >= BARRIER:
            self._barrier = now
            yield Barrier(visible=not self._heard_by_all(now))

    def _stand(self, now: Millis) -> Iterator[Decision]:
        due = self._campaign_at(now)
        if due is not None and now >= due:
            self._campaigns = True
            self._spread = self._throw()
            yield Campaign(after=self._term)

    # ---- rules

    def _campaign_at(self, now: Millis) -> Millis | None:
        if self._leads or self._campaigns or self._leaving:
            return None
        return max(self._wanted_at(now), self._not_before)

    def _wanted_at(self, now: Millis) -> Millis:
        if self._called is not None:
            return self._called
        if len(self._members) == 1:
            return self._not_before if self._strange is None else self._strange + SILENCE
        others = self._present(now)
        if self._vacant is not None:
            begins = self._vacant
        elif self._is_of_majority(others):
            begins = max(self._told, self._woke) + SILENCE
        else:
            begins = max(self._told, self._logged, self._woke) + LOG_SILENCE
        aside = bool(others) and self._would_rather_not(now)
        return begins + self._spread + STEP_ASIDE * (aside + self._waits_for_heir(others))

    def _is_of_majority(self, others: dict[str, Beat]) -> bool:
        """Whether more than half of the servers, this one among them, hear us as we hear them.

        Any two that can say so share a server that hears both: it tells either that the other one lives.
        """
        mutual = sum(
            self._me in beat.hears and self._now - self._peers[name].at < TOUCH for name, beat in others.items()
        )
        return 2 * (mutual + 1) > len(self._members)

    def _would_rather_not(self, now: Millis) -> bool:
        return self._raft or (self._fell is not None and now - self._fell < FALLEN)

    def _waits_for_heir(self, others: dict[str, Beat]) -> bool:
        """Whether another one is called to lead, and there to do so."""
        return self._vacant is not None and self._heir in others and not others[self._heir].leaves

    def _present(self, now: Millis) -> dict[str, Beat]:
        """The other members that were heard of late."""
        return {
            name: peer.beat for name, peer in self._peers.items() if name in self._members and now - peer.at < SILENCE
        }

    def _heard_by_all(self, now: Millis) -> bool:
        """Whether every other member has heard this leader of late, as far as it could tell us."""
        return all(self._was_heard_by(name, now) for name in self._members - {self._me})

    def _was_heard_by(self, name: str, now: Millis) -> bool:
        peer = self._peers.get(name)
        if peer is None or peer.beat.term != self._term or peer.beat.heard is None:
            return False
        return now - peer.at + peer.beat.heard < SILENCE

    def _freshest(self, now: Millis) -> str:
        """The heir that has folded most; empty when there is none."""
        return min(self.heirs(now), key=lambda name: (-self._peers[name].beat.n, name), default="")

    # ---- what changes

    def _notice(self, now: Millis) -> None:
        """After a pause of this process the others' silence was our deafness."""
        if now - self._now >= _PAUSE:
            self._woke, self._vacant = now, None
        self._now = now
        for name in [name for name, peer in self._peers.items() if now - peer.at >= FORGET]:
            del self._peers[name]

    def _learn(self, term: int, now: Millis) -> None:
        """A newer term begins a life: its leader has time to be heard."""
        if term <= self._term:
            return
        self._term, self._leader, self._heir = term, None, ""
        self._heard = self._vacant = self._called = None
        self._told = self._logged = self._strange = now

    def _end(self, now: Millis) -> None:
        self._leads = False
        self._fell = now
        if self._leader == self._me:
            self._leader = None
            self._told = now
            # Who was paused does not know whether another leads by now.
            self._vacant = now if now - self._woke >= SILENCE else None

    def _throw(self) -> Millis:
        return int(self._fraction() * SPREAD)
