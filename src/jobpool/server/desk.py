"""The agents' desk, wherever the leader is: what an agent says waits out a change of leader."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from jobpool.api.agent_desk import LocalDesk
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.leadership import Leadership
from jobpool.peers.words import (
    AgentLeaving,
    AgentLeft,
    AgentReady,
    AgentReported,
    HeldAttempt,
    Question,
    RegisterAgent,
    Registered,
    TakeInventory,
)
from jobpool.server.leader_path import LeaderPath
from jobpool.store.commands import Reported
from jobpool.wire import jobpool_pb2 as pb

T = TypeVar("T")

_PATIENCE: Millis = 30 * SECOND
_ANSWER_WITHIN: Millis = 10 * SECOND
_GARBLED = ""


class ClusterDesk:
    """Implements `AgentDesk`. `drain_heard` gives what is to be told to a leader elsewhere."""

    def __init__(self, path: LeaderPath, local: LocalDesk, leadership: Leadership, *, me: str) -> None:
        self._path = path
        self._local = local
        self._leadership = leadership
        self._me = me
        self._heard: dict[str, tuple[int, Millis]] = {}

    async def register(self, hello: pb.AgentHello) -> Registered:
        question = RegisterAgent(hello.SerializeToString(), self._me)
        return await self._ask(lambda: self._local.register(hello), question, Registered)

    async def inventory(
        self, node_id: str, session: int, *, vouched: Sequence[HeldAttempt], lost: Sequence[HeldAttempt]
    ) -> None:
        if vouched or lost:
            question = TakeInventory(node_id, session, list(vouched), list(lost))
            await self._tell(lambda: self._local.inventory(node_id, session, vouched=vouched, lost=lost), question)

    async def ready(self, node_id: str, session: int) -> None:
        await self._tell(lambda: self._local.ready(node_id, session), AgentReady(node_id, session))

    async def leaving(self, node_id: str, session: int) -> None:
        await self._tell(lambda: self._local.leaving(node_id, session), AgentLeaving(node_id, session))

    async def left(self, node_id: str, session: int, *, drained: bool) -> None:
        self._heard.pop(node_id, None)
        await self._tell(
            lambda: self._local.left(node_id, session, drained=drained), AgentLeft(node_id, session, drained)
        )

    async def reports(self, node_id: str, session: int, reports: pb.AgentReports) -> Sequence[Reported | None]:
        async def here() -> list[str]:
            outcomes = await self._local.reports(node_id, session, reports)
            return [_GARBLED if outcome is None else outcome.value for outcome in outcomes]

        question = AgentReported(node_id, session, reports.SerializeToString())
        words = await self._ask(here, question, list[str])
        return [None if word == _GARBLED else Reported(word) for word in words]

    def heard(self, node_id: str, session: int, ttl: Millis) -> None:
        if self._leadership.leads:
            self._local.heard(node_id, session, ttl)
        else:
            self._heard[node_id] = (session, ttl)

    def heard_elsewhere(self, node_id: str, session: int, ttl: Millis) -> None:
        """Another server has heard the agent, and takes this one for the leader."""
        if self._leadership.leads:
            self._local.heard(node_id, session, ttl)

    def drain_heard(self) -> list[tuple[str, int, Millis]]:
        heard, self._heard = self._heard, {}
        return [(node_id, session, ttl) for node_id, (session, ttl) in heard.items()]

    async def _ask(self, here: Callable[[], Awaitable[T]], question: Question, reply: type[T]) -> T:
        return await self._path.ask(here, question, reply, patience=_PATIENCE, timeout=_ANSWER_WITHIN, again=True)

    async def _tell(self, here: Callable[[], Awaitable[None]], question: Question) -> None:
        await self._path.ask(here, question, type(None), patience=_PATIENCE, timeout=_ANSWER_WITHIN, again=True)
