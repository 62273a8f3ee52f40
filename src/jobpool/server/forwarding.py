"""Any server takes any call: what only the leader can answer goes to it, as it came."""

from collections.abc import Awaitable, Callable

from google.protobuf.message import Message
from msgspec.structs import replace

from jobpool.api.operations import AT_THE_LEADER
from jobpool.api.service import WRITES, Call, response_type
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.peers.words import Forward
from jobpool.server.leader_path import LEADER_WITHIN, LeaderPath

_LONGEST: Millis = 30 * SECOND
_MINTED = frozenset({"PlanAdd", "PlanRun", "JobRerun"})
"""What creates something under an id that nobody gave: the server that was asked chooses it."""

_OF_ONE_SERVER = frozenset(
    {"MemberAdd", "MemberUpdate", "MemberPromote", "MoveRaftLeader", "AlarmDisarm", "Defragment"}
)
_HANDS_OVER = "MoveLeader"
LEADERS = (WRITES - _OF_ONE_SERVER) | AT_THE_LEADER | {"QueueDetail"}
"""What only the leader answers. Most of what an administrator asks is about the server that is asked."""


class Forwarding:
    def __init__(self, path: LeaderPath, *, clock: Clock, dice: Dice, member_id: int) -> None:
        self._path = path
        self._clock = clock
        self._dice = dice
        self._member_id = member_id

    async def __call__(
        self, name: str, request: Message, call: Call, here: Callable[[Call], Awaitable[Message]]
    ) -> Message:
        """The answer, by `here` unless only another server can give it. Raises what that one raises."""
        if name not in LEADERS or call.forwarded:
            return await here(call)
        if name in _MINTED:
            call = replace(call, minted=self._dice.ulid(self._clock.now()))
        patience = _LONGEST if call.timeout is None else min(call.timeout, _LONGEST)

        async def by_us() -> bytes:
            return (await here(call)).SerializeToString()

        question = Forward(
            name,
            request.SerializeToString(),
            dict(call.metadata),
            call.transport,
            call.peer,
            call.minted,
            call.timeout,
        )
        answer = await self._path.ask(
            by_us,
            question,
            bytes,
            patience=min(patience, LEADER_WITHIN),
            timeout=max(1, patience),
            again=False,
            over_a_change=name == _HANDS_OVER,
        )
        return self._ours(response_type(name).FromString(answer))

    def _ours(self, response: Message) -> Message:
        """The header names who answered the caller."""
        header = getattr(response, "header", None)
        if header is not None:
            header.member_id = self._member_id
        return response
