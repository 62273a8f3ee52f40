"""The words of one server to another: msgpack of tagged structs, one list of them in every frame.

The server that dials speaks first and asks; the one that was dialed answers. Fields are append-only, and a kind that
the other does not know is refused as a question, and passed over otherwise: servers of two versions work together.
Requests are forwarded, never commands and never what is to be written.
"""

from typing import TypeAlias

import msgspec
from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.beat import Beat
from jobpool.model.node import Resources
from jobpool.model.server import ServerRecord
from jobpool.model.verdict import Verdict

# ---- the handshake: each proves to the other that it knows the cluster's secret


class Hello(Struct, frozen=True, array_like=True, tag="hello"):
    server: ServerRecord
    nonce: bytes


class Challenge(Struct, frozen=True, array_like=True, tag="challenge"):
    """`proof` answers the nonce of the Hello."""

    server: ServerRecord
    nonce: bytes
    proof: bytes


class Proof(Struct, frozen=True, array_like=True, tag="proof"):
    """Answers the nonce of the Challenge."""

    proof: bytes


class Admitted(Struct, frozen=True, array_like=True, tag="admitted"):
    """From now on beats and questions are taken."""


# ---- what is said without an answer


class BeatTold(Struct, frozen=True, array_like=True, tag="beat"):
    beat: Beat


class Called(Struct, frozen=True, array_like=True, tag="called"):
    """The leader leaves: take over."""


class AgentsHeard(Struct, frozen=True, array_like=True, tag="heard"):
    """These agents were heard by the sender since it said so last: (node id, session, ttl in ms)."""

    agents: list[tuple[str, int, Millis]]


class Seen(Struct, frozen=True, array_like=True):
    """When an agent was heard, and when it told `resources` (None = never, as far as is known): ms ago."""

    node_id: str
    heard_ago: Millis
    resources: Resources | None = None
    told_ago: Millis = 0


class NodesSeen(Struct, frozen=True, array_like=True, tag="seen"):
    """What the sender has heard of agents since it said so last; on a new link, all that it knows."""

    nodes: list[Seen]


# ---- questions, and what answers them


class Join(Struct, frozen=True, array_like=True, tag="join"):
    """Make the sender a server of the cluster. Answer: ServerRecord."""

    server: ServerRecord


class Forward(Struct, frozen=True, array_like=True, tag="forward"):
    """A call of the API, `request` in protobuf. Answer: bytes, the response in protobuf.

    `minted` is the id that the first server has chosen for what the call creates; `timeout` in ms, None = none said.
    """

    rpc: str
    request: bytes
    metadata: dict[str, str]
    transport: str
    peer: str
    minted: str
    timeout: Millis | None


class TakeEvaluations(Struct, frozen=True, array_like=True, tag="take"):
    """Answer, as soon as there are any: list[Delivery].

    `evaluator` is the number of the sender's evaluator that asks, None = not told. It has nothing in hand: what it was
    given before and has not settled goes to others.
    """

    types: list[str]
    limit: int
    evaluator: int | None = None


class SettleEvaluations(Struct, frozen=True, array_like=True, tag="settle"):
    """Answer: list[Settled], in the order of the verdicts."""

    verdicts: list[Verdict]


class RegisterAgent(Struct, frozen=True, array_like=True, tag="register"):
    """`hello` is an AgentHello in protobuf, `server` the id of the server that the agent is connected to.

    Answer: Registered.
    """

    hello: bytes
    server: str


class Registered(Struct, frozen=True, array_like=True):
    """`session` tells this registration from others of the node; `ttl`: how often the agent must be heard, in ms."""

    session: int
    ttl: Millis


class HeldAttempt(Struct, frozen=True, array_like=True):
    job_id: str
    attempt: int
    fence: int


class TakeInventory(Struct, frozen=True, array_like=True, tag="inventory"):
    """What an agent has of what a restored store thinks it has, and what it has not got. Answer: None."""

    node_id: str
    session: int
    vouched: list[HeldAttempt]
    lost: list[HeldAttempt]


class AgentReady(Struct, frozen=True, array_like=True, tag="ready"):
    """The agent has said what it holds and takes work. Answer: None."""

    node_id: str
    session: int


class AgentLeaving(Struct, frozen=True, array_like=True, tag="leaving"):
    """The agent finishes what it has and takes nothing new. Answer: None."""

    node_id: str
    session: int


class AgentLeft(Struct, frozen=True, array_like=True, tag="left"):
    """The agent's stream has ended; `drained`: it said so and had nothing left. Answer: None."""

    node_id: str
    session: int
    drained: bool


class AgentReported(Struct, frozen=True, array_like=True, tag="reports"):
    """`reports` is an AgentReports in protobuf. Answer: list[str], a Reported for each, empty for what is garbled."""

    node_id: str
    session: int
    reports: bytes


class HoldAgents(Struct, frozen=True, array_like=True, tag="hold"):
    """The agents that the sender is connected to: (node id, session, ttl in ms). Said to every new leader.

    Answer: list[str], the nodes whose session is not in force any more.
    """

    server: str
    agents: list[tuple[str, int, Millis]]


class ReadOutput(Struct, frozen=True, array_like=True, tag="output"):
    """Output of an allocation, by the server whose agent has it. Answer: bytes, an AgentLogChunk in protobuf.

    `wait`: how long the agent waits for some, in ms.
    """

    node_id: str
    allocation: str
    offset: int
    limit: int
    wait: Millis = 0


Question: TypeAlias = (
    Join
    | Forward
    | TakeEvaluations
    | SettleEvaluations
    | RegisterAgent
    | TakeInventory
    | AgentReady
    | AgentLeaving
    | AgentLeft
    | AgentReported
    | HoldAgents
    | ReadOutput
)


class Asked(Struct, frozen=True, array_like=True, tag="asked"):
    """`question` is a Question in msgpack, so that one of an unknown kind can be refused by its number."""

    number: int
    question: msgspec.Raw


class Withdrawn(Struct, frozen=True, array_like=True, tag="withdrawn"):
    """Nobody waits for the answer any more."""

    number: int


class Refused(Struct, frozen=True, array_like=True):
    """A JobpoolError in words. `code` is its gRPC number."""

    code: int
    reason: str
    field: str = ""
    engine_code: int = 0
    retry_after: int = 0
    terms: tuple[str, ...] = ()


class Answered(Struct, frozen=True, array_like=True, tag="answered"):
    """`n`: whoever has folded it sees what the answer rests on. `value`: of the answer type, in msgpack."""

    number: int
    n: int
    refused: Refused | None
    value: msgspec.Raw


Word: TypeAlias = (
    Hello | Challenge | Proof | Admitted | BeatTold | Called | AgentsHeard | NodesSeen | Asked | Withdrawn | Answered
)
