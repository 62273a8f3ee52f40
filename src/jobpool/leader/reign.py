"""One term of this server: the committer and the duties, from their start to their end."""

from collections.abc import Callable, Sequence

from jobpool.kit.effects.service import Service, run_services
from jobpool.leader import SERVICES
from jobpool.leader.attendance import Attendance, HeldAgents
from jobpool.leader.committer import Committer
from jobpool.leader.heartbeats import Heartbeats
from jobpool.leader.queues import Queues
from jobpool.leader.term import Duty, Term
from jobpool.model.errors import JobpoolError, StoreFailed, Unavailable
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded
from jobpool.store.change import Command


class Reign:
    """One term, as others may use it while it lasts."""

    def __init__(self, committer: Committer, term: Term, *, number: int) -> None:
        self.committer = committer
        self.number = number
        self.duties: Sequence[Duty] = [duty(term) for duty in SERVICES]
        self.queues = next(duty for duty in self.duties if isinstance(duty, Queues))
        self.heartbeats = next(duty for duty in self.duties if isinstance(duty, Heartbeats))
        self.attendance = next(duty for duty in self.duties if isinstance(duty, Attendance))

    def begin(self, replica: Replica) -> Callable[[], None]:
        """Let the duties look at the state and follow it from here. Returns the undo, which ends them."""
        for duty in self.duties:
            duty.begin()
        forget = replica.listen(self._observe)

        def end() -> None:
            forget()
            for duty in reversed(self.duties):
                duty.end()

        return end

    def _observe(self, folded: Folded) -> None:
        for duty in self.duties:
            duty.observe(folded)

    async def hold(self, server: str, agents: HeldAgents) -> list[str]:
        """A server says which agents it has; the answer are those that it has no more. Raises JobpoolError.

        What the others were told of their time to live by leaders before, this one learns here.
        """
        strangers = await self.attendance.hold(server, agents)
        gone = set(strangers)
        for node_id, _, ttl in agents:
            if node_id not in gone:
                self.heartbeats.beat(node_id, ttl)
        return strangers

    async def rule(self, opening: Sequence[Command[object]]) -> None:
        """Commit what every term begins with, then do the duties. Raises what ends the term."""
        services: list[Service] = [self.committer, _Opening(self.committer, opening), *self.duties]
        await run_services(services, foreseen=(StoreFailed, Unavailable))


class _Opening:
    """A service that has said all it has to say."""

    name = "opening"

    def __init__(self, committer: Committer, commands: Sequence[Command[object]]) -> None:
        self._committer = committer
        self._commands = commands

    async def run(self) -> None:
        for outcome in await self._committer.submit_all(self._commands):
            if isinstance(outcome, JobpoolError):
                raise outcome
