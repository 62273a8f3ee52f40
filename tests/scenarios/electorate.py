"""A cluster of elections on one clock: a store that only keeps a fence, links that can be cut, servers that can stop.

Everything takes a little while: beats, the store's answers, what the log shows. What a server does with a decision is
what `Leadership` will: a campaign follows only the term it was decided on, a term ends at once, barriers are commits.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import Millis
from jobpool.leader.election import BEAT, Barrier, Campaign, Decision, Election, HandOver, Resign
from jobpool.model.beat import Beat

TIMEOUT: Millis = 500
"""After which a server gives a store up that does not answer."""


class Server:
    """`reach` is whether it reaches the store; a `paused` one does in the end what came meanwhile."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.election: Election | None = None
        self.life = 0
        self.term = 0  # that it leads, as it believes
        self.reach = True
        self.paused = False
        self.folded = 0
        self.late: list[Callable[[], None]] = []
        self.due: Millis = 0


class Electorate:
    """`told` collects what happened, as (time, server, text)."""

    def __init__(self, names: str, *, seed: int, delay: Callable[[], Millis] | None = None) -> None:
        self.now: Millis = 0
        self.dice = Dice(seed)
        self.delay = delay or (lambda: 2 + self.dice.below(20))
        self.servers = {name: Server(name) for name in names}
        self.cut: set[tuple[str, str]] = set()
        self.raft = ""
        self.term = 0
        self.n = 0
        self.writer = ""
        self.told: list[tuple[Millis, str, str]] = []
        self.campaigns: list[tuple[Millis, str]] = []
        self._queue: list[tuple[Millis, int, Callable[[], None]]] = []
        self._order = count()
        self._arrivals: dict[tuple[str, str], Millis] = {}

    # ---- what tests do to it

    def start(self, *names: str) -> None:
        for name in names or self.servers:
            server = self.servers[name]
            server.life += 1
            server.term, server.paused, server.late = 0, False, []
            server.election = Election(name, self.servers, term=self.term, fraction=self.dice.fraction, now=self.now)
            server.election.raft_leader(name == self.raft, self.now)
            self._beats(server)
            self._step(server)

    def kill(self, name: str) -> None:
        server = self.servers[name]
        server.election, server.term = None, 0
        server.life += 1

    def pause(self, name: str) -> None:
        self.servers[name].paused = True

    def resume(self, name: str) -> None:
        server = self.servers[name]
        server.paused = False
        late, server.late = server.late, []
        self._step(server)
        for call in late:
            call()

    def stop(self, name: str) -> None:
        """SIGTERM."""
        election = self.servers[name].election
        assert election is not None
        election.handing_over(self.now)
        self._step(self.servers[name])
        self._broadcast(self.servers[name])

    def move(self, name: str, heir: str) -> None:
        """An operator wants another one to lead; this one goes on."""
        server = self.servers[name]
        assert server.election is not None
        server.election.moved(heir, self.now)
        self._leave(server, HandOver(heir))
        self._step(server)

    def set_raft(self, leader: str) -> None:
        self.raft = leader
        for name, server in self.servers.items():
            if server.election is not None:
                server.election.raft_leader(name == leader, self.now)

    def link(self, one: str, other: str, *, up: bool) -> None:
        """The way from one to the other; the way back is another."""
        (self.cut.discard if up else self.cut.add)((one, other))

    def reach(self, name: str) -> None:
        """The store is found again; what the log has shown meanwhile comes soon."""
        server = self.servers[name]
        server.reach = True
        if self.term:
            term, n = self.term, self.n
            self._at(self.now + self.dice.below(400), lambda: self._show(server, term, n))

    def run(self, span: Millis) -> None:
        end = self.now + span
        while self._queue and self._queue[0][0] <= end:
            self.now, _, call = heappop(self._queue)
            call()
        self.now = end

    @property
    def leader(self) -> str:
        """Who may write, can, and knows it; empty when nobody does."""
        server = self.servers.get(self.writer)
        if server is None or server.election is None or server.paused or server.term != self.term or not server.reach:
            return ""
        return self.writer

    # ---- time and messages

    def _at(self, due: Millis, call: Callable[[], None]) -> None:
        heappush(self._queue, (due, next(self._order), call))

    def _later(self, server: Server, span: Millis, call: Callable[[Election], None]) -> None:
        """Let a server do something in a while, unless it has died meanwhile; after its pause, if it is paused."""
        life = server.life

        def arrive() -> None:
            if server.life != life or server.election is None:
                return
            if server.paused:
                server.late.append(arrive)
                return
            call(server.election)
            self._step(server)

        self._at(self.now + span, arrive)

    def _tell(self, server: Server, text: str) -> None:
        self.told.append((self.now, server.name, text))

    def _beats(self, server: Server) -> None:
        life = server.life

        def beat() -> None:
            if server.life != life:
                return
            if not server.paused:
                self._broadcast(server)
            self._at(self.now + BEAT, beat)

        self._at(self.now + self.dice.below(BEAT), beat)

    def _broadcast(self, server: Server) -> None:
        assert server.election is not None
        said = server.election.say(server.folded, self.now)
        for other in self.servers.values():
            if other is not server and (server.name, other.name) not in self.cut:
                self._deliver(server.name, other, said)

    def _deliver(self, sender: str, to: Server, said: Beat) -> None:
        """As on a stream: none overtakes the one before."""
        arrival = max(self.now + self.delay(), self._arrivals.get((sender, to.name), 0))
        self._arrivals[sender, to.name] = arrival
        self._later(to, arrival - self.now, lambda election: election.beat(sender, said, self.now))

    # ---- what a server does with its election

    def _step(self, server: Server) -> None:
        election = server.election
        if election is None or server.paused:
            return
        for decision in election.step(self.now):
            self._act(server, decision)
        self._wake(server, max(election.next_due(), self.now + 1))

    def _wake(self, server: Server, due: Millis) -> None:
        life, server.due = server.life, due

        def wake() -> None:
            if server.life == life and server.due == due:
                self._step(server)

        self._at(due, wake)

    def _act(self, server: Server, decision: Decision) -> None:
        if isinstance(decision, Campaign):
            self.campaigns.append((self.now, server.name))
            self._tell(server, f"campaigns after term {decision.after}")
            self._ask(server, lambda: self._campaign(server, decision.after), self._fails)
        elif isinstance(decision, Barrier):
            term = server.term
            self._ask(server, lambda: self._commit(server, term, visible=decision.visible), lambda election: None)
        else:
            self._leave(server, decision)

    def _leave(self, server: Server, decision: Resign | HandOver) -> None:
        server.term = 0
        if isinstance(decision, Resign):
            self._tell(server, f"resigns: {decision.reason}")
        else:
            self._tell(server, f"hands over to {decision.to}")
            if (server.name, decision.to) not in self.cut:
                self._later(self.servers[decision.to], self.delay(), lambda election: election.called(self.now))
        self._broadcast(server)

    # ---- the store

    def _ask(self, server: Server, do: Callable[[], None], fails: Callable[[Election], None]) -> None:
        """`do` happens at the store, in a while and if it is reached; else the server learns that it is not."""

        def arrive() -> None:
            if server.reach:
                do()
            else:
                self._later(server, TIMEOUT, fails)

        self._at(self.now + self.delay(), arrive)

    def _fails(self, election: Election) -> None:
        election.lost(0, self.now)

    def _campaign(self, server: Server, after: int) -> None:
        if self.term > after:
            found = self.term
            self._later(server, self.delay(), lambda election: self._beaten(server, election, found))
            return
        self.term += 1
        term, self.writer = self.term, server.name
        self._log(term)
        self._later(server, self.delay(), lambda election: self._begin(server, election, term))

    def _beaten(self, server: Server, election: Election, term: int) -> None:
        self._tell(server, f"finds term {term} begun")
        server.term = 0
        election.lost(term, self.now)

    def _begin(self, server: Server, election: Election, term: int) -> None:
        self._tell(server, f"leads term {term}")
        server.term = term
        election.won(term, self.now)
        self._step(server)
        self._broadcast(server)

    def _commit(self, server: Server, term: int, *, visible: bool) -> None:
        if self.term != term:
            found = self.term
            self._later(server, self.delay(), lambda election: self._deposed(server, election, term, found))
            return
        if visible:
            self._log(term)
        self._later(server, self.delay(), lambda election: election.committed(self.now))

    def _deposed(self, server: Server, election: Election, term: int, found: int) -> None:
        if server.term == term:
            self._beaten(server, election, found)

    def _log(self, term: int) -> None:
        self.n += 1
        n = self.n
        for server in self.servers.values():
            if server.reach:
                self._show(server, term, n)

    def _show(self, server: Server, term: int, n: int) -> None:
        def see(election: Election) -> None:
            server.folded = max(server.folded, n)
            election.logged(term, self.now)

        self._later(server, self.delay(), see)
